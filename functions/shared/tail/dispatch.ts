import { type Archive, type ArchiveObject, operationKeyOf } from '../archive/archive.ts';
import type { Clock } from '../clock.ts';
import type { BatchEntry, Container } from '../lane/message.ts';
import { entryBytes, type LaneBatch, MAX_MESSAGE_BYTES, packLane } from '../lane/pack.ts';
import type { LaneQueue } from '../lane/queue.ts';
import { type LaneRepository, laneId } from '../lane/repository.ts';
import { parseLogDocument } from '../operate-log/event.ts';
import { type Route, routeEvent } from '../route/route.ts';
import type { SlotRepository } from '../slot/repository.ts';
import type { GapRepairs } from '../sweep/gap.ts';

/** Room for a message's head beside its only operation. */
const MAX_ENTRY_BYTES = MAX_MESSAGE_BYTES - 4_096;

/** A lane's share of a read or of a stretch, behind what it was sent before. */
type Share = LaneBatch & { readonly isSettled: boolean };

/** Lane records written at once. */
const WRITES_AT_ONCE = 16;

/** What a read holds: the operations of each lane that it touches, and the documents that could not be read. */
export interface RoutedRead {
  readonly lanes: readonly RoutedLane[];
  readonly unreadable: readonly {
    readonly ordinal: number;
    readonly eventId: string;
    readonly reason: string;
  }[];
}

export interface RoutedLane {
  readonly route: Route;
  readonly source: Container;
  readonly remote: Container;
  readonly entries: readonly BatchEntry[];
}

/** Route a read: a function of nothing but what the archive keeps, so that it gives the same whoever computes it. */
export function routeRead(read: Pick<ArchiveObject, 'firstOrdinal' | 'routes' | 'documents'>): RoutedRead {
  const lanes = new Map<string, Omit<RoutedLane, 'entries'> & { entries: BatchEntry[] }>();
  const unreadable: { ordinal: number; eventId: string; reason: string }[] = [];
  for (const [index, document] of read.documents.entries()) {
    const ordinal = read.firstOrdinal + index;
    const event = parseLogDocument(document);
    if ('unreadable' in event) {
      unreadable.push({ ordinal, eventId: document.id, reason: event.unreadable });
      continue;
    }
    for (const route of read.routes) {
      for (const { source, remote, entry } of routeEvent(route, { ordinal, log: event })) {
        const id = laneId({ taskKey: route.taskKey, source });
        const lane = lanes.get(id) ?? { route, source, remote, entries: [] };
        lanes.set(id, lane);
        lane.entries.push(entry);
      }
    }
  }
  return { lanes: [...lanes.values()], unreadable };
}

/**
 * Send everything that a committed read makes and note in each lane what was sent. Repeating it, in part or whole, by
 * this tailer or another, changes nothing: messages have the same deduplication ids and ordinals, notes are conditional.
 *
 * A task that was parked since gets nothing of it: it is replayed to the task from the archive.
 *
 * @returns keys of the tasks whose lanes were rewound meanwhile, so that something of the read is still owed to them.
 */
export async function dispatch(options: {
  readonly object: ArchiveObject;
  /** What `routeRead` gives for the object. */
  readonly routed: RoutedRead;
  readonly archive: Archive;
  readonly queue: LaneQueue;
  readonly lanes: Pick<LaneRepository, 'recordSent'>;
  readonly slots: SlotRepository;
  readonly repairs: GapRepairs;
  readonly clock: Clock;
  /** Keys of the tasks that were parked since the read was routed. */
  readonly parked: ReadonlySet<string>;
}): Promise<ReadonlySet<string>> {
  const { object, routed, archive, queue, lanes, slots, repairs, clock, parked } = options;
  if (object.gap !== undefined) {
    await slots.recordGap(object.slotName, object.firstOrdinal, object.gap);
    await repairs.request({ read: object, taskKeys: object.routes.map(({ taskKey }) => taskKey) });
  }
  for (const fault of routed.unreadable) {
    await slots.recordUnreadable(object.slotName, fault.ordinal, fault.eventId, fault.reason);
  }
  const batches = batchesOf(object, routed).filter(({ taskKey }) => !parked.has(taskKey));
  return sendBatches({ batches, archive, queue, lanes, clock });
}

/**
 * Send each lane's operations and note them in the lane. Repeating it changes nothing, with other batches of the same
 * operations neither: the worker drops what the lane has.
 *
 * @returns keys of the tasks of which a lane was rewound meanwhile: what it was sent is void.
 */
export async function sendBatches(options: {
  /** At most one for a lane, none of them empty. */
  readonly batches: readonly Share[];
  readonly archive: Pick<Archive, 'putOperation'>;
  readonly queue: LaneQueue;
  readonly lanes: Pick<LaneRepository, 'recordSent'>;
  readonly clock: Clock;
}): Promise<ReadonlySet<string>> {
  const { batches, archive, queue, lanes, clock } = options;
  const rewound = new Set<string>();
  const messages = [];
  for (const batch of batches) {
    const entries = [];
    for (const entry of batch.entries) {
      entries.push(await withinMessage(archive, batch, entry));
    }
    messages.push(...packLane({ ...batch, entries }));
  }
  await queue.send(messages);
  for (let start = 0; start < batches.length; start += WRITES_AT_ONCE) {
    await Promise.all(
      batches.slice(start, start + WRITES_AT_ONCE).map(async ({ entries, ...lane }) => {
        const isNoted = await lanes.recordSent({
          ...lane,
          generation: lane.generation ?? 0,
          firstOrdinal: entries[0]?.ordinal ?? lane.previousOrdinal,
          lastOrdinal: entries.at(-1)?.ordinal ?? lane.previousOrdinal,
          count: entries.filter((entry) => entry.secondary === undefined).length,
          at: clock(),
        });
        if (!isNoted) {
          rewound.add(lane.taskKey);
        }
      }),
    );
  }
  return rewound;
}

/** The lanes' operations, each behind the ordinal that the object names for the lane. */
function batchesOf(object: ArchiveObject, routed: RoutedRead): Share[] {
  const heads = new Map(object.lanes.map((lane) => [laneId(lane), lane]));
  return routed.lanes.map(({ route, source, remote, entries }) => {
    const { taskKey, generation, policyVersion, policy } = route;
    const head = heads.get(laneId({ taskKey, source }));
    if (head === undefined) {
      throw new Error(
        `Archive object ${object.slotName}/${object.firstOrdinal} does not name a lane that it touches`,
      );
    }
    const { slotName } = object;
    const { previousOrdinal, isSettled = false } = head;
    const lane = { taskKey, slotName, generation, policyVersion, policy, source, remote };
    return { ...lane, previousOrdinal, isSettled, entries };
  });
}

/** An operation too large for a message is kept in the archive, and the message names it. */
async function withinMessage(
  archive: Pick<Archive, 'putOperation'>,
  lane: LaneBatch,
  entry: BatchEntry,
): Promise<BatchEntry> {
  if (entryBytes(entry) <= MAX_ENTRY_BYTES || entry.operation.kind === 'ARCHIVED') {
    return entry;
  }
  const objectKey = operationKeyOf(lane.slotName, lane.taskKey, entry.ordinal, lane.source);
  await archive.putOperation(objectKey, entry.operation);
  return { ...entry, operation: { kind: 'ARCHIVED', objectKey } };
}
