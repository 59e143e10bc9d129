import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { deployedRemotes } from '../shared/apply/deployed-remotes.ts';
import { mongoSourceCatalog } from '../shared/apply/mongo-source-catalog.ts';
import { answeringRemotes } from '../shared/apply/remotes.ts';
import { s3Archive } from '../shared/archive/archive.ts';
import { dynamoDb, s3, scheduler, secretsManager, sqs } from '../shared/aws/clients.ts';
import { s3BlobStore } from '../shared/blob/s3-blob-store.ts';
import { systemClock } from '../shared/clock.ts';
import { conflictRepository } from '../shared/conflict/repository.ts';
import { resolveConflicts } from '../shared/conflict/resolve.ts';
import { environment } from '../shared/environment.ts';
import { failureRepository } from '../shared/failure/repository.ts';
import { type RetryDependencies, redoFailures } from '../shared/failure/retry.ts';
import { mongoSourceIdentities } from '../shared/identity/source-identities.ts';
import { sqsPostponer } from '../shared/lane/postpone.ts';
import { sqsLaneQueue } from '../shared/lane/queue.ts';
import { laneRepository } from '../shared/lane/repository.ts';
import { logger } from '../shared/logger.ts';
import { writeLine } from '../shared/metrics.ts';
import { bkRepoDatabase } from '../shared/mongodb/database.ts';
import { cappedOperateLog } from '../shared/operate-log/reader.ts';
import { runRepository } from '../shared/run/table-runs.ts';
import { eventBridgeTaskSchedule } from '../shared/schedule/eventbridge-schedule.ts';
import { onScheduledStart } from '../shared/schedule/scheduled-start.ts';
import { openSlot } from '../shared/slot/open.ts';
import { slotRepository } from '../shared/slot/repository.ts';
import { comparison } from '../shared/sweep/compare.ts';
import { startDueSweeps } from '../shared/sweep/due.ts';
import { failedPathsOf } from '../shared/sweep/failed-paths.ts';
import { mongoLiveNodes } from '../shared/sweep/live-nodes.ts';
import { observedSweeps } from '../shared/sweep/observe.ts';
import { sweepParts } from '../shared/sweep/parts.ts';
import { processSweep, type SweepDependencies } from '../shared/sweep/process-sweep.ts';
import { mongoSourceNodes } from '../shared/sweep/source-nodes.ts';
import { sweepRepository } from '../shared/sweep/table-sweeps.ts';
import { processDeliveries } from '../shared/sync/deliveries.ts';
import { syncPermissions } from '../shared/sync/permissions.ts';
import { processRun, type RunDependencies } from '../shared/sync/process-run.ts';
import { sqsPageQueue, sqsRunQueue } from '../shared/sync/queue.ts';
import { mongoSourceInventory } from '../shared/sync/source-inventory.ts';
import { catchUpRepository } from '../shared/tail/catch-up-repository.ts';
import { taskRepository } from '../shared/task/repository.ts';
import { laneUpkeep } from '../shared/upkeep/lanes.ts';
import { strandedCount } from '../shared/upkeep/stranded.ts';
import { type UpkeepStep, upkeep } from '../shared/upkeep/upkeep.ts';

const env = environment(
  'TABLE_NAME',
  'ARCHIVE_BUCKET',
  'BLOB_BUCKET',
  'RUN_QUEUE_URL',
  'RUN_QUEUE_ARN',
  'PAGE_QUEUE_URL',
  'LANE_QUEUE_URL',
  'SCHEDULE_GROUP',
  'SCHEDULE_ROLE_ARN',
  'MONGODB_SECRET_ID',
  'MONGODB_DATABASE',
  'OPERATE_LOG_COLLECTION',
  'TIME_ZONE',
);
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const database = () =>
  bkRepoDatabase({
    secrets: secretsManager(),
    secretId: env.MONGODB_SECRET_ID,
    database: env.MONGODB_DATABASE,
  });
