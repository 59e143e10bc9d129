import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { processRecords, type QueueRecord } from '../../../functions/shared/apply/process-records.ts';
import {
  type CircuitState,
  type CircuitStore,
  circuitStore,
  remoteCircuits,
} from '../../../functions/shared/apply/remote-circuits.ts';
import { answeringRemotes } from '../../../functions/shared/apply/remotes.ts';
import { RemoteOutageError, RemoteRefusalError } from '../../../functions/shared/remote/errors.ts';
import { storedTask } from '../../support/tasks.ts';
import { batch, World } from './world.ts';

const URL = 'http://remote.example';

/** The conditions that the table checks, over plain memory. */
class MemoryCircuits implements CircuitStore {
  readonly states = new Map<string, CircuitState>();
  loads = 0;
  async load(url: string) {
    this.loads += 1;
    return this.states.get(url);
  }
  async put(url: string, state: CircuitState, expected: number | undefined) {
    if (this.states.get(url)?.openUntil !== expected) {
      return false;
    }
    this.states.set(url, state);
    return true;
  }
  async remove(url: string, expected: number) {
    if (this.states.get(url)?.openUntil === expected) {
      this.states.delete(url);
    }
  }
}

describe('the circuits of a deployment', () => {
  let store: MemoryCircuits;
  let now: number;
  const outage = new RemoteOutageError('TIMED_OUT', { details: 'slow' });
  /** The circuits of one execution environment. */
  const worker = (random = 0.5) =>
    remoteCircuits({ store, clock: () => new Date(now), random: () => random });

  beforeEach(() => {
    store = new MemoryCircuits();
    now = Date.parse('2026-11-22T00:00:00Z');
  });

  it('keep a remote that is down from being called by anybody, and say until when', async () => {
    await worker().open(URL, outage);
    const found = await worker().pass(URL);
    expect(found).toMatchObject({ reason: 'TIMED_OUT', message: outage.message, retryAfter: 2 });
    expect(await worker().pass('http://other.example')).toBeUndefined();
  });

  it('let one caller try when it is time, and the others when that has led nowhere', async () => {
    await worker().open(URL, outage);
    now += 2_000;
    const [first, second, third] = [worker(), worker(), worker()];
    const passed = await Promise.all([first.pass(URL), second.pass(URL), third.pass(URL)]);
    expect(passed.filter((found) => found === undefined)).toHaveLength(1);
    expect(await worker().pass(URL)).toBeDefined();
    now += 60_000;
    expect(await worker().pass(URL)).toBeUndefined();
  });

  it('are closed by an answer to whoever tried, and by nobody else', async () => {
    const bystander = worker();
    await bystander.open(URL, outage);
    await bystander.close(URL);
    expect(store.states.size).toBe(1);
    now += 2_000;
    const trier = worker();
    expect(await trier.pass(URL)).toBeUndefined();
    await trier.close(URL);
    expect(store.states.size).toBe(0);
    expect(await worker().pass(URL)).toBeUndefined();
  });

  it('are closed by an answer to somebody who asked whatever they said', async () => {
    await worker().open(URL, outage);
    const bystander = worker();
    expect(await bystander.pass(URL)).toBeDefined();
    await bystander.end(URL);
    expect(store.states.size).toBe(0);
    expect(await bystander.pass(URL)).toBeUndefined();
    await bystander.end(URL);
  });

  it('open for longer with each failure, with full jitter, and for a quarter of an hour at most', async () => {
    const pauses: number[] = [];
    const trier = worker(0.999_999);
    for (let failure = 0; failure < 12; failure += 1) {
      expect(await trier.pass(URL)).toBeUndefined();
      await trier.open(URL, outage);
      pauses.push(Math.round(((store.states.get(URL)?.openUntil ?? 0) - now) / 1_000));
      now = store.states.get(URL)?.openUntil ?? 0;
    }
    expect(pauses).toEqual([4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]);
    expect(store.states.get(URL)).toMatchObject({ failures: 12, since: Date.parse('2026-11-22T00:00:00Z') });
    const lucky = worker(0);
    await lucky.pass(URL);
    await lucky.open(URL, outage);
    expect(store.states.get(URL)?.openUntil).toBe(now);
  });

  it('count one failure, however many find out at once', async () => {
    const workers = [worker(), worker(), worker()];
    await Promise.all(workers.map((each) => each.pass(URL)));
    await Promise.all(workers.map((each) => each.open(URL, outage)));
    expect(store.states.get(URL)).toMatchObject({ failures: 1 });
  });

  it('heed what the remote asks for', async () => {
    await worker(0).open(URL, new RemoteOutageError('THROTTLED', { retryAfter: 90 }));
    expect(await worker().pass(URL)).toMatchObject({ retryAfter: 90 });
  });

  it.each(['UNAUTHORIZED', 'FORBIDDEN', 'TLS_FAILED', 'STORE_REFUSED', 'ADDRESS_FORBIDDEN'] as const)(
    'are not opened by what one task has set, or one store refuses: %s',
    async (reason) => {
      const trier = worker();
      await trier.open(URL, new RemoteOutageError(reason));
      expect(store.states.size).toBe(0);
      // As the answer to a try, it is one.
      await trier.open(URL, outage);
      now += 2_000;
      expect(await trier.pass(URL)).toBeUndefined();
      await trier.open(URL, new RemoteOutageError(reason));
      expect(store.states.size).toBe(0);
    },
  );

  it('are read once a second', async () => {
    const reader = worker();
    for (let call = 0; call < 10; call += 1) {
      await reader.pass(URL);
    }
    expect(store.loads).toBe(1);
    now += 1_000;
    await reader.pass(URL);
    expect(store.loads).toBe(2);
  });
});

