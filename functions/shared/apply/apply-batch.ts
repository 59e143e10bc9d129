import type { BlobStore } from '../blob/blob-store.ts';
import type { Clock } from '../clock.ts';
import { type Conflict, ConflictStopError } from '../conflict/conflict.ts';
import { conflictGuard } from '../conflict/guard.ts';
import { type OwnWork, ownWork } from '../conflict/own-work.ts';
import type { SourceHistory } from '../conflict/source-history.ts';
import type { ConflictStops } from '../conflict/stop.ts';
import type { Failure } from '../failure/failure.ts';
import { type AheadPaths, aheadPaths, CLOCK_TOLERANCE, INVERSION_WINDOW } from '../lane/ahead.ts';
import type { BatchEntry, BatchMessage, Container } from '../lane/message.ts';
import type { Operation } from '../lane/operation.ts';
import {
  type LaneCounters,
  type LaneRepository,
  type LaneState,
  laneId,
  MAX_CONFLICTS_AT_ONCE,
  MAX_FAILURES_AT_ONCE,
} from '../lane/repository.ts';
import type { Logger } from '../logger.ts';
import type { RemoteClient } from '../remote/client.ts';
import { contentKnowledge } from '../remote/content.ts';
import { RemoteOutageError } from '../remote/errors.ts';
import { isPackageIndex } from '../repository/package-index.ts';
import type { SyncPolicy } from '../task/sync-policy.ts';
import type { Task } from '../task/task.ts';
import { type Applier, laneApplier } from './apply-operation.ts';
import { asking } from './ask.ts';
import type { Circuit } from './circuit.ts';
import { aheadAtFirst, isCovered } from './covered.ts';
import type { LaneKnowledge } from './lane-settling.ts';
import { FILTERED, type Outcome } from './outcome.ts';
import type { Remotes } from './remotes.ts';
import type { SourceCatalog } from './source-catalog.ts';