const postpone = sqsPostponer({ sqs: sqs(), queueUrl: env.RUN_QUEUE_URL, logger });
const tasks = taskRepository(table);
const runs = runRepository(table);
const identities = mongoSourceIdentities(database);
const schedule = eventBridgeTaskSchedule({
  scheduler: scheduler(),
  groupName: env.SCHEDULE_GROUP,
  queueArn: env.RUN_QUEUE_ARN,
  roleArn: env.SCHEDULE_ROLE_ARN,
  clock: systemClock,
});
const deployed = deployedRemotes();
const shared = {
  tasks,
  inventory: mongoSourceInventory(database),
  catalog: mongoSourceCatalog(database),
  remotes: answeringRemotes(deployed),
  clock: systemClock,
  logger,
};
const failures = failureRepository(table);
const lanes = laneRepository(table);
const slots = slotRepository({ ...table, clock: systemClock });
const nodes = mongoSourceNodes(database);
const queue = sqsRunQueue({ sqs: sqs(), queueUrl: env.RUN_QUEUE_URL });
const retrying: RetryDependencies = {
  ...shared,
  failures,
  lanes,
  blobs: s3BlobStore({ s3: s3(), bucket: env.BLOB_BUCKET }),
  permissions: (options) => syncPermissions({ ...options, identities, clock: systemClock }),
  timeZone: env.TIME_ZONE,
};

/** What is told in metrics is told under the function's name. */
function dependenciesOf({ functionName }: Context): RunDependencies {
  const observed = { functionName, emit: writeLine };
  const sweeping: SweepDependencies = {
    ...shared,
    sweeps: observedSweeps({ sweeps: sweepRepository(table), ...observed }),
    parts: sweepParts({
      ...table,
      queue: sqsLaneQueue({ sqs: sqs(), queueUrl: env.LANE_QUEUE_URL }),
      clock: systemClock,
    }),
    liveNodes: mongoLiveNodes(database),
    comparison: (options) => comparison({ ...options, nodes }),
    failedPaths: (taskKey) => failedPathsOf({ taskKey, failures }),
    queue,
  };
  /** What is looked after every few minutes. */
  const steps: readonly UpkeepStep[] = [
    { name: 'sweeps', run: (signal) => startDueSweeps({ tasks, signal, dependencies: sweeping }) },
    strandedCount({ ...shared, ...observed }),
    laneUpkeep({
      ...shared,
      // It looks for the end of an outage, so it calls remotes that are down.
      ...deployed,
      lanes,
      catchUps: catchUpRepository(table),
      slots,
      archive: s3Archive({ s3: s3(), bucket: env.ARCHIVE_BUCKET }),
    }),
  ];
  return {
    ...shared,
    runs,
    pages: sqsPageQueue({ sqs: sqs(), queueUrl: env.PAGE_QUEUE_URL }),
    queue,
    slots: {
      open: async (slotName) =>
        openSlot({
          slotName,
          slots,
          log: cappedOperateLog({ database: await database(), collection: env.OPERATE_LOG_COLLECTION }),
        }),
    },
    permissions: (options) => syncPermissions({ ...options, identities, runs, clock: systemClock }),
    scheduled: (start) =>
      onScheduledStart({ ...start, tasks, schedule, clock: systemClock, timeZone: env.TIME_ZONE }),
    retry: (options) =>
      options.message.of === 'CONFLICTS'
        ? resolveConflicts({ ...options, conflicts: conflictRepository(table), dependencies: retrying })
        : redoFailures({ ...options, dependencies: retrying }),
    sweep: (options) => processSweep({ ...options, dependencies: sweeping }),
    upkeep: (signal) => upkeep({ steps, signal, logger }),
  };
}

/** Begins runs, plans them and looks after them until they have ended, and does the upkeep; what is not done comes back. */
export const handler = async (event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
  logger.addContext(context);
  const dependencies = dependenciesOf(context);
  return processDeliveries({
    records: event.Records,
    remainingTime: context.getRemainingTimeInMillis(),
    process: (delivery) => processRun({ ...delivery, dependencies }),
    postpone,
    logger,
  });
};
