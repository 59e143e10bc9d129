import { randomBytes } from 'node:crypto';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEndpoints } from '../../bin/local/endpoints.ts';
import { type ComparedCluster, compareProjects } from '../../bin/simulator/comparison.ts';
import { SimulatedSource } from '../../bin/simulator/source.ts';
import { mongoSourceCatalog } from '../../functions/shared/apply/mongo-source-catalog.ts';
import { s3BlobStore } from '../../functions/shared/blob/s3-blob-store.ts';
import { systemClock } from '../../functions/shared/clock.ts';
import { nodeCollectionOf } from '../../functions/shared/mongodb/sharding.ts';
import { createRemoteClient } from '../../functions/shared/remote/client.ts';
import { DONE, type Verdict } from '../../functions/shared/sync/give-up.ts';
import { processPage } from '../../functions/shared/sync/process-page.ts';
import { processRun, type RunDependencies } from '../../functions/shared/sync/process-run.ts';
import { sqsPageQueue, sqsRunQueue } from '../../functions/shared/sync/queue.ts';
import type { PageDependencies } from '../../functions/shared/sync/replicate-page.ts';
import { mongoSourceInventory } from '../../functions/shared/sync/source-inventory.ts';
import { expectAccountCloses } from '../support/account.ts';
import { type Fate, mortality, randomOf } from '../support/mortal.ts';
import { ADMIN, openProduct, type Product } from '../support/product.ts';
import { ProductFront } from '../support/product-front.ts';
import { SANDBOX_LOG, Sandbox } from '../support/sandbox.ts';
import { storedTask } from '../support/tasks.ts';

const REPOSITORIES = ['first', 'second', 'third', 'fourth'];
const FILES = 60;
const KILLS = 30;
/** Of all chances, which are two at each call to a port. */
const KILL_RATE = 0.025;
const PAGE_WORKERS = 3;
/** Longest that a run may take; milliseconds. */
const PATIENCE = 90_000;
/** Nodes that a worker has under way at once, at the most. */
const WAVE = 8;

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

