import type { Archive, ArchiveObject } from '../archive/archive.ts';
import type { Clock } from '../clock.ts';
import type { LaneQueue } from '../lane/queue.ts';
import { type LaneRepository, laneId, NO_HEAD } from '../lane/repository.ts';
import type { Logger } from '../logger.ts';
import type { LogFollower, LogRead, OperateLog } from '../operate-log/reader.ts';
import type { LogRing } from '../operate-log/ring.ts';
import { isFollowing, routeOf } from '../route/route.ts';
import { afterRead, isNoteDue, type Writing } from '../slot/headroom.ts';
import type { SlotRepository } from '../slot/repository.ts';
import { LeaseLostError, type Slot } from '../slot/slot.ts';
import type { GapRepairs } from '../sweep/gap.ts';
import type { Task } from '../task/task.ts';
import { catchUp, leftOutOf, newlyLeftOut, parkedSince } from './catch-up.ts';
import type { CatchUpRepository } from './catch-up-repository.ts';
import { dispatch, type RoutedRead, routeRead } from './dispatch.ts';
import { withFirstGap } from './first-read.ts';
import { slotSwitch } from './slot-switch.ts';

export type TailMode = 'continuous' | 'burst';

/** The tasks as the tailer needs them. */
export interface TailedTasks {
  /** Every task, strongly consistent. */
  list(): Promise<readonly Task[]>;
  /** Note the first ordinal that is routed to a task; a task that has one, or is gone, is left alone. */
  recordStart(taskKey: string, ordinal: number): Promise<void>;
  /** Replace a task as long as it is at this revision. */
  update(task: Task, expected: { readonly revision: number }): Promise<'updated' | 'contended'>;
}

export interface TailDependencies {
  readonly slots: SlotRepository;
  readonly tasks: TailedTasks;
  readonly catchUps: CatchUpRepository;
  readonly log: OperateLog;
  /** Look at the log's collection; undefined where the server cannot be asked. */
  readonly inspect: () => Promise<LogRing | undefined>;
  readonly archive: Archive;
  readonly lanes: Pick<LaneRepository, 'heads' | 'recordSent' | 'list'>;
  readonly queue: LaneQueue;
  readonly repairs: GapRepairs;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  readonly wait: (milliseconds: number) => Promise<void>;
  /** Look at the log and at how far the slots are behind it, as a run finds them; it never rejects (`observe.ts`). */
  readonly observe: (slots: readonly Slot[]) => Promise<void>;
}

export interface TailSettings {
  /** `continuous` follows the log until the deadline; `burst` reads what there is, log and archive, and returns. */
  readonly mode: TailMode;
  /** Names the holder of a lease: unique for each invocation. */
  readonly owner: string;
  /** Milliseconds since 1970 after which nothing new is begun. */
  readonly deadline: number;
  /** Documents in one read, and so in one archive object. */
  readonly readLimit: number;
  /** How long a lease outlives its last renewal. */
  readonly leaseMs: number;
  /** Pause after a read that found nothing, in continuous mode. */
  readonly pollMs: number;
}

export interface TailOutcome {
  readonly slotName: string;
  /** `held`: another tailer has the lease. `lost`: another one took it over. */
  readonly end: 'held' | 'lost' | 'drained' | 'deadline';
  readonly events: number;
}

/**
 * Follow the log from every slot's position, each under its lease; also from those that are made meanwhile.
 *
 * A slot that fails does not stop the others; the first failure is thrown when all have ended.
 */
export async function tail(dependencies: TailDependencies, settings: TailSettings): Promise<TailOutcome[]> {
  const names = new Set<string>();
  const running: Promise<PromiseSettledResult<TailOutcome>[]>[] = [];
  const follow = (slotName: string): void => {
    if (!names.has(slotName)) {
      names.add(slotName);
      running.push(Promise.allSettled([tailSlot(dependencies, settings, slotName, follow)]));
    }
  };
  const found = await dependencies.slots.list();
  const observed = dependencies.observe(found);
  for (const { name } of found) {
    follow(name);
  }
  const ends: PromiseSettledResult<TailOutcome>[] = [];
  // It grows while slots are made.
  for (const run of running) {
    ends.push(...(await run));
  }
  await observed;
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) {
    throw failed.reason;
  }
  return ends.filter((end) => end.status === 'fulfilled').map((end) => end.value);
}

