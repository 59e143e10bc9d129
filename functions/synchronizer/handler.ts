import { setTimeout as wait } from 'node:timers/promises';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { deployedRemotes } from '../shared/apply/deployed-remotes.ts';
import { mongoSourceCatalog } from '../shared/apply/mongo-source-catalog.ts';
import { answeringRemotes } from '../shared/apply/remotes.ts';
import { dynamoDb, s3, secretsManager, sqs } from '../shared/aws/clients.ts';
import { s3BlobStore } from '../shared/blob/s3-blob-store.ts';
import { systemClock } from '../shared/clock.ts';
import { environment } from '../shared/environment.ts';
import { sqsPostponer } from '../shared/lane/postpone.ts';
import { logger } from '../shared/logger.ts';
import { bkRepoDatabase } from '../shared/mongodb/database.ts';
import { runRepository } from '../shared/run/table-runs.ts';
import { processDeliveries } from '../shared/sync/deliveries.ts';
import { pageClaims } from '../shared/sync/page-claims.ts';
import { processPage } from '../shared/sync/process-page.ts';
import { sqsPageQueue } from '../shared/sync/queue.ts';
import { taskRepository } from '../shared/task/repository.ts';

const env = environment(
  'TABLE_NAME',
  'BLOB_BUCKET',
  'PAGE_QUEUE_URL',
  'MONGODB_SECRET_ID',
  'MONGODB_DATABASE',
  'TIME_ZONE',
);
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const pages = sqsPageQueue({ sqs: sqs(), queueUrl: env.PAGE_QUEUE_URL });
const postpone = sqsPostponer({ sqs: sqs(), queueUrl: env.PAGE_QUEUE_URL, logger });
const claims = pageClaims(table);
const dependencies = {
  tasks: taskRepository(table),
  runs: runRepository(table),
  remotes: answeringRemotes(deployedRemotes()),
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
  return processDeliveries({
    records: event.Records,
    remainingTime: context.getRemainingTimeInMillis(),
    process: (delivery) => processPage({ ...delivery, pages, claims, dependencies }),
    postpone,
    logger,
  });
};
