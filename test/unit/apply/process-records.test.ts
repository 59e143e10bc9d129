import { beforeEach, describe, expect, it } from 'vitest';
import { backOff } from '../../../functions/shared/apply/back-off.ts';
import {
  MAX_WAITING_DELIVERIES,
  processRecords,
  type QueueRecord,
} from '../../../functions/shared/apply/process-records.ts';
import type { BatchMessage } from '../../../functions/shared/lane/message.ts';
import { RemoteOutageError } from '../../../functions/shared/remote/errors.ts';
import { storedTask } from '../../support/tasks.ts';
import { batch, World } from './world.ts';

let world: World;

beforeEach(() => {
  world = new World();
});

function laneBatch(repoName: string, previousOrdinal: number, ...paths: string[]): BatchMessage {
  return batch(
    previousOrdinal,
    paths.map((fullPath) => ({ kind: 'NODE_DELETE', fullPath: `/${repoName}${fullPath}`, operator: 'a' })),
    { source: { projectId: 'ops', repoName }, remote: { projectId: 'ops', repoName } },
  );
}

function record(
  messageId: string,
  groupId: string,
  message: BatchMessage | string,
  deliveries = 1,
): QueueRecord {
  const body = typeof message === 'string' ? message : JSON.stringify(message);
  return { messageId, groupId, body, deliveries };
}

async function run(records: readonly QueueRecord[], signal = new AbortController().signal) {
  const returned = await processRecords({
    records,
    signal,
    random: () => 0,
    dependencies: world.dependencies,
  });
  return returned.map(({ record: { messageId }, delay }) => [messageId, delay]);
}

const deletes = () => world.calls.filter((call) => call.startsWith('delete'));

