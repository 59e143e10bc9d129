import { beforeEach, describe, expect, test } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { copyTask, taskCopySchema } from '../../../functions/shared/task/copy.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { taskUpdateSchema, updateTask } from '../../../functions/shared/task/update.ts';
import { MemoryTasks } from '../../support/memory-tasks.ts';
import { storedTask } from '../../support/tasks.ts';

const NOW = new Date('2026-11-22T01:13:36.189Z');
const clock = () => NOW;
const { key, setting } = storedTask();
const by = 'operator';

let tasks: MemoryTasks;
let probed: string[];

beforeEach(() => {
  tasks = new MemoryTasks();
  probed = [];
});

function full(fields: Partial<Task> = {}): Task {
  const scope = { includeAllProject: false, localProjectId: 'p', localRepoName: 'r' };
  return storedTask({ type: 'FULL', status: 'SUCCESS', ...scope, ...fields });
}

const credentials = {
  encrypt: async ({ taskKey, password }: { taskKey: string; password: string }) =>
    `${password} for ${taskKey}`,
  decrypt: async () => 'its password',
};

function update(changes: object): Promise<Task> {
  return updateTask({
    update: taskUpdateSchema.parse({ key, ...changes }),
    by,
    tasks: tasks.repository,
    credentials,
    probe: async ({ url, password }) => {
      probed.push(`${url} ${password}`);
    },
    starter: tasks.starter,
    clock,
    timeZone: 'UTC',
  });
}

describe('update', () => {
  test('changes what is said and leaves the rest, the password among it', async () => {
    const before = tasks.add(full());
    const after = await update({
      name: 'nightly',
      localRepoName: '',
      description: null,
      setting: { conflictStrategy: 'OVERWRITE', includePermission: 'true' },
    });
    expect(tasks.task(key)).toEqual({
      ...before,
      name: 'nightly',
      errorStrategy: 'CONTINUE',
      setting: { ...setting, conflictStrategy: 'OVERWRITE', includePermission: true },
      policyVersion: 2,
      revision: 2,
      lastModifiedBy: by,
      lastModifiedDate: NOW.toISOString(),
      localRepoName: undefined,
    });
    expect(after.status).toBe('SUCCESS');
    expect(probed).toEqual([]);
    expect(tasks.steps).toEqual(['update']);
  });

  test('that changes no rule keeps the policy', async () => {
    tasks.add(full());
    await update({ description: 'x' });
    expect(tasks.task(key).policyVersion).toBe(1);
  });

  test('takes a new password, and another remote only with one', async () => {
    tasks.add(full());
    await update({ setting: { remoteClusterInfo: { password: 'new' } } });
    expect(tasks.task(key).setting.remoteClusterInfo.encryptedPassword).toBe(`new for ${key}`);
    expect(probed).toEqual(['http://remote.example/replication new']);
    for (const remote of [{ url: 'http://thief.example' }, { username: 'other' }]) {
      await expect(update({ setting: { remoteClusterInfo: remote } })).rejects.toThrow(
        new DomainError('PARAMETER_MISSING', ['password']),
      );
    }
    const elsewhere = { url: 'other.example/replication/', password: 'p2' };
    await update({ validateConnectivity: false, setting: { remoteClusterInfo: elsewhere } });
    expect(tasks.task(key).setting.remoteClusterInfo).toMatchObject({
      url: 'http://other.example/replication',
      encryptedPassword: `p2 for ${key}`,
    });
    expect(probed).toHaveLength(1);
  });

  test('replaces a plan as a whole', async () => {
    const nextExecution = '2026-11-22T03:00:00.000Z';
    const executionPlan = { executeImmediately: false, cronExpression: '0 0 3 * * ?' };
    tasks.add(full({ status: 'WAITING', setting: { ...setting, executionPlan }, nextExecution }));
    await update({
      setting: { executionPlan: { executeImmediately: false, executeTime: '2099-01-01T00:00:00' } },
    });
    expect(tasks.task(key)).toMatchObject({
      status: 'WAITING',
      nextExecution: '2099-01-01T00:00:00.000Z',
      setting: { executionPlan: { executeImmediately: false } },
    });
    expect(tasks.task(key).setting.executionPlan.cronExpression).toBeUndefined();
    expect(tasks.steps).toEqual(['arm 2099-01-01T00:00:00.000Z', 'update', `disarm ${nextExecution}`]);
    tasks.steps.length = 0;
    await update({ setting: { executionPlan: {} } });
    expect(tasks.steps).toEqual(['update', 'disarm 2099-01-01T00:00:00.000Z', 'start EXECUTE']);
  });

  test('of a paused task’s plan waits for its being resumed', async () => {
    tasks.add(full({ status: 'PAUSED', pausedFrom: 'SUCCESS' }));
    await update({ setting: { executionPlan: {} } });
    expect(tasks.task(key)).toMatchObject({ status: 'PAUSED', pausedFrom: 'WAITING' });
    expect(tasks.steps).toEqual(['update']);
  });

  test.each<[string, Partial<Task>, object, DomainError]>([
    [
      'while a run is going',
      { status: 'REPLICATING', activeRunId: 'r' },
      {},
      new DomainError('TASK_STATUS_INVALID'),
    ],
    [
      'while it follows the log',
      { type: 'INCREMENTAL', status: 'REPLICATING' },
      { name: 'x' },
      new DomainError('TASK_STATUS_INVALID'),
    ],
    ['to another type', {}, { type: 'INCREMENTAL' }, new DomainError('PARAMETER_INVALID', ['type'])],
    [
      'to what is no strategy',
      {},
      { setting: { conflictStrategy: 'X' } },
      new DomainError('REQUEST_CONTENT_INVALID'),
    ],
    [
      'without a project',
      {},
      { localProjectId: '' },
      new DomainError('PARAMETER_MISSING', ['localProjectId']),
    ],
    [
      'to a bad expression',
      {},
      { setting: { executionPlan: { cronExpression: 'x' } } },
      new DomainError('PARAMETER_INVALID', ['x']),
    ],
    [
      'to an initial sync',
      { type: 'INCREMENTAL', status: 'WAITING' },
      { initialSync: true },
      new DomainError('PARAMETER_INVALID', ['initialSync']),
    ],
  ])('is refused %s', async (_case, fields, changes, error) => {
    const task = tasks.add(full(fields));
    await expect(update(changes)).rejects.toThrow(error);
    expect(tasks.task(key)).toEqual(task);
  });

  test('keeps the scope, remote and plan of an incremental task that has begun', async () => {
    tasks.add(full({ type: 'INCREMENTAL', status: 'PAUSED', pausedFrom: 'REPLICATING' }));
    const elsewhere = { url: 'http://other.example', password: 'p' };
    for (const [changes, name] of [
      [{ localProjectId: 'q' }, 'localProjectId'],
      [{ remoteRepoName: 's' }, 'remoteRepoName'],
      [{ setting: { remoteClusterInfo: elsewhere } }, 'url'],
      [{ setting: { executionPlan: { cronExpression: '0 0 3 * * ?' } } }, 'executionPlan'],
    ] as const) {
      await expect(update(changes)).rejects.toThrow(new DomainError('PARAMETER_INVALID', [name]));
    }
    await update({ setting: { includeMetadata: false, remoteClusterInfo: { password: 'new' } } });
    expect(tasks.task(key)).toMatchObject({ status: 'PAUSED', pausedFrom: 'REPLICATING', policyVersion: 2 });
    tasks.add(full({ type: 'INCREMENTAL', status: 'WAITING' }));
    await update({ localProjectId: 'q' });
    expect(tasks.task(key).localProjectId).toBe('q');
  });

  test('of what is not there is refused', async () => {
    await expect(update({})).rejects.toThrow(new DomainError('RESOURCE_NOT_FOUND', [key]));
  });
});

