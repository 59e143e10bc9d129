import { expect, test } from 'vitest';
import { taskAnswer } from '../../../functions/shared/task/answer.ts';
import { storedTask } from '../../support/tasks.ts';

/** The captured answer of `task.detail`, its password left out. */
test('has the fields of bk-repo in its order, and no password', () => {
  const task = storedTask({
    id: '6b0241c0a404394a0a25dc6e',
    key: '68f9cdd3b33e405cb24633660b17aed1',
    type: 'FULL',
    status: 'WAITING',
    includeAllProject: false,
    localProjectId: 'p1',
    localRepoName: 'g3',
    setting: {
      includeMetadata: true,
      includePermission: false,
      conflictStrategy: 'SKIP',
      remoteClusterInfo: {
        url: 'http://127.0.0.1:26002/replication',
        username: 'admin',
        encryptedPassword: 'c2VjcmV0',
      },
      executionPlan: {
        executeImmediately: false,
        executeTime: '2098-12-31T16:00:00.000Z',
        cronExpression: '0 0 3 1 1 ? 2099',
      },
    },
    startOrdinal: 7,
    createdDate: '2026-11-22T01:13:36.189Z',
    lastModifiedDate: '2026-11-22T01:13:46.480Z',
  });
  const expected = {
    id: '6b0241c0a404394a0a25dc6e',
    key: '68f9cdd3b33e405cb24633660b17aed1',
    createdBy: 'admin',
    createdDate: '2026-11-22T09:13:36.189',
    lastModifiedBy: 'admin',
    lastModifiedDate: '2026-11-22T09:13:46.48',
    includeAllProject: false,
    localProjectId: 'p1',
    localRepoName: 'g3',
    remoteProjectId: null,
    remoteRepoName: null,
    type: 'FULL',
    setting: {
      includeMetadata: true,
      includePermission: false,
      conflictStrategy: 'SKIP',
      remoteClusterInfo: {
        url: 'http://127.0.0.1:26002/replication',
        certificate: null,
        username: 'admin',
        password: null,
      },
      executionPlan: {
        executeImmediately: false,
        executeTime: '2099-01-01T00:00:00',
        cronExpression: '0 0 3 1 1 ? 2099',
      },
    },
    status: 'WAITING',
  };
  expect(JSON.stringify(taskAnswer(task, 'Asia/Shanghai'))).toBe(JSON.stringify(expected));
});

test('has nulls where a task has nothing', () => {
  expect(taskAnswer(storedTask(), 'UTC')).toMatchObject({
    localProjectId: null,
    localRepoName: null,
    setting: { executionPlan: { executeImmediately: true, executeTime: null, cronExpression: null } },
  });
});

test('shows that a task is parked, and what the archive has lost', () => {
  const since = '2026-11-22T01:00:00.000Z';
  const parked = { since, reason: 'REMOTE_AWAY' as const, details: 'timed out' };
  const stranded = { since, nextOrdinal: 7 };
  const task = storedTask({ catchUp: { nextOrdinal: 7, parked }, generation: 1, stranded });
  expect(taskAnswer(task, 'UTC')).toMatchObject({
    parked: { since: '2026-11-22T01:00:00', reason: 'REMOTE_AWAY', details: 'timed out' },
    stranded: { since: '2026-11-22T01:00:00', nextOrdinal: 7 },
  });
  expect(taskAnswer(storedTask(), 'UTC')).not.toHaveProperty('parked');
  expect(taskAnswer(storedTask(), 'UTC')).not.toHaveProperty('stranded');
});