describe('the records of one delivery', () => {
  it('are applied in order in each lane', async () => {
    const returned = await run([
      record('m1', 'a', laneBatch('a', 0, '/1')),
      record('m2', 'b', laneBatch('b', 0, '/1')),
      record('m3', 'a', laneBatch('a', 1, '/2')),
    ]);
    expect(returned).toEqual([]);
    expect(deletes().filter((call) => call.includes('/a/'))).toEqual(['delete /a/1', 'delete /a/2']);
    expect(deletes()).toContain('delete /b/1');
  });

  it('go back from the first that fails, with all that follow it in its lane and no other', async () => {
    const returned = await run([
      record('m1', 'a', laneBatch('a', 0, '/1')),
      record('m2', 'a', 'no JSON', 4),
      record('m3', 'a', laneBatch('a', 1, '/2')),
      record('m4', 'b', laneBatch('b', 0, '/1')),
    ]);
    expect(returned).toEqual([
      ['m2', 12],
      ['m3', 12],
    ]);
    expect(deletes().sort()).toEqual(['delete /a/1', 'delete /b/1']);
    expect(world.logged).toContainEqual({
      level: 'error',
      text: 'A message goes back to the queue after a fault',
    });
  });

  const container = { projectId: 'ops', repoName: 'a' };
  const reconcile = {
    version: 1,
    kind: 'RECONCILE',
    taskKey: storedTask().key,
    slotName: 'default',
    source: container,
    remote: container,
    sweepId: 's',
    part: 3,
  };

  it('are parts of sweeps, too, and nothing else', async () => {
    const asked: string[] = [];
    world.dependencies.parts.load = async (sweepId, part) => {
      asked.push(`${sweepId} ${part}`);
      return undefined;
    };
    const returned = await run([
      record('m1', 'a', JSON.stringify(reconcile)),
      record('m2', 'a', laneBatch('a', 0, '/1')),
      record('m3', 'a', JSON.stringify({ ...laneBatch('a', 1, '/2'), kind: 'OTHER' })),
    ]);
    expect(asked).toEqual(['s 3']);
    expect(deletes()).toEqual(['delete /a/1']);
    expect(returned.map(([id]) => id)).toEqual(['m3']);
  });

  it('wait for their remote or task, but a part not until the queue gives it up: its sweep sends it again', async () => {
    const { version: _, kind: __, ...part } = reconcile;
    const policy = { conflictStrategy: 'SKIP', ddlTrans: true, indexTrans: true } as const;
    world.parts.set(part.part, { ...part, policyVersion: 1, policy, fullPaths: ['/a'], status: 'SENT' });
    const waited = async (deliveries: number) =>
      (await run([record('m1', 'a', JSON.stringify(reconcile), deliveries)])).length;
    const tasks = [storedTask({ status: 'PAUSED' }), storedTask({ status: 'FAILED' }), storedTask()];
    world.dependencies.remotes.clientFor = () => Promise.reject(new RemoteOutageError('TIMED_OUT'));
    for (const task of tasks) {
      world.tasks.set(task.key, task);
      expect(await waited(MAX_WAITING_DELIVERIES - 1)).toBe(1);
      expect(await waited(MAX_WAITING_DELIVERIES)).toBe(0);
      const behind = record('m2', 'a', laneBatch('a', 0, '/1'), 999);
      expect(await run([behind])).toHaveLength(1);
    }
    // What is a fault is looked into.
    world.dependencies.remotes.clientFor = () => Promise.reject(new Error('a defect'));
    expect(await waited(MAX_WAITING_DELIVERIES)).toBe(1);

    let seconds = 0;
    for (let deliveries = 1; deliveries < MAX_WAITING_DELIVERIES; deliveries += 1) {
      seconds += backOff({ deliveries, random: 0 });
    }
    expect(seconds).toBeGreaterThan(12 * 3_600);
  });

  it('are told as done lane by lane, where all of the delivery is', async () => {
    const done: string[][] = [];
    await processRecords({
      records: [
        record('m1', 'a', laneBatch('a', 0, '/1')),
        record('m2', 'b', laneBatch('b', 0, '/1')),
        record('m3', 'b', 'no JSON'),
        record('m4', 'a', laneBatch('a', 1, '/2')),
      ],
      signal: new AbortController().signal,
      random: () => 0,
      onDone: async (records) => {
        done.push(records.map(({ messageId }) => messageId));
      },
      dependencies: world.dependencies,
    });
    expect(done).toEqual([['m1', 'm4']]);
  });

  it.each(['no JSON', '{}', 'null', JSON.stringify({ ...laneBatch('a', 0, '/1'), version: 2 })])(
    'are never acknowledged when they are no batch: %s',
    async (body) => {
      expect(await run([record('m1', 'a', body)])).toEqual([['m1', 3]]);
    },
  );

  it('come back soon when it was not their turn, and later when their turn does not come', async () => {
    expect(await run([record('m1', 'a', laneBatch('a', 7, '/1'))])).toEqual([['m1', 2]]);
    expect(await run([record('m1', 'a', laneBatch('a', 7, '/1'), 200)])).toEqual([['m1', 450]]);
    expect(world.calls).toEqual([]);
  });

  it('back off while their task is paused, which is no fault', async () => {
    world.tasks.set(storedTask().key, storedTask({ status: 'PAUSED' }));
    expect(await run([record('m1', 'a', laneBatch('a', 0, '/1'), 4)])).toEqual([['m1', 12]]);
    expect(world.calls).toEqual([]);
    expect(world.logged.map(({ level }) => level)).toEqual(['warn']);
  });

  it('back off together when their remote is down, and leave other remotes alone', async () => {
    const other = storedTask({ key: 'f'.repeat(32) });
    const { setting } = other;
    const remoteClusterInfo = { ...setting.remoteClusterInfo, url: 'http://other.example' };
    world.tasks.set(other.key, { ...other, setting: { ...setting, remoteClusterInfo } });
    world.beforeCall = (_name, path) => {
      if (!path.startsWith('/other')) {
        throw new RemoteOutageError('THROTTLED', { retryAfter: 90 });
      }
    };
    world.dependencies.remotes.clientFor = async (task) =>
      task.key === other.key
        ? { ...world.client, createProject: async () => {}, createRepository: async () => {} }
        : world.client;
    const returned = await run([
      record('m1', 'a', laneBatch('a', 0, '/1'), 3),
      record('m2', 'b', laneBatch('b', 0, '/1'), 3),
      record('m3', 'o', { ...laneBatch('other', 0, '/1'), taskKey: other.key }),
    ]);
    expect(returned.sort()).toEqual([
      ['m1', 90],
      ['m2', 90],
    ]);
    expect(deletes()).toEqual(['delete /other/1']);
    expect(world.logged.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('go back at once when time is up', async () => {
    const signal = AbortSignal.abort(new Error('time is up'));
    expect(
      await run(
        [record('m1', 'a', laneBatch('a', 0, '/1')), record('m2', 'b', laneBatch('b', 0, '/1'))],
        signal,
      ),
    ).toEqual([
      ['m1', 0],
      ['m2', 0],
    ]);
    expect(world.calls).toEqual([]);
  });

  it('of many lanes are worked on side by side, within bounds', async () => {
    let atOnce = 0;
    let most = 0;
    world.dependencies.remotes.clientFor = async () => ({
      ...world.client,
      deleteNode: async () => {
        atOnce += 1;
        most = Math.max(most, atOnce);
        await new Promise((resolve) => setTimeout(resolve, 5));
        atOnce -= 1;
      },
    });
    const records = Array.from({ length: 10 }, (_, lane) =>
      record(`m${lane}`, `g${lane}`, laneBatch(`r${lane}`, 0, '/1', '/2')),
    );
    expect(await run(records)).toEqual([]);
    expect(most).toBe(5);
  });
});
