import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Context } from 'aws-lambda';
import { MAX_READ, s3Archive } from '../shared/archive/archive.ts';
import { dynamoDb, s3, secretsManager, sqs } from '../shared/aws/clients.ts';
import { systemClock } from '../shared/clock.ts';
import { environment } from '../shared/environment.ts';
import { sqsLaneQueue } from '../shared/lane/queue.ts';
import { laneRepository } from '../shared/lane/repository.ts';
import { logger } from '../shared/logger.ts';
import { writeLine } from '../shared/metrics.ts';
import { bkRepoDatabase } from '../shared/mongodb/database.ts';
import { cappedOperateLog } from '../shared/operate-log/reader.ts';
import { inspectIfPossible, inspectLog } from '../shared/operate-log/ring.ts';
import { slotRepository } from '../shared/slot/repository.ts';
import { gapRepairs } from '../shared/sweep/gap.ts';
import { sweepRepository } from '../shared/sweep/table-sweeps.ts';
import { sqsRunQueue } from '../shared/sync/queue.ts';
import { catchUpRepository } from '../shared/tail/catch-up-repository.ts';
import { logObserver } from '../shared/tail/observe.ts';
import { type TailOutcome, tail } from '../shared/tail/tail.ts';
import { taskRepository } from '../shared/task/repository.ts';

const env = environment(
  'TABLE_NAME',
  'ARCHIVE_BUCKET',
  'LANE_QUEUE_URL',
  'RUN_QUEUE_URL',
  'MONGODB_SECRET_ID',
  'MONGODB_DATABASE',
  'OPERATE_LOG_COLLECTION',
  'TAIL_MODE',
);

/** A continuous run ends before the schedule's next minute begins: its lease must not turn the next run away. */
const FOLLOW_MS = 54_000;
/** Kept free at the invocation's end to finish the read that was begun. */
const RESERVE_MS = 10_000;

/** What this execution environment has warned of. */
const told = new Set<string>();

/**
 * Trigger: EventBridge Scheduler, every minute; the event is not read. Starting point: each slot's stored position.
 * Effect: what the log holds behind it is archived, sent to the lane queue, and the position moves.
 */
export async function handler(_event: unknown, context: Context): Promise<TailOutcome[]> {
  logger.addContext(context);
  const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
  const slots = slotRepository({ ...table, clock: systemClock });
  const database = await bkRepoDatabase({
    secrets: secretsManager(),
    secretId: env.MONGODB_SECRET_ID,
    database: env.MONGODB_DATABASE,
  });
  const source = { database, collection: env.OPERATE_LOG_COLLECTION };
  return tail(
    {
      slots,
      tasks: taskRepository(table),
      catchUps: catchUpRepository(table),
      log: cappedOperateLog(source),
      inspect: () => inspectIfPossible({ inspect: () => inspectLog(source), logger }),
      archive: s3Archive({ s3: s3(), bucket: env.ARCHIVE_BUCKET }),
      lanes: laneRepository(table),
      queue: sqsLaneQueue({ sqs: sqs(), queueUrl: env.LANE_QUEUE_URL }),
      repairs: gapRepairs({
        sweeps: sweepRepository(table),
        queue: sqsRunQueue({ sqs: sqs(), queueUrl: env.RUN_QUEUE_URL }),
        clock: systemClock,
      }),
      clock: systemClock,
      logger,
      wait: (milliseconds) => wait(milliseconds),
      observe: logObserver({
        inspect: () => inspectLog(source),
        collection: source.collection,
        functionName: context.functionName,
        emit: writeLine,
        told,
        clock: systemClock,
        logger,
      }),
    },
    {
      mode: env.TAIL_MODE,
      owner: randomUUID(),
      deadline: Date.now() + Math.min(FOLLOW_MS, context.getRemainingTimeInMillis() - RESERVE_MS),
      readLimit: MAX_READ,
      leaseMs: 30_000,
      pollMs: 1_000,
    },
  );
}
