import { mongoSourceCatalog } from '../../functions/shared/apply/mongo-source-catalog.ts';
import { processRecords, type QueueRecord } from '../../functions/shared/apply/process-records.ts';
import { remotePool } from '../../functions/shared/apply/remotes.ts';
import { s3Archive } from '../../functions/shared/archive/archive.ts';
import { s3BlobStore } from '../../functions/shared/blob/s3-blob-store.ts';
import { mongoSourceHistory } from '../../functions/shared/conflict/source-history.ts';
import { conflictStops } from '../../functions/shared/conflict/stop.ts';
import { failureRepository } from '../../functions/shared/failure/repository.ts';
import { sqsPostponer } from '../../functions/shared/lane/postpone.ts';
import { sqsLaneQueue } from '../../functions/shared/lane/queue.ts';
import { laneRepository, laneStateSchema } from '../../functions/shared/lane/repository.ts';
import { cappedOperateLog } from '../../functions/shared/operate-log/reader.ts';
import { createRemoteClient } from '../../functions/shared/remote/client.ts';
import type { Extension } from '../../functions/shared/remote/version.ts';
import { openSlot } from '../../functions/shared/slot/open.ts';
import { slotRepository } from '../../functions/shared/slot/repository.ts';
import { slotSchema } from '../../functions/shared/slot/slot.ts';
import { comparison } from '../../functions/shared/sweep/compare.ts';
import { startDueSweeps } from '../../functions/shared/sweep/due.ts';
import { failedPathsOf } from '../../functions/shared/sweep/failed-paths.ts';
import { gapRepairs } from '../../functions/shared/sweep/gap.ts';
import { mongoLiveNodes } from '../../functions/shared/sweep/live-nodes.ts';
import { partLedger } from '../../functions/shared/sweep/part-ledger.ts';
import { sweepParts } from '../../functions/shared/sweep/parts.ts';
import { processSweep, type SweepDependencies } from '../../functions/shared/sweep/process-sweep.ts';
import { requestSweep } from '../../functions/shared/sweep/request.ts';
import { mongoSourceNodes } from '../../functions/shared/sweep/source-nodes.ts';
import { sweepRepository } from '../../functions/shared/sweep/table-sweeps.ts';
import { delayAfter } from '../../functions/shared/sync/give-up.ts';
import { runMessageSchema } from '../../functions/shared/sync/message.ts';
import { sqsRunQueue } from '../../functions/shared/sync/queue.ts';
import { mongoSourceInventory } from '../../functions/shared/sync/source-inventory.ts';
import { catchUpRepository } from '../../functions/shared/tail/catch-up-repository.ts';
import { type TailMode, tail } from '../../functions/shared/tail/tail.ts';
import { taskRepository } from '../../functions/shared/task/repository.ts';
import { taskSchema } from '../../functions/shared/task/task.ts';
import { laneUpkeep } from '../../functions/shared/upkeep/lanes.ts';
import { type UpkeepStep, upkeep } from '../../functions/shared/upkeep/upkeep.ts';
import { storedTask } from '../support/tasks.ts';
import { Changes } from './changes.ts';
import { accountClosed, converged, Divergence, nothingLeft } from './checks.ts';
import { Cloud } from './cloud.ts';
import { type FaultKind, Faults, NEEDING_SWEEPS } from './faults.ts';
import { MemoryDynamoDb } from './memory-dynamodb.ts';
import { MemoryMongo } from './memory-mongodb.ts';
import { MemoryS3 } from './memory-s3.ts';
import { MemoryQueue, MemorySqs, type QueueMessage } from './memory-sqs.ts';
import { receiver } from './receiver.ts';
import { type Process, Simulation } from './simulation.ts';
import { SOURCE_BUCKET, Source } from './source.ts';
import { SimulatedTransport } from './transport.ts';

/** How the target speaks. */
export type RemoteKind = 'era' | 'base' | 'extended';
const EXTENSIONS: Readonly<Record<RemoteKind, readonly Extension[] | undefined>> = {
  era: undefined,
  base: [],
  extended: ['blob', 'digests', 'ranges'],
};

