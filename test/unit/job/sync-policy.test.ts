import { beforeEach, describe, expect, test } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { forEachJob, jobResults, jobsRequest } from '../../../functions/shared/job/batch.ts';
import { setSyncPolicy } from '../../../functions/shared/job/sync-policy.ts';
import { logger } from '../../../functions/shared/logger.ts';
import { syncPolicyOf } from '../../../functions/shared/task/sync-policy.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { MemoryTasks } from '../../support/memory-tasks.ts';
import { storedTask } from '../../support/tasks.ts';

const NOW = new Date('2026-11-22T01:13:36.189Z');
const { key: taskKey, setting } = storedTask();

let tasks: MemoryTasks;

beforeEach(() => {
  tasks = new MemoryTasks();
});

function set(fields: Record<string, unknown>, projectId?: string): Promise<void> {
  const [item] = jobsRequest.parse({ jobs: [{ job_id: taskKey, ...fields }] });
  if (item === undefined) {
    throw new Error('no item');
  }
  return setSyncPolicy({ item, projectId, by: 'ops', tasks: tasks.repository, clock: () => NOW });
}

async function refusal(fields: Record<string, unknown>, projectId?: string): Promise<DomainError> {
  const error: unknown = await set(fields, projectId).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof DomainError)) {
    throw new Error(`unexpected: ${String(error)}`);
  }
  return error;
}

describe('policies', () => {
  test('are as ever until they are set', () => {
    expect(syncPolicyOf(storedTask())).toEqual({
      conflictStrategy: 'SKIP',
      filterDdl: undefined,
      ddlTrans: true,
      indexTrans: true,
    });
  });

  test('are set together, under the next version, by whom', async () => {
    tasks.add(storedTask({ policyVersion: 4 }));
    await set({
      conflict_policy: 'stop',
      filter_ddl_policy: 'drop_database',
      ddl_trans: false,
      index_trans: false,
      slot_name: 'nightly_2',
    });
    const task = tasks.task(taskKey);
    expect(syncPolicyOf(task)).toEqual({
      conflictStrategy: 'FAST_FAIL',
      filterDdl: 'drop_database',
      ddlTrans: false,
      indexTrans: false,
    });
    expect(task).toMatchObject({
      policyVersion: 5,
      revision: 2,
      slotName: 'default',
      requestedSlotName: 'nightly_2',
      lastModifiedBy: 'ops',
      lastModifiedDate: NOW.toISOString(),
    });
  });

  test('that are left out, null or empty stay', async () => {
    tasks.add(storedTask({ policy: { ddlTrans: false, filterDdl: 'drop_database' } }));
    await set({
      conflict_policy: '',
      filter_ddl_policy: null,
      index_trans: false,
      slot_name: '',
      topic: 'unknown fields are ignored',
      file_and_position: 'x',
    });
    expect(syncPolicyOf(tasks.task(taskKey))).toEqual({
      conflictStrategy: 'SKIP',
      filterDdl: 'drop_database',
      ddlTrans: false,
      indexTrans: false,
    });
  });

  test.each([{}, { conflict_policy: 'ignore' }, { slot_name: 'default' }])(
    'that are so already are not written: %j',
    async (fields) => {
      tasks.add(storedTask());
      await set(fields);
      expect(tasks.steps).toEqual([]);
    },
  );

  test('the slot that the task has takes back a request for another', async () => {
    tasks.add(storedTask());
    await set({ slot_name: 'other' });
    await set({ slot_name: 'default' });
    expect(tasks.task(taskKey).requestedSlotName).toBeUndefined();
    expect(tasks.task(taskKey).policyVersion).toBe(3);
  });

  test.each([
    ['ignore', 'SKIP'],
    ['overwrite', 'OVERWRITE'],
    ['stop', 'FAST_FAIL'],
  ])('%s is the conflict strategy %s', async (name, strategy) => {
    const other = strategy === 'SKIP' ? 'OVERWRITE' : 'SKIP';
    tasks.add(storedTask({ setting: { ...setting, conflictStrategy: other } }));
    await set({ conflict_policy: name });
    expect(tasks.task(taskKey).setting.conflictStrategy).toBe(strategy);
  });

  test.each([
    ['conflict_policy', 'skip'],
    ['conflict_policy', true],
    ['filter_ddl_policy', 'drop_table'],
    ['ddl_trans', 'yes'],
    ['index_trans', 1],
    ['slot_name', '9lives'],
    ['slot_name', 'Upper'],
    ['slot_name', 'a'.repeat(64)],
    ['slot_name', {}],
  ])('%s %j is named as invalid, and nothing is changed', async (name, value) => {
    tasks.add(storedTask());
    expect(await refusal({ conflict_policy: 'stop', [name]: value })).toMatchObject({
      code: 'PARAMETER_INVALID',
      args: [name],
    });
    expect(tasks.steps).toEqual([]);
  });

  test('a slot name of 63 characters is one', async () => {
    tasks.add(storedTask());
    await set({ slot_name: `_${'a9'.repeat(31)}` });
    expect(tasks.task(taskKey).requestedSlotName).toHaveLength(63);
  });
});

