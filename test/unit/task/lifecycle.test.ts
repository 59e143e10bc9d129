import { beforeEach, describe, expect, test } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { deleteTask } from '../../../functions/shared/task/delete.ts';
import { executeTask } from '../../../functions/shared/task/execute.ts';
import { interruptTask } from '../../../functions/shared/task/interrupt.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { toggleTask } from '../../../functions/shared/task/toggle.ts';
import { MemoryRuns } from '../../support/memory-runs.ts';
import { MemoryTasks } from '../../support/memory-tasks.ts';
import { storedTask } from '../../support/tasks.ts';

const NOW = new Date('2026-11-22T01:13:36.189Z');
const clock = () => NOW;
const { key: taskKey, setting } = storedTask();
const by = 'operator';
const invalid = new DomainError('TASK_STATUS_INVALID');
const unknown = new DomainError('RESOURCE_NOT_FOUND', [taskKey]);

let runs: MemoryRuns;
let tasks: MemoryTasks;

beforeEach(() => {
  runs = new MemoryRuns();
  tasks = new MemoryTasks(runs.tasks);
});

function full(fields: Partial<Task> = {}): Task {
  return storedTask({ type: 'FULL', status: 'WAITING', ...fields });
}

function plan(executionPlan: Partial<Task['setting']['executionPlan']>): Pick<Task, 'setting'> {
  return { setting: { ...setting, executionPlan: { executeImmediately: false, ...executionPlan } } };
}

async function running(fields: Partial<Task> = {}): Promise<string> {
  const task = tasks.add(full(fields));
  const start = await runs.repository.begin({ task, trigger: 'EXECUTE', at: NOW });
  return start.begun ? start.run.runId : '';
}

describe('interrupt', () => {
  const interrupt = () =>
    interruptTask({ taskKey, by, tasks: tasks.repository, runs: runs.repository, clock });

  test('ends the run at once, and says by whom', async () => {
    const runId = await running();
    await interrupt();
    expect(runs.runs.get(runId)).toMatchObject({
      status: 'INTERRUPTED',
      errorReason: 'Interrupted by operator',
      endedAt: NOW.toISOString(),
    });
    expect(tasks.task(taskKey).status).toBe('INTERRUPTED');
    await expect(interrupt()).rejects.toThrow(invalid);
  });

  test('lets a task with a cron expression wait for its next time', async () => {
    await running(plan({ cronExpression: '0 0 3 * * ?' }));
    await interrupt();
    expect(tasks.task(taskKey).status).toBe('WAITING');
  });

  test('pauses a task that follows the log', async () => {
    tasks.add(storedTask());
    await interrupt();
    expect(tasks.task(taskKey)).toMatchObject({ status: 'PAUSED', lastModifiedBy: by });
  });

  test.each(['WAITING', 'PAUSED', 'SUCCESS', 'FAILED', 'INTERRUPTED'] as const)(
    'is refused while %s',
    async (status) => {
      tasks.add(full({ status }));
      await expect(interrupt()).rejects.toThrow(invalid);
    },
  );

  test('is refused for what is not there', async () => {
    await expect(interrupt()).rejects.toThrow(unknown);
  });

  test('of a run that began meanwhile is refused, and leaves it alone', async () => {
    tasks.add(storedTask({ initialSync: {} }));
    tasks.interfere = (task) => {
      tasks.interfere = undefined;
      tasks.add({ ...task, activeRunId: 'r', revision: task.revision + 1 });
    };
    await expect(interrupt()).rejects.toThrow(invalid);
    expect(tasks.task(taskKey)).toMatchObject({ status: 'REPLICATING', activeRunId: 'r' });
  });
});

describe('execute', () => {
  const execute = () => executeTask({ taskKey, tasks: tasks.repository, queue: tasks.starter.queue });

  test.each(['WAITING', 'SUCCESS', 'FAILED', 'INTERRUPTED'] as const)(
    'starts a FULL task that is %s',
    async (status) => {
      tasks.add(full({ status }));
      await execute();
      expect(tasks.steps).toEqual(['start EXECUTE']);
    },
  );

  test('starts an incremental task that waits, or whose initial sync is still to be done', async () => {
    for (const fields of [
      { status: 'WAITING' },
      { status: 'FAILED', initialSync: {} },
      { status: 'REPLICATING', initialSync: {} },
    ] as const) {
      tasks.add(storedTask(fields));
      await execute();
    }
    expect(tasks.steps).toEqual(['start EXECUTE', 'start EXECUTE', 'start EXECUTE']);
  });

  test('is refused while a run is going, while the log is followed, and while paused', async () => {
    await running();
    await expect(execute()).rejects.toThrow(invalid);
    for (const task of [
      storedTask(),
      storedTask({ initialSync: { endedAt: NOW.toISOString() } }),
      full({ status: 'PAUSED' }),
    ]) {
      tasks.add(task);
      await expect(execute()).rejects.toThrow(invalid);
    }
    expect(tasks.steps).toEqual([]);
  });

  test('is refused for what is not there', async () => {
    await expect(execute()).rejects.toThrow(unknown);
  });
});

