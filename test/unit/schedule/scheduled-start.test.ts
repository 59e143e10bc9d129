import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { executionsAfter, nextExecuteTimes } from '../../../functions/shared/schedule/plan.ts';
import { onScheduledStart, scheduledStart } from '../../../functions/shared/schedule/scheduled-start.ts';
import type { TaskFire } from '../../../functions/shared/schedule/task-schedule.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { storedTask } from '../../support/tasks.ts';

const MINUTE_MS = 60_000;
const timeZone = 'UTC';
const at = (text: string): Date => new Date(`2026-11-22T${text}Z`);

type Plan = Partial<Task['setting']['executionPlan']>;

function planned(plan: Plan, fields: Partial<Task> = {}): Task {
  const task = storedTask({ type: 'FULL', status: 'WAITING', ...fields });
  return {
    ...task,
    setting: { ...task.setting, executionPlan: { executeImmediately: false, ...plan } },
  };
}
const hourly = planned({ cronExpression: '0 0 * * * ?' });

describe('the times of a task', () => {
  const times = (task: Task, after: string, count = 5): string[] =>
    executionsAfter({ task, after: at(after), timeZone, count }).map((time) =>
      time.toISOString().slice(11, 19),
    );

  it('are those of its expression', () => {
    expect(times(hourly, '01:00:00', 2)).toEqual(['02:00:00', '03:00:00']);
  });

  it('begin with its executeTime, rounded up to the minute', () => {
    const once = planned({ executeTime: '2026-11-22T03:14:15.926Z' });
    expect(times(once, '01:00:00')).toEqual(['03:15:00']);
    expect(times(once, '03:15:00')).toEqual([]);
    const both = planned({ executeTime: '2026-11-22T03:14:15.926Z', cronExpression: '0 0 * * * ?' });
    expect(times(both, '01:00:00', 3)).toEqual(['03:15:00', '04:00:00', '05:00:00']);
  });

  it('no longer hold an executeTime that has passed, though its minute has not: the task begins at once then', () => {
    const past = planned({ executeTime: '2026-11-22T03:14:15.926Z' });
    expect(times(past, '03:14:15.925')).toEqual(['03:15:00']);
    expect(times(past, '03:14:15.926')).toEqual([]);
    const incremental = { type: 'INCREMENTAL' as const };
    const both = { executeTime: '2026-11-22T03:14:15.926Z', cronExpression: '0 0 * * * ?' };
    expect(times(planned(both), '03:14:30', 1)).toEqual(['04:00:00']);
    expect(times(planned(both, incremental), '03:14:30')).toEqual([]);
  });

  it('are none for one that only begins at once', () => {
    expect(times(planned({ executeImmediately: true }), '01:00:00')).toEqual([]);
  });

  it('of an INCREMENTAL task are its first one only', () => {
    const incremental = { type: 'INCREMENTAL' as const };
    expect(times(planned({ cronExpression: '0 0 * * * ?' }, incremental), '01:00:00')).toEqual(['02:00:00']);
    expect(
      times(planned({ executeImmediately: true, cronExpression: '0 0 * * * ?' }, incremental), '01:00:00'),
    ).toEqual([]);
    const later = { executeTime: '2026-11-22T03:00:00Z', cronExpression: '0 0 * * * ?' };
    expect(times(planned(later, incremental), '01:00:00')).toEqual(['03:00:00']);
    expect(times(planned(later, incremental), '03:00:00')).toEqual([]);
  });
});

describe('an answer', () => {
  it('names the time that is armed and those that follow it, five in all', () => {
    const armed = { ...hourly, nextExecution: at('02:00:00').toISOString() };
    expect(nextExecuteTimes({ task: armed, timeZone })).toEqual(
      ['02', '03', '04', '05', '06'].map((hour) => at(`${hour}:00:00`)),
    );
    expect(nextExecuteTimes({ task: { ...armed, type: 'INCREMENTAL' }, timeZone })).toEqual([at('02:00:00')]);
  });

  it('names none while nothing is armed', () => {
    expect(nextExecuteTimes({ task: hourly, timeZone })).toEqual([]);
  });
});

