import { setTimeout as wait } from 'node:timers/promises';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { mongoSourceCatalog } from '../shared/apply/mongo-source-catalog.ts';
import { remotePool } from '../shared/apply/remotes.ts';
import { dynamoDb, kms, s3, secretsManager, sqs } from '../shared/aws/clients.ts';
import { s3BlobStore } from '../shared/blob/s3-blob-store.ts';
import { systemClock } from '../shared/clock.ts';
import { environment } from '../shared/environment.ts';
import { sqsPostponer } from '../shared/lane/postpone.ts';
import { logger } from '../shared/logger.ts';
import { bkRepoDatabase } from '../shared/mongodb/database.ts';
import { createRemoteClient } from '../shared/remote/client.ts';
import { runRepository } from '../shared/run/table-runs.ts';
import { processDeliveries } from '../shared/sync/deliveries.ts';
import { pageClaims } from '../shared/sync/page-claims.ts';
import { processPage } from '../shared/sync/process-page.ts';
import { sqsPageQueue } from '../shared/sync/queue.ts';
import { kmsCredentials } from '../shared/task/credentials.ts';
import { taskRepository } from '../shared/task/repository.ts';

const env = environment(
  'TABLE_NAME',
  'BLOB_BUCKET',
  'PAGE_QUEUE_URL',
  'MONGODB_SECRET_ID',
  'MONGODB_DATABASE',
  'CREDENTIALS_KEY_ID',
  'ALLOW_PRIVATE_REMOTES',
  'CLUSTER_ID',
  'TIME_ZONE',
);
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const pages = sqsPageQueue({ sqs: sqs(), queueUrl: env.PAGE_QUEUE_URL });
const postpone = sqsPostponer({ sqs: sqs(), queueUrl: env.PAGE_QUEUE_URL, logger });
const claims = pageClaims(table);
const dependencies = {
  tasks: taskRepository(table),
  runs: runRepository(table),
  remotes: remotePool({
    credentials: kmsCredentials({ kms: kms(), keyId: env.CREDENTIALS_KEY_ID }),
    create: (remote) =>
      createRemoteClient({
        ...remote,
        allowPrivate: env.ALLOW_PRIVATE_REMOTES,
        clusterId: env.CLUSTER_ID,
      }),
  }),
  catalog: mongoSourceCatalog(() =>
    bkRepoDatabase({
      secrets: secretsManager(),
      secretId: env.MONGODB_SECRET_ID,
      database: env.MONGODB_DATABASE,
    }),
  ),
  blobs: s3BlobStore({ s3: s3(), bucket: env.BLOB_BUCKET }),
  clock: systemClock,
  timeZone: env.TIME_ZONE,
  pause: (milliseconds: number) => wait(milliseconds),
  logger,
};

/** Replicates the pages of runs; a page that is not done comes back, or is sent anew. */
export const handler = async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
  logger.addContext(context);
  const returned = await processDeliveries({
    deliveries: event.Records.map(({ messageId, receiptHandle, body, attributes }) => ({
      messageId,
      receiptHandle,
      body,
      deliveries: Number(attributes.ApproximateReceiveCount),
    })),
    remainingTime: context.getRemainingTimeInMillis(),
    process: (delivery) => processPage({ ...delivery, pages, claims, dependencies }),
    postpone,
    logger,
  });
  return { batchItemFailures: returned.map((itemIdentifier) => ({ itemIdentifier })) };
};