export interface SeedResult {
  readonly seed: number;
  readonly remote: RemoteKind;
  readonly changes: number;
  /** Entries of the source's log. */
  readonly entries: number;
  /** Seconds of the simulation. */
  readonly simulated: number;
  readonly trace: number;
  readonly struck: ReadonlyMap<FaultKind, number>;
  readonly killedAt: ReadonlyMap<string, number>;
}

const START = Date.parse('2026-11-22T00:00:00Z');
const TABLE = { tableName: 'table' };
const ARCHIVE_BUCKET = 'archive';
const TARGET_BUCKET = 'target-blobs';
const QUEUE_URL = 'https://sqs.nowhere/lanes.fifo';
const RUN_QUEUE_URL = 'https://sqs.nowhere/runs';
const REMOTE_URL = 'http://remote.example/replication';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** As deployed: a worker's time, and after how long a message of one that died comes back. */
const WORKER_MS = 300 * SECOND;
const CLOSING_MS = 15 * SECOND;
const VISIBILITY_MS = 360 * SECOND;
const MAX_RECEIVES = 1_000;
const MAX_WORKERS = 3;
const UPKEEP_MS = 5 * MINUTE;
const FOLLOW_MS = 54 * SECOND;
const LEASE_MS = 30 * SECOND;
/** Messages of one delivery. */
const DELIVERY = 10;
/** Longest that a world may take to come to rest; milliseconds of its time. */
const REST_MS = 24 * 60 * MINUTE;

/** One world from one seed: changes and faults, then rest, then the checks. */
export class Scenario {
  readonly simulation: Simulation;
  readonly faults: Faults;
  readonly table: MemoryDynamoDb;
  readonly s3: MemoryS3;
  readonly queue = new MemoryQueue('lanes.fifo', MAX_RECEIVES);
  readonly runs = new MemoryQueue('runs', MAX_RECEIVES);
  readonly source: Source;
  readonly target: MemoryMongo;
  readonly transport: SimulatedTransport;
  readonly remote: RemoteKind;
  readonly hasSweeps: boolean;
  readonly task = storedTask({
    setting: {
      ...storedTask().setting,
      remoteClusterInfo: { ...storedTask().setting.remoteClusterInfo, url: REMOTE_URL },
      conflictStrategy: 'OVERWRITE',
      sweepPeriod: 5,
      maxDeletionShare: 1,
    },
  });
  readonly seed: number;
  readonly warnings: string[] = [];
  readonly #cloud: Cloud;
  readonly #sqs: MemorySqs;
  readonly #changes: Changes;
  #tailers = 0;
  #workers = 0;
  #planners = 0;
  #isStorm = true;
  #calmSince = Number.POSITIVE_INFINITY;
  /** What stays warm between two invocations of the worker. */
  readonly #environments: ReturnType<Scenario['workerEnvironment']>[] = [];
  #fatal: unknown;