/** What applying needs from around it. */
export interface ApplyDependencies {
  readonly tasks: { get(taskKey: string): Promise<Task | undefined> };
  readonly lanes: Pick<
    LaneRepository,
    'load' | 'recordApplied' | 'recordOutage' | 'recordOwnWork' | 'recordReplaced'
  >;
  readonly remotes: Remotes;
  readonly catalog: SourceCatalog;
  readonly history: SourceHistory;
  readonly conflictStops: ConflictStops;
  readonly blobs: Pick<BlobStore, 'open'>;
  /** Operation that was too large for its message. */
  readonly loadOperation: (objectKey: string) => Promise<Operation>;
  readonly clock: Clock;
  /** IANA zone of the contract's zone-less dates. */
  readonly timeZone: string;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** The lane's operation before this batch is not applied yet: another message has to come first. */
export class PredecessorMissingError extends Error {
  constructor(lane: string, previousOrdinal: number, appliedOrdinal: number) {
    super(`Lane ${lane} is applied up to ${appliedOrdinal}, the batch follows ${previousOrdinal}`);
    this.name = 'PredecessorMissingError';
  }
}

/** The task is paused: its batches are done when it is resumed. */
export class TaskPausedError extends Error {
  constructor(lane: string) {
    super(`The task of lane ${lane} is paused`);
    this.name = 'TaskPausedError';
  }
}

/** The task has failed at a conflict: its batches are done when it is started again. */
export class TaskStoppedError extends Error {
  constructor(lane: string, options?: ErrorOptions) {
    super(`The task of lane ${lane} has stopped at a conflict`, options);
    this.name = 'TaskStoppedError';
  }
}

/** The batch contradicts what was applied: a defect, and no message to be guessed at. */
export class BatchOverlapError extends Error {
  constructor(lane: string, details: string) {
    super(`A batch of lane ${lane} contradicts the lane: ${details}`);
    this.name = 'BatchOverlapError';
  }
}

/** Another delivery moved the lane while this one worked: what is left is seen when the message comes back. */
export class LaneContendedError extends Error {
  constructor(lane: string) {
    super(`Lane ${lane} was moved by another delivery`);
    this.name = 'LaneContendedError';
  }
}

/** How often it is looked whether another lane has stopped the task; milliseconds. */
const STATUS_INTERVAL = 1_000;

/** Deliveries of a message for which an ambiguous answer may still be a passing fault. */
const PATIENT_DELIVERIES = 2;

/**
 * Apply one message of a lane: drop what is applied already, check that nothing is skipped, do the rest in order, and
 * account for each operation (docs/architecture.md). May be repeated and interrupted at any point.
 *
 * @returns `dropped` when there was nothing to do: a redelivery, what was taken back to be sent anew, or a message of a task that
 * is deleted.
 * @throws TaskPausedError, TaskStoppedError, PredecessorMissingError, BatchOverlapError, LaneContendedError; RemoteOutageError, RemoteUndecidedError, the
 * signal's reason and faults of the source's stores: the message is to be delivered again. What was done is recorded.
 */
export async function applyBatch(options: {
  readonly message: BatchMessage;
  /** How often the message has been delivered, this time included. */
  readonly deliveries: number;
  readonly circuit: Circuit;
  /** Aborted when time is nearly up. */
  readonly signal: AbortSignal;
  readonly dependencies: ApplyDependencies;
}): Promise<'applied' | 'dropped'> {
  const { message, deliveries, circuit, signal, dependencies } = options;
  const { tasks, lanes, remotes, catalog, blobs, clock, timeZone, logger } = dependencies;
  const { taskKey, source, remote, policy } = message;
  const lane = laneId(message);

  const task = await tasks.get(taskKey);
  if (task === undefined) {
    logger.warn('Dropped a batch of a deleted task', { lane, operations: message.entries.length });
    return 'dropped';
  }
  const state = await lanes.load({ taskKey, source });
  const { generation = 0 } = message;
  const { generation: lanesGeneration = 0 } = state ?? {};
  if (generation < lanesGeneration) {
    logger.info('Dropped a batch that is sent anew', { lane, generation, lanesGeneration });
    return 'dropped';
  }
  const pending = pendingEntries(message, lane, state?.appliedOrdinal ?? 0);
  if (pending.length === 0) {
    logger.info('Dropped a redelivered batch', { lane, appliedOrdinal: state?.appliedOrdinal });
    return 'dropped';
  }

  checkReplicates(task, lane);

  const knowledge: LaneKnowledge = {
    containersEnsured: hasContainers(state, remote),
    containersRefused: undefined,
    ahead: aheadPaths([
      ...(state === undefined || state.appliedOrdinal === 0 ? aheadAtFirst(task) : []),
      ...(state?.ahead ?? []),
    ]),
  };
  const own = ownWork(state?.ownWork, pending[0]?.loggedAt ?? '');
  const ledger = laneLedger({ message, lane, state, knowledge, own, lanes, clock });
  let stopSeenAt = clock().getTime();
  const checkGoing = async (): Promise<void> => {
    const now = clock().getTime();
    if (policy?.conflictStrategy === 'FAST_FAIL' && now - stopSeenAt >= STATUS_INTERVAL) {
      stopSeenAt = now;
      const present = await tasks.get(taskKey);
      if (present !== undefined && isStopped(present)) {
        throw new TaskStoppedError(lane);
      }
    }
  };
  try {
    const { url } = task.setting.remoteClusterInfo;
    await circuit.pass(url);
    const opened = async (error: unknown): Promise<never> => {
      throw await opening(error, circuit, url);
    };
    const client = await remotes.clientFor(task).catch(opened);
    const content = contentKnowledge(
      pending.flatMap(({ operation }) => (operation.kind === 'FILE_CREATE' ? [operation] : [])),
    );
    const guard =
      policy === undefined ||
      (policy.conflictStrategy === 'OVERWRITE' && !(await tellsDigests(client).catch(opened)))
        ? undefined
        : conflictGuard({
            message,
            strategy: policy.conflictStrategy,
            pending,
            client,
            content,
            history: dependencies.history,
            own,
            remember: ledger.remember,
            putDownReplaced: async (conflict) => {
              await lanes.recordReplaced(conflict);
              const { ordinal, kind, fullPath } = conflict;
              logger.warn('Replaces what others have put at the remote', { lane, ordinal, kind, fullPath });
            },
            copiedUntil: task.initialSync?.endedAt,
            resolved: state?.noted ?? [],
            perform: asking({ client, remote, patient: deliveries <= PATIENT_DELIVERIES }),
            now: clock,
          });
    const isLeftOut = await leftOutBy({ policy, source, catalog });
    const appliers = new Map<string, Applier>();
    const applierFor = (origin: readonly string[]): Applier => {
      const key = origin.join();
      const applier =
        appliers.get(key) ??
        laneApplier({
          source,
          remote,
          includeMetadata: task.setting.includeMetadata,
          client: origin.length === 0 ? client : client.onBehalfOf(origin),
          catalog,
          blobs,
          content,
          clock,
          timeZone,
          signal,
          patient: deliveries <= PATIENT_DELIVERIES,
          lane: knowledge,
          policy,
          guard,
          isLeftOut,
        });
      appliers.set(key, applier);
      return applier;
    };
    const applied = async (entry: BatchEntry, operation: Operation): Promise<Outcome> => {
      const { origin = [], loggedAt } = entry;
      if (origin.length > 0 && origin.includes((await client.identity()).clusterId ?? '')) {
        return FILTERED;
      }
      guard?.begin(entry, operation);
      return applierFor(origin).apply(operation, { loggedAt, covered: isCovered(task, loggedAt) });
    };

    for (const entry of pending) {
      signal.throwIfAborted();
      await checkGoing();
      const operation = await operationOf(entry, dependencies);
      const outcome = await applied(entry, operation).catch(opened);
      await circuit.close(url);
      if (outcome.kind === 'FAILED') {
        logger.error('Recorded a failed operation', {
          lane,
          ordinal: entry.ordinal,
          kind: operation.kind,
          code: outcome.code,
          reason: outcome.reason,
        });
      }
      const conflicts = outcome.kind === 'FILTERED' ? [] : (guard?.found() ?? []);
      if (conflicts.length > 0) {
        logger.warn('Met conflicts', {
          lane,
          ordinal: entry.ordinal,
          kind: operation.kind,
          conflicts: conflicts.length,
        });
      }
      ledger.add(entry, operation, outcome, conflicts);
      if (ledger.isDue(operation)) {
        await ledger.record({});
      }
    }
  } catch (error) {
    await ledger.record({ outage: error instanceof RemoteOutageError ? error : undefined });
    if (error instanceof ConflictStopError) {
      await dependencies.conflictStops.stop({ task, conflict: error.conflict, at: clock() });
      logger.error('Stopped a task at a conflict', { lane, ordinal: error.conflict.ordinal });
      throw new TaskStoppedError(lane, { cause: error });
    }
    throw error;
  }
  await ledger.record({});
  return 'applied';
}

/**
 * The entries that are still to be done, after the lane's applied ordinal.
 *
 * @throws PredecessorMissingError, BatchOverlapError
 */
function pendingEntries(message: BatchMessage, lane: string, appliedOrdinal: number): BatchEntry[] {
  const { previousOrdinal, entries } = message;
  let before = previousOrdinal;
  for (const { ordinal } of entries) {
    if (ordinal <= before) {
      throw new BatchOverlapError(lane, `ordinal ${ordinal} follows ${before}`);
    }
    before = ordinal;
  }
  if (previousOrdinal > appliedOrdinal) {
    throw new PredecessorMissingError(lane, previousOrdinal, appliedOrdinal);
  }
  const pending = entries.filter(({ ordinal }) => ordinal > appliedOrdinal);
  const meets =
    appliedOrdinal === previousOrdinal || entries.some(({ ordinal }) => ordinal === appliedOrdinal);
  if (pending.length > 0 && !meets) {
    throw new BatchOverlapError(lane, `applied up to ${appliedOrdinal}, which is none of its ordinals`);
  }
  return pending;
}

async function operationOf(entry: BatchEntry, dependencies: ApplyDependencies): Promise<Operation> {
  return entry.operation.kind === 'ARCHIVED'
    ? dependencies.loadOperation(entry.operation.objectKey)
    : entry.operation;
}

/**
 * Check that a task's lanes are to be worked on.
 *
 * @throws TaskPausedError, TaskStoppedError
 */
export function checkReplicates(task: Task, lane: string): void {
  if (task.status === 'PAUSED') {
    throw new TaskPausedError(lane);
  }
  if (isStopped(task)) {
    throw new TaskStoppedError(lane);
  }
}

/** Whether the remote is known to have a lane's project and repository, under these names. */
export function hasContainers(state: LaneState | undefined, remote: Container): boolean {
  return state?.containersEnsured === true && isSameContainer(state.remote, remote);
}

/**
 * Which of a repository's paths a policy leaves as they are at the target. Which are indexes, the repository's type tells; one
 * that is gone at the source has none.
 */
export async function leftOutBy(options: {
  readonly policy: SyncPolicy | undefined;
  readonly source: Container;
  readonly catalog: Pick<SourceCatalog, 'repository'>;
}): Promise<(fullPath: string) => boolean> {
  const { policy, source, catalog } = options;
  const type =
    policy?.indexTrans === false
      ? (await catalog.repository(source.projectId, source.repoName))?.type
      : undefined;
  return (fullPath) => type !== undefined && isPackageIndex(type, fullPath);
}

export async function tellsDigests(client: Pick<RemoteClient, 'identity'>): Promise<boolean> {
  return (await client.identity()).extensions.has('digests');
}

/** Whether a task that follows the log has failed: at a conflict, or in its first synchronization. */
function isStopped({ type, status }: Task): boolean {
  return type === 'INCREMENTAL' && status === 'FAILED';
}

/** The error, and if it is an outage of the remote, the circuit opened by it. */
export async function opening(error: unknown, circuit: Circuit, url: string): Promise<unknown> {
  if (error instanceof RemoteOutageError) {
    await circuit.open(url, error);
  }
  return error;
}

function isSameContainer(left: Container, right: Container): boolean {
  return left.projectId === right.projectId && left.repoName === right.repoName;
}

const NOTHING: LaneCounters = { applied: 0, superseded: 0, conflicted: 0, failed: 0, filtered: 0 };

const COUNTER_OF = {
  APPLIED: 'applied',
  SUPERSEDED: 'superseded',
  FILTERED: 'filtered',
  CONFLICTED: 'conflicted',
  FAILED: 'failed',
} as const;

/**
 * Operations whose repetition gives another result once what comes after them is applied: they are recorded before
 * anything else is done.
 */
const NOT_REPEATABLE: ReadonlySet<Operation['kind']> = new Set([
  'NODE_RENAME',
  'NODE_MOVE',
  'NODE_COPY',
  'REPOSITORY_DELETE',
]);

/** The paths that an operation names, as its failure records them. */
function pathsOf(operation: Operation): Pick<Failure, 'fullPath' | 'destFullPath'> {
  return {
    ...('fullPath' in operation ? { fullPath: operation.fullPath } : {}),
    ...('newFullPath' in operation ? { destFullPath: operation.newFullPath } : {}),
    ...('destFullPath' in operation ? { destFullPath: operation.destFullPath } : {}),
  };
}

/** What was done since the lane's state was last written, and how that is written. */
function laneLedger(options: {
  readonly message: BatchMessage;
  readonly lane: string;
  readonly state: LaneState | undefined;
  readonly knowledge: LaneKnowledge;
  readonly own: OwnWork;
  readonly lanes: Pick<LaneRepository, 'recordApplied' | 'recordOutage' | 'recordOwnWork'>;
  readonly clock: Clock;
}) {
  const { message, lane, state, knowledge, own, lanes, clock } = options;
  const { taskKey, source, remote, slotName } = message;
  const repairs = state?.repairs ?? 0;
  let recorded = state?.appliedOrdinal ?? 0;
  let position = recorded;
  let counters = NOTHING;
  let failures: Failure[] = [];
  let conflicts: Conflict[] = [];
  let loggedAt = '';
  let ahead = state?.ahead ?? [];
  let shown = state?.outage;

  return {
    add(entry: BatchEntry, operation: Operation, outcome: Outcome, met: readonly Conflict[]): void {
      position = entry.ordinal;
      loggedAt = entry.loggedAt;
      if (entry.secondary === undefined) {
        const counter = COUNTER_OF[outcome.kind];
        counters = { ...counters, [counter]: counters[counter] + 1 };
      }
      conflicts.push(...met);
      if (outcome.kind === 'FAILED') {
        failures.push({
          taskKey,
          source,
          remote,
          slotName,
          ordinal: entry.ordinal,
          eventId: entry.eventId,
          kind: operation.kind,
          ...pathsOf(operation),
          code: outcome.code,
          reason: outcome.reason,
          at: clock().toISOString(),
        });
      }
    },

    /** Whether what was added has to be recorded before the next operation is begun. */
    isDue: (operation: Operation) =>
      failures.length >= MAX_FAILURES_AT_ONCE ||
      conflicts.length >= MAX_CONFLICTS_AT_ONCE ||
      NOT_REPEATABLE.has(operation.kind) ||
      knowledge.ahead.from(loggedAt).some((path) => path.wentTo === undefined && !ahead.includes(path)),

    /**
     * Write what the lane is about to do, before it does it: a redelivery must not take it for somebody else's work.
     *
     * @param at when the log says that it happened; ISO 8601 UTC.
     * @throws LaneContendedError when the lane was moved by another delivery.
     */
    async remember(at: string) {
      const stored = own.stored(ownUntil(at, knowledge.ahead));
      const isRecorded =
        stored === undefined ||
        (await lanes.recordOwnWork({
          taskKey,
          source,
          remote,
          slotName,
          from: recorded,
          repairs,
          ownWork: stored,
        }));
      if (!isRecorded) {
        throw new LaneContendedError(lane);
      }
    },

    /**
     * Write what was added, if anything, with the outage that ended it, if any. An outage that the lane shows already
     * is not written again.
     *
     * @throws LaneContendedError when the lane was moved by another delivery.
     */
    async record(end: { readonly outage?: RemoteOutageError | undefined }) {
      const at = clock();
      const outage =
        end.outage === undefined ? undefined : { since: at.toISOString(), reason: end.outage.message };
      if (position > recorded) {
        const { containersEnsured } = knowledge;
        ahead = knowledge.ahead.from(loggedAt);
        const progress = {
          remote,
          slotName,
          from: recorded,
          to: position,
          repairs,
          counters,
          failures,
          conflicts,
          at,
        };
        const ownWork = own.stored(ownUntil(loggedAt, knowledge.ahead));
        const known = { containersEnsured, ahead, ownWork };
        const answer = await lanes.recordApplied({ taskKey, source, ...progress, ...known, outage });
        if (!answer.recorded) {
          throw new LaneContendedError(lane);
        }
        recorded = position;
        counters = NOTHING;
        failures = [];
        conflicts = [];
        shown = outage;
      } else if (outage !== undefined && shown?.reason !== outage.reason) {
        shown = { reason: outage.reason, since: shown?.since ?? outage.since };
        await lanes.recordOutage({ taskKey, source, remote, slotName }, shown);
      }
    },
  };
}

/** Until when the log may speak of what the lane has done: what was settled shows what comes later in it. */
function ownUntil(loggedAt: string, ahead: AheadPaths): Date {
  const settled = ahead.settledUntil();
  const until = Date.parse(loggedAt) + INVERSION_WINDOW;
  return new Date(settled === undefined ? until : Math.max(until, Date.parse(settled) + CLOCK_TOLERANCE));
}