describe('work that begins with a ping', () => {
  let store: MemoryCircuits;
  let now: number;
  let pings: number;
  let answer: () => Promise<void>;
  const down = () => Promise.reject(new RemoteOutageError('TIMED_OUT'));
  const { url } = storedTask().setting.remoteClusterInfo;

  /** What one execution environment works with. */
  function worker() {
    const ping = () => {
      pings += 1;
      return answer();
    };
    return answeringRemotes({
      remotes: { clientFor: async () => ({ ...new World().client, ping }) },
      circuits: remoteCircuits({ store, clock: () => new Date(now), random: () => 0.5 }),
    });
  }

  beforeEach(() => {
    store = new MemoryCircuits();
    now = Date.parse('2026-11-22T00:00:00Z');
    pings = 0;
    answer = down;
  });

  it('is put off without a call, once one worker has found the remote down', async () => {
    await expect(worker().clientFor(storedTask())).rejects.toMatchObject({ reason: 'TIMED_OUT' });
    for (let message = 0; message < 20; message += 1) {
      await expect(worker().clientFor(storedTask())).rejects.toMatchObject({ retryAfter: 2 });
    }
    expect(pings).toBe(1);
  });

  it('goes on for all when the remote has answered who was to try', async () => {
    await expect(worker().clientFor(storedTask())).rejects.toThrow();
    now += 2_000;
    answer = async () => undefined;
    await worker().clientFor(storedTask());
    expect(store.states.size).toBe(0);
    await worker().clientFor(storedTask());
  });

  it('takes a refusal for an answer, and a fault of our own for none', async () => {
    answer = () => Promise.reject(new RemoteRefusalError({ status: 400, text: 'no' }));
    await worker().clientFor(storedTask());
    answer = () => Promise.reject(new Error('KMS is away'));
    await expect(worker().clientFor(storedTask())).rejects.toThrow('KMS is away');
    expect(store.states.has(url)).toBe(false);
  });
});