/**
 * Follow the log from one slot.
 *
 * The order of steps is what makes it safe to stop anywhere: read, archive (the commit of the read), send, note in the
 * lanes, move the position. Who finds an object at the slot's next ordinal has a predecessor that stopped between the
 * commit and the move: that object is dispatched before anything is read. Between two reads, tasks that were left out of
 * earlier ones are brought forward from the archive (`catch-up.ts`).
 */
async function tailSlot(
  dependencies: TailDependencies,
  settings: TailSettings,
  slotName: string,
  onOpened: (slotName: string) => void,
): Promise<TailOutcome> {
  const { slots, tasks, archive, log, inspect, clock, logger, wait } = dependencies;
  const { mode, owner, deadline, leaseMs, pollMs, readLimit } = settings;
  let slot = await slots.acquire(slotName, owner, leaseMs);
  if (slot === undefined) {
    return { slotName, end: 'held', events: 0 };
  }
  const { epoch } = slot;
  let renewedAt = clock().getTime();
  let { writing } = slot;
  let follower: LogFollower | undefined;
  let events = 0;
  let end: TailOutcome['end'] = 'deadline';

  const settle = async (read: {
    readonly object: ArchiveObject;
    readonly routed: RoutedRead;
    readonly measured: Writing;
    readonly parked: ReadonlySet<string>;
  }): Promise<void> => {
    const { object, measured } = read;
    slot = await dispatchCommitted(dependencies, { ...read, epoch, writing: measured });
    writing = measured;
    events += object.documents.length;
  };
  const settleCommitted = async (at: Slot): Promise<void> => {
    const object = await archive.load(slotName, at.nextOrdinal);
    if (object === undefined) {
      return;
    }
    const listed = await tasks.list();
    await leaveOut(dependencies, object.firstOrdinal, leftOutOf(object, listed));
    logger.warn('A predecessor archived a read and did not finish it', {
      slotName,
      firstOrdinal: object.firstOrdinal,
    });
    const read = { events: object.documents.length, at: clock(), isDrained: false };
    const measured = afterRead(writing, read);
    await settle({ object, routed: routeRead(object), measured, parked: parkedSince(object, listed) });
  };
  const leave = async (): Promise<void> => {
    const ends = await Promise.allSettled([follower?.close(), slots.release(slotName, epoch)]);
    const failed = ends.find((each) => each.status === 'rejected');
    if (failed !== undefined) {
      throw failed.reason;
    }
  };

  const renew = async (measured?: Writing): Promise<void> => {
    await slots.renew(slotName, epoch, leaseMs, measured);
    renewedAt = clock().getTime();
  };
  const switching = slotSwitch({ dependencies, onOpened });
  const behind = catchUp({ dependencies, renew, deadline, switching });

  try {
    await settleCommitted(slot);
    while (clock().getTime() < deadline) {
      const moreBehind = await behind.round(slot);
      follower ??= log.follow(slot.position);
      const at = clock();
      const read = await withFirstGap({ slot, read: await follower.next(readLimit), inspect });
      const isDrained = read.documents.length < readLimit;
      if (isDrained) {
        switching.drained();
      }
      const measured = afterRead(writing, { events: read.documents.length, at, isDrained });
      if (read.documents.length === 0) {
        if (isNoteDue(writing, at)) {
          await renew(measured);
          writing = measured;
        }
        if (moreBehind) {
          continue;
        }
        if (mode === 'burst') {
          end = 'drained';
          break;
        }
        if (clock().getTime() - renewedAt > leaseMs / 3) {
          await renew();
        }
        await wait(pollMs);
        continue;
      }
      const { object, routed } = await prepare(dependencies, slot, read);
      // The last look before the commit: who has lost the lease archives nothing.
      await renew();
      if (await archive.create(object)) {
        await settle({ object, routed, measured, parked: new Set() });
      } else {
        // Another tailer's read is committed at this ordinal: it counts, and reading goes on behind it.
        await settleCommitted(slot);
        await follower.close();
        follower = undefined;
      }
    }
  } catch (error) {
    if (!(error instanceof LeaseLostError)) {
      // What went wrong first is the cause; the lease ends by itself.
      await leave().catch((alsoFailed: unknown) => {
        logger.warn('A slot could not be released', { slotName, epoch, reason: String(alsoFailed) });
      });
      throw error;
    }
    logger.warn('The lease was taken over', { slotName, epoch });
    end = 'lost';
  }
  await leave();
  return { slotName, end, events };
}