describe('copy', () => {
  const copy = (request: object) =>
    copyTask({
      copy: taskCopySchema.parse({ key, ...request }),
      by,
      tasks: tasks.repository,
      credentials,
      clock,
    });

  test('has the settings of the other one, a key and a password of its own, and is paused', async () => {
    const original = tasks.add(
      full({
        name: 'first',
        description: 'd',
        activeRunId: 'r',
        lastDue: NOW.toISOString(),
        nextExecution: NOW.toISOString(),
        policy: { ddlTrans: false },
        requestedSlotName: 'other',
        policyVersion: 9,
        revision: 9,
      }),
    );
    const made = await copy({ name: 'second' });
    expect(tasks.task(made.key)).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      key: expect.stringMatching(/^[0-9a-f]{32}$/),
      name: 'second',
      description: 'd',
      type: 'FULL',
      status: 'PAUSED',
      pausedFrom: 'WAITING',
      includeAllProject: false,
      localProjectId: 'p',
      localRepoName: 'r',
      setting: {
        ...setting,
        remoteClusterInfo: {
          ...setting.remoteClusterInfo,
          encryptedPassword: `its password for ${made.key}`,
        },
      },
      slotName: 'default',
      policy: { ddlTrans: false },
      policyVersion: 1,
      revision: 1,
      createdBy: by,
      createdDate: NOW.toISOString(),
      lastModifiedBy: by,
      lastModifiedDate: NOW.toISOString(),
    });
    expect(made.key).not.toBe(key);
    expect(tasks.task(key)).toEqual(original);
  });

  test('of an incremental task asks for its initial sync anew', async () => {
    tasks.add(storedTask({ initialSync: { endedAt: NOW.toISOString() }, catchUp: { nextOrdinal: 3 } }));
    const made = await copy({});
    expect(made.initialSync).toEqual({});
    expect(made).not.toHaveProperty('catchUp');
  });

  test('of what is not there is refused', async () => {
    await expect(copy({})).rejects.toThrow(new DomainError('RESOURCE_NOT_FOUND', [key]));
  });
});