describe('a job', () => {
  test('of another project is not found', async () => {
    tasks.add(storedTask({ includeAllProject: false, localProjectId: 'ops' }));
    await set({ ddl_trans: false }, 'ops');
    expect(await refusal({ ddl_trans: true }, 'dev')).toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
  });

  test('for all projects belongs to none of them', async () => {
    tasks.add(storedTask());
    expect(await refusal({ ddl_trans: true }, 'ops')).toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
  });

  test.each(['SUCCESS', 'FAILED', 'INTERRUPTED'] as const)(
    'that has ended with %s is refused',
    async (status) => {
      tasks.add(storedTask({ type: 'FULL', status }));
      expect(await refusal({ ddl_trans: false })).toMatchObject({ code: 'TASK_STATUS_INVALID' });
    },
  );

  test('that repeats, or can be started again where it failed, is not', async () => {
    const executionPlan = { executeImmediately: false, cronExpression: '0 0 3 * * ?' };
    tasks.add(storedTask({ type: 'FULL', status: 'FAILED', setting: { ...setting, executionPlan } }));
    await set({ ddl_trans: false });
    tasks.add(storedTask({ type: 'INCREMENTAL', status: 'FAILED' }));
    await set({ conflict_policy: 'overwrite' });
  });
});

describe('others that write at the same time', () => {
  const bump = (task: Task) => tasks.add({ ...task, revision: task.revision + 1, startOrdinal: 7 });

  test('are taken into account', async () => {
    tasks.add(storedTask());
    let times = 2;
    tasks.interfere = (task) => {
      times -= 1;
      if (times >= 0) {
        bump(task);
      }
    };
    await set({ ddl_trans: false });
    expect(tasks.task(taskKey)).toMatchObject({
      startOrdinal: 7,
      policy: { ddlTrans: false },
      policyVersion: 2,
    });
  });

  test('win when they are first each time', async () => {
    tasks.add(storedTask());
    tasks.interfere = bump;
    expect(await refusal({ ddl_trans: false })).toMatchObject({ code: 'TASK_CONTENDED' });
    expect(tasks.task(taskKey).policy).toBeUndefined();
  });

  test('may delete the job', async () => {
    tasks.add(storedTask());
    const { get } = tasks.repository;
    const [item] = jobsRequest.parse({ jobs: [{ job_id: taskKey, ddl_trans: false }] });
    let reads = 0;
    const changing = setSyncPolicy({
      item: item ?? { id: '', taskKey: '', fields: {} },
      projectId: undefined,
      by: 'ops',
      tasks: {
        get: async (key) => {
          reads += 1;
          return reads > 1 ? undefined : get(key);
        },
        update: async () => 'contended',
      },
      clock: () => NOW,
    });
    await expect(changing).rejects.toMatchObject({ code: 'TASK_GONE' });
  });
});

/** 100 jobs of which 30 are bad in six ways: the others succeed, each bad one says why, in the order of the request. */
test('a batch is done job by job', async () => {
  const key = (index: number) => index.toString(16).padStart(32, '0');
  const bad = [
    { faulty: { conflict_policy: 'perhaps' }, code: 'DRS.M00202', of: 'conflict_policy' },
    { faulty: { slot_name: 'Not a slot' }, code: 'DRS.M00202', of: 'slot_name' },
    { faulty: { index_trans: 'no' }, code: 'DRS.M00202', of: 'index_trans' },
    { task: undefined, code: 'DRS.M05003' },
    { task: { type: 'FULL', status: 'SUCCESS' } as const, code: 'DRS.M00304' },
    { task: {}, contended: true, code: 'DRS.M01504' },
  ];
  const expected: unknown[] = [];
  const contended = new Set<string>();
  const jobs = Array.from({ length: 100 }, (_, index) => {
    const fault = index % 10 < 3 ? bad[(Math.floor(index / 10) * 3 + (index % 10)) % bad.length] : undefined;
    if (fault === undefined || fault.faulty !== undefined) {
      tasks.add(storedTask({ key: key(index) }));
    } else if (fault.task !== undefined) {
      tasks.add(storedTask({ key: key(index), ...fault.task }));
    }
    if (fault?.contended === true) {
      contended.add(key(index));
    }
    expected.push(fault === undefined ? 'success' : fault.code);
    return { job_id: key(index), ddl_trans: false, ...fault?.faulty };
  });
  tasks.interfere = (task) => {
    if (contended.has(task.key)) {
      tasks.add({ ...task, revision: task.revision + 1 });
    }
  };
  const outcomes = await forEachJob({
    items: jobsRequest.parse({ jobs }),
    logger,
    work: (item) =>
      setSyncPolicy({ item, projectId: undefined, by: 'ops', tasks: tasks.repository, clock: () => NOW }),
  });
  const { results, count } = jobResults(outcomes, 'en');
  expect(count).toBe(100);
  expect(results.map(({ id }) => id)).toEqual(jobs.map(({ job_id }) => job_id));
  expect(results.map((result) => ('error_code' in result ? result.error_code : result.status))).toEqual(
    expected,
  );
  expect(expected.filter((outcome) => outcome === 'success')).toHaveLength(70);
  expect(new Set(expected).size).toBe(5);
});