/**
 * Route a read as it is to be committed. The tasks are listed after the documents were read: a task that was created
 * before an event was written is seen with it.
 */
async function prepare(
  dependencies: TailDependencies,
  slot: Slot,
  read: LogRead,
): Promise<{ readonly object: ArchiveObject; readonly routed: RoutedRead }> {
  const { tasks, lanes, clock } = dependencies;
  const listed = await tasks.list();
  await leaveOut(dependencies, slot.nextOrdinal, newlyLeftOut(listed, slot.name));
  const following = listed.filter((task) => task.slotName === slot.name && isFollowing(task));
  for (const task of following) {
    if (task.startOrdinal === undefined) {
      await tasks.recordStart(task.key, slot.nextOrdinal + (task.ordinalOffset ?? 0));
    }
  }
  const routable = {
    slotName: slot.name,
    firstOrdinal: slot.nextOrdinal,
    routes: following.map(routeOf),
    documents: [...read.documents],
  };
  const routed = routeRead(routable);
  const touched = routed.lanes.map(({ route, source }) => ({ taskKey: route.taskKey, source }));
  const heads = await lanes.heads(touched);
  const object: ArchiveObject = {
    version: 1,
    ...routable,
    readDate: clock().toISOString(),
    epoch: slot.epoch,
    position: { ...read.position },
    ...(read.gap === undefined
      ? {}
      : { gap: { after: { ...read.gap.after }, before: { ...read.gap.before } } }),
    lanes: touched.map((lane) => {
      const { sentOrdinal, isSettled } = heads.get(laneId(lane)) ?? NO_HEAD;
      return { ...lane, previousOrdinal: sentOrdinal, ...(isSettled ? { isSettled } : {}) };
    }),
  };
  return { object, routed };
}

/** Note where tasks begin to be behind, before the read that leaves them out is behind the slot. */
async function leaveOut(
  { catchUps, logger }: Pick<TailDependencies, 'catchUps' | 'logger'>,
  ordinal: number,
  leftOut: readonly Task[],
): Promise<void> {
  for (const { key, slotName } of leftOut) {
    await catchUps.begin({ taskKey: key, slotName, ordinal });
    logger.info('A task is left out of the reads', { taskKey: key, slotName, ordinal });
  }
}

/** Dispatch a committed read and move the slot behind it. */
async function dispatchCommitted(
  dependencies: TailDependencies,
  committed: {
    readonly epoch: number;
    readonly object: ArchiveObject;
    readonly routed: RoutedRead;
    readonly writing: Writing;
    /** Keys of the tasks that were parked since the read was routed. */
    readonly parked: ReadonlySet<string>;
  },
): Promise<Slot> {
  const { epoch, object, routed, writing, parked } = committed;
  const { archive, catchUps, queue, lanes, slots, repairs, logger, clock } = dependencies;
  const rewound = await dispatch({ object, routed, archive, queue, lanes, slots, repairs, clock, parked });
  for (const taskKey of rewound) {
    await catchUps.begin({ taskKey, slotName: object.slotName, ordinal: object.firstOrdinal });
  }
  const slot = await slots.advance({
    slotName: object.slotName,
    epoch,
    fromOrdinal: object.firstOrdinal,
    toOrdinal: object.firstOrdinal + object.documents.length,
    position: object.position,
    unreadable: routed.unreadable.length,
    gaps: object.gap === undefined ? 0 : 1,
    writing,
  });
  if (object.gap !== undefined) {
    logger.warn('The log overtook the slot: entries may be lost', { slotName: slot.name, gap: object.gap });
  }
  logger.info('Read and dispatched', {
    slotName: slot.name,
    firstOrdinal: object.firstOrdinal,
    events: object.documents.length,
    lanes: routed.lanes.length,
    unreadable: routed.unreadable.length,
    lagMs: clock().getTime() - Date.parse(object.documents.at(-1)?.loggedAt ?? object.readDate),
  });
  return slot;
}
