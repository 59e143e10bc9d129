import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readEndpoints } from '../../../bin/local/endpoints.ts';
import { SimulatedSource } from '../../../bin/simulator/source.ts';
import { applyBatch, TaskPausedError } from '../../../functions/shared/apply/apply-batch.ts';
import { circuit } from '../../../functions/shared/apply/circuit.ts';
import { mongoSourceCatalog } from '../../../functions/shared/apply/mongo-source-catalog.ts';
import { s3BlobStore } from '../../../functions/shared/blob/s3-blob-store.ts';
import { systemClock } from '../../../functions/shared/clock.ts';
import { mongoSourceHistory } from '../../../functions/shared/conflict/source-history.ts';
import type { BatchMessage } from '../../../functions/shared/lane/message.ts';
import { createRemoteClient, type RemoteClient } from '../../../functions/shared/remote/client.ts';
import { openSlot } from '../../../functions/shared/slot/open.ts';
import { redriveTask } from '../../../functions/shared/tail/parking.ts';
import { type TailDependencies, tail } from '../../../functions/shared/tail/tail.ts';
import { accountOf } from '../../../functions/shared/task/account.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { CATCH_UP_STEPS, interrupted } from '../../support/interruption.ts';
import { RecordingRemote } from '../../support/recording-remote.ts';
import { SANDBOX_LOG, Sandbox } from '../../support/sandbox.ts';
import { burst, sandboxedTail } from '../../support/sandboxed-tail.ts';
import { storedTask } from '../../support/tasks.ts';

const KEY = storedTask().key;
/** A killed holder's lease runs out after this. */
const LEASE_MS = 200;

