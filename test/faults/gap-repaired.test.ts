import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEndpoints } from '../../bin/local/endpoints.ts';
import { fileCreated, nodeDeleted } from '../../bin/simulator/log-entries.ts';
import { nodeCollection, SimulatedSource } from '../../bin/simulator/source.ts';
import { mongoSourceCatalog } from '../../functions/shared/apply/mongo-source-catalog.ts';
import { processRecords } from '../../functions/shared/apply/process-records.ts';
import type { LaneDependencies } from '../../functions/shared/apply/reconcile-lane.ts';
import { s3BlobStore } from '../../functions/shared/blob/s3-blob-store.ts';
import { systemClock } from '../../functions/shared/clock.ts';
import { mongoSourceHistory } from '../../functions/shared/conflict/source-history.ts';
import { createRemoteClient, type RemoteClient } from '../../functions/shared/remote/client.ts';
import { openSlot } from '../../functions/shared/slot/open.ts';
import { sweepAnswer } from '../../functions/shared/sweep/answer.ts';
import { comparison } from '../../functions/shared/sweep/compare.ts';
import { mongoLiveNodes } from '../../functions/shared/sweep/live-nodes.ts';
import { processSweep, type SweepDependencies } from '../../functions/shared/sweep/process-sweep.ts';
import { mongoSourceNodes } from '../../functions/shared/sweep/source-nodes.ts';
import type { SweepMessage } from '../../functions/shared/sync/message.ts';
import { mongoSourceInventory } from '../../functions/shared/sync/source-inventory.ts';
import { tail } from '../../functions/shared/tail/tail.ts';
import { taskAnswer } from '../../functions/shared/task/answer.ts';
import { expectAccountCloses } from '../support/account.ts';
import { ADMIN, openProduct, type Product } from '../support/product.ts';
import { ProductFront } from '../support/product-front.ts';
import { type Received, SANDBOX_LOG, Sandbox } from '../support/sandbox.ts';
import { burst, sandboxedTail } from '../support/sandboxed-tail.ts';
import { storedTask } from '../support/tasks.ts';

/** The size that counts takes minutes and is asked for by LOGFERRY_GAP=full; else it is a tenth. */
const isFull = process.env['LOGFERRY_GAP'] === 'full';
/** Entries that are lost: two for each node that is changed. */
const LOST = isFull ? 5_000 : 500;
/** FerretDB reads a whole collection for a range of paths, and each project's nodes have one of their own: many are kept small. */
const PROJECTS = Array.from({ length: LOST / 50 }, (_, number) => `gap_${number}`);
const REPOSITORY = 'generic';
/** In each project: files from long ago, and those that are made, replaced and deleted while nobody reads the log. */
const OLD = filesIn('/old', 100);
const MADE = filesIn('/new', 15);
const REPLACED = OLD.slice(20, 25);
const DELETED = OLD.slice(60, 65);
const LONG_AGO = new Date(Date.now() - 30 * 86_400_000);
const PATIENCE_MS = isFull ? 3_600_000 : 300_000;
/** Some two hundred entries. */
const LOG_BYTES = 100_000;
const REPLICATORS = 4;

const KEY = storedTask().key;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

