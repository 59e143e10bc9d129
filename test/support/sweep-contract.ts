import { describe, expect, test } from 'vitest';
import { MAX_KEPT_SWEEPS, type SweepRepository } from '../../functions/shared/sweep/repository.ts';
import {
  foundCountsSchema,
  type NewSweep,
  newSweep,
  type Sweep,
} from '../../functions/shared/sweep/sweep.ts';
import type { Task } from '../../functions/shared/task/task.ts';

/** A store of sweeps under test. */
export interface SweepStore {
  readonly sweeps: SweepRepository;
  /** Store a task that replicates, under a key that no test had before. */
  newTask(fields?: Partial<Task>): Promise<Task>;
  task(taskKey: string): Promise<Task | undefined>;
}

const AT = new Date('2026-11-22T01:00:00.000Z');
const LATER = new Date('2026-11-22T01:05:00.000Z');
const DUES = { nextDue: LATER.toISOString(), fullDue: undefined };
const NOTHING = foundCountsSchema.parse({});

/** What every store of sweeps does: the one for tests, and the one in DynamoDB. */
export function describeSweepRepository(open: () => SweepStore): void {
  async function begun(fields: Partial<NewSweep> = {}, at = AT): Promise<Sweep> {
    const { key: taskKey } = await open().newTask();
    return next(taskKey, fields, at);
  }

  async function next(taskKey: string, fields: Partial<NewSweep> = {}, at = AT): Promise<Sweep> {
    const { sweeps } = open();
    const sweep = newSweep({ kind: 'CHANGED', trigger: 'PERIOD', ...fields, taskKey, at });
    expect(await sweeps.begin({ sweep, state: await sweeps.state(taskKey), dues: DUES })).toBe(true);
    return sweep;
  }

  const end = (sweep: Sweep, status: 'SUCCESS' | 'FAILED' | 'GUARDED' | 'INTERRUPTED') =>
    open().sweeps.end({ ...sweep, status, reason: 'why', repair: 'CLOSED', at: LATER });

  const save = (sweep: Sweep, epoch: number, more: Partial<Parameters<SweepRepository['save']>[0]> = {}) =>
    open().sweeps.save({
      ...sweep,
      epoch,
      cursor: { projectId: 'p', repoName: 'r', phase: 'COMPARE', after: '/a' },
      agreed: sweep.agreed,
      found: { ...NOTHING, compared: 5, partsSent: 2 },
      at: LATER,
      ...more,
    });

  test('a task has one sweep at a time', async () => {
    const { sweeps } = open();
    const { key: taskKey } = await open().newTask();
    const state = await sweeps.state(taskKey);
    expect(state).toEqual({ revision: 0 });
    const [first, second] = [AT, LATER].map((at) =>
      newSweep({ kind: 'FULL', trigger: 'PERIOD', taskKey, at }),
    );
    if (first === undefined || second === undefined) {
      throw new Error('There are two');
    }
    expect(await sweeps.begin({ sweep: first, state, dues: DUES })).toBe(true);
    expect(await sweeps.begin({ sweep: second, state, dues: DUES })).toBe(false);
    expect(await sweeps.state(taskKey)).toEqual({
      revision: 1,
      activeSweepId: first.sweepId,
      nextDue: DUES.nextDue,
    });
    expect(await sweeps.get(taskKey, first.sweepId)).toEqual(first);
    expect(await sweeps.get(taskKey, second.sweepId)).toBeUndefined();
  });

  test('no sweep begins of a task that is paused or gone', async () => {
    const { sweeps } = open();
    const paused = await open().newTask({ status: 'PAUSED' });
    for (const taskKey of [paused.key, 'f'.repeat(32)]) {
      const sweep = newSweep({ kind: 'FULL', trigger: 'PERIOD', taskKey, at: AT });
      expect(await sweeps.begin({ sweep, state: { revision: 0 }, dues: DUES })).toBe(false);
    }
  });

  test('only the newest epoch’s progress counts', async () => {
    const { sweeps } = open();
    const sweep = await begun();
    const claimed = await sweeps.claim(sweep, LATER);
    expect(claimed).toMatchObject({ epoch: 1 });
    expect(await sweeps.claim(sweep, LATER)).toBeUndefined();
    expect(await save(sweep, 1)).toBe(true);
    expect(await sweeps.claim(claimed ?? sweep, LATER)).toMatchObject({ epoch: 2 });
    expect(await save(sweep, 1)).toBe(false);
    const guarded = [{ projectId: 'p', repoName: 'r', deletions: 7, share: 0.75 }];
    expect(await save(sweep, 2, { planned: true, guarded })).toBe(true);
    expect(await sweeps.get(sweep.taskKey, sweep.sweepId)).toMatchObject({
      epoch: 2,
      compared: 10,
      partsSent: 4,
      planned: true,
      guarded,
      cursor: { projectId: 'p', repoName: 'r', phase: 'COMPARE', after: '/a' },
      touchedAt: LATER.toISOString(),
    });
  });

  test('a sweep ends once, and nothing is noted of it then', async () => {
    const { sweeps } = open();
    const sweep = await begun();
    expect(await end(sweep, 'FAILED')).toBe(true);
    expect(await end(sweep, 'SUCCESS')).toBe(false);
    expect(await sweeps.claim(sweep, LATER)).toBeUndefined();
    expect(await save(sweep, 0)).toBe(false);
    await sweeps.touch({
      ...sweep,
      stalled: { partsDone: 1, since: LATER.toISOString(), resends: 0 },
      at: AT,
    });
    const stored = await sweeps.get(sweep.taskKey, sweep.sweepId);
    expect(stored).toMatchObject({ status: 'FAILED', reason: 'why', endedAt: LATER.toISOString() });
    expect(stored).not.toHaveProperty('stalled');
    expect(await sweeps.state(sweep.taskKey)).toEqual({ revision: 2, nextDue: DUES.nextDue });
  });

  test('a success moves what the next sweep begins from, and never back', async () => {
    const { sweeps } = open();
    const late = await begun({}, LATER);
    await end(late, 'SUCCESS');
    expect(await sweeps.state(late.taskKey)).toMatchObject({ changedSince: LATER.toISOString() });
    await end(await next(late.taskKey, {}, AT), 'SUCCESS');
    expect(await sweeps.state(late.taskKey)).toMatchObject({ changedSince: LATER.toISOString() });
  });

  test('a request is kept until a sweep is begun for it', async () => {
    const { sweeps } = open();
    const sweep = await begun();
    const { taskKey } = sweep;
    const requested = { kind: 'FULL', allowDeletions: true, deleteExtra: false } as const;
    const state = await sweeps.state(taskKey);
    expect(await sweeps.request({ taskKey, state, requested })).toBe(true);
    expect(await sweeps.request({ taskKey, state, requested })).toBe(false);
    await end(sweep, 'SUCCESS');
    expect(await sweeps.state(taskKey)).toMatchObject({ requested });
    await next(taskKey, { trigger: 'REQUESTED' }, LATER);
    expect(await sweeps.state(taskKey)).not.toHaveProperty('requested');
  });

  test('a guarded sweep goes on with what it has left', async () => {
    const { sweeps } = open();
    const sweep = await begun();
    const { taskKey, sweepId } = sweep;
    const guarded = [{ projectId: 'p', repoName: 'r', deletions: 7, share: 0.75 }];
    await sweeps.claim(sweep, AT);
    await save(sweep, 1, { planned: true, guarded });
    const resume = async () => {
      const stored = (await sweeps.get(taskKey, sweepId)) ?? sweep;
      return sweeps.resume({ sweep: stored, state: await sweeps.state(taskKey), at: LATER });
    };
    expect(await resume()).toBe(false);
    await end(sweep, 'GUARDED');
    expect(await resume()).toBe(true);
    const resumed = await sweeps.get(taskKey, sweepId);
    expect(resumed).toMatchObject({
      status: 'RUNNING',
      allowDeletions: true,
      planned: false,
      guarded: [],
      agreed: guarded,
    });
    expect(resumed).not.toHaveProperty('endedAt');
    expect(await sweeps.state(taskKey)).toMatchObject({ activeSweepId: sweepId });
  });

  test('a gap is asked for once, and is open until its sweep has closed it', async () => {
    const { sweeps } = open();
    const { key: taskKey } = await open().newTask();
    const gap = { slotName: 'default', ordinal: 7 };
    const window = { from: AT.toISOString(), to: LATER.toISOString() };
    for (const key of [taskKey, taskKey, 'f'.repeat(32)]) {
      await sweeps.requestRepair({ taskKey: key, gap, window, at: AT });
    }
    expect(await open().task(taskKey)).toMatchObject({ openGaps: 1 });
    expect(await sweeps.repairs('f'.repeat(32))).toEqual([]);
    expect(await sweeps.repairs(taskKey)).toEqual([{ gap, window, requestedAt: AT.toISOString() }]);
    const of = { kind: 'GAP', trigger: 'GAP', gap, window } as const;
    const first = await next(taskKey, of);
    await sweeps.end({
      ...first,
      status: 'INTERRUPTED',
      reason: 'why',
      repair: { notBefore: LATER },
      at: LATER,
    });
    expect(await sweeps.repairs(taskKey)).toMatchObject([
      { sweepId: first.sweepId, notBefore: LATER.toISOString() },
    ]);
    await end(await next(taskKey, of, LATER), 'SUCCESS');
    expect(await sweeps.repairs(taskKey)).toEqual([]);
    expect(await open().task(taskKey)).toMatchObject({ openGaps: 0 });
    expect(await sweeps.state(taskKey)).not.toHaveProperty('changedSince');
    await sweeps.requestRepair({ taskKey, gap, window, at: LATER });
    expect(await open().task(taskKey)).toMatchObject({ openGaps: 0 });
  });

  describe('of many sweeps', () => {
    test('the newest are kept and listed, the newest first', async () => {
      const { sweeps } = open();
      const { key: taskKey } = await open().newTask();
      const ids: string[] = [];
      for (let number = 0; number < MAX_KEPT_SWEEPS + 2; number += 1) {
        const sweep = await next(taskKey, {}, new Date(AT.getTime() + number * 1_000));
        ids.push(sweep.sweepId);
        await end(sweep, 'SUCCESS');
      }
      const listed = await sweeps.list(taskKey);
      expect(listed.map(({ sweepId }) => sweepId)).toEqual(ids.slice(-MAX_KEPT_SWEEPS).reverse());
      expect(await sweeps.get(taskKey, ids[0] ?? '')).toBeUndefined();
    });
  });
}
