import { describe, expect, test } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { createTask } from '../../../functions/shared/task/create.ts';
import type { RemoteProbe } from '../../../functions/shared/task/ports.ts';
import { taskRequestSchema } from '../../../functions/shared/task/request.ts';
import { type Task, taskSchema } from '../../../functions/shared/task/task.ts';

const NOW = new Date('2026-11-22T01:13:36.189Z');
const remoteClusterInfo = { url: 'http://remote/replication', username: 'admin', password: 'hunter2' };

async function create(request: object, probe: RemoteProbe = async () => undefined) {
  const steps: string[] = [];
  const stored: Task[] = [];
  const task = await createTask({
    request: taskRequestSchema('UTC').parse({
      includeAllProject: true,
      setting: { remoteClusterInfo },
      ...request,
    }),
    createdBy: 'admin',
    probe: async (remote) => {
      steps.push(`probe ${remote.url}`);
      await probe(remote);
    },
    credentials: {
      encrypt: async ({ taskKey, password }) => {
        steps.push('encrypt');
        return Buffer.from(`${taskKey} ${password.length}`).toString('base64');
      },
    },
    slots: {
      open: async (slotName) => {
        steps.push(`open ${slotName}`);
      },
    },
    tasks: {
      put: async (newTask) => {
        steps.push('put');
        stored.push(newTask);
      },
    },
    clock: () => NOW,
  }).catch((error: unknown) => ({ error }));
  return { task, steps, stored };
}

const incremental = { type: 'INCREMENTAL' };

function planned(executionPlan: object) {
  return { ...incremental, setting: { remoteClusterInfo, executionPlan } };
}

describe('a task', () => {
  test('is what was asked for, with a key of its own and no plain password', async () => {
    const { task, stored } = await create({
      includeAllProject: false,
      localProjectId: 'p1',
      remoteRepoName: 'r2',
      setting: {
        remoteClusterInfo,
        conflictStrategy: 'FAST_FAIL',
        executionPlan: { executeTime: '2099-01-01T00:00:00', cronExpression: '0 0 3 1 1 ? 2099' },
      },
    });
    const [first] = stored;
    expect(task).toEqual(first);
    expect(taskSchema.parse(first)).toEqual({
      id: expect.stringMatching(/^6b0241c0[0-9a-f]{16}$/),
      key: expect.stringMatching(/^[0-9a-f]{32}$/),
      type: 'FULL',
      status: 'WAITING',
      includeAllProject: false,
      localProjectId: 'p1',
      remoteRepoName: 'r2',
      setting: {
        includeMetadata: true,
        includePermission: false,
        conflictStrategy: 'FAST_FAIL',
        remoteClusterInfo: {
          url: 'http://remote/replication',
          username: 'admin',
          encryptedPassword: Buffer.from(`${first?.key} 7`).toString('base64'),
        },
        executionPlan: {
          executeImmediately: true,
          executeTime: '2099-01-01T00:00:00.000Z',
          cronExpression: '0 0 3 1 1 ? 2099',
        },
      },
      slotName: 'default',
      policyVersion: 1,
      revision: 1,
      createdBy: 'admin',
      createdDate: '2026-11-22T01:13:36.189Z',
      lastModifiedBy: 'admin',
      lastModifiedDate: '2026-11-22T01:13:36.189Z',
    });
    expect(JSON.stringify(stored)).not.toContain('hunter2');
    const { stored: others } = await create({});
    expect(others[0]?.key).not.toBe(first?.key);
    expect(others[0]?.id).not.toBe(first?.id);
  });

  test.each([
    ['FULL, at once', { type: 'FULL' }, 'WAITING'],
    ['INCREMENTAL, at once', incremental, 'REPLICATING'],
    [
      'INCREMENTAL, at a time past',
      planned({ executeImmediately: false, executeTime: '2001-01-01T00:00:00' }),
      'REPLICATING',
    ],
    [
      'INCREMENTAL, later',
      planned({ executeImmediately: false, executeTime: '2099-01-01T00:00:00' }),
      'WAITING',
    ],
    [
      'INCREMENTAL, by cron',
      planned({ executeImmediately: false, cronExpression: '0 0 3 * * ?' }),
      'WAITING',
    ],
  ])('%s', async (_case, request, status) => {
    const { stored, steps } = await create(request);
    expect(stored[0]?.status).toBe(status);
    // The slot's position comes before the task: an event after the answer finds both.
    const opened = status === 'REPLICATING' ? ['open default'] : [];
    expect(steps).toEqual(['probe http://remote/replication', 'encrypt', ...opened, 'put']);
  });
});

describe('the remote', () => {
  test('that does not let us in leaves nothing behind', async () => {
    const refused = new DomainError('REMOTE_CONNECT_FAILED', ['connection refused']);
    const { task, steps, stored } = await create(incremental, async () => {
      throw refused;
    });
    expect(task).toEqual({ error: refused });
    expect(steps).toEqual(['probe http://remote/replication']);
    expect(stored).toEqual([]);
  });

  test('is not asked when the request says so', async () => {
    const { steps } = await create({ ...incremental, validateConnectivity: false });
    expect(steps).toEqual(['encrypt', 'open default', 'put']);
  });
});
