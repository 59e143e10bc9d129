import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { deployedRemotes } from '../shared/apply/deployed-remotes.ts';
import { mongoSourceCatalog } from '../shared/apply/mongo-source-catalog.ts';
import { processRecords, type QueueRecord } from '../shared/apply/process-records.ts';
import { s3Archive } from '../shared/archive/archive.ts';
import { dynamoDb, s3, secretsManager, sqs } from '../shared/aws/clients.ts';
import { s3BlobStore } from '../shared/blob/s3-blob-store.ts';
import { systemClock } from '../shared/clock.ts';
import { mongoSourceHistory } from '../shared/conflict/source-history.ts';
import { conflictStops } from '../shared/conflict/stop.ts';
import { environment } from '../shared/environment.ts';
import { sqsAcknowledger } from '../shared/lane/acknowledge.ts';
import { sqsPostponer } from '../shared/lane/postpone.ts';
import { laneRepository } from '../shared/lane/repository.ts';
import { logger } from '../shared/logger.ts';
import { bkRepoDatabase } from '../shared/mongodb/database.ts';
import { partLedger } from '../shared/sweep/part-ledger.ts';
import { taskRepository } from '../shared/task/repository.ts';

const env = environment(
  'TABLE_NAME',
  'ARCHIVE_BUCKET',
  'BLOB_BUCKET',
  'LANE_QUEUE_URL',
  'MONGODB_SECRET_ID',
  'MONGODB_DATABASE',
  'TIME_ZONE',
);
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const archive = s3Archive({ s3: s3(), bucket: env.ARCHIVE_BUCKET });
const laneQueue = { sqs: sqs(), queueUrl: env.LANE_QUEUE_URL, logger };
const postpone = sqsPostponer(laneQueue);
/** What is done of a lane is removed at once: its next message need not wait for what is slow in the same delivery. */
const acknowledge = sqsAcknowledger(laneQueue);
const { remotes, circuits } = deployedRemotes();
const database = () =>
  bkRepoDatabase({
    secrets: secretsManager(),
    secretId: env.MONGODB_SECRET_ID,
    database: env.MONGODB_DATABASE,
  });
const dependencies = {
  tasks: taskRepository(table),
  lanes: laneRepository(table),
  remotes,
  catalog: mongoSourceCatalog(database),
  history: mongoSourceHistory(database),
  conflictStops: conflictStops(table),
  parts: partLedger(table),
  blobs: s3BlobStore({ s3: s3(), bucket: env.BLOB_BUCKET }),
  loadOperation: archive.loadOperation,
  clock: systemClock,
  timeZone: env.TIME_ZONE,
  logger,
};

/** Milliseconds that are kept back to record what was done and to give the rest back. */
const CLOSING_TIME = 15_000;

/** Applies the lanes' batches at the remotes, and does the parts of sweeps; what cannot be applied now goes back to the queue. */
export const handler = async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
  logger.addContext(context);
  const receiptHandles = new Map(
    event.Records.map(({ messageId, receiptHandle }) => [messageId, receiptHandle]),
  );
  const handlesOf = (records: readonly QueueRecord[]): string[] =>
    records.flatMap(({ messageId }) => receiptHandles.get(messageId) ?? []);
  const returned = await processRecords({
    records: event.Records.map(recordOf),
    signal: AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - CLOSING_TIME)),
    random: Math.random,
    circuits,
    onDone: (records) => acknowledge(handlesOf(records)),
    dependencies,
  });
  await postpone(
    returned.flatMap(({ record, delay }) =>
      handlesOf([record]).map((receiptHandle) => ({ receiptHandle, delay })),
    ),
  );
  return { batchItemFailures: returned.map(({ record }) => ({ itemIdentifier: record.messageId })) };
};

function recordOf({ messageId, body, attributes }: SQSEvent['Records'][number]): QueueRecord {
  return {
    messageId,
    // The queue is FIFO: every message has a group.
    groupId: attributes.MessageGroupId ?? messageId,
    body,
    deliveries: Number(attributes.ApproximateReceiveCount),
  };
}
