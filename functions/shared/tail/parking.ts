import type { RemoteCircuits } from '../apply/remote-circuits.ts';
import type { Archive } from '../archive/archive.ts';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import { type LaneRepository, type LaneState, settledOf, timesRewound } from '../lane/repository.ts';
import type { Logger } from '../logger.ts';
import type { SlotRepository } from '../slot/repository.ts';
import type { ParkReason, Task } from '../task/task.ts';
import type { CatchUpRepository } from './catch-up-repository.ts';

/**
 * Parking: messages live for a fortnight, so what cannot move is taken back from the queue, and replayed from the archive when
 * it can (docs/adr/0014).
 *
 * A parked task is out of the slot's reads, its position is where its lanes need something first, and each lane that has
 * something on its way is rewound to what it has applied. What was sent before is void then, wherever it is.
 */

/** Time for which a lane may stand still before its task is parked; milliseconds. */
export const PATIENCE_MS = 3_600_000;
/** The same, of a lane that was rewound for that several times and has not moved. */
const MAX_PATIENCE_MS = 24 * PATIENCE_MS;

/** Looks at the lanes of a task in which one that moves meanwhile may be rewound, before the next upkeep goes on. */
const REWIND_ROUNDS = 3;
/** Lanes rewound at once. */
const REWINDS_AT_ONCE = 8;