describe('a scheduled start', () => {
  const start = (task: Task | undefined, due: string, now = due) =>
    scheduledStart({ task, due: at(due), now: at(now), timeZone });

  it('arms what follows, and begins', () => {
    expect(start(hourly, '02:00:00', '02:00:07')).toEqual({ kind: 'BEGIN', next: at('03:00:00') });
  });

  it('that comes hours late arms what follows now', () => {
    expect(start(hourly, '02:00:00', '07:30:00')).toEqual({ kind: 'BEGIN', next: at('08:00:00') });
  });

  it('that comes early arms what follows its time', () => {
    expect(start(hourly, '02:00:00', '01:59:58')).toEqual({ kind: 'BEGIN', next: at('03:00:00') });
  });

  it('of a task without an expression arms nothing', () => {
    const once = planned({ executeTime: '2026-11-22T02:00:00Z' });
    expect(start(once, '02:00:00')).toEqual({ kind: 'BEGIN', next: undefined });
  });

  it('counts for an executeTime that was rounded up, and for expressions from then on', () => {
    const both = planned({ executeTime: '2026-11-22T03:14:15.926Z', cronExpression: '0 0 * * * ?' });
    expect(start(both, '03:15:00')).toEqual({ kind: 'BEGIN', next: at('04:00:00') });
    expect(start(both, '04:00:00')).toEqual({ kind: 'BEGIN', next: at('05:00:00') });
    expect(start(both, '03:00:00')).toEqual({ kind: 'IGNORE', reason: 'NOT_PLANNED' });
  });

  it('of an INCREMENTAL task is its only one', () => {
    expect(start({ ...hourly, type: 'INCREMENTAL' }, '02:00:00')).toEqual({ kind: 'BEGIN', next: undefined });
  });

  it('is ignored when the task is gone, paused, planned otherwise by now, or further on', () => {
    const ignored = (reason: string) => ({ kind: 'IGNORE', reason });
    expect(start(undefined, '02:00:00')).toEqual(ignored('NO_TASK'));
    expect(start({ ...hourly, status: 'PAUSED' }, '02:00:00')).toEqual(ignored('PAUSED'));
    expect(start(hourly, '02:30:00')).toEqual(ignored('NOT_PLANNED'));
    expect(start(planned({ executeImmediately: true }), '02:00:00')).toEqual(ignored('NOT_PLANNED'));
    const further = { ...hourly, lastDue: at('03:00:00').toISOString() };
    expect(start(further, '02:00:00')).toEqual(ignored('OVERTAKEN'));
  });

  it('that comes twice repeats the begin and arms nothing', () => {
    const begun = { ...hourly, lastDue: at('02:00:00').toISOString() };
    expect(start(begun, '02:00:00')).toEqual({ kind: 'REPEAT' });
    expect(start({ ...begun, status: 'PAUSED' }, '02:00:00')).toEqual({ kind: 'REPEAT' });
  });

  it('always leaves a later time armed, whenever its message comes', () => {
    fc.assert(
      fc.property(fc.integer({ min: -60, max: 100_000 }), (seconds) => {
        const due = at('02:00:00');
        const now = new Date(due.getTime() + seconds * 1_000);
        const decision = scheduledStart({ task: hourly, due, now, timeZone });
        const next = decision.kind === 'BEGIN' ? (decision.next?.getTime() ?? 0) : 0;
        expect(next).toBeGreaterThan(Math.max(due.getTime(), now.getTime()));
        expect(next - Math.max(due.getTime(), now.getTime())).toBeLessThanOrEqual(60 * MINUTE_MS);
      }),
    );
  });
});

describe('taking a scheduled start', () => {
  function world(task: Task | undefined) {
    const stored = new Map(task === undefined ? [] : [[task.key, task]]);
    const armed: TaskFire[] = [];
    const update = async (changed: Task, { revision }: { readonly revision: number }) => {
      if (stored.get(changed.key)?.revision !== revision) {
        return 'contended' as const;
      }
      stored.set(changed.key, { ...changed, revision: revision + 1 });
      return 'updated' as const;
    };
    const tasks = { get: async (key: string) => stored.get(key), update };
    const arm = async (fire: TaskFire): Promise<void> => {
      armed.push(fire);
    };
    const take = (overrides: Partial<Parameters<typeof onScheduledStart>[0]> = {}) =>
      onScheduledStart({
        taskKey: hourly.key,
        due: at('02:00:00'),
        tasks,
        schedule: { arm },
        clock: () => at('02:00:05'),
        timeZone,
        ...overrides,
      });
    return { stored, armed, tasks, take };
  }
  const next = { taskKey: hourly.key, due: at('03:00:00') };

  it('notes and arms the next time, and gives the task to begin for', async () => {
    const { armed, take } = world({ ...hourly, nextExecution: at('02:00:00').toISOString() });
    expect(await take()).toMatchObject({ key: hourly.key, nextExecution: at('03:00:00').toISOString() });
    expect(armed).toEqual([next]);
  });

  it('forgets the time that has come, when none follows', async () => {
    const once = planned(
      { executeTime: '2026-11-22T02:00:00Z' },
      { nextExecution: at('02:00:00').toISOString() },
    );
    const { armed, take } = world(once);
    expect((await take())?.nextExecution).toBeUndefined();
    expect(armed).toEqual([]);
  });

  it('gives nothing where it is to be ignored', async () => {
    const { armed, take } = world({ ...hourly, status: 'PAUSED' });
    expect(await take()).toBeUndefined();
    expect(await world(undefined).take()).toBeUndefined();
    expect(armed).toEqual([]);
  });

  it('is complete when it is repeated after the schedule could not be made', async () => {
    const { armed, take } = world(hourly);
    const arm = () => Promise.reject(new Error('throttled'));
    await expect(take({ schedule: { arm } })).rejects.toThrow('throttled');
    expect(await take()).toBeDefined();
    expect(armed).toEqual([next]);
  });

  it('decides again when the task was changed meanwhile', async () => {
    const { stored, armed, tasks, take } = world(hourly);
    let reads = 0;
    const get = async (key: string) => {
      const task = stored.get(key);
      reads += 1;
      if (reads === 1) {
        stored.set(key, { ...hourly, status: 'PAUSED', revision: hourly.revision + 1 });
      }
      return task;
    };
    expect(await take({ tasks: { ...tasks, get } })).toBeUndefined();
    expect(armed).toEqual([]);
  });

  it('gives up when others never let it', async () => {
    const { armed, tasks, take } = world(hourly);
    await expect(take({ tasks: { ...tasks, update: async () => 'contended' } })).rejects.toThrow(
      'changed by others',
    );
    expect(armed).toEqual([]);
  });
});
