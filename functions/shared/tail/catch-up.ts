import type { Archive, ArchiveObject } from '../archive/archive.ts';
import type { Clock } from '../clock.ts';
import type { LaneQueue } from '../lane/queue.ts';
import { type LaneRepository, laneId, NO_HEAD } from '../lane/repository.ts';
import type { Logger } from '../logger.ts';
import { isFollowing, routeOf } from '../route/route.ts';
import type { Slot } from '../slot/slot.ts';
import type { GapRead, GapRepairs } from '../sweep/gap.ts';
import { syncPolicyOf } from '../task/sync-policy.ts';
import type { Task } from '../task/task.ts';
import type { CatchUpRepository, Stretch } from './catch-up-repository.ts';
import { routeRead, sendBatches } from './dispatch.ts';
import { isLeaving, type SlotSwitch } from './slot-switch.ts';

/** Events after which a stretch is long enough, and the most objects of the archive in one. */
const STRETCH_EVENTS = 1_000;
const STRETCH_OBJECTS = 20;

/** Longest time for which the slot's own reads wait for tasks that catch up, but for the stretch begun; milliseconds. */
const ROUND_MS = 2_000;

/** Pause between two looks for tasks that catch up, when the one before found none; milliseconds. */
const LOOK_MS = 5_000;

