import { processRecords, type QueueRecord } from '../../functions/shared/apply/process-records.ts';
import { laneStateSchema } from '../../functions/shared/lane/repository.ts';
import { openSlot } from '../../functions/shared/slot/open.ts';
import { type Slot, slotSchema } from '../../functions/shared/slot/slot.ts';
import { processSweep } from '../../functions/shared/sweep/process-sweep.ts';
import { requestSweep } from '../../functions/shared/sweep/request.ts';
import { type Sweep, sweepSchema } from '../../functions/shared/sweep/sweep.ts';
import { delayAfter } from '../../functions/shared/sync/give-up.ts';
import { runMessageSchema } from '../../functions/shared/sync/message.ts';
import { type TailMode, tail } from '../../functions/shared/tail/tail.ts';
import { type Task, taskSchema } from '../../functions/shared/task/task.ts';
import { toggleTask } from '../../functions/shared/task/toggle.ts';
import { upkeep } from '../../functions/shared/upkeep/upkeep.ts';
import { Changes } from './changes.ts';
import {
  accountAt,
  accountCloses,
  archiveHoldsTheLog,
  converged,
  Divergence,
  nothingLeft,
  stateOf,
} from './checks.ts';
import { Cloud } from './cloud.ts';
import { Deployment, LANE_QUEUE, RUN_QUEUE } from './deployment.ts';
import { Destination, type RemoteKind } from './destination.ts';
import { type FaultKind, Faults } from './faults.ts';
import { MemoryDynamoDb } from './memory-dynamodb.ts';
import { MemoryMongo } from './memory-mongodb.ts';
import { MemoryS3 } from './memory-s3.ts';
import { MemoryQueue, MemorySqs, type QueueMessage } from './memory-sqs.ts';
import { type Process, Simulation } from './simulation.ts';
import { Source } from './source.ts';

export interface SeedResult {
  readonly seed: number;
  readonly remotes: readonly RemoteKind[];
  readonly changes: number;
  /** Entries of the source's log. */
  readonly entries: number;
  /** Those that it lost before they were read. */
  readonly lost: number;
  /** Seconds of the simulation. */
  readonly simulated: number;
  readonly trace: number;
  readonly struck: ReadonlyMap<FaultKind, number>;
  readonly killedAt: ReadonlyMap<string, number>;
}

const START = Date.parse('2026-11-22T00:00:00Z');

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
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
const REST_MS = 2 * DAY;
/** While nothing is left to do but for what stands still, the schedules come less often: the world would only take longer. */
const SLOW_MS = HOUR;

/** Of the worlds, how many have a second task, a task that skips conflicts, a remote that is away for hours, and for days. */
const SHARES = { second: 0.25, skip: 0.2, away: 0.2, longAway: 0.06, pausedOn: 0.3 };
const LONG_MS = 20 * DAY;
/** Changes of a world without faults. */
const CALM_CHANGES = 200;

/** One world from one seed: changes and faults, then rest, then the checks. */
export class Scenario {
  readonly simulation: Simulation;
  readonly faults: Faults;
  readonly table: MemoryDynamoDb;
  readonly s3: MemoryS3;
  readonly queue = new MemoryQueue(LANE_QUEUE, MAX_RECEIVES);
  readonly runs = new MemoryQueue(RUN_QUEUE, MAX_RECEIVES);
  readonly source: Source;
  readonly destinations: readonly Destination[];
  readonly deployment: Deployment;
  readonly seed: number;
  readonly warnings: string[] = [];
  readonly #changes: Changes;
  readonly #isCalm: boolean;
  #tailers = 0;
  #workers = 0;
  #planners = 0;
  #isStorm = true;
  #isSlow = false;
  #calmSince = Number.POSITIVE_INFINITY;
  /** What is warm of the worker and the planner. */
  readonly #environments: ReturnType<Deployment['replicator']>[] = [];
  readonly #planning: ReturnType<Deployment['planner']>[] = [];
  #fatal: unknown;

