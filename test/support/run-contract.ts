import { describe, expect, test } from 'vitest';
import type { RunFailure } from '../../functions/shared/failure/failure.ts';
import type { NewPage, RunRepository } from '../../functions/shared/run/repository.ts';
import type { Run } from '../../functions/shared/run/run.ts';
import type { Task } from '../../functions/shared/task/task.ts';
import { storedTask } from './tasks.ts';

/** A store of runs under test. */
export interface RunStore {
  readonly runs: RunRepository;
  /** Store a task under a key that no test had before. */
  newTask(fields?: Partial<Task>): Promise<Task>;
  task(taskKey: string): Promise<Task | undefined>;
  failures(taskKey: string): Promise<number>;
}

const AT = new Date('2026-11-22T01:00:00.000Z');
const LATER = new Date('2026-11-22T01:05:00.000Z');
const source = { projectId: 'p', repoName: 'r' };
const remote = { projectId: 'P', repoName: 'R' };
const NOTHING = {
  totalNode: 0,
  successNode: 0,
  conflictedNode: 0,
  failedNode: 0,
  totalBytes: 0,
  doneBytes: 0,
};

function fullTask(fields: Partial<Task> = {}): Partial<Task> {
  return { type: 'FULL', status: 'WAITING', ...fields };
}

function page(through: string, fields: Partial<NewPage> = {}): NewPage {
  return { source, remote, through, nodes: 10, bytes: 100, ...fields };
}

function failureOf(run: Run, fields: Partial<RunFailure> = {}): RunFailure {
  return {
    taskKey: run.taskKey,
    runId: run.runId,
    source,
    remote,
    kind: 'NODE',
    fullPath: '/a',
    code: 'REMOTE_REFUSED',
    reason: 'no',
    at: AT.toISOString(),
    ...fields,
  };
}