describe('toggle', () => {
  const toggle = () =>
    toggleTask({
      taskKey,
      by,
      tasks: tasks.repository,
      starter: tasks.starter,
      clock,
      timeZone: 'UTC',
    });

  test('pauses a task that follows the log, and resumes it', async () => {
    tasks.add(storedTask({ catchUp: { nextOrdinal: 7 }, startOrdinal: 3 }));
    await toggle();
    expect(tasks.task(taskKey)).toMatchObject({ status: 'PAUSED', lastModifiedBy: by });
    await toggle();
    const resumed = tasks.task(taskKey);
    expect(resumed).toMatchObject({ status: 'REPLICATING', catchUp: { nextOrdinal: 7 }, startOrdinal: 3 });
    expect(resumed).not.toHaveProperty('pausedFrom');
    expect(tasks.steps).toEqual(['update', 'update']);
  });

  test('lets a task that stopped while it followed the log go on from where it stood', async () => {
    tasks.add(storedTask({ status: 'FAILED', catchUp: { nextOrdinal: 7 }, startOrdinal: 3 }));
    await toggle();
    expect(tasks.task(taskKey)).toMatchObject({ status: 'PAUSED', pausedFrom: 'FAILED' });
    await toggle();
    expect(tasks.task(taskKey)).toMatchObject({ status: 'REPLICATING', catchUp: { nextOrdinal: 7 } });

    const initialSync = { startedAt: '2026-11-22T00:00:00.000Z' };
    tasks.add(storedTask({ status: 'FAILED', initialSync }));
    await toggle();
    await toggle();
    expect(tasks.task(taskKey)).toMatchObject({ status: 'FAILED' });
  });

  test('takes a plan’s time back, and arms the next one before the task is stored', async () => {
    const due = '2026-11-22T03:00:00.000Z';
    tasks.add(full({ ...plan({ cronExpression: '0 0 3 * * ?' }), nextExecution: due }));
    await toggle();
    expect(tasks.task(taskKey).nextExecution).toBeUndefined();
    await toggle();
    expect(tasks.task(taskKey)).toMatchObject({ status: 'WAITING', nextExecution: due });
    expect(tasks.steps).toEqual(['update', `disarm ${due}`, `arm ${due}`, 'update']);
  });

  test.each(['SUCCESS', 'FAILED', 'INTERRUPTED'] as const)(
    'brings a task that was %s back as such',
    async (status) => {
      tasks.add(full({ status }));
      await toggle();
      await toggle();
      expect(tasks.task(taskKey).status).toBe(status);
      expect(tasks.steps).toEqual(['update', 'update']);
    },
  );

  test.each([
    ['2026-11-22T01:01:00.000Z', '2026-11-22T01:00:30.000Z'],
    // Of the minute that is not full yet: too late to be armed.
    ['2026-11-22T01:14:00.000Z', '2026-11-22T01:13:30.000Z'],
  ])('makes up for a time that came while the task was paused, once: %s', async (due, executeTime) => {
    const missed = plan({ executeTime });
    tasks.add(full({ ...missed, status: 'PAUSED', pausedFrom: 'WAITING' }));
    await toggle();
    expect(tasks.steps).toEqual(['update', `start SCHEDULE ${due}`]);
    tasks.steps.length = 0;
    tasks.add(full({ ...missed, status: 'PAUSED', pausedFrom: 'SUCCESS', lastDue: due }));
    await toggle();
    expect(tasks.steps).toEqual(['update']);
  });

  test('starts what was to begin at once', async () => {
    tasks.add(full({ status: 'PAUSED', pausedFrom: 'WAITING' }));
    await toggle();
    tasks.add(storedTask({ status: 'PAUSED', pausedFrom: 'REPLICATING', initialSync: {} }));
    await toggle();
    expect(tasks.steps).toEqual(['update', 'start EXECUTE', 'update', 'start INITIAL']);
  });

  test('gives a task that has not begun nothing of the log before it does', async () => {
    const paused = {
      status: 'PAUSED',
      pausedFrom: 'WAITING',
      catchUp: { nextOrdinal: 7 },
      startOrdinal: 7,
    } as const;
    tasks.add(storedTask({ ...paused, ...plan({ cronExpression: '0 0 3 * * ?' }) }));
    await toggle();
    const resumed = tasks.task(taskKey);
    expect(resumed.status).toBe('WAITING');
    expect(resumed).not.toHaveProperty('catchUp');
    expect(resumed).not.toHaveProperty('startOrdinal');
  });

  test('is refused while a run is going, and for what is not there', async () => {
    await expect(toggle()).rejects.toThrow(unknown);
    await running();
    await expect(toggle()).rejects.toThrow(invalid);
  });

  test('is worked out again when others were first, a bounded number of times', async () => {
    tasks.add(storedTask());
    tasks.interfere = (task) => {
      tasks.interfere = undefined;
      tasks.add({ ...task, startOrdinal: 9, revision: task.revision + 1 });
    };
    await toggle();
    expect(tasks.task(taskKey)).toMatchObject({ status: 'PAUSED', startOrdinal: 9 });
    tasks.interfere = (task) => tasks.add({ ...task, revision: task.revision + 1 });
    await expect(toggle()).rejects.toThrow(new DomainError('SYSTEM_BUSY'));
  });
});

describe('delete', () => {
  const remove = () => deleteTask({ taskKey, tasks: tasks.repository, schedule: tasks.starter.schedule });

  test('takes the task’s next time with it', async () => {
    tasks.add(full({ nextExecution: '2026-11-22T03:00:00.000Z' }));
    await remove();
    expect(tasks.steps).toEqual(['disarm 2026-11-22T03:00:00.000Z', 'delete']);
    await expect(remove()).rejects.toThrow(unknown);
  });
});
