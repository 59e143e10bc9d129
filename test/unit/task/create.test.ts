import { describe, expect, test } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { createTask } from '../../../functions/shared/task/create.ts';
import type { RemoteProbe } from '../../../functions/shared/task/ports.ts';
import { taskRequestSchema } from '../../../functions/shared/task/request.ts';
import { type Task, taskSchema } from '../../../functions/shared/task/task.ts';

const NOW = new Date('2026-11-22T01:13:36.189Z');
const remoteClusterInfo = { url: 'http://remote/replication', username: 'admin', password: 'hunter2' };

async function create(
  request: object,
  probe: RemoteProbe = async () => undefined,
  options: { readonly startFails?: boolean } = {},
) {
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
        return { nextOrdinal: 42 };
      },
    },
    tasks: {
      put: async (newTask) => {
        steps.push('put');
        stored.push(newTask);
      },
      delete: async () => {
        steps.push('delete');
      },
    },
    starter: {
      queue: {
        start: async ({ trigger }) => {
          steps.push(`start ${trigger}`);
          if (options.startFails === true) {
            throw new Error('no queue');
          }
        },
      },
      schedule: {
        arm: async ({ due }) => {
          steps.push(`arm ${due.toISOString()}`);
        },
        disarm: async () => undefined,
      },
    },
    clock: () => NOW,
    timeZone: 'UTC',
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
      errorStrategy: 'CONTINUE',
      nextExecution: '2099-01-01T00:00:00.000Z',
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

  const remote = 'probe http://remote/replication';
  const later = { executeImmediately: false, executeTime: '2099-01-01T00:00:30' };
  const nightly = { executeImmediately: false, cronExpression: '0 0 3 * * ?' };

  // The slot's position comes before the task: an event after the answer finds both. A start comes after it.
  test.each<[string, object, string, readonly string[]]>([
    ['FULL, at once', { type: 'FULL' }, 'WAITING', ['put', 'start CREATED']],
    ['FULL, later', { ...planned(later), type: 'FULL' }, 'WAITING', ['arm 2099-01-01T00:01:00.000Z', 'put']],
    [
      'FULL, by cron',
      { ...planned(nightly), type: 'FULL' },
      'WAITING',
      ['arm 2026-11-22T03:00:00.000Z', 'put'],
    ],
    [
      'FULL, at once and by cron',
      { ...planned({ cronExpression: '0 0 3 * * ?' }), type: 'FULL' },
      'WAITING',
      ['arm 2026-11-22T03:00:00.000Z', 'put', 'start CREATED'],
    ],
    ['INCREMENTAL, at once', incremental, 'REPLICATING', ['open default', 'put']],
    [
      'INCREMENTAL, at a time past',
      planned({ executeImmediately: false, executeTime: '2001-01-01T00:00:00' }),
      'REPLICATING',
      ['open default', 'put'],
    ],
    ['INCREMENTAL, later', planned(later), 'WAITING', ['arm 2099-01-01T00:01:00.000Z', 'put']],
    ['INCREMENTAL, by cron', planned(nightly), 'WAITING', ['arm 2026-11-22T03:00:00.000Z', 'put']],
    [
      'INCREMENTAL, what exists first',
      { ...incremental, initialSync: true },
      'REPLICATING',
      ['open default', 'put', 'start INITIAL'],
    ],
  ])('%s', async (_case, request, status, expected) => {
    const { stored, steps } = await create(request);
    expect(stored[0]?.status).toBe(status);
    expect(steps).toEqual([remote, 'encrypt', ...expected]);
  });

  test('that copies what exists first gets the log from its position then', async () => {
    const { stored } = await create({ ...incremental, initialSync: true });
    expect(stored[0]).toMatchObject({ initialSync: {}, catchUp: { nextOrdinal: 42 }, startOrdinal: 42 });
    const { stored: others } = await create(incremental);
    expect(taskSchema.parse(others[0])).not.toHaveProperty('catchUp');
  });

  test('that cannot be started is not there', async () => {
    const { task, steps } = await create({ type: 'FULL' }, undefined, { startFails: true });
    expect(task).toEqual({ error: new Error('no queue') });
    expect(steps.slice(-3)).toEqual(['put', 'start CREATED', 'delete']);
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
