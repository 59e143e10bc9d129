import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import type { Db } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEndpoints } from '../../../bin/local/endpoints.ts';
import { mongoSourceCatalog } from '../../../functions/shared/apply/mongo-source-catalog.ts';
import { processRecords, type QueueRecord } from '../../../functions/shared/apply/process-records.ts';
import { s3BlobStore } from '../../../functions/shared/blob/s3-blob-store.ts';
import { systemClock } from '../../../functions/shared/clock.ts';
import { mongoSourceHistory } from '../../../functions/shared/conflict/source-history.ts';
import { createRemoteClient, type RemoteClient } from '../../../functions/shared/remote/client.ts';
import { openSlot } from '../../../functions/shared/slot/open.ts';
import { tail } from '../../../functions/shared/tail/tail.ts';
import { Model } from '../../oracle/model.ts';
import {
  contentOf,
  type Draft,
  MIN_OPERATIONS,
  PLAYED,
  type Repositories,
  sequence,
} from '../../oracle/operations.ts';
import {
  type Ask,
  codeOf,
  openProjects,
  openRepositories,
  play,
  type Step,
  transcript,
} from '../../oracle/play.ts';
import { namesOf, requestOf } from '../../oracle/requests.ts';
import { storedTree } from '../../oracle/stored.ts';
import { basic } from '../../support/api-client.ts';
import { ADMIN, openProduct, type Product } from '../../support/product.ts';
import { burst, sandboxedTail } from '../../support/sandboxed-tail.ts';
import { connectStages } from '../../support/stages.ts';
import { storedTask } from '../../support/tasks.ts';

/** The same sequences as are played at a receiver. */
const SEQUENCES = fc.sample(sequence, PLAYED);
/** So many of them go to the deployed target. */
const DEPLOYED = 20;
/** A record that goes back is taken up again soon; more often than this means that it never gets through. */
const MAX_DELIVERIES = 10;
const TIMEOUT_MS = 300_000;
/** Room for everything that is logged before the tail begins: FerretDB takes some 2.5 KB for an entry. */
const LOG_BYTES = 32 * 1024 * 1024;

interface Target {
  readonly client: RemoteClient;
  readonly database: Db;
  /** What a project of the source is called here. */
  readonly projectOf: (project: string) => string;
}

