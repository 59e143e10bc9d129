import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEndpoints } from '../../../bin/local/endpoints.ts';
import { mongoSourceCatalog } from '../../../functions/shared/apply/mongo-source-catalog.ts';
import { processRecords, type QueueRecord } from '../../../functions/shared/apply/process-records.ts';
import { s3BlobStore } from '../../../functions/shared/blob/s3-blob-store.ts';
import { systemClock } from '../../../functions/shared/clock.ts';
import { createRemoteClient, type RemoteClient } from '../../../functions/shared/remote/client.ts';
import { openSlot } from '../../../functions/shared/slot/open.ts';
import { tail } from '../../../functions/shared/tail/tail.ts';
import { Model } from '../../oracle/model.ts';
import { contentOf, type Repositories, sequence } from '../../oracle/operations.ts';
import {
  type Ask,
  codeOf,
  openProjects,
  openRepositories,
  play,
  type Step,
  transcript,
} from '../../oracle/play.ts';
import { requestOf } from '../../oracle/requests.ts';
import { storedTree } from '../../oracle/stored.ts';
import { basic } from '../../support/api-client.ts';
import { ADMIN, openProduct, type Product } from '../../support/product.ts';
import { burst, sandboxedTail } from '../../support/sandboxed-tail.ts';
import { connectStages } from '../../support/stages.ts';
import { storedTask } from '../../support/tasks.ts';

const SEQUENCES = 20;
const SEED = 20_261_122;
/** A record that goes back is taken up again soon; more often than this means that it never gets through. */
const MAX_DELIVERIES = 10;

describe('random operations at a source, replicated by its log', () => {
  const suffix = randomBytes(3).toString('hex');
  const projects = [`from_${suffix}`, `and_${suffix}`] as const;

  let source: Product;
  let stages: Awaited<ReturnType<typeof connectStages>>;
  let client: RemoteClient;

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
    source = await openProduct();
    stages = await connectStages();
    const { target } = (await readEndpoints()).stages;
    client = createRemoteClient({
      url: `${target.apiUrl}/replication`,
      ...target.admin,
      allowPrivate: true,
      clusterId: randomBytes(16).toString('hex'),
    });
    const { sandbox } = source;
    await openSlot({ slotName: 'default', slots: sandbox.slots, log: sandbox.log });
    await sandbox.tasks.put(storedTask());
    const blobs = s3BlobStore({ s3: sandbox.s3, bucket: sandbox.names.bucket });
    for (const number of [0, 1, 2, 3, 4, 5]) {
      const content = contentOf(number);
      await blobs.put({ sha256: createHash('sha256').update(content).digest('hex'), content });
    }
    await openProjects(ask, projects);
  });
  afterAll(async () => {
    await client.close();
    await stages.close();
    await source.close();
  });

  it('leave the target as they left the source: nodes, digests, metadata, expiry', async () => {
    const sequences = fc.sample(sequence, { numRuns: SEQUENCES, seed: SEED });
    const played: { readonly repositories: Repositories; readonly steps: readonly Step[] }[] = [];
    for (const [index, drafts] of sequences.entries()) {
      const model = new Model();
      const repositories = await openRepositories({ name: String(index), projects, ask, model });
      // Nothing can be replicated into a repository that is not there.
      const wanted = drafts.filter(({ from, to }) => ![from, to].some((at) => at.repository === 'missing'));
      const act = (operation: Step['operation']) => ask(requestOf(operation));
      const steps = await play({ drafts: wanted, repositories, model, act, tick: () => new Date() });
      played.push({ repositories, steps });
    }

    await tail(sandboxedTail(source.sandbox), burst('oracle'));
    const failures = await applyAll(source, client);

    for (const { repositories, steps } of played) {
      for (const name of [repositories.local, repositories.composite, repositories.virtual]) {
        const replicated = await shown(stages.target.cluster.database, name);
        expect(replicated, transcript(steps)).toEqual(await shown(source.database, name));
      }
    }
    expect(failures).toEqual([]);
    const operations = played.flatMap(({ steps }) => steps);
    process.stdout.write(
      `oracle: ${played.length} sequences replicated by the log, ${operations.length} operations, ` +
        `${operations.filter(({ actual }) => actual === 0).length} of them done and logged\n`,
    );
  });
});

/** Applies everything that the tail has sent; @returns the failures that were recorded. */
async function applyAll({ sandbox, database }: Product, client: RemoteClient): Promise<unknown[]> {
  const errors: unknown[] = [];
  const dependencies = {
    tasks: sandbox.tasks,
    lanes: sandbox.lanes,
    remotes: { clientFor: async () => client },
    catalog: mongoSourceCatalog(async () => database),
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
    groupId: `${message.taskKey}/${message.source.projectId}/${message.source.repoName ?? ''}`,
    body: JSON.stringify(message),
    deliveries: 1,
  }));
  for (let delivery = 1; records.length > 0 && delivery <= MAX_DELIVERIES; delivery += 1) {
    const returned = await processRecords({
      records,
      signal: AbortSignal.timeout(120_000),
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
async function shown(
  database: Parameters<typeof storedTree>[0],
  repository: string,
): Promise<Record<string, unknown>> {
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