/** What every store of runs does: the one for tests, and the one in DynamoDB. */
export function describeRunRepository(open: () => RunStore): void {
  async function begun(fields: Partial<Task> = {}): Promise<{ run: Run; task: Task }> {
    const task = await open().newTask(fullTask(fields));
    const start = await open().runs.begin({ task, trigger: 'EXECUTE', at: AT });
    if (!start.begun) {
      throw new Error('The run did not begin');
    }
    return { run: start.run, task };
  }

  const addTo = (run: Run, fields: Partial<Parameters<RunRepository['addPages']>[0]> = {}) =>
    open().runs.addPages({
      taskKey: run.taskKey,
      runId: run.runId,
      from: 0,
      pages: [page('/f'), page('/z', { after: '/f' })],
      containers: [],
      cursor: { project: 'p', repository: 'r', after: '/z' },
      at: AT,
      ...fields,
    });

  const advance = (run: Run, fields: Partial<Parameters<RunRepository['advance']>[0]> = {}) =>
    open().runs.advance({
      taskKey: run.taskKey,
      runId: run.runId,
      page: 1,
      source,
      from: undefined,
      to: '/f',
      done: true,
      counters: { ...NOTHING, successNode: 10, doneBytes: 100 },
      failures: [],
      ...fields,
    });

  const end = (run: Run, status: 'SUCCESS' | 'FAILED' | 'INTERRUPTED', errorReason?: string) =>
    open().runs.end({ taskKey: run.taskKey, runId: run.runId, status, errorReason, at: LATER });

  describe('a run', () => {
    test('is the only one of its task while it goes', async () => {
      const { run, task } = await begun();
      expect(run).toMatchObject({ taskKey: task.key, trigger: 'EXECUTE', status: 'REPLICATING' });
      expect(await open().runs.get(task.key, run.runId)).toEqual(run);
      expect(await open().task(task.key)).toEqual({
        ...task,
        status: 'REPLICATING',
        activeRunId: run.runId,
        revision: 2,
      });
      const second = await open().runs.begin({ task, trigger: 'EXECUTE', at: LATER });
      expect(second).toEqual({ begun: false, active: run });
      expect(await open().runs.list(task.key, { limit: 10 })).toEqual([run]);
    });

    test('begins once for a request and once for a due time, however often it is asked for', async () => {
      const task = await open().newTask(fullTask());
      const due = '2026-11-22T01:00:00.000Z';
      const first = await open().runs.begin({ task, trigger: 'SCHEDULE', due, at: AT });
      expect(await open().runs.begin({ task, trigger: 'SCHEDULE', due, at: LATER })).toEqual(first);
      if (!first.begun) {
        throw new Error('The run did not begin');
      }
      await end(first.run, 'SUCCESS');
      const again = await open().runs.begin({ task, trigger: 'SCHEDULE', due, at: LATER });
      expect(again).toMatchObject({ begun: true, run: { runId: first.run.runId, status: 'SUCCESS' } });

      const runId = '6b0241c70000000000000000';
      const asked = await open().runs.begin({ task, trigger: 'EXECUTE', runId, at: LATER });
      expect(asked).toMatchObject({ begun: true, run: { runId } });
      expect(await open().runs.begin({ task, trigger: 'EXECUTE', runId, at: LATER })).toEqual(asked);
      expect(await open().runs.list(task.key, { limit: 10 })).toHaveLength(2);
    });

    test.each([
      ['is gone', undefined],
      ['is paused', fullTask({ status: 'PAUSED' })],
    ])('does not begin when its task %s', async (_case, fields) => {
      const task = fields === undefined ? storedTask({ key: 'e'.repeat(32) }) : await open().newTask(fields);
      const start = await open().runs.begin({ task, trigger: 'CREATED', at: AT });
      expect(start).toEqual({ begun: false, active: undefined });
      expect(await open().runs.latest(task.key)).toBeUndefined();
    });

    test('that is due while another goes is logged as skipped, once, and never begins', async () => {
      const { run, task } = await begun();
      const due = '2026-11-22T01:01:00.000Z';
      const skip = { task, due, at: LATER, activeRunId: run.runId };
      await open().runs.recordSkipped(skip);
      await open().runs.recordSkipped(skip);
      const [skipped, ...others] = await open().runs.list(task.key, { limit: 10 });
      expect(others).toEqual([run]);
      expect(skipped).toMatchObject({ due, skipped: true, status: 'INTERRUPTED', trigger: 'SCHEDULE' });
      expect(skipped?.errorReason).toContain(run.runId);
      expect(await open().runs.latest(task.key)).toEqual(run);
      await end(run, 'SUCCESS');
      expect(await open().runs.begin({ task, trigger: 'SCHEDULE', due, at: LATER })).toEqual({
        begun: false,
        active: undefined,
      });
    });

    test('is listed newest first, from any of them on', async () => {
      const task = await open().newTask(fullTask());
      for (const runId of ['6b', '6c', '6d'].map((time) => time.padEnd(24, '0'))) {
        const start = await open().runs.begin({ task, trigger: 'EXECUTE', runId, at: AT });
        if (start.begun) {
          await end(start.run, 'SUCCESS');
        }
      }
      const idsOf = async (options: { limit: number; before?: string }) =>
        (await open().runs.list(task.key, options)).map(({ runId }) => runId.slice(0, 2));
      expect(await idsOf({ limit: 2 })).toEqual(['6d', '6c']);
      expect(await idsOf({ limit: 2, before: '6c'.padEnd(24, '0') })).toEqual(['6b']);
    });
  });

  describe('planning', () => {
    test('adds pages, containers and totals at once', async () => {
      const { run, task } = await begun();
      const project = { source: { ...source, repoName: '' }, remote: { ...remote, repoName: '' } };
      const containers = [project, { source, remote, planned: true as const }];
      expect(await addTo(run, { containers, planned: true, currentRepository: 'p/r' })).toBe('added');
      expect(await open().runs.get(task.key, run.runId)).toMatchObject({
        counters: { totalNode: 20, totalBytes: 200 },
        pages: { planned: 2, sent: 0, done: 0 },
        cursor: { project: 'p', repository: 'r', after: '/z' },
        planned: true,
        currentRepository: 'p/r',
      });
      expect(await open().runs.containers(run.runId)).toEqual([
        { ...project, kind: 'PROJECT', pagesPlanned: 0, pagesDone: 0, failedNodes: 0, planned: false },
        { source, remote, kind: 'REPOSITORY', pagesPlanned: 2, pagesDone: 0, failedNodes: 0, planned: true },
      ]);
      const pages = await open().runs.pages(run.runId, { fromPage: 1, limit: 10 });
      expect(pages.map(({ page: number, after, through }) => [number, after, through])).toEqual([
        [1, undefined, '/f'],
        [2, '/f', '/z'],
      ]);
      expect(await open().runs.page(run.runId, 2)).toEqual(pages[1]);
      expect(await open().runs.page(run.runId, 3)).toBeUndefined();
    });

    test('is one planner’s at a time, and over when the run is', async () => {
      const { run } = await begun();
      expect(await addTo(run)).toBe('added');
      expect(await addTo(run)).toBe('contended');
      expect(await addTo(run, { from: 2, pages: [], planned: true })).toBe('added');
      expect(await addTo(run, { from: 2 })).toBe('contended');
      await end(run, 'INTERRUPTED');
      expect(await addTo(run, { from: 2 })).toBe('ended');
      expect(await addTo({ ...run, runId: 'gone' })).toBe('ended');
      expect(await open().runs.pages(run.runId, { fromPage: 1, limit: 10 })).toHaveLength(2);
    });

    test('records what could not be made', async () => {
      const { run, task } = await begun();
      const failures = [failureOf(run, { kind: 'REPOSITORY', fullPath: undefined })];
      await addTo(run, { pages: [], containers: [{ source, remote, error: 'no' }], failures });
      expect(await open().runs.containers(run.runId)).toMatchObject([{ error: 'no', planned: false }]);
      expect(await open().failures(task.key)).toBe(1);
    });

    test('sends pages on from the last that was sent', async () => {
      const { run, task } = await begun();
      await addTo(run);
      for (const sent of [1, 2, 1]) {
        await open().runs.recordSent({ taskKey: task.key, runId: run.runId, sent });
      }
      expect((await open().runs.get(task.key, run.runId))?.pages.sent).toBe(2);
    });
  });

  describe('a page', () => {
    test('advances from where it stands, with its counts and failures', async () => {
      const { run, task } = await begun();
      await addTo(run);
      const first = { to: '/c', done: false, failures: [failureOf(run), failureOf(run)] };
      const counters = { ...NOTHING, totalNode: -1, successNode: 3, failedNode: 1, doneBytes: 30 };
      expect(await advance(run, { ...first, counters })).toBe('advanced');
      expect(await advance(run, { ...first, counters })).toBe('contended');
      expect(await open().runs.page(run.runId, 1)).toMatchObject({
        doneThrough: '/c',
        nodesDone: 4,
        bytesDone: 30,
        done: false,
      });
      expect(await advance(run, { from: '/c' })).toBe('advanced');
      expect(await advance(run, { from: '/f' })).toBe('contended');
      expect(await open().runs.get(task.key, run.runId)).toMatchObject({
        counters: {
          ...NOTHING,
          totalNode: 19,
          totalBytes: 200,
          successNode: 13,
          failedNode: 1,
          doneBytes: 130,
        },
        pages: { planned: 2, done: 1 },
      });
      expect(await open().runs.containers(run.runId)).toMatchObject([{ pagesDone: 1, failedNodes: 1 }]);
      expect(await open().failures(task.key)).toBe(1);
      const undone = await open().runs.pages(run.runId, { fromPage: 1, limit: 1, onlyUndone: true });
      expect(undone.map(({ page: number }) => number)).toEqual([2]);
    });

    test('keeps the first look', async () => {
      const { run } = await begun();
      await addTo(run);
      const look = { runId: run.runId, page: 1 };
      await open().runs.firstLook({ ...look, missing: ['/a', '/b'] });
      const second = await open().runs.firstLook({ ...look, missing: ['/c'] });
      expect(['/a', '/b', '/c'].map((path) => second.has(path))).toEqual([true, true, false]);
      const none = await open().runs.firstLook({ ...look, page: 2, missing: [] });
      expect(none.has('/a')).toBe(false);
      expect((await open().runs.firstLook({ ...look, page: 2, missing: ['/a'] })).has('/a')).toBe(false);
    });

    test('that advances together with others adds up', async () => {
      const { run, task } = await begun();
      const pages = Array.from({ length: 8 }, (_, index) => page(`/${index}`));
      await addTo(run, { pages });
      const outcomes = await Promise.all(
        pages.map(({ through }, index) => advance(run, { page: index + 1, to: through })),
      );
      expect(new Set(outcomes)).toEqual(new Set(['advanced']));
      expect(await open().runs.get(task.key, run.runId)).toMatchObject({
        counters: { successNode: 80, doneBytes: 800 },
        pages: { done: 8 },
      });
    });
  });

  test('refused permissions are counted once each', async () => {
    const { run, task } = await begun();
    const failures = ['a', 'b'].map((name) =>
      failureOf(run, { kind: 'PERMISSION', name, fullPath: undefined }),
    );
    for (let times = 0; times < 2; times += 1) {
      await open().runs.recordPermissionFailures({ taskKey: task.key, runId: run.runId, failures });
    }
    expect((await open().runs.get(task.key, run.runId))?.permissionFailures).toBe(2);
    expect(await open().failures(task.key)).toBe(2);
  });

  describe('the end of a run', () => {
    test('is its task’s, and comes once', async () => {
      const { run, task } = await begun();
      await addTo(run, { containers: [{ source, remote, planned: true }], planned: true });
      await advance(run);
      await advance(run, { page: 2, to: '/z', counters: { ...NOTHING, failedNode: 10 } });
      expect(await end(run, 'FAILED', '10 nodes failed')).toBe('ended');
      expect(await end(run, 'INTERRUPTED')).toBe('already');
      expect(await open().runs.latest(task.key)).toMatchObject({
        status: 'FAILED',
        endedAt: LATER.toISOString(),
        errorReason: '10 nodes failed',
        containers: { totalRepo: 1, replicatedRepo: 1, successRepo: 0, failedRepo: 1 },
      });
      const after = await open().task(task.key);
      expect(after?.status).toBe('FAILED');
      expect(after?.activeRunId).toBeUndefined();
    });

    test('leaves a task with a cron expression waiting', async () => {
      const setting = { ...storedTask().setting };
      const cron = { ...setting.executionPlan, cronExpression: '0 0 3 * * ?' };
      const { run, task } = await begun({ setting: { ...setting, executionPlan: cron } });
      await end(run, 'INTERRUPTED');
      expect((await open().task(task.key))?.status).toBe('WAITING');
      expect((await open().runs.latest(task.key))?.status).toBe('INTERRUPTED');
    });

    test('lets an incremental task follow the log when everything was looked at', async () => {
      const { run, task } = await begun({ type: 'INCREMENTAL', initialSync: {} });
      const sync = (await open().task(task.key))?.initialSync;
      expect(sync).toEqual({ runId: run.runId, startedAt: AT.toISOString() });
      await addTo(run, { pages: [], planned: true });
      await end(run, 'FAILED', 'one node failed');
      expect(await open().task(task.key)).toMatchObject({
        status: 'REPLICATING',
        initialSync: { ...sync, endedAt: LATER.toISOString() },
      });
    });

    test('that came too early keeps an incremental task from following, and its first start for the next', async () => {
      const { run, task } = await begun({ type: 'INCREMENTAL', initialSync: {} });
      await end(run, 'FAILED', 'the remote was down');
      const failed = await open().task(task.key);
      expect(failed).toMatchObject({ status: 'FAILED', initialSync: { startedAt: AT.toISOString() } });
      expect(failed?.initialSync?.endedAt).toBeUndefined();
      const next = await open().runs.begin({ task: failed ?? task, trigger: 'EXECUTE', at: LATER });
      expect((await open().task(task.key))?.initialSync).toEqual({
        runId: next.begun ? next.run.runId : '',
        startedAt: AT.toISOString(),
      });
    });
  });

  describe('an interrupted run', () => {
    test('stays interrupted while its workers finish, and what they did counts', async () => {
      const { run, task } = await begun();
      await addTo(run);
      await end(run, 'INTERRUPTED', 'by admin');
      expect(await advance(run)).toBe('advanced');
      expect(await open().runs.latest(task.key)).toMatchObject({
        status: 'INTERRUPTED',
        counters: { successNode: 10 },
      });
    });

    test('goes on as the same run', async () => {
      const { run, task } = await begun();
      await addTo(run);
      await end(run, 'INTERRUPTED', 'by admin');
      const resumed = await open().runs.resume({ task, runId: run.runId, at: LATER });
      expect(resumed).toMatchObject({ runId: run.runId, status: 'REPLICATING', pages: { planned: 2 } });
      expect(resumed).not.toHaveProperty('endedAt');
      expect(resumed).not.toHaveProperty('errorReason');
      expect(await open().runs.resume({ task, runId: run.runId, at: LATER })).toEqual(resumed);
      expect((await open().task(task.key))?.activeRunId).toBe(run.runId);
    });

    test('does not go on when it ended otherwise, or its task was changed', async () => {
      const { run, task } = await begun();
      await end(run, 'FAILED');
      const resume = (of: Task, runId: string) => open().runs.resume({ task: of, runId, at: LATER });
      expect(await resume(task, run.runId)).toBeUndefined();
      expect(await resume(task, 'gone')).toBeUndefined();
      const other = await begun();
      await end(other.run, 'INTERRUPTED');
      expect(await resume({ ...other.task, policyVersion: 2 }, other.run.runId)).toBeUndefined();
      expect((await open().task(other.task.key))?.status).toBe('INTERRUPTED');
    });
  });
}