  /** @param withSweeps whether there are sweeps, and faults that nothing else makes good. */
  constructor(seed: number, withSweeps: boolean) {
    this.seed = seed;
    this.simulation = new Simulation(seed, START);
    this.faults = new Faults(this.simulation, NEEDING_SWEEPS);
    this.#cloud = new Cloud(this.simulation, this.faults);
    this.table = new MemoryDynamoDb(this.#cloud);
    this.s3 = new MemoryS3(this.#cloud);
    this.#sqs = new MemorySqs(this.#cloud, [this.queue, this.runs]);
    this.source = new Source({ ...this.#parts(), mongo: new MemoryMongo(this.#cloud), s3: this.s3 });
    this.target = new MemoryMongo(this.#cloud);
    this.remote = this.simulation.pick(['era', 'base', 'extended', 'extended'] as const);
    // A remote of the base contract tells neither content nor metadata: there nothing finds what the log does not say.
    this.hasSweeps = withSweeps && this.remote === 'extended';
    if (this.hasSweeps) {
      this.faults.switchOn(NEEDING_SWEEPS);
    }
    this.transport = new SimulatedTransport({
      cloud: this.#cloud,
      serve: receiver({
        connect: () => this.target.connect(),
        blobs: s3BlobStore({ s3: this.s3.client, bucket: TARGET_BUCKET }),
        clock: this.simulation.clock,
        clusterId: 'b'.repeat(32),
        extensions: EXTENSIONS[this.remote],
        onError: (error) => this.#tell('receiver', error),
      }),
    });
    this.#changes = new Changes(this.simulation, this.source, {
      kindsStay: this.remote === 'era',
      unloggedMetadata: this.hasSweeps && this.faults.strikes('metadata without an entry'),
    });
  }

  #parts() {
    return { simulation: this.simulation, faults: this.faults };
  }

  async run(): Promise<SeedResult> {
    await this.#open();
    const { simulation } = this;
    const length = simulation.between(60, 140);
    this.#everySoOften(length);
    this.#everyMinute();
    this.#everyFiveMinutes();
    this.#deliverSoon();
    await this.#passUntil(() => !this.#isStorm, 60 * MINUTE);
    this.faults.isOn = false;
    this.#calmSince = this.simulation.now;
    await this.#passUntil(() => this.isAtRest(), REST_MS);
    if (this.hasSweeps) {
      await this.#sweep();
    }
    await accountClosed(this, 'at rest');
    converged(this);
    nothingLeft(this);
    const { changes } = this.transport;
    changes.clear();
    const restAt = simulation.now;
    await this.#passUntil(() => simulation.now > restAt + 5 * MINUTE, 10 * MINUTE);
    if ([...changes.values()].length > 0) {
      throw new Divergence('The target is still changed after everything is done');
    }
    return {
      seed: this.seed,
      remote: this.remote,
      changes: this.#changes.done,
      entries: this.source.written,
      simulated: Math.round((simulation.now - START) / SECOND),
      trace: simulation.trace >>> 0,
      struck: this.faults.struck,
      killedAt: this.faults.killedAt,
    };
  }

  /** What operators ask for when they want to be sure: everything compared and put right. */
  async #sweep(): Promise<void> {
    const { tasks, sweeps, queue, clock } = this.#sweeping();
    const request = {
      taskKey: this.task.key,
      kind: 'FULL' as const,
      allowDeletions: true,
      deleteExtra: true,
    };
    await requestSweep({ request, tasks, sweeps, queue, clock });
    await this.#passUntil(() => this.isAtRest(), REST_MS);
  }

  async #open(): Promise<void> {
    const slots = slotRepository({ table: this.table.client, ...TABLE, clock: this.simulation.clock });
    const log = cappedOperateLog({ database: this.source.mongo.connect(), collection: 'operate_log' });
    await openSlot({ slotName: 'default', slots, log });
    await taskRepository({ table: this.table.client, ...TABLE }).put(this.task);
    this.#changes.begin();
  }