describe('planner and workers killed thirty times in one run', () => {
  let product: Product;
  let sandbox: Sandbox;
  let sqs: SQSClient;
  const queues = { runs: '', pages: '' };

  beforeAll(async () => {
    product = await openProduct();
    const { source } = (await readEndpoints()).stages;
    sandbox = await Sandbox.create(source);
    const { endpoint, region, accessKeyId, secretAccessKey } = source.aws;
    sqs = new SQSClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
    for (const name of ['runs', 'pages'] as const) {
      const QueueName = `${sandbox.names.table}-${name}`;
      queues[name] = (await sqs.send(new CreateQueueCommand({ QueueName }))).QueueUrl ?? '';
    }
  });

  afterAll(async () => {
    for (const QueueUrl of Object.values(queues)) {
      await sqs.send(new DeleteQueueCommand({ QueueUrl }));
    }
    sqs.destroy();
    await sandbox.destroy();
    await product.close();
  });

  const clusterOf = ({ database, s3, names }: Sandbox): ComparedCluster => ({
    database,
    s3,
    blobBucket: names.bucket,
  });
  const simulated = (of: Sandbox) =>
    new SimulatedSource({ ...clusterOf(of), operateLogCollection: SANDBOX_LOG });

  /** Repositories of files, and folders with metadata. @returns how many nodes, and their bytes. */
  async function plant(
    place: Sandbox,
    projectId: string,
    planted: { readonly files: number; readonly round: string },
  ): Promise<{ readonly nodes: number; readonly bytes: number }> {
    const cluster = simulated(place);
    await cluster.createProject(projectId);
    let bytes = 0;
    for (const repoName of REPOSITORIES) {
      await cluster.createRepository(projectId, repoName);
      const files = Array.from({ length: planted.files }, (_, number) => ({
        fullPath: `/d${number % 4}/file ${number}`,
        content: Buffer.from(`${planted.round} ${projectId} ${repoName} ${number} `.repeat(number)),
        ...(number % 7 === 0 ? { metadata: { build: String(number), count: number } } : {}),
      }));
      bytes += files.reduce((sum, { content }) => sum + content.length, 0);
      await cluster.plant(projectId, repoName, { files, folders: ['/empty'] });
    }
    const nodes = await place.database.collection(nodeCollectionOf(projectId)).countDocuments({ projectId });
    return { nodes, bytes };
  }

  /** Take messages, each by a worker of its own that may die, until the run has ended. */
  async function work(options: {
    readonly queue: keyof typeof queues;
    readonly isOver: () => Promise<boolean>;
    readonly worker: (message: Message) => Promise<Verdict>;
  }): Promise<void> {
    const QueueUrl = queues[options.queue];
    while (!(await options.isOver())) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          VisibilityTimeout: 300,
          WaitTimeSeconds: 1,
          MessageSystemAttributeNames: ['ApproximateReceiveCount'],
        }),
      );
      for (const message of Messages) {
        const verdict = await options.worker(message);
        if (verdict.kind === 'BACK') {
          const { ReceiptHandle } = message;
          const VisibilityTimeout = Math.min(1, verdict.delay);
          await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout }));
        }
      }
    }
  }

  it.each([
    ['base', 'OVERWRITE'],
    ['extended', 'SKIP'],
  ] as const)(
    'brings all over, nothing twice but what was under way: %s contract, %s',
    async (contract, conflictStrategy) => {
      const projectId = `${contract}_${randomBytes(3).toString('hex')}`;
      const planted = await plant(sandbox, projectId, { files: FILES, round: 'new' });
      if (conflictStrategy === 'OVERWRITE') {
        await plant(product.sandbox, projectId, { files: FILES / 2, round: 'old' });
      }
      const task = storedTask({
        key: randomBytes(16).toString('hex'),
        type: 'FULL',
        status: 'WAITING',
        includeAllProject: false,
        localProjectId: projectId,
        setting: { ...storedTask().setting, conflictStrategy },
      });
      await sandbox.tasks.put(task);

      const random = randomOf(20_261_122);
      const uploads = new Map<string, number>();
      let kills = 0;
      let underWay = 0;
      const strikes = () => {
        const isNow = kills < KILLS && random() < KILL_RATE;
        kills += isNow ? 1 : 0;
        return isNow;
      };
      const fate: Fate = { before: strikes, after: strikes };

      const worker = (queue: keyof typeof queues) => async (message: Message) => {
        const front = await ProductFront.open({
          product,
          contract,
          uploaded: (path) => uploads.set(path, (uploads.get(path) ?? 0) + 1),
        });
        let cut: Promise<void> | undefined;
        const mortal = mortality({
          fate,
          onDeath: () => {
            // Of files that cannot be told from older ones all that were sent since the last record are sent again.
            underWay += contract === 'base' && queue === 'pages' ? WAVE : front.uploadsUnderWay;
            cut = front.close();
          },
        });
        const client = createRemoteClient({
          url: front.url,
          ...ADMIN,
          allowPrivate: true,
          clusterId: 'c'.repeat(32),
        });
        const remote = mortal('remote', client);
        const dependencies: RunDependencies & PageDependencies = {
          tasks: mortal('tasks', sandbox.tasks),
          runs: mortal('runs', sandbox.runs),
          inventory: mortal(
            'inventory',
            mongoSourceInventory(async () => sandbox.database),
          ),
          catalog: mortal(
            'catalog',
            mongoSourceCatalog(async () => sandbox.database),
          ),
          blobs: mortal('blobs', s3BlobStore({ s3: sandbox.s3, bucket: sandbox.names.bucket })),
          remotes: { clientFor: async () => remote },
          pages: mortal('pages', sqsPageQueue({ sqs, queueUrl: queues.pages })),
          queue: mortal('queue', sqsRunQueue({ sqs, queueUrl: queues.runs })),
          slots: { open: () => Promise.reject(new Error('A full task has no position')) },
          scheduled: () => Promise.reject(new Error('Nothing is scheduled')),
          retry: () => Promise.reject(new Error('Nothing is retried')),
          upkeep: async () => undefined,
          sweep: () => Promise.reject(new Error('Nothing is swept')),
          permissions: async () => undefined,
          clock: systemClock,
          timeZone: 'UTC',
          pause: async () => undefined,
          logger: silent,
        };
        const claims = mortal('claims', sandbox.claims);
        const delivery = {
          messageId: message.MessageId ?? '',
          body: message.Body ?? '',
          deliveries: Number(message.Attributes?.ApproximateReceiveCount),
          signal: AbortSignal.timeout(PATIENCE),
          random: () => 0,
          dependencies,
        };
        let isAcknowledged = false;
        const { acknowledge } = mortal('message', {
          acknowledge: async () => {
            const { ReceiptHandle } = message;
            await sqs.send(new DeleteMessageCommand({ QueueUrl: queues[queue], ReceiptHandle }));
            isAcknowledged = true;
          },
        });
        let verdict: Verdict = { kind: 'BACK', delay: 0 };
        try {
          verdict = await (queue === 'runs'
            ? processRun(delivery)
            : processPage({ ...delivery, pages: dependencies.pages, claims }));
          if (verdict === DONE) {
            await acknowledge();
          }
        } catch (error) {
          if (cut === undefined) {
            throw error;
          }
        }
        if (cut !== undefined) {
          // Its message comes back when the worker is long gone.
          await cut;
          return isAcknowledged ? DONE : ({ kind: 'BACK', delay: 0 } as const);
        }
        await client.close();
        await front.close();
        return verdict;
      };

      await sqsRunQueue({ sqs, queueUrl: queues.runs }).start({ taskKey: task.key, trigger: 'EXECUTE' });
      const deadline = Date.now() + PATIENCE;
      const isOver = async () => {
        const run = await sandbox.runs.latest(task.key);
        return Date.now() > deadline || (run !== undefined && run.status !== 'REPLICATING');
      };
      await Promise.all([
        work({ queue: 'runs', isOver, worker: worker('runs') }),
        ...Array.from({ length: PAGE_WORKERS }, () =>
          work({ queue: 'pages', isOver, worker: worker('pages') }),
        ),
      ]);

      const sent = [...uploads.values()].reduce((sum, times) => sum + times, 0);
      const files = REPOSITORIES.length * FILES;
      process.stderr.write(
        `full sync, ${contract}: ${kills} kills, ${sent} uploads of ${files} files, ${underWay} may be twice\n`,
      );
      const [run, ...others] = await sandbox.runs.list(task.key, { limit: 10 });
      expect(others).toEqual([]);
      expect(run).toMatchObject({
        status: 'SUCCESS',
        counters: {
          totalNode: planted.nodes,
          successNode: planted.nodes,
          conflictedNode: 0,
          failedNode: 0,
          totalBytes: planted.bytes,
          doneBytes: planted.bytes,
        },
        containers: {
          totalProject: 1,
          successProject: 1,
          totalRepo: REPOSITORIES.length,
          successRepo: REPOSITORIES.length,
        },
      });
      expect(await sandbox.tasks.get(task.key)).not.toHaveProperty('activeRunId');
      await expectAccountCloses({ stores: sandbox, taskKey: task.key, isIdle: true, read: 0 });
      const comparisons = await compareProjects({
        source: clusterOf(sandbox),
        target: clusterOf(product.sandbox),
        projects: [projectId],
      });
      expect(comparisons.flatMap(({ differences }) => differences)).toEqual([]);
      expect(comparisons).toHaveLength(REPOSITORIES.length);
      expect(kills).toBe(KILLS);
      expect(uploads.size).toBe(files);
      expect(sent).toBeLessThanOrEqual(files + underWay);
    },
  );
});