function filesIn(folder: string, count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${folder}/file ${String(number).padStart(3, '0')}`);
}

describe(`a log that was overtaken by ${LOST} entries`, { timeout: PATIENCE_MS }, () => {
  let product: Product;
  let sandbox: Sandbox;
  let source: SimulatedSource;
  let front: ProductFront;
  let client: RemoteClient;
  let dependencies: SweepDependencies & LaneDependencies;
  const sweeps: SweepMessage[] = [];
  const queue: SweepDependencies['queue'] = {
    sweep: async (sweep) => void sweeps.push({ version: 1, kind: 'SWEEP', ...sweep }),
  };

  beforeAll(async () => {
    product = await openProduct();
    const { stages } = await readEndpoints();
    sandbox = await Sandbox.create(stages.source, { logBytes: LOG_BYTES });
    front = await ProductFront.open({ product, contract: 'extended', uploaded: () => undefined });
    const clusterId = randomBytes(16).toString('hex');
    client = createRemoteClient({ url: front.url, ...ADMIN, allowPrivate: true, clusterId });
    source = simulated(sandbox);

    const database = async () => sandbox.database;
    const nodes = mongoSourceNodes(database);
    dependencies = {
      tasks: sandbox.tasks,
      sweeps: sandbox.sweeps,
      // What the finder sends, and what the lanes' workers do.
      parts: { ...sandbox.sweepParts, ...sandbox.parts },
      lanes: sandbox.lanes,
      remotes: { clientFor: async () => client },
      inventory: mongoSourceInventory(database),
      catalog: mongoSourceCatalog(database),
      history: mongoSourceHistory(database),
      liveNodes: mongoLiveNodes(database),
      comparison: (options) => comparison({ ...options, nodes }),
      failedPaths: async () => () => [],
      conflictStops: { stop: async () => false },
      blobs: s3BlobStore({ s3: sandbox.s3, bucket: sandbox.names.bucket }),
      loadOperation: (key) => sandbox.archive.loadOperation(key),
      queue,
      clock: systemClock,
      timeZone: 'UTC',
      logger: silent,
    };

    for (const place of [sandbox, product.sandbox]) {
      const cluster = simulated(place);
      for (const projectId of PROJECTS) {
        await cluster.createProject(projectId);
        await cluster.createRepository(projectId, REPOSITORY);
        const files = OLD.map((fullPath) => ({ fullPath, content: Buffer.from('old content') }));
        await cluster.plant(projectId, REPOSITORY, { files, since: LONG_AGO });
      }
    }
    await openSlot({ slotName: 'default', slots: sandbox.slots, log: sandbox.log });
    await sandbox.tasks.put(storedTask({ createdDate: new Date().toISOString() }));
  }, PATIENCE_MS);

  afterAll(async () => {
    await client.close();
    await front.close();
    await sandbox.destroy();
    await product.close();
  });

  const simulated = ({ database, s3, names }: Sandbox) =>
    new SimulatedSource({ database, s3, blobBucket: names.bucket, operateLogCollection: SANDBOX_LOG });

  /** Live nodes of all repositories, by their names: digests of the files. */
  async function liveNodes({ database }: Sandbox): Promise<Map<string, string>> {
    const live = new Map<string, string>();
    for (const projectId of PROJECTS) {
      const nodes = database.collection(nodeCollection(projectId)).find({ projectId, deleted: null });
      for await (const { fullPath, folder, sha256 } of nodes) {
        live.set(projectId + fullPath, folder ? 'folder' : sha256);
      }
    }
    return live;
  }
  const upload = (projectId: string, fullPath: string) =>
    source.upload(projectId, REPOSITORY, fullPath, `content of ${fullPath}`);
  async function hasArrived(projectId: string, fullPath: string, as: object = {}): Promise<boolean> {
    const nodes = product.database.collection(nodeCollection(projectId));
    return (await nodes.findOne({ projectId, fullPath, deleted: null, ...as })) !== null;
  }

  const read = (owner: string) => tail(sandboxedTail(sandbox, queue), burst(owner));
  const answer = async () => {
    const task = (await sandbox.tasks.get(KEY)) ?? expect.unreachable('there is no task');
    return taskAnswer(task, 'UTC');
  };
  const sweepsSoFar = async () => (await sandbox.sweeps.list(KEY)).map((sweep) => sweepAnswer(sweep, 'UTC'));

  /** Do what is on the queue of runs. */
  async function plan(): Promise<void> {
    for (const message of sweeps.splice(0)) {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      await processSweep({ message, deliveries: 1, signal, random: () => 0, dependencies });
    }
  }

  /** Replicators, each with a message at a time, until the queue is empty. */
  async function replicate(onDone: () => Promise<void> = async () => undefined): Promise<void> {
    const signal = AbortSignal.timeout(PATIENCE_MS / 2);
    let atWork = 0;
    const work = async ({ record, acknowledge }: Received) => {
      const returned = await processRecords({ records: [record], signal, random: () => 0, dependencies });
      expect(returned).toEqual([]);
      await acknowledge();
      await onDone();
    };
    const replicator = async () => {
      for (;;) {
        signal.throwIfAborted();
        const received = await sandbox.receive();
        if (received !== undefined) {
          atWork += 1;
          await work(received).finally(() => {
            atWork -= 1;
          });
        } else if (atWork === 0) {
          return;
        } else {
          await wait(20);
        }
      }
    };
    await Promise.all(Array.from({ length: REPLICATORS }, replicator));
  }

  /** Change nodes of every project. Of each one the log has two entries: it came, or was replaced, before that was done to it. */
  async function changeMuch(): Promise<void> {
    const file = { size: 11, sha256: 'a'.repeat(64), md5: 'b'.repeat(32) };
    const log = sandbox.database.collection(SANDBOX_LOG);
    for (const projectId of PROJECTS) {
      const at = { projectId, repoName: REPOSITORY };
      const files = MADE.map((fullPath) => ({
        fullPath,
        content: Buffer.from(`new content of ${fullPath}`),
      }));
      await source.plant(projectId, REPOSITORY, { files });
      await source.deleteUnlogged(projectId, REPOSITORY, DELETED);
      const entries = [
        ...[...MADE, ...REPLACED, ...DELETED].map((fullPath) => fileCreated({ ...at, ...file, fullPath })),
        ...MADE.map((fullPath) => fileCreated({ ...at, ...file, fullPath, overwrite: true })),
        ...DELETED.map((fullPath) => nodeDeleted(projectId, REPOSITORY, fullPath)),
      ];
      await log.insertMany(entries.map((entry) => ({ createdDate: new Date(), ...entry })));
      for (const fullPath of REPLACED) {
        // Has its entry from this.
        await upload(projectId, fullPath);
      }
    }
  }

  it('is repaired by the nodes of its window alone, while the stream goes on', async () => {
    const [first = '', other = ''] = PROJECTS;
    await upload(first, '/first');
    await read('one');
    await replicate();
    expect(await hasArrived(first, '/first')).toBe(true);

    await changeMuch();
    // What mongod does with each entry that is written, FerretDB does later and by its own clock: the oldest are gone.
    await sandbox.database.collection(SANDBOX_LOG).deleteMany({});
    await upload(first, '/kept');
    await read('two');
    expect(await sandbox.slots.get('default')).toMatchObject({ gaps: 1 });
    expect(await answer()).toMatchObject({ repairing: true });
    // The stream goes on before anybody has begun to repair.
    await replicate();
    expect(await hasArrived(first, '/kept')).toBe(true);
    expect(await sweepsSoFar()).toEqual([]);

    // An entry that is read while the sweep goes: it leaves no date at its node, so that the sweep does not look at that.
    await plan();
    const [aside = ''] = OLD;
    await source.saveMetadata(other, REPOSITORY, aside, { seen: 'meanwhile' });
    await read('three');
    const started = Date.now();
    await plan();
    const found = Date.now();
    let meanwhile: Awaited<ReturnType<typeof sweepsSoFar>> = [];
    await replicate(async () => {
      if (meanwhile.length === 0 && (await hasArrived(other, aside, { 'metadata.key': 'seen' }))) {
        meanwhile = await sweepsSoFar();
      }
    });
    const repaired = Date.now();
    const [sweep] = await sweepsSoFar();
    process.stderr.write(
      `gap: ${LOST} entries lost; ${sweep?.compared} nodes compared in ${found - started} ms, ${sweep?.checked} put right in ${repaired - found} ms, by ${sweep?.partsDone} parts\n`,
    );
    expect(meanwhile).toMatchObject([{ kind: 'GAP', status: 'RUNNING' }]);
    expect(meanwhile[0]?.partsDone).toBeLessThan(PROJECTS.length);
    expect(await answer()).toMatchObject({ repairing: true });

    await plan();
    expect(await answer()).not.toHaveProperty('repairing');
    const made = PROJECTS.length * ['/new', ...MADE].length;
    const replaced = PROJECTS.length * REPLACED.length;
    const deleted = PROJECTS.length * DELETED.length;
    // Nobody had lost them, but the window has them.
    const kept = ['/first', '/kept'].length;
    // Of projects and repositories, which are as young as the window.
    const definitions = 2 * PROJECTS.length;
    const [ended, ...others] = await sweepsSoFar();
    expect(others).toEqual([]);
    expect(ended).toMatchObject({
      kind: 'GAP',
      trigger: 'GAP',
      status: 'SUCCESS',
      compared: made + replaced + deleted + kept,
      missing: made,
      different: replaced,
      extra: deleted,
      deleted,
      checked: made + replaced + deleted + definitions,
      repaired: made + replaced,
      removed: deleted,
      unchanged: definitions,
    });
    const live = await liveNodes(sandbox);
    expect(ended?.compared).toBeLessThan(live.size / 3);
    expect(ended?.partsDone).toBe(ended?.partsSent);
    expect(await sandbox.runs.list(KEY, { limit: 10 })).toEqual([]);
    expect(await liveNodes(product.sandbox)).toEqual(live);
    await expectAccountCloses({ stores: sandbox, taskKey: KEY, isIdle: true, read: 3 });
  });
});