  /** @param calm a world without faults, with such destinations, of which none skips conflicts; absent: all is left to chance. */
  constructor(seed: number, calm?: { readonly remotes: readonly RemoteKind[] }) {
    this.seed = seed;
    const simulation = new Simulation(seed, START);
    const faults = new Faults(simulation);
    const cloud = new Cloud(simulation, faults);
    this.simulation = simulation;
    this.faults = faults;
    this.table = new MemoryDynamoDb(cloud);
    this.s3 = new MemoryS3(cloud);
    const sqs = new MemorySqs(cloud, [this.queue, this.runs]);
    this.source = new Source({ simulation, faults, mongo: new MemoryMongo(cloud), s3: this.s3 });
    this.#isCalm = calm !== undefined;
    faults.isOn = !this.#isCalm;
    const isSkipping = !this.#isCalm && simulation.random() < SHARES.skip;
    const count = simulation.random() < SHARES.second ? 2 : 1;
    const kinds =
      calm?.remotes ??
      Array.from({ length: count }, () => simulation.pick(['era', 'base', 'extended', 'extended'] as const));
    this.destinations = kinds.map(
      (kind, index) =>
        new Destination({
          number: index + 1,
          kind,
          conflictStrategy: isSkipping ? 'SKIP' : 'OVERWRITE',
          cloud,
          s3: this.s3,
          onError: (error) => this.#tell('receiver', error),
        }),
    );
    if (isSkipping) {
      // What the log has not told may have been moved since, and what stands there then is nobody's that the source knows.
      faults.switchOff(['log rolled over', 'deleted without an entry', 'expired']);
    }
    this.deployment = new Deployment({
      cloud,
      sqs,
      table: this.table,
      s3: this.s3,
      source: this.source.mongo,
      destinations: this.destinations,
      logger: this.#logger(),
    });
    this.#changes = new Changes({
      simulation,
      faults,
      source: this.source,
      kindsStay: this.destinations.some(({ kind }) => kind === 'era'),
      unloggedMetadata: faults.strikes('metadata without an entry'),
    });
  }

  async run(): Promise<SeedResult> {
    const { simulation, faults, source } = this;
    await this.#open();
    this.#everySoOften(simulation.between(60, 140));
    this.#everyMinute();
    this.#everyFiveMinutes();
    this.#deliverSoon();
    const away = this.#sendAway();
    await this.#passUntil(() => !this.#isStorm, HOUR);
    faults.isOn = false;
    this.#calmSince = simulation.now;
    this.#redriveDeadLetters();
    await this.#resumeAll();
    if (away !== undefined) {
      await this.#waitFor(away);
    }
    await this.#passUntil(() => this.isAtRest(), REST_MS);
    for (const kind of ['first', 'second'] as const) {
      await this.#sweepAll(kind);
    }
    accountCloses(this, 'at rest');
    await archiveHoldsTheLog(this);
    for (const destination of this.destinations) {
      converged(this, destination);
    }
    nothingLeft(this);
    const states = () => this.destinations.map((destination) => stateOf(this, destination));
    const restAt = { now: simulation.now, states: states().join() };
    await this.#passUntil(() => simulation.now > restAt.now + 6 * MINUTE, 10 * MINUTE);
    if (states().join() !== restAt.states) {
      throw new Divergence('A target is still changed after everything is done');
    }
    return {
      seed: this.seed,
      remotes: this.destinations.map(({ kind }) => kind),
      changes: this.#changes.done,
      entries: source.written,
      lost: source.written - (this.#slot()?.nextOrdinal ?? 1) + 1,
      simulated: Math.round((simulation.now - START) / SECOND),
      trace: simulation.trace >>> 0,
      struck: faults.struck,
      killedAt: faults.killedAt,
    };
  }

  /**
   * Play the changes of a calm world, in which nobody answers at any destination but the first.
   *
   * @returns milliseconds from the writing of the source's n-th entry until the first destination had n of them.
   */
  async measureLag(): Promise<number[]> {
    const { simulation, source, destinations } = this;
    const [first, ...silent] = destinations;
    if (first === undefined) {
      throw new Error('There is no destination');
    }
    for (const { transport } of silent) {
      transport.isDown = 'SILENT';
    }
    await this.#open();
    this.#everySoOften(CALM_CHANGES);
    this.#everyMinute();
    this.#everyFiveMinutes();
    this.#deliverSoon();
    const writtenAt: number[] = [];
    const lags: number[] = [];
    await this.#passUntil(() => {
      while (writtenAt.length < source.written) {
        writtenAt.push(simulation.now);
      }
      const { read, pending } = accountAt(this, first);
      while (lags.length < read - pending) {
        lags.push(simulation.now - (writtenAt[lags.length] ?? Number.NaN));
      }
      return !this.#isStorm && source.underWay === 0 && lags.length === source.written;
    }, DAY);
    converged(this, first);
    return lags;
  }

  /** What the table has of a task. */
  taskOf({ task }: Destination): Task {
    return (
      this.table
        .items('TASK')
        .map((item) => taskSchema.parse(item))
        .find(({ key }) => key === task.key) ?? task
    );
  }

  sweepsOf({ task }: Destination): Sweep[] {
    return this.table
      .items(`SWEEP#${task.key}`)
      .filter(({ sk }) => /^\d[0-9a-f]{23}$/.test(String(sk)))
      .map((item) => sweepSchema.parse(item));
  }

  #slot(): Slot | undefined {
    return this.table.items('SLOT').map((item) => slotSchema.parse(item))[0];
  }

  /** What operators ask for when they want to be sure: everything compared and put right; the second time nothing is found. */
  async #sweepAll(time: 'first' | 'second'): Promise<void> {
    const { tasks, sweeps, queue, clock } = this.deployment.planner().sweeping;
    for (const { task } of this.destinations) {
      const request = {
        taskKey: task.key,
        kind: 'FULL' as const,
        allowDeletions: true,
        deleteExtra: true,
      };
      await requestSweep({
        request,
        tasks,
        sweeps: { ...sweeps },
        queue,
        clock,
      });
    }
    await this.#passUntil(() => this.isAtRest(), REST_MS);
    for (const destination of this.destinations) {
      const sweep = this.sweepsOf(destination)
        .filter(({ kind }) => kind === 'FULL')
        .at(-1);
      const { status, reason, missing, different, extra, refused } = sweep ?? {};
      const shown = JSON.stringify({ status, reason, missing, different, extra, refused });
      if (status !== 'SUCCESS') {
        throw new Divergence(`A sweep of everything has not put it right: ${shown}`);
      }
      if (time === 'second' && [missing, different, extra, refused].some((count) => count !== 0)) {
        throw new Divergence(`A second sweep has found something: ${shown}`);
      }
    }
  }

  async #open(): Promise<void> {
    const { slots, log, tasks } = this.deployment;
    await openSlot({ slotName: 'default', slots, log });
    for (const { task } of this.destinations) {
      await tasks.put(task);
    }
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

  /** The source's changes, until so many were tried; and now and then somebody pauses a task, or resumes it. */
  #everySoOften(left: number): void {
    if (left === 0) {
      this.#isStorm = false;
      return;
    }
    const { simulation } = this;
    const pause = simulation.random() < 0.6 ? simulation.below(300) : simulation.between(1_000, 12_000);
    simulation.after(pause, () => {
      this.#changes.next();
      if (this.faults.strikes('task paused')) {
        void this.#toggle(simulation.pick(this.destinations), 'PAUSED');
      } else if (simulation.random() < 0.05) {
        void this.#toggle(simulation.pick(this.destinations), 'RESUMED');
      }
      this.#everySoOften(left - 1);
    });
  }

  /** Pause or resume a task, as somebody does over the API; what is refused is told, and done another time. */
  async #toggle({ task }: Destination, to: 'PAUSED' | 'RESUMED'): Promise<void> {
    const { tasks, runQueue } = this.deployment;
    const schedule = { arm: async () => undefined, disarm: async () => undefined };
    const { clock } = this.simulation;
    await this.simulation.spawn('operator', async () => {
      await toggleTask({
        taskKey: task.key,
        by: 'admin',
        tasks,
        starter: { queue: runQueue, schedule },
        clock,
        timeZone: 'UTC',
        to,
      }).catch((error: unknown) => this.#tell('operator', error));
    });
  }

  /** Resume what is paused; in some worlds only after it has been for hours. */
  async #resumeAll(): Promise<void> {
    const { simulation } = this;
    const isPaused = (destination: Destination) => this.taskOf(destination).status === 'PAUSED';
    await this.#passUntil(() => !simulation.isRunning('operator'), HOUR);
    if (this.destinations.some(isPaused) && simulation.random() < SHARES.pausedOn) {
      this.faults.hit('task paused for hours');
      const until = simulation.now + simulation.between(1, 4) * HOUR;
      await this.#passUntil(() => simulation.now >= until, DAY);
    }
    for (const destination of this.destinations.filter(isPaused)) {
      void this.#toggle(destination, 'RESUMED');
    }
    await this.#passUntil(() => !simulation.isRunning('operator'), HOUR);
  }

  /** Have a remote go away during the storm; @returns it, and for how long. */
  #sendAway(): { readonly destination: Destination; readonly until: number } | undefined {
    const { simulation, faults } = this;
    const chance = simulation.random();
    if (chance >= SHARES.away) {
      return undefined;
    }
    const isLong = chance < SHARES.longAway;
    faults.hit(isLong ? 'remote away for 20 days' : 'remote away for hours');
    const destination = simulation.pick(this.destinations);
    const begin = simulation.below(3 * MINUTE);
    const until = simulation.now + begin + (isLong ? LONG_MS : simulation.between(10, 400) * MINUTE);
    simulation.after(begin, () => {
      destination.transport.isDown = true;
    });
    simulation.after(until - simulation.now, () => {
      destination.transport.isDown = false;
    });
    return { destination, until };
  }

  /** Wait for a remote's return; the others do not wait. */
  async #waitFor({
    destination,
    until,
  }: {
    readonly destination: Destination;
    readonly until: number;
  }): Promise<void> {
    const { simulation } = this;
    const others = this.destinations.filter((each) => each !== destination);
    await this.#passUntil(
      () => simulation.now >= until || others.every((each) => this.#hasCaughtUp(each)),
      REST_MS,
    );
    if (!others.every((each) => this.#hasCaughtUp(each)) && simulation.now > this.#calmSince + REST_MS / 4) {
      throw new Divergence('A remote that is away has held up another one');
    }
    this.#isSlow = until - simulation.now > DAY;
    await this.#passUntil(() => simulation.now >= until, LONG_MS + DAY);
    this.#isSlow = false;
    this.#changes.expireDue();
  }

  /** In half of the worlds somebody sends back what lies in the dead-letter queue. */
  #redriveDeadLetters(): void {
    if (this.queue.deadLetters.length > 0 && this.simulation.random() < 0.5) {
      this.faults.hit('dead letters redriven');
      this.queue.redrive(this.simulation.now);
    }
  }

  /** The schedule of the tailer; now and then it begins twice. */
  #everyMinute(): void {
    void this.#tail();
    if (this.#isStorm && this.simulation.random() < 0.3) {
      this.simulation.after(this.simulation.below(MINUTE), () => void this.#tail());
    }
    this.simulation.after(this.#isSlow ? SLOW_MS : MINUTE, () => this.#everyMinute());
  }

  async #tail(): Promise<void> {
    const { simulation } = this;
    this.#tailers += 1;
    const isFollowing = this.#isStorm && (this.#isCalm || simulation.random() < 0.6);
    const mode: TailMode = isFollowing ? 'continuous' : 'burst';
    const owner = `tailer ${this.#tailers}`;
    const end = await simulation.spawn('tailer', async () => {
      await tail(this.deployment.tailer(), {
        mode,
        owner,
        deadline: simulation.now + FOLLOW_MS,
        readLimit: simulation.between(3, 40),
        leaseMs: LEASE_MS,
        pollMs: SECOND,
      });
    });
    this.#afterEnd('tailer', end.end === 'failed' ? end.error : undefined);
  }

  /** What looks after the rest, every five minutes. */
  #everyFiveMinutes(): void {
    void this.#lookAfter();
    this.simulation.after(this.#isSlow ? SLOW_MS : UPKEEP_MS, () => this.#everyFiveMinutes());
  }

  async #lookAfter(): Promise<void> {
    const planner = this.#planning.pop() ?? this.deployment.planner();
    const { steps } = planner;
    const logger = this.#logger();
    const end = await this.simulation.spawn('upkeep', () =>
      upkeep({ steps, signal: new AbortController().signal, logger }),
    );
    if (end.end === 'done') {
      this.#planning.push(planner);
    }
    this.#afterEnd('upkeep', end.end === 'failed' ? end.error : undefined);
  }

  /** The event source mappings: look for messages, again and again. */
  #deliverSoon(): void {
    const { now } = this.simulation;
    const at = this.queue.nextAt(now);
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
    const nextAt = Math.min(this.queue.nextAt(now) ?? now, this.runs.nextAt(now) ?? now);
    const pause = this.#isStorm ? SECOND / 2 : Math.max(SECOND, Math.min(MINUTE / 4, nextAt - now));
    this.simulation.after(this.#isSlow ? SLOW_MS : pause, () => this.#deliverSoon());
  }

  /** The planner, as far as it sweeps. */
  async #plan(message: QueueMessage): Promise<void> {
    const { simulation } = this;
    this.#planners += 1;
    const nearlyUp = new AbortController();
    simulation.after(WORKER_MS - CLOSING_MS, () => nearlyUp.abort(new Error('Time is nearly up')));
    let delay = 0;
    let isDone = false;
    const planner = this.#planning.pop() ?? this.deployment.planner();
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
        dependencies: planner.sweeping,
      }).catch((error: unknown) => {
        this.#tell('planner', error);
        return { kind: 'BACK' as const, delay: delayAfter(error, message.receives, simulation.random()) };
      });
      isDone = verdict.kind !== 'BACK';
      delay = verdict.kind === 'BACK' ? verdict.delay : 0;
    });
    this.#planners -= 1;
    if (end.end === 'done') {
      this.#planning.push(planner);
    }
    if (end.end === 'done' && isDone) {
      this.runs.acknowledge(message.receipt);
    } else if (end.end === 'done') {
      this.runs.putOff(message.receipt, simulation.now + delay * SECOND);
    }
    this.#afterEnd('planner', end.end === 'failed' ? end.error : undefined);
  }

  async #work(messages: readonly QueueMessage[]): Promise<void> {
    const { simulation } = this;
    this.#workers += 1;
    const environment = this.#environments.pop() ?? this.deployment.replicator();
    const { circuits, acknowledge, postpone, dependencies } = environment;
    const receipts = new Map(messages.map(({ id, receipt }) => [id, receipt]));
    const receiptOf = ({ messageId }: QueueRecord) => receipts.get(messageId) ?? '';
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
        circuits,
        onDone: (done) => acknowledge(done.map(receiptOf)),
        dependencies,
      });
      await postpone(back.map(({ record, delay }) => ({ receiptHandle: receiptOf(record), delay })));
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
    const made = this.destinations.flatMap(({ transport }) =>
      process === undefined ? [] : (transport.changes.get(process) ?? []),
    );
    if (areDone && made.length > 0) {
      this.#fatal ??= new Divergence(`A redelivery has changed the target again: ${made.join()}`);
    }
    this.#afterEnd('worker', end.end === 'failed' ? end.error : undefined);
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

  #afterEnd(kind: string, error: unknown): void {
    if (error !== undefined) {
      this.#tell(kind, error);
      // What a fault has begun may end after the last one.
      if (this.simulation.now > this.#calmSince + WORKER_MS) {
        this.#fatal ??= error;
      }
    }
    if (kind === 'planner') {
      // What finds has no part in any account.
      return;
    }
    try {
      accountCloses(this, `after a ${kind}`);
    } catch (fault) {
      this.#fatal ??= fault;
    }
  }

  /** Whether nothing is left to do, as far as the stores tell. */
  isAtRest(): boolean {
    const kinds = ['tailer', 'receiver', 'upkeep', 'operator'];
    return (
      this.source.underWay === 0 &&
      this.queue.messages.length === 0 &&
      this.runs.messages.length === 0 &&
      this.#workers === 0 &&
      this.#planners === 0 &&
      !kinds.some((kind) => this.simulation.isRunning(kind)) &&
      this.destinations.every((each) => this.#hasCaughtUp(each))
    );
  }

  /** Whether a task has done all that was logged, and has nothing to sweep. */
  #hasCaughtUp(destination: Destination): boolean {
    const task = this.taskOf(destination);
    const areDone = this.table
      .items(`LANE#${task.key}`)
      .map((item) => laneStateSchema.parse(item))
      .every(({ sentOrdinal, appliedOrdinal }) => sentOrdinal === appliedOrdinal);
    return (
      areDone &&
      task.catchUp === undefined &&
      (task.openGaps ?? 0) === 0 &&
      this.#slot()?.position.lastId === String(this.source.log.newest()?.['_id']) &&
      this.sweepsOf(destination).every(({ status }) => status !== 'RUNNING')
    );
  }

  #tell(who: string, ...what: readonly unknown[]): void {
    const text = what.map((each) => (each instanceof Error ? each.stack : JSON.stringify(each))).join(' ');
    this.warnings.push(`${this.simulation.clock().toISOString()} ${who} ${text}`);
  }

  #logger() {
    const log =
      (level: string) =>
      (...what: readonly unknown[]) =>
        this.#tell(level, ...what);
    return { info: () => undefined, warn: log('warn'), error: log('error') };
  }
}