export interface CatchUpDependencies {
  readonly tasks: {
    /** Every task, strongly consistent. */
    list(): Promise<readonly Task[]>;
  };
  readonly catchUps: CatchUpRepository;
  readonly archive: Pick<Archive, 'load' | 'putOperation'>;
  readonly lanes: Pick<LaneRepository, 'heads' | 'recordSent'>;
  readonly queue: LaneQueue;
  readonly repairs: GapRepairs;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** A task with a position of its own in the archive. */
type BehindTask = Task & { readonly catchUp: NonNullable<Task['catchUp']> };

/**
 * Whether a task gets the archive's events now. While it is paused, its first synchronization runs, what was on its way is
 * taken back, or its remote is known to be away, it does not.
 */
function isCatchingUp(task: Task): task is BehindTask {
  return (
    task.type === 'INCREMENTAL' &&
    task.status === 'REPLICATING' &&
    task.catchUp !== undefined &&
    !isLeaving(task) &&
    !isHeld(task.catchUp.parked) &&
    (task.initialSync === undefined || task.initialSync.endedAt !== undefined)
  );
}

/** Whether a parked task has to stay where it is. */
function isHeld(parked: NonNullable<Task['catchUp']>['parked']): boolean {
  return parked !== undefined && (parked.isRewound !== true || parked.reason === 'REMOTE_AWAY');
}

/** Tasks of a slot that followed it, and that a read made now leaves out for the first time. */
export function newlyLeftOut(tasks: readonly Task[], slotName: string): Task[] {
  return tasks.filter(
    (task) =>
      task.slotName === slotName &&
      task.type === 'INCREMENTAL' &&
      task.catchUp === undefined &&
      !isFollowing(task) &&
      // Paused before the first read since it began: what comes next is owed to it, too.
      (task.startOrdinal !== undefined || task.pausedFrom === 'REPLICATING'),
  );
}

/**
 * Tasks that a committed read leaves out though it is owed to them: who made it had listed the tasks, lost its lease, and
 * its successor brought a task back before the commit, or the task was parked since, which takes back what is on its way.
 */
export function leftOutOf(object: ArchiveObject, tasks: readonly Task[]): Task[] {
  const routed = new Map(object.routes.map(({ taskKey, generation = 0 }) => [taskKey, generation]));
  return tasks.filter(
    (task) =>
      task.slotName === object.slotName &&
      task.type === 'INCREMENTAL' &&
      task.catchUp === undefined &&
      task.startOrdinal !== undefined &&
      task.startOrdinal <= object.firstOrdinal + (task.ordinalOffset ?? 0) &&
      routed.get(task.key) !== (task.generation ?? 0),
  );
}

/** Keys of the tasks that were parked since a committed read was routed to them. */
export function parkedSince(object: ArchiveObject, tasks: readonly Task[]): Set<string> {
  const present = new Map(tasks.map(({ key, generation = 0 }) => [key, generation]));
  return new Set(
    object.routes
      .filter(({ taskKey, generation = 0 }) => (present.get(taskKey) ?? 0) > generation)
      .map(({ taskKey }) => taskKey),
  );
}

/** Brings a slot's tasks from the archive to where the slot stands. For one holder of its lease. */
export interface CatchUp {
  /**
   * Bring every task that catches up forward by a stretch, for a bounded time, and those that are where the slot stands
   * back into its reads. To be called between two reads, so that no read is under way.
   *
   * @returns whether more can be done at once.
   * @throws LeaseLostError
   */
  round(slot: Slot): Promise<boolean>;
}

export function catchUp(options: {
  readonly dependencies: CatchUpDependencies;
  /** Look whether the lease is still held, and prolong it. @throws LeaseLostError */
  readonly renew: () => Promise<void>;
  /** Milliseconds since 1970 after which nothing new is begun. */
  readonly deadline: number;
  /** Takes tasks to other slots, by the same look. */
  readonly switching: SlotSwitch;
}): CatchUp {
  const { dependencies, renew, deadline, switching } = options;
  const { tasks, catchUps, clock, logger } = dependencies;
  /** Tasks whose next object is gone: looked at again by the next holder. */
  const stranded = new Set<string>();
  let nextLook = Number.NEGATIVE_INFINITY;
  /** The slot's next ordinal at the last look, if a task waited for it to move. */
  let waitingAt: number | undefined;

  /** @returns whether the task follows the slot again. */
  async function step(task: BehindTask, slot: Slot): Promise<boolean> {
    const from = task.catchUp.nextOrdinal;
    let at = from;
    if (from < slot.nextOrdinal) {
      const replayed = await stretchOf(dependencies.archive, slot, from, task.catchUp.stretch?.toOrdinal);
      if (replayed === undefined) {
        stranded.add(task.key);
        const { key: taskKey, slotName } = task;
        await catchUps.strand({ taskKey, slotName, from, since: clock() });
        logger.warn('The archive has lost what a task still has to get', {
          taskKey: task.key,
          slotName: slot.name,
          nextOrdinal: from,
        });
        return false;
      }
      const { policyVersion } = task;
      const events = replayed.documents.length;
      const toOrdinal = from + events;
      const stretch = task.catchUp.stretch ?? { toOrdinal, policyVersion, policy: syncPolicyOf(task) };
      const { key: taskKey, revision, ordinalOffset = 0 } = task;
      const startOrdinal = from + ordinalOffset;
      if (
        task.catchUp.stretch === undefined &&
        !(await catchUps.fix({ taskKey, revision, from, startOrdinal, stretch }))
      ) {
        return false;
      }
      const sent = await replay({ task, from, replayed, stretch, slot, renew, dependencies });
      const { generation } = task;
      const step = { taskKey, slotName: slot.name, generation, from, to: toOrdinal };
      if (sent === undefined || !(await catchUps.move(step))) {
        return false;
      }
      at = toOrdinal;
      logger.info('Replayed the archive', { taskKey, slotName: slot.name, from, toOrdinal, events, sent });
    }
    if (at < slot.nextOrdinal) {
      return false;
    }
    const { name: slotName, epoch } = slot;
    const isBack = await catchUps.end({ taskKey: task.key, slotName, epoch, ordinal: at });
    if (!isBack) {
      // The task was changed or deleted, or the lease is another's: then this is the end.
      await renew();
    }
    return isBack;
  }

  return {
    async round(slot) {
      const begun = clock().getTime();
      const hasMoved = waitingAt !== undefined && slot.nextOrdinal > waitingAt;
      if (begun < nextLook && !hasMoved) {
        return false;
      }
      const listed = await tasks.list();
      const canGoOn = await switching.look(slot, listed);
      const isWaiting = listed.some((task) => task.slotName === slot.name && isLeaving(task));
      waitingAt = isWaiting ? slot.nextOrdinal : undefined;
      const behind = listed
        .filter(isCatchingUp)
        .filter(({ slotName, key }) => slotName === slot.name && !stranded.has(key))
        .sort((left, right) => left.catchUp.nextOrdinal - right.catchUp.nextOrdinal);
      let left = behind.length;
      for (const task of behind) {
        const now = clock().getTime();
        if (now >= deadline || now - begun > ROUND_MS) {
          break;
        }
        if ((await step(task, slot)) || stranded.has(task.key)) {
          left -= 1;
        }
      }
      const hasMore = left > 0 || canGoOn;
      if (!hasMore) {
        nextLook = clock().getTime() + LOOK_MS;
      }
      return hasMore;
    },
  };
}

/**
 * Send a task its share of a stretch.
 *
 * The stretch and its policies are fixed before any of it is sent, as a read is committed: what a lane has already, by
 * whichever way, is at or below its last sent ordinal and is left out, and what was sent without being noted is the same again.
 *
 * @returns operations that were sent; undefined when the task was parked meanwhile.
 */
async function replay(options: {
  readonly task: BehindTask;
  readonly from: number;
  readonly replayed: Replayed;
  readonly stretch: Stretch;
  readonly slot: Slot;
  readonly renew: () => Promise<void>;
  readonly dependencies: CatchUpDependencies;
}): Promise<number | undefined> {
  const { task, from, stretch, slot, renew, dependencies } = options;
  const { documents, gaps } = options.replayed;
  const { archive, lanes, queue, repairs, clock } = dependencies;
  const route = { ...routeOf(task), policyVersion: stretch.policyVersion, policy: stretch.policy };
  const skipped = Math.max(0, (task.catchUp.notBefore ?? from) - from);
  const routed = routeRead({
    firstOrdinal: from + skipped,
    routes: [route],
    documents: documents.slice(skipped),
  });
  const heads = await lanes.heads(routed.lanes.map(({ source }) => ({ taskKey: task.key, source })));
  const batches = routed.lanes.flatMap(({ source, remote, entries }) => {
    const { sentOrdinal, isSettled } = heads.get(laneId({ taskKey: task.key, source })) ?? NO_HEAD;
    const unsent = entries.filter(({ ordinal }) => ordinal > sentOrdinal);
    const { taskKey, generation, policyVersion, policy } = route;
    const lane = { taskKey, slotName: slot.name, generation, policyVersion, policy, source, remote };
    return unsent.length === 0 ? [] : [{ ...lane, previousOrdinal: sentOrdinal, isSettled, entries: unsent }];
  });
  // The last look before anything is sent: who has lost the lease sends nothing.
  await renew();
  for (const read of gaps) {
    await repairs.request({ read, taskKeys: [task.key] });
  }
  const rewound = await sendBatches({ batches, archive, queue, lanes, clock });
  return rewound.size > 0 ? undefined : batches.reduce((sum, { entries }) => sum + entries.length, 0);
}

/** What consecutive objects hold: their documents, and those of them before which entries may be lost. */
interface Replayed {
  readonly documents: ArchiveObject['documents'];
  readonly gaps: readonly GapRead[];
}

/**
 * The documents of consecutive objects: up to a stretch's length, or the ordinal at which one was fixed to end. Undefined when
 * the archive does not hold the first one, or not all that was fixed.
 */
async function stretchOf(
  archive: Pick<Archive, 'load'>,
  slot: Slot,
  from: number,
  toOrdinal: number | undefined,
): Promise<Replayed | undefined> {
  const end = toOrdinal ?? slot.nextOrdinal;
  const documents: ArchiveObject['documents'] = [];
  const gaps: GapRead[] = [];
  for (let objects = 0; objects < STRETCH_OBJECTS; objects += 1) {
    const next = from + documents.length;
    if (next >= end || (toOrdinal === undefined && documents.length >= STRETCH_EVENTS)) {
      break;
    }
    const object = await archive.load(slot.name, next);
    if (object === undefined) {
      break;
    }
    documents.push(...object.documents);
    if (object.gap !== undefined) {
      gaps.push(object);
    }
  }
  const isWhole = toOrdinal === undefined ? documents.length > 0 : from + documents.length === toOrdinal;
  return isWhole ? { documents, gaps } : undefined;
}
