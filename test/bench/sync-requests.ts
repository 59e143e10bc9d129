import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { MongoClient } from 'mongodb';
import type { Stage } from '../../bin/simulator/stage.ts';
import { mongoSourceCatalog } from '../../functions/shared/apply/mongo-source-catalog.ts';
import { s3BlobStore } from '../../functions/shared/blob/s3-blob-store.ts';
import { systemClock } from '../../functions/shared/clock.ts';
import { createRemoteClient } from '../../functions/shared/remote/client.ts';
import { runRepository } from '../../functions/shared/run/table-runs.ts';
import { pageClaims } from '../../functions/shared/sync/page-claims.ts';
import { processPage } from '../../functions/shared/sync/process-page.ts';
import { processRun, type RunDependencies } from '../../functions/shared/sync/process-run.ts';
import { mongoSourceInventory } from '../../functions/shared/sync/source-inventory.ts';
import { Sandbox } from '../support/sandbox.ts';
import { storedTask } from '../support/tasks.ts';
import { countRequests, type Requests } from './requests.ts';

/** What a run asked of everything around it, and messages of both queues; each is sent, received and deleted. */
export type SyncRequests = Requests & { readonly messages: number };

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/**
 * Synchronize a project in this process, with the table of a sandbox, and count what it asks for. The planner and the
 * workers are the deployed ones but for their queues.
 */
export async function countedSync(options: {
  readonly source: Stage;
  readonly target: Stage;
  readonly projectId: string;
}): Promise<SyncRequests> {
  const { source, target, projectId } = options;
  const { endpoint, region, accessKeyId, secretAccessKey } = source.endpoints.aws;
  const sandbox = await Sandbox.create(source.endpoints);
  const dynamoDb = new DynamoDBClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
  const mongo = await MongoClient.connect(source.endpoints.mongoUri, { monitorCommands: true });
  const client = createRemoteClient({ ...target.asRemote, allowPrivate: true });
  const counter = countRequests(mongo);
  let messages = 0;
  try {
    const task = storedTask({ type: 'FULL', includeAllProject: false, localProjectId: projectId });
    await sandbox.tasks.put(task);
    const database = async () => mongo.db(source.endpoints.mongoDatabase);
    const runBodies: string[] = [];
    const pageBodies: string[] = [];
    const put = (bodies: string[], message: Readonly<Record<string, unknown>>) => {
      messages += 1;
      bodies.push(JSON.stringify({ version: 1, ...message }));
    };
    const table = { table: DynamoDBDocumentClient.from(dynamoDb), tableName: sandbox.names.table };
    const dependencies: RunDependencies = {
      tasks: sandbox.tasks,
      runs: runRepository(table),
      inventory: mongoSourceInventory(database),
      catalog: mongoSourceCatalog(database),
      remotes: { clientFor: async () => client },
      pages: {
        send: async (pages) => {
          for (const page of pages) {
            put(pageBodies, { kind: 'PAGE', ...page });
          }
        },
      },
      queue: { plan: async (plan) => put(runBodies, { kind: 'PLAN', ...plan }) },
      slots: { open: () => Promise.reject(new Error('A full task has no slot')) },
      permissions: () => Promise.reject(new Error('The task does not ask for permissions')),
      scheduled: () => Promise.reject(new Error('The task has no schedule')),
      retry: () => Promise.reject(new Error('Nothing is to be retried')),
      upkeep: async () => undefined,
      sweep: () => Promise.reject(new Error('Nothing is swept')),
      clock: systemClock,
      logger: silent,
    };
    const delivery = { deliveries: 1, signal: AbortSignal.timeout(600_000), random: Math.random };
    counter.start();
    put(runBodies, { kind: 'START', taskKey: task.key, trigger: 'CREATED' });
    for (let body = runBodies.shift(); body !== undefined; body = runBodies.shift()) {
      await processRun({ ...delivery, body, dependencies });
      for (let page = pageBodies.shift(); page !== undefined; page = pageBodies.shift()) {
        await processPage({
          ...delivery,
          body: page,
          messageId: page,
          claims: pageClaims(table),
          pages: dependencies.pages,
          dependencies: {
            ...dependencies,
            blobs: s3BlobStore({ s3: source.cluster.s3, bucket: source.endpoints.blobBucket }),
            timeZone: 'UTC',
            pause: async () => undefined,
          },
        });
      }
    }
    counter.stop();
    const run = await dependencies.runs.latest(task.key);
    if (run?.status !== 'SUCCESS') {
      throw new Error(`The run is not what it should be: ${JSON.stringify(run)}`);
    }
    return { ...counter.counts, messages };
  } finally {
    counter.stop();
    await client.close();
    await mongo.close();
    dynamoDb.destroy();
    await sandbox.destroy();
  }
}