describe('random operations at a source, replicated by its log when all of them are done', () => {
  let source: Product;
  let server: Server;
  let stages: Awaited<ReturnType<typeof connectStages>>;
  let here: Target;
  let deployed: Target;

  /** The source is changed through a receiver of its own, which logs what bk-repo logs, and deletions of nodes. */
  const ask: Ask = async ({ path, body }) => {
    const answer = await source.call({
      method: 'POST',
      target: `/replication/replica/${path}`,
      headers: { ...basic(ADMIN.username, ADMIN.password), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return codeOf(answer.body);
  };

  beforeAll(async () => {
    source = await openProduct({ logBytes: LOG_BYTES });
    stages = await connectStages();
    server = await serve(source);
    const { target } = (await readEndpoints()).stages;
    const identity = { allowPrivate: true, clusterId: randomBytes(16).toString('hex') };
    here = {
      client: createRemoteClient({ url: `${addressOf(server)}/replication`, ...ADMIN, ...identity }),
      database: source.database,
      projectOf: (project) => `${project}_copy`,
    };
    deployed = {
      client: createRemoteClient({ url: `${target.apiUrl}/replication`, ...target.admin, ...identity }),
      database: stages.target.cluster.database,
      projectOf: (project) => project,
    };
    const { sandbox } = source;
    await openSlot({ slotName: 'default', slots: sandbox.slots, log: sandbox.log });
    const blobs = s3BlobStore({ s3: sandbox.s3, bucket: sandbox.names.bucket });
    for (const number of [0, 1, 2, 3, 4, 5]) {
      const content = contentOf(number);
      await blobs.put({ sha256: createHash('sha256').update(content).digest('hex'), content });
    }
  });
  afterAll(async () => {
    await here.client.close();
    await deployed.client.close();
    await new Promise((resolve) => server.close(resolve));
    await stages.close();
    await source.close();
  });

  /** Play sequences at the source, then follow the log, and compare. */
  async function replicate(sequences: readonly (readonly Draft[])[], target: Target): Promise<Step[]> {
    const suffix = randomBytes(3).toString('hex');
    const projects = [`from_${suffix}`, `and_${suffix}`] as const;
    await openProjects(ask, projects);
    for (const project of projects) {
      await source.sandbox.tasks.put(
        storedTask({
          id: randomBytes(12).toString('hex'),
          key: randomBytes(16).toString('hex'),
          includeAllProject: false,
          localProjectId: project,
          remoteProjectId: target.projectOf(project),
        }),
      );
    }
    const played: { readonly repositories: Repositories; readonly steps: readonly Step[] }[] = [];
    for (const [index, drafts] of sequences.entries()) {
      const model = new Model();
      const repositories = await openRepositories({ name: String(index), projects, ask, model });
      const act = (operation: Step['operation']) => ask(requestOf(operation));
      const steps = await play({ drafts, repositories, model, act, tick: () => new Date() });
      played.push({ repositories, steps });
    }

    await tail(sandboxedTail(source.sandbox), burst('oracle'));
    expect(await applyAll(source, target.client)).toEqual([]);

    for (const { repositories, steps } of played) {
      for (const name of Object.values(repositories)) {
        const { projectId, repoName } = namesOf(name);
        const replicated = await shown(target.database, `${target.projectOf(projectId)}/${repoName}`);
        expect(replicated, transcript(steps)).toEqual(await shown(source.database, name));
      }
    }
    return played.flatMap(({ steps }) => steps);
  }

  it('leave a deployed target as they left the source', { timeout: TIMEOUT_MS }, async () => {
    const steps = await replicate(SEQUENCES.slice(0, DEPLOYED), deployed);
    process.stdout.write(`oracle: ${DEPLOYED} sequences replicated to the deployed API, ${account(steps)}\n`);
  });

  it('leave a target in this process as they left the source', { timeout: TIMEOUT_MS }, async () => {
    const steps = await replicate(SEQUENCES, here);
    process.stdout.write(
      `oracle: ${SEQUENCES.length} sequences replicated in this process, ${account(steps)}\n`,
    );
    expect(steps.length).toBeGreaterThanOrEqual(MIN_OPERATIONS);
  });
});

function account(steps: readonly Step[]): string {
  const done = steps.filter(({ actual }) => actual === 0);
  return `${steps.length} operations, ${done.length} of them done`;
}

/** Applies everything that the tail has sent; @returns the failures that were recorded. */
async function applyAll({ sandbox, database }: Product, client: RemoteClient): Promise<unknown[]> {
  const errors: unknown[] = [];
  const dependencies = {
    tasks: sandbox.tasks,
    lanes: sandbox.lanes,
    parts: sandbox.parts,
    remotes: { clientFor: async () => client },
    catalog: mongoSourceCatalog(async () => database),
    history: mongoSourceHistory(async () => database),
    conflictStops: { stop: async () => false },
    blobs: s3BlobStore({ s3: sandbox.s3, bucket: sandbox.names.bucket }),
    loadOperation: (key: string) => sandbox.archive.loadOperation(key),
    clock: systemClock,
    timeZone: 'UTC',
    logger: {
      info: () => undefined,
      warn: (...line: unknown[]) => void errors.push(line),
      error: (...line: unknown[]) => void errors.push(line),
    },
  };
  let records: QueueRecord[] = (await sandbox.drain()).map((message, index) => ({
    messageId: String(index),
    groupId: `${message.taskKey}/${message.source.projectId}/${message.source.repoName}`,
    body: JSON.stringify(message),
    deliveries: 1,
  }));
  for (let delivery = 1; records.length > 0 && delivery <= MAX_DELIVERIES; delivery += 1) {
    const returned = await processRecords({
      records,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      random: () => 0,
      dependencies,
    });
    records = returned.map(({ record }) => ({ ...record, deliveries: record.deliveries + 1 }));
    await wait(records.length > 0 ? 500 : 0);
  }
  expect(records).toEqual([]);
  return errors;
}

/** What must be the same at both: the nodes, but for the dates and names of who changed them. */
async function shown(database: Db, repository: string): Promise<Record<string, unknown>> {
  const { live } = await storedTree(database, repository);
  return Object.fromEntries(
    [...live]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([path, { folder, size, sha256, md5, metadata, expireDate }]) => [
        path,
        { folder, size, sha256, md5, metadata, expires: expireDate !== null },
      ]),
  );
}

/** The receiver in this process, on a free port. */
async function serve(product: Product): Promise<Server> {
  const server = createServer(async (incoming, outgoing) => {
    const { status, headers, body } = await product.call({
      method: incoming.method ?? 'GET',
      target: incoming.url ?? '/',
      headers: Object.fromEntries(
        Object.entries(incoming.headers).map(([name, value]) => [name, String(value ?? '')]),
      ),
      body: await buffer(incoming),
    });
    outgoing.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('The target does not listen');
  }
  return `http://${address.address}:${address.port}`;
}
