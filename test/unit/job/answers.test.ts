import { describe, expect, test } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import {
  detailAnswer,
  faultAnswer,
  jobList,
  progressAnswer,
  progressFaultAnswer,
  statusAnswer,
} from '../../../functions/shared/job/answers.ts';
import { detailOfJob } from '../../../functions/shared/job/detail.ts';
import { progressOfJob } from '../../../functions/shared/job/progress.ts';
import { jobStateOf, taskModeOf } from '../../../functions/shared/job/state.ts';
import { newRun, stoppedRun } from '../../../functions/shared/run/run.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { storedTask } from '../../support/tasks.ts';

const NOW = new Date('2026-11-22T01:13:36.189Z');
const synced = { initialSync: { endedAt: NOW.toISOString() } };

describe('the state', () => {
  test.each<[Partial<Task>, string]>([
    [{ type: 'FULL', status: 'WAITING' }, 'WAITING_FOR_START'],
    [{ type: 'FULL', status: 'PAUSED' }, 'PAUSING'],
    [{ type: 'FULL', status: 'REPLICATING' }, 'FULL_TRANSFER_STARTED'],
    [{ type: 'FULL', status: 'SUCCESS' }, 'FULL_TRANSFER_COMPLETE'],
    [{ type: 'FULL', status: 'FAILED' }, 'FULL_TRANSFER_FAILED'],
    [{ type: 'FULL', status: 'INTERRUPTED' }, 'PAUSING'],
    [{ status: 'WAITING' }, 'WAITING_FOR_START'],
    [{ status: 'PAUSED' }, 'PAUSING'],
    [{ status: 'REPLICATING' }, 'INCRE_TRANSFER_STARTED'],
    [{ status: 'REPLICATING', initialSync: {} }, 'FULL_TRANSFER_STARTED'],
    [{ status: 'REPLICATING', ...synced }, 'INCRE_TRANSFER_STARTED'],
    [{ status: 'FAILED' }, 'INCRE_TRANSFER_FAILED'],
    [{ status: 'FAILED', initialSync: {} }, 'FULL_TRANSFER_FAILED'],
    [{ status: 'INTERRUPTED', initialSync: {} }, 'PAUSING'],
  ])('of %j is %s', (fields, state) => {
    expect(jobStateOf(storedTask(fields))).toBe(state);
  });

  test('goes with the mode of transfer', () => {
    const modes = [{ type: 'FULL' } as const, {}, { initialSync: {} }].map((fields) =>
      taskModeOf(storedTask(fields)),
    );
    expect(modes).toEqual(['FULL_TRANS', 'INCR_TRANS', 'FULL_INCR_TRANS']);
  });
});

test('a job is answered with its policies', () => {
  const policy = { filterDdl: 'drop_database', indexTrans: false } as const;
  expect(
    detailAnswer({ task: storedTask({ name: 'nightly', policy, requestedSlotName: 'other' }) }, 'as-asked'),
  ).toEqual({
    id: 'as-asked',
    name: 'nightly',
    status: 'INCRE_TRANSFER_STARTED',
    create_time: String(Date.parse('2026-11-22T00:00:00Z')),
    update_time: String(Date.parse('2026-11-22T00:00:00Z')),
    task_type: 'INCR_TRANS',
    job_direction: 'non-dbs',
    db_use_type: 'sync',
    conflict_policy: 'ignore',
    filter_ddl_policy: 'drop_database',
    ddl_trans: true,
    index_trans: false,
    slot_name: 'default',
    requested_slot_name: 'other',
    policy_version: 1,
  });
});

