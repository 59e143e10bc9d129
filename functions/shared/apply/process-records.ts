import { type LaneMessage, laneMessageSchema } from '../lane/message.ts';
import { RemoteOutageError } from '../remote/errors.ts';
import {
  applyBatch,
  LaneContendedError,
  PredecessorMissingError,
  TaskPausedError,
  TaskStoppedError,
} from './apply-batch.ts';
import { RemoteUndecidedError } from './ask.ts';
import { backOff } from './back-off.ts';
import { type Circuit, circuit } from './circuit.ts';
import { type LaneDependencies, reconcileLane } from './reconcile-lane.ts';
import type { RemoteCircuits } from './remote-circuits.ts';

/** A message as the queue delivered it. */
export interface QueueRecord {
  readonly messageId: string;
  /** The lane's message group. */
  readonly groupId: string;
  readonly body: string;
  /** How often it was delivered, this time included. */
  readonly deliveries: number;
}

/** A record that goes back to the queue, and the seconds until it is delivered again. */
export interface Returned {
  readonly record: QueueRecord;
  readonly delay: number;
}

/** Lanes worked on at once. */
const LANES_AT_ONCE = 5;

/**
 * Seconds until a message comes back whose turn it was not, or whose answer was unclear, and deliveries for which that
 * is the rule. A predecessor that does not come lies in the dead-letter queue: its lane then waits as in an outage.
 */
const SHORT_DELAY = 2;
const PROMPT_DELIVERIES = 5;

/**
 * Deliveries after which a part of a sweep that waits for its remote or its task is let go, below the queue's limit of 1,000. By the
 * back-off that is after fifteen hours at least, and a sweep that still goes sends its parts again twice a day
 * (`sweep/process-sweep.ts`). Batches are taken back by parking before that.
 */
export const MAX_WAITING_DELIVERIES = 200;

/**
 * Do the records of one delivery, batches and parts of sweeps: lanes side by side, each lane's records in order.
 *
 * A lane stops at its first record that cannot be applied. That one and those after it go back with the same delay: a
 * group is blocked until the last of its messages is visible again, and their order is the queue's.
 */
export async function processRecords(options: {
  readonly records: readonly QueueRecord[];
  /** Aborted when time is nearly up. */
  readonly signal: AbortSignal;
  /** From 0 (included) to 1 (excluded). */
  readonly random: () => number;
  /** The deployment's circuits; absent: each delivery finds out for itself which remotes are down. */
  readonly circuits?: RemoteCircuits;
  /** Called with what is done of a lane, when it is all that the delivery has of it. */
  readonly onDone?: (records: readonly QueueRecord[]) => Promise<void>;
  readonly dependencies: LaneDependencies;
}): Promise<Returned[]> {
  const { records, signal, random, circuits, onDone, dependencies } = options;
  const remotesFound = circuit(circuits);
  const groups = groupsOf(records);
  const returned: Returned[] = [];

  async function processGroup(group: readonly QueueRecord[]): Promise<void> {
    for (const [index, record] of group.entries()) {
      try {
        await processRecord(record, remotesFound, signal, dependencies);
      } catch (error) {
        const delay = delayOf(error, record, signal, random());
        report(error, { record, delay }, signal, dependencies);
        returned.push(...group.slice(index).map((left) => ({ record: left, delay })));
        return;
      }
    }
    await onDone?.(group);
  }

  const waiting = groups.values();
  const worker = async (): Promise<void> => {
    for (const group of waiting) {
      await processGroup(group);
    }
  };
  await Promise.all(Array.from({ length: Math.min(LANES_AT_ONCE, groups.length) }, worker));
  return returned;
}

async function processRecord(
  record: QueueRecord,
  remotesFound: Circuit,
  signal: AbortSignal,
  dependencies: LaneDependencies,
): Promise<void> {
  // Time that is up ends this lane before it begins another batch.
  signal.throwIfAborted();
  const message = parsed(record.body);
  const delivery = { deliveries: record.deliveries, circuit: remotesFound, signal, dependencies };
  if (message.kind !== 'RECONCILE') {
    await applyBatch({ message, ...delivery });
    return;
  }
  try {
    await reconcileLane({ message, ...delivery });
  } catch (error) {
    if (record.deliveries < MAX_WAITING_DELIVERIES || !isWaiting(error)) {
      throw error;
    }
    const { taskKey, sweepId, part } = message;
    const { messageId, groupId } = record;
    dependencies.logger.warn('Let go a part of a sweep that has waited for too long', {
      messageId,
      groupId,
      taskKey,
      sweepId,
      part,
      reason: error.message,
    });
  }
}

/** A body that is no lane's message is never acknowledged: it comes back until the queue moves it to the dead-letter queue. */
function parsed(body: string): LaneMessage {
  return laneMessageSchema.parse(JSON.parse(body));
}

function delayOf(error: unknown, record: QueueRecord, signal: AbortSignal, random: number): number {
  if (signal.aborted) {
    return 0;
  }
  if (isMatterOfTurn(error) && record.deliveries <= PROMPT_DELIVERIES) {
    return SHORT_DELAY;
  }
  const retryAfter = error instanceof RemoteOutageError ? error.retryAfter : undefined;
  return backOff({ deliveries: record.deliveries, retryAfter, random });
}

function isMatterOfTurn(error: unknown): error is Error {
  return (
    error instanceof PredecessorMissingError ||
    error instanceof RemoteUndecidedError ||
    error instanceof LaneContendedError
  );
}

/** Whether it is the remote, or the task, that a message waits for. */
function isWaiting(error: unknown): error is Error {
  return (
    error instanceof RemoteOutageError ||
    error instanceof TaskPausedError ||
    error instanceof TaskStoppedError
  );
}

function report(
  error: unknown,
  { record, delay }: Returned,
  signal: AbortSignal,
  { logger }: LaneDependencies,
): void {
  const details = {
    messageId: record.messageId,
    groupId: record.groupId,
    deliveries: record.deliveries,
    delay,
  };
  if (signal.aborted || isWaiting(error) || isMatterOfTurn(error)) {
    logger.warn('A message goes back to the queue', {
      ...details,
      reason: error instanceof Error ? error.message : String(error),
    });
  } else {
    logger.error('A message goes back to the queue after a fault', {
      ...details,
      error: error instanceof Error ? error : String(error),
    });
  }
}

function groupsOf(records: readonly QueueRecord[]): QueueRecord[][] {
  const groups = new Map<string, QueueRecord[]>();
  for (const record of records) {
    const group = groups.get(record.groupId);
    if (group === undefined) {
      groups.set(record.groupId, [record]);
    } else {
      group.push(record);
    }
  }
  return [...groups.values()];
}
