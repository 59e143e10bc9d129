import { mongoSourceCatalog } from '../../functions/shared/apply/mongo-source-catalog.ts';
import { circuitStore, remoteCircuits } from '../../functions/shared/apply/remote-circuits.ts';
import { answeringRemotes } from '../../functions/shared/apply/remotes.ts';
import { s3Archive } from '../../functions/shared/archive/archive.ts';
import { s3BlobStore } from '../../functions/shared/blob/s3-blob-store.ts';
import { mongoSourceHistory } from '../../functions/shared/conflict/source-history.ts';
import { conflictStops } from '../../functions/shared/conflict/stop.ts';
import { failureRepository } from '../../functions/shared/failure/repository.ts';
import { sqsAcknowledger } from '../../functions/shared/lane/acknowledge.ts';
import { sqsPostponer } from '../../functions/shared/lane/postpone.ts';
import { sqsLaneQueue } from '../../functions/shared/lane/queue.ts';
import { laneRepository } from '../../functions/shared/lane/repository.ts';
import { cappedOperateLog } from '../../functions/shared/operate-log/reader.ts';
import { slotRepository } from '../../functions/shared/slot/repository.ts';
import { comparison } from '../../functions/shared/sweep/compare.ts';
import { startDueSweeps } from '../../functions/shared/sweep/due.ts';
import { failedPathsOf } from '../../functions/shared/sweep/failed-paths.ts';
import { gapRepairs } from '../../functions/shared/sweep/gap.ts';
import { mongoLiveNodes } from '../../functions/shared/sweep/live-nodes.ts';
import { partLedger } from '../../functions/shared/sweep/part-ledger.ts';
import { sweepParts } from '../../functions/shared/sweep/parts.ts';
import type { SweepDependencies } from '../../functions/shared/sweep/process-sweep.ts';
import { mongoSourceNodes } from '../../functions/shared/sweep/source-nodes.ts';
import { sweepRepository } from '../../functions/shared/sweep/table-sweeps.ts';
import { sqsRunQueue } from '../../functions/shared/sync/queue.ts';
import { mongoSourceInventory } from '../../functions/shared/sync/source-inventory.ts';
import { catchUpRepository } from '../../functions/shared/tail/catch-up-repository.ts';
import type { TailDependencies } from '../../functions/shared/tail/tail.ts';
import { taskRepository } from '../../functions/shared/task/repository.ts';
import { laneUpkeep } from '../../functions/shared/upkeep/lanes.ts';
import type { UpkeepStep } from '../../functions/shared/upkeep/upkeep.ts';
import { ENDLESS } from '../support/memory-log.ts';
import type { Cloud } from './cloud.ts';
import { clientsOf, type Destination } from './destination.ts';
import type { MemoryDynamoDb } from './memory-dynamodb.ts';
import type { MemoryMongo } from './memory-mongodb.ts';
import type { MemoryS3 } from './memory-s3.ts';
import type { MemorySqs } from './memory-sqs.ts';
import { SOURCE_BUCKET } from './source.ts';

const TABLE_NAME = 'table';
export const ARCHIVE_BUCKET = 'archive';
export const LANE_QUEUE = 'lanes.fifo';
export const RUN_QUEUE = 'runs';
const urlOf = (queue: string) => `https://sqs.nowhere/${queue}`;

/** Where a function tells what it does. */
export interface TellingLogger {
  readonly info: () => void;
  readonly warn: (...what: readonly unknown[]) => void;
  readonly error: (...what: readonly unknown[]) => void;
}

/** What the functions of a deployment are made of, put together as their handlers do. */
export class Deployment {
  readonly #cloud: Cloud;
  readonly #sqs: MemorySqs;
  readonly #s3: MemoryS3;
  readonly #source: MemoryMongo;
  readonly #destinations: readonly Destination[];
  readonly #logger: TellingLogger;
  readonly #table: { readonly table: MemoryDynamoDb['client']; readonly tableName: string };

  constructor(options: {
    readonly cloud: Cloud;
    readonly table: MemoryDynamoDb;
    readonly sqs: MemorySqs;
    readonly s3: MemoryS3;
    readonly source: MemoryMongo;
    readonly destinations: readonly Destination[];
    readonly logger: TellingLogger;
  }) {
    this.#cloud = options.cloud;
    this.#sqs = options.sqs;
    this.#s3 = options.s3;
    this.#source = options.source;
    this.#destinations = options.destinations;
    this.#logger = options.logger;
    this.#table = { table: options.table.client, tableName: TABLE_NAME };
  }