  async #passUntil(isReached: () => boolean, limit: number): Promise<void> {
    await this.simulation.passUntil(() => {
      if (this.#fatal !== undefined) {
        throw this.#fatal;
      }
      return isReached();
    }, limit);
  }

  /** The source's changes, until so many were tried. */
  #everySoOften(left: number): void {
    if (left === 0) {
      this.#isStorm = false;
      return;
    }
    const { simulation } = this;
    const pause = simulation.random() < 0.6 ? simulation.below(300) : simulation.between(1_000, 12_000);
    simulation.after(pause, () => {
      this.#changes.next();
      this.#everySoOften(left - 1);
    });
  }

  /** The schedule of the tailer; now and then it begins twice. */
  #everyMinute(): void {
    void this.#tail();
    if (this.#isStorm && this.simulation.random() < 0.3) {
      this.simulation.after(this.simulation.below(MINUTE), () => void this.#tail());
    }
    this.simulation.after(MINUTE, () => this.#everyMinute());
  }

  async #tail(): Promise<void> {
    const { simulation } = this;
    this.#tailers += 1;
    const mode: TailMode = this.#isStorm && simulation.random() < 0.6 ? 'continuous' : 'burst';
    const owner = `tailer ${this.#tailers}`;
    const end = await simulation.spawn('tailer', async () => {
      const table = { table: this.table.client, ...TABLE };
      await tail(
        {
          slots: slotRepository({ ...table, clock: simulation.clock }),
          tasks: taskRepository(table),
          catchUps: catchUpRepository(table),
          log: cappedOperateLog({ database: this.source.mongo.connect(), collection: 'operate_log' }),
          archive: s3Archive({ s3: this.s3.client, bucket: ARCHIVE_BUCKET }),
          lanes: laneRepository(table),
          queue: sqsLaneQueue({ sqs: this.#sqs.client, queueUrl: QUEUE_URL }),
          repairs: gapRepairs({
            sweeps: sweepRepository(table),
            queue: sqsRunQueue({ sqs: this.#sqs.client, queueUrl: RUN_QUEUE_URL }),
            clock: simulation.clock,
          }),
          clock: simulation.clock,
          logger: this.#logger(),
          wait: (milliseconds) => simulation.sleep(milliseconds),
          observe: async () => undefined,
        },
        {
          mode,
          owner,
          deadline: simulation.now + FOLLOW_MS,
          readLimit: simulation.between(3, 40),
          leaseMs: LEASE_MS,
          pollMs: SECOND,
        },
      );
    });
    await this.#afterEnd('tailer', end.end === 'failed' ? end.error : undefined);
  }

  /** What looks after the rest, every five minutes. */
  #everyFiveMinutes(): void {
    void this.#lookAfter();
    this.simulation.after(UPKEEP_MS, () => this.#everyFiveMinutes());
  }

  async #lookAfter(): Promise<void> {
    const { simulation } = this;
    const { tasks, lanes, remotes, clock, logger } = this.workerEnvironment();
    const table = { table: this.table.client, ...TABLE };
    const dependencies = {
      tasks,
      lanes,
      remotes,
      catchUps: catchUpRepository(table),
      slots: slotRepository({ ...table, clock }),
      archive: s3Archive({ s3: this.s3.client, bucket: ARCHIVE_BUCKET }),
      clock,
      logger,
    };
    const sweeps: UpkeepStep = {
      name: 'sweeps',
      run: (signal) => startDueSweeps({ tasks, signal, dependencies: this.#sweeping() }),
    };
    const end = await simulation.spawn('upkeep', () =>
      upkeep({
        steps: [laneUpkeep(dependencies), ...(this.hasSweeps ? [sweeps] : [])],
        signal: new AbortController().signal,
        logger,
      }),
    );
    await this.#afterEnd('upkeep', end.end === 'failed' ? end.error : undefined);
  }

  /** The event source mapping: looks for messages, again and again. */
  #deliverSoon(): void {
    const { now } = this.simulation;
    const at = this.queue.nextAt();
    if (at !== undefined && at <= now && this.#workers < MAX_WORKERS) {
      const messages = this.queue.receive(now, VISIBILITY_MS, this.simulation.between(1, DELIVERY));
      const delivered = messages.filter((message) => {
        const isLost = this.faults.strikes('message dead-lettered');
        if (isLost) {
          this.queue.bury(message);
        }
        return !isLost;
      });
      if (delivered.length > 0) {
        void this.#work(delivered);
      }
    }
    if (this.#planners === 0) {
      for (const message of this.runs.receive(now, VISIBILITY_MS, 1)) {
        void this.#plan(message);
      }
    }
    const pause = this.#isStorm
      ? SECOND / 2
      : Math.max(SECOND, Math.min(MINUTE / 4, (this.queue.nextAt() ?? now) - now));
    this.simulation.after(pause, () => this.#deliverSoon());
  }

  workerEnvironment() {
    const table = { table: this.table.client, ...TABLE };
    const connected = this.source.mongo.connect();
    const database = async () => connected;
    return {
      tasks: taskRepository(table),
      lanes: laneRepository(table),
      remotes: remotePool({
        credentials: { decrypt: async () => 'password' },
        create: (remote) =>
          createRemoteClient({
            ...remote,
            allowPrivate: true,
            clusterId: 'a'.repeat(32),
            clock: this.simulation.clock,
            dispatcher: this.transport,
          }),
      }),
      catalog: mongoSourceCatalog(database),
      history: mongoSourceHistory(database),
      conflictStops: conflictStops(table),
      parts: partLedger(table),
      blobs: s3BlobStore({ s3: this.s3.client, bucket: SOURCE_BUCKET }),
      loadOperation: (key: string) =>
        s3Archive({ s3: this.s3.client, bucket: ARCHIVE_BUCKET }).loadOperation(key),
      clock: this.simulation.clock,
      timeZone: 'UTC',
      logger: this.#logger(),
    };
  }

  #sweeping(): SweepDependencies {
    const { tasks, remotes, catalog, clock, logger } = this.workerEnvironment();
    const table = { table: this.table.client, ...TABLE };
    const connected = this.source.mongo.connect();
    const database = async () => connected;
    const failures = failureRepository(table);
    const nodes = mongoSourceNodes(database);
    return {
      tasks,
      remotes,
      catalog,
      inventory: mongoSourceInventory(database),
      clock,
      logger,
      sweeps: sweepRepository(table),
      parts: sweepParts({
        ...table,
        queue: sqsLaneQueue({ sqs: this.#sqs.client, queueUrl: QUEUE_URL }),
        clock,
      }),
      liveNodes: mongoLiveNodes(database),
      comparison: (options) => comparison({ ...options, nodes }),
      failedPaths: (taskKey) => failedPathsOf({ taskKey, failures }),
      queue: sqsRunQueue({ sqs: this.#sqs.client, queueUrl: RUN_QUEUE_URL }),
    };
  }

  /** The planner, as far as it sweeps. */
  async #plan(message: QueueMessage): Promise<void> {
    const { simulation } = this;
    this.#planners += 1;
    const nearlyUp = new AbortController();
    simulation.after(WORKER_MS - CLOSING_MS, () => nearlyUp.abort(new Error('Time is nearly up')));
    let delay = 0;
    let isDone = false;
    const end = await simulation.spawn('planner', async () => {
      const content = runMessageSchema.parse(JSON.parse(message.body));
      if (content.kind !== 'SWEEP') {
        throw new Error(`No planner for ${content.kind}`);
      }
      const verdict = await processSweep({
        message: content,
        deliveries: message.receives,
        signal: nearlyUp.signal,
        random: simulation.random,
        dependencies: this.#sweeping(),
      }).catch((error: unknown) => {
        this.#tell('planner', error);
        return { kind: 'BACK' as const, delay: delayAfter(error, message.receives, simulation.random()) };
      });
      isDone = verdict.kind !== 'BACK';
      delay = verdict.kind === 'BACK' ? verdict.delay : 0;
    });
    this.#planners -= 1;
    if (end.end === 'done' && isDone) {
      this.runs.acknowledge(message.receipt);
    } else if (end.end === 'done') {
      this.runs.putOff(message.receipt, simulation.now + delay * SECOND);
    }
    await this.#afterEnd('planner', end.end === 'failed' ? end.error : undefined);
  }

  async #work(messages: readonly QueueMessage[]): Promise<void> {
    const { simulation } = this;
    this.#workers += 1;
    const environment = this.#environments.pop() ?? this.workerEnvironment();
    const receipts = new Map(messages.map(({ id, receipt }) => [id, receipt]));
    const records: QueueRecord[] = messages.map(({ id, groupId, body, receives }) => ({
      messageId: id,
      groupId,
      body,
      deliveries: receives,
    }));
    const areDone = messages.every(({ body }) => this.isApplied(body));
    let process: Process | undefined;
    let returned = new Set<string>();
    const end = await simulation.spawn('worker', async (self) => {
      process = self;
      const nearlyUp = new AbortController();
      simulation.after(WORKER_MS - CLOSING_MS, () => nearlyUp.abort(new Error('Time is nearly up')));
      const back = await processRecords({
        records,
        signal: nearlyUp.signal,
        random: simulation.random,
        dependencies: environment,
      });
      const postpone = sqsPostponer({ sqs: this.#sqs.client, queueUrl: QUEUE_URL, logger: this.#logger() });
      await postpone(
        back.map(({ record, delay }) => ({ receiptHandle: receipts.get(record.messageId) ?? '', delay })),
      );
      returned = new Set(back.map(({ record }) => record.messageId));
    });
    this.#workers -= 1;
    if (end.end === 'done') {
      this.#environments.push(environment);
      for (const message of messages) {
        if (!returned.has(message.id) && !this.faults.strikes('acknowledgement lost')) {
          this.queue.acknowledge(receipts.get(message.id) ?? '');
          this.#redeliver(message);
        }
      }
    }
    const made = process === undefined ? undefined : this.transport.changes.get(process);
    if (areDone && made !== undefined) {
      this.#fatal ??= new Divergence(`A redelivery has changed the target again: ${made.join()}`);
    }
    await this.#afterEnd('worker', end.end === 'failed' ? end.error : undefined);
  }

  /** Give a message out once more though it was acknowledged; or any other that ever was in the queue. */
  #redeliver(message: QueueMessage): void {
    const { now } = this.simulation;
    if (this.faults.strikes('message twice')) {
      this.queue.send(message, now);
    }
    if (this.faults.strikes('message again, out of order')) {
      const { body, groupId } = this.simulation.pick([...this.queue.acknowledged, message]);
      this.queue.sendFirst({ body, groupId }, now);
    }
  }

  /** Whether everything in a batch is recorded in its lane. */
  isApplied(body: string): boolean {
    const message: {
      kind?: string;
      taskKey: string;
      source: { projectId: string; repoName: string };
      entries: { ordinal: number }[];
    } = JSON.parse(body);
    if (message.kind === 'RECONCILE') {
      return false;
    }
    const lane = this.table
      .items(`LANE#${message.taskKey}`)
      .find(({ sk }) => sk === `${message.source.projectId}/${message.source.repoName}`);
    return Number(lane?.['appliedOrdinal'] ?? 0) >= (message.entries.at(-1)?.ordinal ?? 0);
  }

  async #afterEnd(kind: string, error: unknown): Promise<void> {
    if (error !== undefined) {
      this.#tell(kind, error);
      // What a fault has begun may end after the last one.
      if (this.simulation.now > this.#calmSince + WORKER_MS) {
        this.#fatal ??= error;
      }
    }
    try {
      await accountClosed(this, `after a ${kind}`);
    } catch (fault) {
      this.#fatal ??= fault;
    }
  }

  /** Whether nothing is left to do, as far as the stores tell. */
  isAtRest(): boolean {
    const isQuiet =
      this.source.underWay === 0 &&
      this.queue.messages.length === 0 &&
      this.runs.messages.length === 0 &&
      this.#workers === 0 &&
      !this.simulation.isRunning('tailer') &&
      !this.simulation.isRunning('receiver') &&
      !this.simulation.isRunning('upkeep');
    if (!isQuiet) {
      return false;
    }
    const [slot] = this.table.items('SLOT').map((item) => slotSchema.parse(item));
    const areDone = this.table
      .items(`LANE#${this.task.key}`)
      .map((item) => laneStateSchema.parse(item))
      .every(({ sentOrdinal, appliedOrdinal }) => sentOrdinal === appliedOrdinal);
    const [task] = this.table.items('TASK').map((item) => taskSchema.parse(item));
    const isFollowing = areDone && task?.catchUp === undefined;
    return isFollowing && slot?.position.lastId === String(this.source.log.newest()?.['_id']);
  }

  #tell(who: string, ...what: readonly unknown[]): void {
    const text = what.map((each) => (each instanceof Error ? each.stack : JSON.stringify(each))).join(' ');
    this.warnings.push(`${this.simulation.clock().toISOString()} ${who} ${text}`);
  }

  #logger() {
    const log =
      (level: string) =>
      (message: unknown, ...more: readonly unknown[]) =>
        this.#tell(level, message, ...more);
    return { info: () => undefined, warn: log('warn'), error: log('error') };
  }
}