describe('a task that is left out of reads', () => {
  let sandbox: Sandbox;
  let remote: RecordingRemote;
  let client: RemoteClient;
  let source: SimulatedSource;
  let files: number;

  beforeEach(async () => {
    const { stages } = await readEndpoints();
    sandbox = await Sandbox.create(stages.source);
    remote = await RecordingRemote.start();
    client = createRemoteClient({ url: remote.url, username: 'a', password: 'b', allowPrivate: true });
    await openSlot({ slotName: 'default', slots: sandbox.slots, log: sandbox.log });
    const task = storedTask();
    const remoteClusterInfo = { ...task.setting.remoteClusterInfo, url: remote.url };
    await sandbox.tasks.put({ ...task, setting: { ...task.setting, remoteClusterInfo } });
    source = new SimulatedSource({
      database: sandbox.database,
      operateLogCollection: SANDBOX_LOG,
      s3: sandbox.s3,
      blobBucket: sandbox.names.bucket,
    });
    await source.createProject('p');
    await source.createRepository('p', 'r');
    files = 0;
  });

  afterEach(async () => {
    await client.close();
    await remote.stop();
    await sandbox.destroy();
  });

  async function upload(): Promise<void> {
    files += 1;
    await source.upload('p', 'r', `/file-${files}`, `content ${files}`);
  }

  async function change(fields: Partial<Task>): Promise<void> {
    const task = await sandbox.tasks.get(KEY);
    if (task === undefined) {
      throw new Error('The task is gone');
    }
    expect(await sandbox.tasks.update({ ...task, ...fields }, { revision: task.revision })).toBe('updated');
  }
  const pause = () => change({ status: 'PAUSED', pausedFrom: 'REPLICATING' });
  const resume = () => change({ status: 'REPLICATING', pausedFrom: undefined });

  const apply = (message: BatchMessage) =>
    applyBatch({
      message,
      deliveries: 1,
      circuit: circuit(),
      signal: AbortSignal.timeout(60_000),
      dependencies: {
        tasks: sandbox.tasks,
        lanes: sandbox.lanes,
        remotes: { clientFor: async () => client },
        catalog: mongoSourceCatalog(async () => sandbox.database),
        history: mongoSourceHistory(async () => sandbox.database),
        conflictStops: { stop: async () => false },
        blobs: s3BlobStore({ s3: sandbox.s3, bucket: sandbox.names.bucket }),
        loadOperation: (key) => sandbox.archive.loadOperation(key),
        clock: systemClock,
        timeZone: 'UTC',
        logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
      },
    });

  async function account() {
    const [task, lanes] = await Promise.all([sandbox.tasks.get(KEY), sandbox.lanes.list(KEY)]);
    const slot = await sandbox.slots.get(task?.slotName ?? 'default');
    return accountOf({ slot, task: task ?? {}, lanes });
  }

  const uploads = () =>
    remote.requests
      .filter(({ path }) => path.includes('/replica/file/'))
      .map(({ path }) => path.slice(path.lastIndexOf('/')));
  const expected = () => Array.from({ length: files }, (_, index) => `/file-${index + 1}`);

  it('gets anew, on request, what has got lost on its way, and drops what has not', async () => {
    await upload();
    await upload();
    await tail(sandboxedTail(sandbox), burst('one'));
    const lost = await sandbox.drain();
    const dependencies = {
      ...sandbox,
      clock: systemClock,
      logger: { info: () => undefined, warn: () => undefined },
    };
    const redrive = () => redriveTask({ taskKey: KEY, tasks: sandbox.tasks, dependencies });
    expect(await redrive()).toMatchObject({ lanes: 2 });
    const parked = await sandbox.tasks.get(KEY);
    expect(parked).toMatchObject({
      generation: 1,
      catchUp: { parked: { reason: 'REDRIVE', isRewound: true } },
    });
    expect((await account()).applied).toBe(0);
    // Within the five minutes for which the queue takes what it has had for a repeat.
    await tail(sandboxedTail(sandbox), burst('two'));
    expect(await sandbox.tasks.get(KEY)).not.toHaveProperty('catchUp');
    for (const message of await sandbox.drain()) {
      expect(message.generation).toBe(1);
      expect(await apply(message)).toBe('applied');
    }
    for (const message of lost) {
      expect(await apply(message)).toBe('dropped');
    }
    expect([...new Set(uploads())]).toEqual(expected());
    expect(await account()).toMatchObject({ read: 4, applied: 4, pending: 0 });
    expect(await redrive()).toEqual({ lanes: 0, operations: 0 });
  });

  it('gets what was logged meanwhile when it is resumed: each change once, in order, and accounted for', async () => {
    await upload();
    await tail(sandboxedTail(sandbox), burst('one'));
    const early = await sandbox.drain();
    await pause();
    for (const message of early) {
      await expect(apply(message)).rejects.toThrow(TaskPausedError);
    }
    for (const owner of ['two', 'three']) {
      await upload();
      await tail(sandboxedTail(sandbox), burst(owner));
    }
    expect(await sandbox.drain()).toEqual([]);
    expect((await sandbox.tasks.get(KEY))?.catchUp).toEqual({ nextOrdinal: 4 });
    // Project, repository and three files.
    expect(await account()).toMatchObject({ read: 5, applied: 0, filtered: 0, pending: 5 });

    await resume();
    await upload();
    await tail(sandboxedTail(sandbox), burst('four'));
    expect(await sandbox.tasks.get(KEY)).not.toHaveProperty('catchUp');
    for (const message of [...early, ...(await sandbox.drain())]) {
      // The queue may deliver again what was applied.
      expect([await apply(message), await apply(message)]).toEqual(['applied', 'dropped']);
    }
    expect(uploads()).toEqual(expected());
    expect(await account()).toEqual({
      read: 6,
      applied: 6,
      superseded: 0,
      filtered: 0,
      conflicted: 0,
      failed: 0,
      pending: 0,
    });
  });

  it('gets each change once when it is taken to a slot that counts otherwise', async () => {
    await upload();
    await openSlot({ slotName: 'other', slots: sandbox.slots, log: sandbox.log });
    await tail(sandboxedTail(sandbox), burst('one'));
    await change({ requestedSlotName: 'other' });
    for (const owner of ['two', 'three', 'four', 'five']) {
      await upload();
      await tail(sandboxedTail(sandbox), burst(owner));
      // It leaves when its lanes have done what was sent.
      for (const message of await sandbox.drain()) {
        await apply(message);
      }
    }
    // Project, repository and the first file were logged before the other slot was made.
    expect(await sandbox.tasks.get(KEY)).toMatchObject({ slotName: 'other', ordinalOffset: 3 });
    expect(await sandbox.tasks.get(KEY)).not.toHaveProperty('requestedSlotName');
    await tail(sandboxedTail(sandbox), burst('last'));
    for (const message of await sandbox.drain()) {
      await apply(message);
    }
    expect(uploads()).toEqual(expected());
    expect(await account()).toMatchObject({ read: files + 2, applied: files + 2, filtered: 0, pending: 0 });
  });

  it('comes back under its own lease only', async () => {
    const { slots, catchUps } = sandbox;
    const slot = await slots.acquire('default', 'one', 30_000);
    const here = { taskKey: KEY, slotName: 'default' };
    const elsewhere = { ...here, slotName: 'other' };
    await catchUps.begin({ ...elsewhere, ordinal: 3 });
    await catchUps.begin({ ...here, ordinal: 7 });
    await catchUps.begin({ ...here, ordinal: 9 });
    expect(await sandbox.tasks.get(KEY)).toMatchObject({ startOrdinal: 7, catchUp: { nextOrdinal: 7 } });

    const policy = { conflictStrategy: 'SKIP' as const, ddlTrans: true, indexTrans: false };
    const stretch = { toOrdinal: 1, policyVersion: 2, policy };
    const { revision = 0 } = (await sandbox.tasks.get(KEY)) ?? {};
    const fixed = { taskKey: KEY, revision, from: 7, startOrdinal: 7, stretch };
    expect(await catchUps.move({ ...here, from: 7, to: 1 })).toBe(false);
    expect(await catchUps.fix({ ...fixed, revision: revision - 1 })).toBe(false);
    expect(await catchUps.fix({ ...fixed, from: 6 })).toBe(false);
    expect(await catchUps.fix(fixed)).toBe(true);
    expect(await sandbox.tasks.get(KEY)).toMatchObject({
      catchUp: { nextOrdinal: 7, stretch },
      revision: revision + 1,
    });
    expect(await catchUps.move({ ...here, from: 6, to: 1 })).toBe(false);
    expect(await catchUps.move({ ...here, from: 7, to: 8 })).toBe(false);
    expect(await catchUps.move({ ...elsewhere, from: 7, to: 1 })).toBe(false);
    expect(await catchUps.move({ ...here, from: 7, to: 1 })).toBe(true);

    const step = { ...here, epoch: slot?.epoch ?? 0, ordinal: 1 };
    expect(await catchUps.end({ ...step, epoch: step.epoch + 1 })).toBe(false);
    expect(await catchUps.end({ ...step, ordinal: 2 })).toBe(false);
    expect(await catchUps.end({ ...step, slotName: 'other' })).toBe(false);
    expect((await sandbox.tasks.get(KEY))?.catchUp).toEqual({ nextOrdinal: 1 });
    expect(await catchUps.end(step)).toBe(true);
    expect(await sandbox.tasks.get(KEY)).not.toHaveProperty('catchUp');
    expect(await catchUps.end(step)).toBe(false);
    await catchUps.begin({ ...here, taskKey: '0'.repeat(32), ordinal: 1 });
    expect(await sandbox.tasks.get('0'.repeat(32))).toBeUndefined();
  });

  it('loses and repeats nothing when the tailer is killed while it catches up', async () => {
    const steps = [...CATCH_UP_STEPS, 'archive.create', 'lanes.heads', 'queue.send', 'lanes.recordSent'];
    let killed = 0;
    const doomed = (step: string, when: string, owner: string): TailDependencies =>
      interrupted(sandboxedTail(sandbox), step, when, async () => {
        killed += 1;
        throw new Error(`killed: ${owner}`);
      });
    for (const step of steps) {
      for (const when of ['before', 'after']) {
        for (const turn of [pause, resume]) {
          await turn();
          await upload();
          const owner = `${step} ${when} ${turn.name}`;
          await tail(doomed(step, when, owner), burst(owner, { leaseMs: LEASE_MS })).catch(() => undefined);
          await wait(LEASE_MS + 50);
        }
      }
    }
    await tail(sandboxedTail(sandbox), burst('last'));
    expect(killed).toBeGreaterThanOrEqual(2 * steps.length);
    expect(await sandbox.tasks.get(KEY)).not.toHaveProperty('catchUp');
    for (const message of await sandbox.drain()) {
      await apply(message);
    }
    expect(uploads()).toEqual(expected());
    expect(await account()).toMatchObject({ read: files + 2, applied: files + 2, filtered: 0, pending: 0 });
  });
});