  get tasks() {
    return taskRepository(this.#table);
  }

  get slots() {
    return slotRepository({ ...this.#table, clock: this.#cloud.simulation.clock });
  }

  get log() {
    return cappedOperateLog({ database: this.#source.connect(), collection: 'operate_log' });
  }

  get archive() {
    return s3Archive({ s3: this.#s3.client, bucket: ARCHIVE_BUCKET });
  }

  get runQueue() {
    return sqsRunQueue({ sqs: this.#sqs.client, queueUrl: urlOf(RUN_QUEUE) });
  }

  get #laneQueue() {
    return sqsLaneQueue({ sqs: this.#sqs.client, queueUrl: urlOf(LANE_QUEUE) });
  }

  tailer(): TailDependencies {
    const { simulation } = this.#cloud;
    return {
      slots: this.slots,
      tasks: this.tasks,
      catchUps: catchUpRepository(this.#table),
      log: this.log,
      // It goes round by chance, and not because it is full.
      inspect: async () => ENDLESS,
      archive: this.archive,
      lanes: laneRepository(this.#table),
      queue: this.#laneQueue,
      repairs: gapRepairs({
        sweeps: sweepRepository(this.#table),
        queue: this.runQueue,
        clock: simulation.clock,
      }),
      clock: simulation.clock,
      logger: this.#logger,
      wait: (milliseconds) => simulation.sleep(milliseconds),
      observe: async () => undefined,
    };
  }

  /** What stays warm between two invocations of the worker. */
  replicator() {
    const { clock, random } = this.#cloud.simulation;
    const connected = this.#source.connect();
    const database = async () => connected;
    const { archive } = this;
    const queue = { sqs: this.#sqs.client, queueUrl: urlOf(LANE_QUEUE), logger: this.#logger };
    return {
      circuits: remoteCircuits({ store: circuitStore(this.#table), clock, random }),
      acknowledge: sqsAcknowledger(queue),
      postpone: sqsPostponer(queue),
      dependencies: {
        tasks: this.tasks,
        lanes: laneRepository(this.#table),
        remotes: clientsOf(this.#destinations, this.#cloud),
        catalog: mongoSourceCatalog(database),
        history: mongoSourceHistory(database),
        conflictStops: conflictStops(this.#table),
        parts: partLedger(this.#table),
        blobs: s3BlobStore({ s3: this.#s3.client, bucket: SOURCE_BUCKET }),
        loadOperation: (key: string) => archive.loadOperation(key),
        clock,
        timeZone: 'UTC',
        logger: this.#logger,
      },
    };
  }

  /** The planner, as far as it sweeps and looks after the lanes. */
  planner(): { readonly sweeping: SweepDependencies; readonly steps: readonly UpkeepStep[] } {
    const { circuits, dependencies } = this.replicator();
    const { tasks, lanes, remotes, catalog, clock, logger } = dependencies;
    const connected = this.#source.connect();
    const database = async () => connected;
    const failures = failureRepository(this.#table);
    const nodes = mongoSourceNodes(database);
    const sweeping: SweepDependencies = {
      tasks,
      remotes: answeringRemotes({ remotes, circuits }),
      catalog,
      inventory: mongoSourceInventory(database),
      clock,
      logger,
      sweeps: sweepRepository(this.#table),
      parts: sweepParts({ ...this.#table, queue: this.#laneQueue, clock }),
      liveNodes: mongoLiveNodes(database),
      comparison: (options) => comparison({ ...options, nodes }),
      failedPaths: (taskKey) => failedPathsOf({ taskKey, failures }),
      queue: this.runQueue,
    };
    const steps = [
      {
        name: 'sweeps',
        run: (signal: AbortSignal) => startDueSweeps({ tasks, signal, dependencies: sweeping }),
      },
      laneUpkeep({
        tasks,
        lanes,
        remotes,
        circuits,
        catchUps: catchUpRepository(this.#table),
        slots: this.slots,
        archive: this.archive,
        clock,
        logger,
      }),
    ];
    return { sweeping, steps };
  }
}