test.each<[Task['status'], 'FAILED' | 'SUCCESS', string | undefined]>([
  ['FAILED', 'FAILED', 'Conflict: …'],
  // What follows the log again has failed once.
  ['REPLICATING', 'FAILED', undefined],
  ['FAILED', 'SUCCESS', undefined],
])('a job that is %s, its last run %s, has failed for: %s', async (status, runStatus, reason) => {
  const task = storedTask({ status });
  const run = { ...stoppedRun({ task, errorReason: 'Conflict: …', at: NOW }), status: runStatus };
  const detail = await detailOfJob({
    taskKey: task.key,
    projectId: undefined,
    tasks: { get: async () => task },
    runs: { latest: async () => run },
  });
  const answer: object = detailAnswer(detail, 'a');
  expect('failed_reason' in answer ? answer.failed_reason : undefined).toBe(reason);
});

test('a list holds the answer or the fault of each job, in order', () => {
  const item = (id: string) => ({ id, taskKey: id, fields: {} });
  const outcomes = [
    { item: item('a'), error: new DomainError('RESOURCE_NOT_FOUND', ['a']) },
    { item: item('b'), value: storedTask() },
  ];
  expect(jobList(outcomes, statusAnswer, faultAnswer('en'))).toEqual({
    count: 2,
    results: [
      { id: 'a', error_code: 'DRS.M05003', error_message: 'Task information not found.' },
      { id: 'b', status: 'INCRE_TRANSFER_STARTED' },
    ],
  });
  expect(jobList(outcomes.slice(0, 1), statusAnswer, progressFaultAnswer('zh')).results).toEqual([
    { job_id: 'a', error_code: 'DRS.M05003', error_msg: '任务信息不存在。' },
  ]);
});

describe('progress', () => {
  const task = storedTask({ type: 'FULL', status: 'REPLICATING' });
  const begun = newRun({ task, runId: 'r', trigger: 'CREATED', at: NOW });
  const counters = { ...begun.counters, totalNode: 3, successNode: 1, conflictedNode: 1 };
  const percent = (run: Partial<typeof begun>) =>
    progressAnswer({ task, run: { ...begun, ...run }, delayMs: undefined, now: NOW }, 'a').progress;

  test('is told of a run', () => {
    const run = { ...begun, counters, planned: true };
    expect(progressAnswer({ task, run, delayMs: undefined, now: NOW }, 'a')).toEqual({
      job_id: 'a',
      progress: '66',
      task_mode: 'FULL_TRANS',
      transfer_status: 'FULL_TRANSFER_STARTED',
      process_time: String(NOW.getTime()),
      progress_map: { DATA: { completed: '66%' } },
    });
  });

  test('is never whole before everything is planned', () => {
    const all = { ...counters, successNode: 2 };
    expect(percent({ counters: all })).toBe('99');
    expect(percent({ counters: all, planned: true })).toBe('100');
    expect(percent({ status: 'SUCCESS', planned: true })).toBe('100');
    expect(percent({})).toBe('0');
  });

  test('of what follows the log is its delay', async () => {
    const following = storedTask({ startOrdinal: 1 });
    const delay = async (nextOrdinal: number, lastLoggedAt: string | null) => {
      const position = { lastId: 'x', lastLoggedAt };
      const slot = { name: 'default', position, nextOrdinal, epoch: 1, unreadable: 0, gaps: 0 };
      const lane = {
        dispatched: nextOrdinal - 1,
        applied: 5,
        superseded: 0,
        conflicted: 0,
        failed: 0,
        filtered: 0,
      };
      const progress = await progressOfJob({
        taskKey: following.key,
        projectId: undefined,
        tasks: { get: async () => following },
        runs: { latest: async () => undefined },
        lanes: { list: async () => [lane] },
        slots: { get: async () => ({ ...slot, createdDate: NOW.toISOString() }) },
        clock: () => NOW,
      });
      return progressAnswer(progress, 'a');
    };
    const loggedAt = new Date(NOW.getTime() - 1_500).toISOString();
    expect(await delay(6, loggedAt)).toMatchObject({ incre_trans_delay: '0', incre_trans_delay_millis: '0' });
    expect(await delay(9, loggedAt)).toMatchObject({
      incre_trans_delay: '2',
      incre_trans_delay_millis: '1500',
    });
    expect(await delay(9, null)).toMatchObject({ incre_trans_delay: '0' });
  });
});
