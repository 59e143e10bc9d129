import { expect, test } from 'vitest';
import { runAnswer } from '../../../functions/shared/run/answer.ts';
import { newRun, type Run } from '../../../functions/shared/run/run.ts';
import { storedTask } from '../../support/tasks.ts';

const START = new Date('2026-11-22T01:00:00.000Z');
const NOW = new Date('2026-11-22T01:00:10.000Z');

function answer(fields: Partial<Run> = {}) {
  const run = newRun({ task: storedTask(), runId: 'r', trigger: 'EXECUTE', at: START });
  return runAnswer({ run: { ...run, ...fields }, containers: [], now: NOW, timeZone: 'UTC' });
}

const counters = {
  totalNode: 100,
  successNode: 18,
  conflictedNode: 1,
  failedNode: 1,
  totalBytes: 1_000,
  doneBytes: 100,
};

test('a run that has done nothing says so, without a rate or a time', () => {
  expect(answer({ planned: true })).toMatchObject({ nodesPerSecond: 0, bytesPerSecond: 0, secondsLeft: 0 });
  const waiting = { ...counters, successNode: 0, conflictedNode: 0, failedNode: 0, doneBytes: 0 };
  expect(answer({ planned: true, counters: waiting }).secondsLeft).toBeNull();
});

test('the time left is that of the nodes or of the bytes, whichever takes longer, once everything is found', () => {
  expect(answer({ counters })).toMatchObject({
    nodesPerSecond: 2,
    bytesPerSecond: 10,
    secondsLeft: null,
    replicationProgress: { replicatedNode: 20 },
  });
  expect(answer({ counters, planned: true }).secondsLeft).toBe(90);
  expect(answer({ counters: { ...counters, doneBytes: 900 }, planned: true }).secondsLeft).toBe(40);
});

test('what has ended goes at the rate that it had, and is nowhere', () => {
  const ended = { status: 'SUCCESS', endedAt: '2026-11-22T01:00:05.000Z' } as const;
  expect(answer({ counters, planned: true, currentRepository: 'p/r', ...ended })).toMatchObject({
    nodesPerSecond: 4,
    secondsLeft: null,
    currentRepository: null,
    endTime: '2026-11-22T01:00:05',
  });
});

test('a success says how many roles and permissions the remote refused', () => {
  const success = { status: 'SUCCESS', endedAt: '2026-11-22T01:00:05.000Z' } as const;
  expect(answer(success)).toMatchObject({ status: 'SUCCESS', failedPermission: 0 });
  expect(answer({ ...success, permissionFailures: 3 })).toMatchObject({
    status: 'SUCCESS',
    errorReason: null,
    failedPermission: 3,
  });
});
