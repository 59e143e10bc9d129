import { createHash } from 'node:crypto';
import type { SyncPolicy } from '../task/sync-policy.ts';
import type { BatchEntry, BatchMessage, Container, ReconcileMessage } from './message.ts';

/**
 * Bytes of one message's body. Ten of them fit in one SendMessageBatch (1 MiB); SQS bills each 64 KiB of a message
 * as a request, so larger messages would not be cheaper.
 */
export const MAX_MESSAGE_BYTES = 100 * 1024;

/** Operations in one message: bounds what a worker does for one receipt, and what a redelivery repeats. */
export const MAX_MESSAGE_ENTRIES = 100;

/** A message for the lane queue. */
export interface OutgoingMessage {
  readonly body: string;
  /** FIFO group: the lane. */
  readonly groupId: string;
  /** The same for the same operations, so that the queue drops what is dispatched again within its five minutes. */
  readonly deduplicationId: string;
}

/** Operations of one lane, consecutive, and the lane's ordinal before them. */
export interface LaneBatch {
  readonly taskKey: string;
  readonly slotName: string;
  /** The task's; absent: 0. */
  readonly generation?: number | undefined;
  readonly policyVersion: number;
  readonly policy?: SyncPolicy | undefined;
  readonly source: Container;
  readonly remote: Container;
  readonly previousOrdinal: number;
  readonly entries: readonly BatchEntry[];
}

/** Bytes that an entry takes in a message. */
export function entryBytes(entry: BatchEntry): number {
  return Buffer.byteLength(JSON.stringify(entry)) + 1;
}

/** Pack a lane's operations into as few messages as fit, each naming the ordinal before it. */
export function packLane(batch: LaneBatch): OutgoingMessage[] {
  const head = headOf(batch);
  const headBytes = Buffer.byteLength(JSON.stringify({ ...head, entries: [] })) + ORDINAL_DIGITS;
  const groupId = groupIdOf(batch);
  // What is sent anew is no repeat. Its group stays the lane: one worker at a time is what keeps the lane's order.
  const generation = batch.generation === undefined ? '' : `${batch.generation}/`;
  const messages: OutgoingMessage[] = [];
  let previousOrdinal = batch.previousOrdinal;
  let entries: BatchEntry[] = [];
  let bytes = headBytes;

  const close = () => {
    const [first] = entries;
    const last = entries.at(-1);
    if (first === undefined || last === undefined) {
      return;
    }
    messages.push({
      body: JSON.stringify({ ...head, previousOrdinal, entries } satisfies BatchMessage),
      groupId,
      deduplicationId: digest(`${groupId}:${generation}${first.ordinal}-${last.ordinal}`),
    });
    previousOrdinal = last.ordinal;
    entries = [];
    bytes = headBytes;
  };

  for (const entry of batch.entries) {
    const size = entryBytes(entry);
    if (headBytes + size > MAX_MESSAGE_BYTES) {
      throw new RangeError(`Operation ${entry.ordinal} of ${size} bytes does not fit into a message`);
    }
    if (bytes + size > MAX_MESSAGE_BYTES || entries.length === MAX_MESSAGE_ENTRIES) {
      close();
    }
    entries.push(entry);
    bytes += size;
  }
  close();
  return messages;
}

/** The message that asks a lane for a part of a sweep. */
export function reconcileMessageOf(part: {
  readonly taskKey: string;
  readonly slotName: string;
  readonly source: Container;
  readonly remote: Container;
  readonly sweepId: string;
  readonly part: number;
}): OutgoingMessage {
  const { taskKey, slotName, source, remote, sweepId } = part;
  const groupId = groupIdOf(part);
  const message: ReconcileMessage = {
    version: 1,
    kind: 'RECONCILE',
    taskKey,
    slotName,
    source,
    remote,
    sweepId,
    part: part.part,
  };
  return {
    body: JSON.stringify(message),
    groupId,
    deduplicationId: digest(`${groupId}:${sweepId}:${part.part}`),
  };
}

/** Digits by which a later `previousOrdinal` may be longer than the first. */
const ORDINAL_DIGITS = 16;

function headOf(batch: LaneBatch): Omit<BatchMessage, 'entries'> {
  return {
    version: 1,
    taskKey: batch.taskKey,
    slotName: batch.slotName,
    ...(batch.generation === undefined ? {} : { generation: batch.generation }),
    policyVersion: batch.policyVersion,
    ...(batch.policy === undefined ? {} : { policy: batch.policy }),
    source: batch.source,
    remote: batch.remote,
    previousOrdinal: batch.previousOrdinal,
  };
}

/** At most 128 characters whatever the names are: the task's key, and a digest of the repository's names. */
function groupIdOf(batch: Pick<LaneBatch, 'taskKey' | 'source'>): string {
  return `${batch.taskKey}.${digest(`${batch.source.projectId}/${batch.source.repoName}`).slice(0, 32)}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