export interface ParkingDependencies {
  readonly lanes: Pick<LaneRepository, 'list' | 'rewind'>;
  readonly catchUps: Pick<CatchUpRepository, 'park' | 'rewound' | 'strand'>;
  readonly slots: Pick<SlotRepository, 'get'>;
  readonly archive: Pick<Archive, 'holding'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

export interface ParkCause {
  readonly reason: ParkReason;
  readonly details?: string | undefined;
}

/** What a request to send anew what is on its way to a task's lanes has come to. */
export interface Redrive {
  /** Lanes that had something on its way, and the operations of them that were not done. */
  readonly lanes: number;
  readonly operations: number;
}

/**
 * Take back what is on its way to a task's lanes, wherever it has got to, and have it replayed from the archive. A remote that was
 * found down is tried again at once, also for a task that is parked because of it.
 *
 * @throws DomainError RESOURCE_NOT_FOUND; TASK_STATUS_INVALID for a task that follows no log, and for one that was changed
 * meanwhile or whose operations the archive has lost (the task says so).
 */
export async function redriveTask(options: {
  readonly taskKey: string;
  readonly tasks: { get(taskKey: string): Promise<Task | undefined> };
  readonly dependencies: ParkingDependencies & {
    readonly catchUps: Pick<CatchUpRepository, 'unpark'>;
    /** Absent: nobody keeps any. */
    readonly circuits?: Pick<RemoteCircuits, 'end'>;
  };
}): Promise<Redrive> {
  const { taskKey, tasks, dependencies } = options;
  const task = await tasks.get(taskKey);
  if (task === undefined) {
    throw new DomainError('RESOURCE_NOT_FOUND', [taskKey]);
  }
  if (task.type !== 'INCREMENTAL') {
    throw new DomainError('TASK_STATUS_INVALID');
  }
  await dependencies.circuits?.end(task.setting.remoteClusterInfo.url);
  const { generation = 0, catchUp } = task;
  if (catchUp?.parked !== undefined) {
    await goOnParking({ task, dependencies });
    await dependencies.catchUps.unpark({ taskKey, generation });
    return { lanes: 0, operations: 0 };
  }
  let redrive: Redrive = { lanes: 0, operations: 0 };
  const outcome = await parkTask({
    task,
    causeOf: (lanes) => {
      const undone = undoneOf(lanes);
      const operations = undone.reduce((sum, lane) => sum + lane.dispatched - settledOf(lane), 0);
      redrive = { lanes: undone.length, operations: Math.max(0, operations) };
      return { reason: 'REDRIVE' };
    },
    dependencies,
  });
  if (outcome === 'contended' || outcome === 'stranded') {
    throw new DomainError('TASK_STATUS_INVALID');
  }
  return redrive;
}

/** Lanes that have something on its way. */
function undoneOf(lanes: readonly LaneState[]): LaneState[] {
  return lanes.filter(({ sentOrdinal, appliedOrdinal }) => sentOrdinal > appliedOrdinal);
}

/**
 * Why a task is to be parked now: its remote has been away for an hour, or something of it has not moved for an hour though it
 * was on its way. Undefined while there is no reason to.
 */
export function causeToPark(task: Task, lanes: readonly LaneState[], now: Date): ParkCause | undefined {
  const undone = undoneOf(lanes);
  const isStuck = undone.some((lane) => now.getTime() - movedAt(lane) > patienceFor(lane));
  switch (task.status) {
    case 'PAUSED':
      return isStuck ? { reason: 'PAUSED' } : undefined;
    case 'FAILED':
      return isStuck ? { reason: 'STOPPED' } : undefined;
    case 'REPLICATING': {
      const away = undone.find(
        ({ outage }) => outage !== undefined && now.getTime() - Date.parse(outage.since) > PATIENCE_MS,
      );
      if (away !== undefined) {
        return { reason: 'REMOTE_AWAY', details: away.outage?.reason };
      }
      return isStuck ? { reason: 'STALLED' } : undefined;
    }
    default:
      return undefined;
  }
}

/** When a lane last moved, or began to wait; milliseconds since 1970. */
function movedAt({ lastAppliedAt, pending, rewound }: LaneState): number {
  const instants = [lastAppliedAt, pending?.since, rewound?.at];
  return Math.max(0, ...instants.flatMap((at) => (at === undefined ? [] : [Date.parse(at)])));
}

/** It doubles with each time that did not help: a message that no worker can do is not sent anew for ever and ever. */
function patienceFor(lane: LaneState): number {
  return Math.min(MAX_PATIENCE_MS, PATIENCE_MS * 2 ** Math.min(10, timesRewound(lane)));
}

/** The lowest ordinal, of the lane, that it may still need. */
function neededFrom({ appliedOrdinal, pending }: LaneState): number {
  return Math.max(appliedOrdinal + 1, pending?.from ?? 0);
}

/**
 * Park a task, if there is a cause: note where its lanes need something first, then rewind them. What is interrupted here is
 * gone on with by `goOnParking`. Whoever reads or replays for the task at the same time finds that it is of another generation.
 *
 * @param options `causeOf`: called with the task's lanes.
 * @returns `stranded` when the archive does not hold what the lanes need: then nothing is changed, and the task says so.
 * `contended` when the task was changed since it was read.
 */
export async function parkTask(options: {
  readonly task: Task;
  readonly causeOf: (lanes: readonly LaneState[]) => ParkCause | undefined;
  readonly dependencies: ParkingDependencies;
}): Promise<'none' | 'parked' | 'stranded' | 'contended'> {
  const { task, causeOf, dependencies } = options;
  const { lanes, catchUps, slots, archive, clock, logger } = dependencies;
  const { key: taskKey, slotName, revision, ordinalOffset = 0 } = task;
  // The slot first: what is before its next ordinal, and the task's own position, is noted in the lanes by then.
  const slot = await slots.get(slotName);
  const states = await lanes.list(taskKey);
  const cause = causeOf(states);
  const undone = undoneOf(states);
  if (slot === undefined || cause === undefined || undone.length === 0) {
    return 'none';
  }
  const { nextOrdinal = slot.nextOrdinal, notBefore = 0 } = task.catchUp ?? {};
  const needed = Math.min(
    slot.nextOrdinal,
    Math.max(nextOrdinal, notBefore),
    ...undone.map((lane) => neededFrom(lane) - ordinalOffset),
  );
  const from = Math.max(1, (task.startOrdinal ?? 1) - ordinalOffset, needed);
  const objectAt = from === slot.nextOrdinal ? from : await archive.holding(slotName, from);
  if (objectAt === undefined) {
    await catchUps.strand({ taskKey, slotName, from, since: clock() });
    logger.warn('The archive has lost what lanes still need', { taskKey, slotName, nextOrdinal: from });
    return 'stranded';
  }
  const generation = (task.generation ?? 0) + 1;
  const { reason, details } = cause;
  const parked = {
    since: clock().toISOString(),
    reason,
    ...(details === undefined ? {} : { details }),
  };
  const catchUp = { nextOrdinal: objectAt, ...(objectAt < from ? { notBefore: from } : {}), parked };
  if (!(await catchUps.park({ taskKey, slotName, revision, generation, catchUp }))) {
    return 'contended';
  }
  logger.info('Parked a task', { taskKey, slotName, reason, details, nextOrdinal: from, generation });
  await goOnParking({ task: { key: taskKey, generation }, dependencies });
  return 'parked';
}

/**
 * Rewind what of a parked task's lanes is not rewound yet, and note when it is all. May be repeated, and done by several at once.
 *
 * A lane that has got something on its way only since the task was parked needs nothing from before the task's position: what
 * was read by then had been noted.
 *
 * @returns whether nothing is left to rewind.
 */
export async function goOnParking(options: {
  readonly task: Pick<Task, 'key' | 'generation'>;
  readonly dependencies: Pick<ParkingDependencies, 'lanes' | 'catchUps' | 'clock'>;
}): Promise<boolean> {
  const { task, dependencies } = options;
  const { lanes, catchUps, clock } = dependencies;
  const { key: taskKey, generation = 0 } = task;
  for (let round = 0; round < REWIND_ROUNDS; round += 1) {
    const left = undoneOf(await lanes.list(taskKey)).filter((lane) => (lane.generation ?? 0) < generation);
    if (left.length === 0) {
      await catchUps.rewound({ taskKey, generation });
      return true;
    }
    for (let start = 0; start < left.length; start += REWINDS_AT_ONCE) {
      await Promise.all(
        left
          .slice(start, start + REWINDS_AT_ONCE)
          .map((state) => lanes.rewind({ taskKey, generation, state, at: clock() })),
      );
    }
  }
  return false;
}