describe('two remotes, one of them dead', () => {
  /** Longest time for which a connection is waited for; milliseconds. */
  const CONNECT_MS = 5_000;

  beforeEach(() => {
    vi.useFakeTimers({ now: Date.parse('2026-11-22T00:00:00Z') });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  /**
   * Deliver a batch of the live task's lane, among nine of lanes of the dead one, every ten seconds.
   *
   * @returns simulated milliseconds until the live lane's batch was done, for each delivery.
   */
  async function lags(options: { readonly dead: number; readonly deliveries: number }): Promise<number[]> {
    const world = new World();
    const store = new MemoryCircuits();
    const circuits = remoteCircuits({ store, clock: () => new Date(), random: () => 0.999 });
    const dead = storedTask({ key: 'd'.repeat(32) });
    const { setting } = dead;
    const remoteClusterInfo = { ...setting.remoteClusterInfo, url: 'http://dead.example' };
    world.tasks.set(dead.key, { ...dead, setting: { ...setting, remoteClusterInfo } });
    world.dependencies.remotes.clientFor = async (task) => {
      if (task.key === dead.key) {
        await new Promise((resolve) => setTimeout(resolve, CONNECT_MS));
        throw new RemoteOutageError('TIMED_OUT');
      }
      return world.client;
    };
    const record = (name: string, taskKey: string, previous: number): QueueRecord => {
      const source = { projectId: 'ops', repoName: name };
      const operation = { kind: 'NODE_DELETE' as const, fullPath: `/${name}/${previous}`, operator: 'a' };
      const message = { ...batch(previous, [operation], { source, remote: source }), taskKey };
      return { messageId: name, groupId: name, body: JSON.stringify(message), deliveries: 1 };
    };
    const lags: number[] = [];
    for (let delivery = 0; delivery < options.deliveries; delivery += 1) {
      const begun = Date.now();
      const records = Array.from({ length: options.dead }, (_, index) => record(`d${index}`, dead.key, 0));
      const work = processRecords({
        records: [...records, record('live', storedTask().key, delivery)],
        signal: new AbortController().signal,
        random: () => 0,
        circuits,
        onDone: async ([done]) => {
          if (done?.messageId === 'live') {
            lags.push(Date.now() - begun);
          }
        },
        dependencies: world.dependencies,
      });
      await vi.advanceTimersByTimeAsync(10_000);
      await work;
    }
    return lags;
  }

  it('the other is as fast as alone, but where the dead one is tried again: then it waits for one connection', async () => {
    const alone = await lags({ dead: 0, deliveries: 60 });
    const beside = await lags({ dead: 9, deliveries: 60 });
    expect(alone).toEqual(alone.map(() => 0));
    expect(beside).toHaveLength(60);
    expect(Math.max(...beside)).toBeLessThanOrEqual(CONNECT_MS);
    // Ten minutes: at 0, and then after pauses of some 4, 8, 16, … seconds.
    expect(beside.filter((lag) => lag > 0).length).toBeLessThanOrEqual(8);
  });
});

describe('circuits in the table', () => {
  const dynamo = mockClient(DynamoDBDocumentClient);
  const table = DynamoDBDocumentClient.from(new DynamoDBClient({ region: 'us-east-1' }));
  const store = circuitStore({ table, tableName: 'T' });
  const state = { since: 1, openUntil: 5_000, failures: 2, reason: 'TIMED_OUT' as const };
  const refused = Object.assign(new Error('no'), { name: 'ConditionalCheckFailedException' });

  beforeEach(() => {
    dynamo.reset();
  });

  it('are kept by the digest of the address, and expire', async () => {
    expect(await store.put(URL, state, undefined)).toBe(true);
    expect(await store.put(URL, state, 4_000)).toBe(true);
    const [first, second] = dynamo.commandCalls(PutCommand).map(({ args }) => args[0].input);
    expect(first).toMatchObject({
      Item: { pk: 'REMOTE', sk: expect.stringMatching(/^[0-9a-f]{64}$/), expiresAt: 5 + 7 * 86_400 },
      ConditionExpression: 'attribute_not_exists(pk)',
    });
    expect(second).toMatchObject({
      ConditionExpression: 'openUntil = :expected',
      ExpressionAttributeValues: { ':expected': 4_000 },
    });
    expect(JSON.stringify(first)).not.toContain('remote.example');
    dynamo.on(GetCommand).resolves({ Item: first?.Item ?? {} });
    expect(await store.load(URL)).toEqual(state);
  });

  it('are left alone when they are not as expected', async () => {
    dynamo.on(PutCommand).rejects(refused).on(DeleteCommand).rejects(refused);
    expect(await store.put(URL, state, 1)).toBe(false);
    await store.remove(URL, 1);
    dynamo.on(PutCommand).rejects(new Error('throttled'));
    await expect(store.put(URL, state, 1)).rejects.toThrow('throttled');
  });
});
