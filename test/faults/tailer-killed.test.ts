import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEndpoints } from '../../bin/local/endpoints.ts';
import { fileCreated } from '../../bin/simulator/log-entries.ts';
import { nodeCollection, SimulatedSource } from '../../bin/simulator/source.ts';
import { applyBatch } from '../../functions/shared/apply/apply-batch.ts';
import { circuit } from '../../functions/shared/apply/circuit.ts';
import { mongoSourceCatalog } from '../../functions/shared/apply/mongo-source-catalog.ts';
import { s3BlobStore } from '../../functions/shared/blob/s3-blob-store.ts';
import { systemClock } from '../../functions/shared/clock.ts';
import { mongoSourceHistory } from '../../functions/shared/conflict/source-history.ts';
import { createRemoteClient } from '../../functions/shared/remote/client.ts';
import { openSlot } from '../../functions/shared/slot/open.ts';
import { tail } from '../../functions/shared/tail/tail.ts';
import { expectAccountCloses } from '../support/account.ts';
import { TAIL_STEPS } from '../support/interruption.ts';
import { RecordingRemote } from '../support/recording-remote.ts';
import { SANDBOX_LOG, Sandbox } from '../support/sandbox.ts';
import { burst, sandboxedTail } from '../support/sandboxed-tail.ts';
import { storedTask } from '../support/tasks.ts';

/** A killed holder's lease runs out after this: the successor must not have to wait long in a test. */
const LEASE_MS = 200;

const DOOMED = fileURLToPath(new URL('support/doomed-tailer.ts', import.meta.url));

describe('a tailer killed between any two steps', () => {
  let sandbox: Sandbox;
  let remote: RecordingRemote;

  beforeAll(async () => {
    const { stages } = await readEndpoints();
    sandbox = await Sandbox.create(stages.source);
    remote = await RecordingRemote.start();
    await openSlot({ slotName: 'default', slots: sandbox.slots, log: sandbox.log });
    const task = storedTask();
    const remoteClusterInfo = { ...task.setting.remoteClusterInfo, url: remote.url };
    await sandbox.tasks.put({ ...task, setting: { ...task.setting, remoteClusterInfo } });
  });

  afterAll(async () => {
    await remote.stop();
    await sandbox.destroy();
  });

  it('loses nothing, repeats nothing, keeps its ordinals, and nothing is applied twice', async () => {
    const { stages } = await readEndpoints();
    const source = new SimulatedSource({
      database: sandbox.database,
      operateLogCollection: SANDBOX_LOG,
      s3: sandbox.s3,
      blobBucket: sandbox.names.bucket,
    });
    await source.createProject('p');
    await source.createRepository('p', 'r');
    await source.upload('p', 'r', '/content', 'x');
    const { sha256, md5 } = await contentOf(sandbox);
    let written = 3;
    let killed = 0;

    for (const step of TAIL_STEPS) {
      for (const when of ['before', 'after'] as const) {
        for (let file = 0; file < 3; file += 1) {
          const fullPath = `/${step}/${when}/${file}`;
          await source.logged(fileCreated({ projectId: 'p', repoName: 'r', fullPath, size: 1, sha256, md5 }));
          written += 1;
        }
        const owner = `${step} ${when}`;
        const child = spawn(process.execPath, [DOOMED], {
          env: {
            ...process.env,
            DOOM: JSON.stringify({
              names: sandbox.names,
              step,
              when,
              owner,
              readLimit: 2,
              leaseMs: LEASE_MS,
            }),
          },
          stdio: 'inherit',
        });
        const [, signal] = await once(child, 'exit');
        killed += signal === 'SIGKILL' ? 1 : 0;
        await wait(LEASE_MS + 50);
      }
    }
    const [outcome] = await tail(sandboxedTail(sandbox), burst('last'));
    expect(outcome).toMatchObject({ end: 'drained' });
    // Every step is reached by each tailer, but one: a task's first ordinal is noted only once.
    expect(killed).toBeGreaterThanOrEqual(2 * TAIL_STEPS.length - 2);

    const slot = await sandbox.slots.get('default');
    expect(slot).toMatchObject({ nextOrdinal: written + 1, gaps: 0, unreadable: 0 });
    expect(await archivedIds(sandbox)).toEqual(await loggedIds(sandbox));

    const client = createRemoteClient({
      url: remote.url,
      username: stages.target.admin.username,
      password: stages.target.admin.password,
      allowPrivate: true,
    });
    const outcomes: string[] = [];
    const messages = await sandbox.drain(async (message) => {
      // Each message twice: the queue may deliver again what was applied.
      for (const deliveries of [1, 2]) {
        outcomes.push(
          await applyBatch({
            message,
            deliveries,
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
          }),
        );
      }
    });
    await client.close();

    const ordinals = messages.flatMap(({ entries }) => entries.map(({ ordinal }) => ordinal));
    expect(ordinals.sort((a, b) => a - b)).toEqual(Array.from({ length: written }, (_, index) => index + 1));
    expect(outcomes).toEqual(messages.flatMap(() => ['applied', 'dropped']));
    const uploads = remote.requests
      .filter(({ path }) => path.includes('/replica/file/'))
      .map(({ path }) => path);
    expect(new Set(uploads).size).toBe(uploads.length);
    expect(uploads).toHaveLength(written - 2);
    const account = { stores: sandbox, taskKey: storedTask().key, isIdle: true, read: written };
    expect(await expectAccountCloses(account)).toMatchObject({ applied: written });
  });
});

async function contentOf(sandbox: Sandbox): Promise<{ sha256: string; md5: string }> {
  const node = await sandbox.database.collection(nodeCollection('p')).findOne({ fullPath: '/content' });
  return { sha256: String(node?.['sha256']), md5: String(node?.['md5']) };
}

async function loggedIds(sandbox: Sandbox): Promise<string[]> {
  const documents = await sandbox.database.collection(SANDBOX_LOG).find().sort({ $natural: 1 }).toArray();
  return documents.map(({ _id }) => _id.toHexString());
}

/** Ids of every archived document by ordinal, following the objects from the first ordinal on. */
async function archivedIds(sandbox: Sandbox): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const object = await sandbox.archive.load('default', ids.length + 1);
    if (object === undefined) {
      return ids;
    }
    ids.push(...object.documents.map(({ id }) => id));
  }
}
