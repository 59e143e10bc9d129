import type { Archive } from '../archive/archive.ts';
import type { Clock } from '../clock.ts';
import type { LaneRepository } from '../lane/repository.ts';
import type { Logger } from '../logger.ts';
import { isFollowing } from '../route/route.ts';
import { MAX_SLOTS, type SlotRepository } from '../slot/repository.ts';
import type { Slot } from '../slot/slot.ts';
import type { Task } from '../task/task.ts';
import type { CatchUpRepository, Leaving } from './catch-up-repository.ts';

/** Objects of the other slot's archive that are looked through for one task in one look. */
const LOOK_OBJECTS = 20;

/**
 * Longest time for which a tailer that has lost its lease may still be at work, and commit a read for the tasks that it has
 * listed; milliseconds. One lives 75 s at most (lib/tailer.ts).
 */
const STALE_MS = 120_000;

export interface SlotSwitchDependencies {
  readonly tasks: {
    /** Replace a task as long as it is at this revision; the stored one gets the next. */
    update(task: Task, expected: { readonly revision: number }): Promise<'updated' | 'contended'>;
  };
  readonly catchUps: Pick<CatchUpRepository, 'leave'>;
  readonly slots: Pick<SlotRepository, 'get' | 'list' | 'create'>;
  readonly archive: Pick<Archive, 'load'>;
  readonly lanes: Pick<LaneRepository, 'list'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** A task on its way from its slot to another one. */
type LeavingTask = Task & {
  readonly catchUp: { readonly nextOrdinal: number; readonly leaving: Leaving };
};

export function isLeaving(task: Task): task is LeavingTask {
  return task.catchUp?.leaving !== undefined;
}

/** Takes a slot's tasks to the slots that they are asked to read from (docs/adr/0010). For one holder of its lease. */
export interface SlotSwitch {
  /** Note that the slot's reader has come to the log's end. */
  drained(): void;
  /**
   * Bring each task that is to leave the slot a step further. To be called between two reads, so that none is under way.
   *
   * @returns whether the next step can be done at once, when the log's end has been reached once more.
   */
  look(slot: Slot, listed: readonly Task[]): Promise<boolean>;
}

/** Where another slot stood, and how often the log's end had been reached by then. */
interface Mark {
  readonly position: Leaving['position'];
  readonly drains: number;
}

export function slotSwitch(options: {
  readonly dependencies: SlotSwitchDependencies;
  /** Called with the name of a slot that was made. */
  readonly onOpened: (slotName: string) => void;
}): SlotSwitch {
  const { dependencies, onOpened } = options;
  const { tasks, catchUps, slots, archive, lanes, clock, logger } = dependencies;
  /** By task and slot. */
  const marks = new Map<string, Mark>();
  let drains = 0;

  async function write(task: Task, changed: Task, step: string): Promise<void> {
    if ((await tasks.update(changed, { revision: task.revision })) === 'updated') {
      const { key: taskKey, slotName, requestedSlotName } = task;
      logger.info('A task changes its slot', { taskKey, slotName, requestedSlotName, step });
    }
  }

  /** The slot, made at this one's position when it is not there; undefined when there are too many. */
  async function opened(slotName: string, at: Slot): Promise<Slot | undefined> {
    const known = await slots.get(slotName);
    if (known !== undefined) {
      return known;
    }
    if ((await slots.list()).length >= MAX_SLOTS) {
      logger.warn('There are too many slots for another one', { slotName });
      return undefined;
    }
    await slots.create(slotName, at.position, at.nextOrdinal);
    onOpened(slotName);
    return slots.get(slotName);
  }

  /** @returns whether the task can leave when the log's end has been reached once more. */
  async function leave(task: Task, slotName: string, slot: Slot): Promise<boolean> {
    const key = `${task.key}/${slotName}`;
    const mark = marks.get(key);
    const other = mark === undefined ? await opened(slotName, slot) : undefined;
    const position = mark?.position ?? (other === undefined ? undefined : positionOf(other));
    if (position === undefined) {
      return false;
    }
    // The other slot must not be ahead of this one where the task leaves.
    const isBehind = position.lastId === slot.position.lastId || (mark !== undefined && drains > mark.drains);
    if (!isBehind) {
      marks.set(key, mark ?? { position, drains });
      return true;
    }
    marks.delete(key);
    const { name, epoch, nextOrdinal: ordinal } = slot;
    const { key: taskKey, revision, ordinalOffset = 0 } = task;
    const leaving = { slotName, since: clock().toISOString(), lastId: slot.position.lastId, position };
    const at = { taskKey, revision, slotName: name, epoch, ordinal, startOrdinal: ordinal + ordinalOffset };
    if (await catchUps.leave({ ...at, leaving })) {
      logger.info('A task leaves its slot', {
        taskKey,
        slotName: name,
        requestedSlotName: slotName,
        ordinal,
      });
    }
    return false;
  }

  /**
   * Whether the lanes have done all that they were sent: what gets lost on its way can only be sent anew from the slot that it
   * was read from.
   */
  async function hasDoneAll(task: Task): Promise<boolean> {
    const states = await lanes.list(task.key);
    return states.every(({ sentOrdinal, appliedOrdinal }) => appliedOrdinal >= sentOrdinal);
  }

  async function join(task: LeavingTask, slot: Slot): Promise<void> {
    const { nextOrdinal, leaving } = task.catchUp;
    if (task.requestedSlotName !== leaving.slotName) {
      await write(task, { ...task, catchUp: { nextOrdinal } }, 'stay');
      return;
    }
    const isSealed =
      slot.nextOrdinal > nextOrdinal || clock().getTime() - Date.parse(leaving.since) > STALE_MS;
    const other = isSealed ? await slots.get(leaving.slotName) : undefined;
    if (other === undefined || !(await hasDoneAll(task))) {
      return;
    }
    const found = await locate({ archive, slot: other, from: leaving.position, lastId: leaving.lastId });
    if (found === 'lost') {
      logger.warn('A slot has lost the place at which a task was to join it', {
        taskKey: task.key,
        slotName: other.name,
      });
      await write(task, { ...task, catchUp: { nextOrdinal } }, 'stay');
    } else if ('joinAt' in found) {
      const { requestedSlotName: _, ...rest } = task;
      const ordinalOffset = nextOrdinal + (task.ordinalOffset ?? 0) - found.joinAt;
      const catchUp = { nextOrdinal: found.objectAt, notBefore: found.joinAt };
      await write(task, { ...rest, slotName: other.name, ordinalOffset, catchUp }, 'join');
    } else if (found.position.nextOrdinal !== leaving.position.nextOrdinal) {
      const catchUp = { nextOrdinal, leaving: { ...leaving, position: found.position } };
      await write(task, { ...task, catchUp }, 'seek');
    }
  }

  return {
    drained() {
      drains += 1;
    },

    async look(slot, listed) {
      let canGoOn = false;
      for (const task of listed.filter(({ slotName }) => slotName === slot.name)) {
        const { requestedSlotName } = task;
        if (isLeaving(task)) {
          await join(task, slot);
        } else if (requestedSlotName !== undefined && isFollowing(task)) {
          canGoOn = (await leave(task, requestedSlotName, slot)) || canGoOn;
        } else if (requestedSlotName !== undefined && hasReadNothing(task)) {
          const other = await opened(requestedSlotName, slot);
          if (other !== undefined) {
            const { requestedSlotName: _, ...rest } = task;
            await write(task, { ...rest, slotName: other.name }, 'assign');
          }
        }
      }
      return canGoOn;
    },
  };
}

function positionOf({ nextOrdinal, position }: Slot): Leaving['position'] {
  return { nextOrdinal, lastId: position.lastId };
}

/** Whether nothing of the slot was the task's, nor is by now. */
function hasReadNothing(task: Task): boolean {
  return task.startOrdinal === undefined && task.catchUp === undefined && task.pausedFrom !== 'REPLICATING';
}

/**
 * Find in a slot's archive where a document is, from a place on that is not behind it.
 *
 * @returns `joinAt`: the ordinal behind the document, and `objectAt`: where an object begins from which on that is found; else how far the slot was looked through; `lost` when the slot will not get there, for the log has overtaken it or
 * its archive is gone.
 */
async function locate(options: {
  readonly archive: Pick<Archive, 'load'>;
  readonly slot: Slot;
  readonly from: Leaving['position'];
  readonly lastId: string | null;
}): Promise<
  { readonly joinAt: number; readonly objectAt: number } | { readonly position: Leaving['position'] } | 'lost'
> {
  const { archive, slot, from, lastId } = options;
  let position = from;
  for (let objects = 0; objects < LOOK_OBJECTS; objects += 1) {
    const { nextOrdinal: objectAt } = position;
    if (position.lastId === lastId) {
      return { joinAt: objectAt, objectAt };
    }
    if (objectAt >= slot.nextOrdinal) {
      break;
    }
    const object = await archive.load(slot.name, objectAt);
    const index = object?.documents.findIndex(({ id }) => id === lastId) ?? -1;
    if (index >= 0) {
      return { joinAt: objectAt + index + 1, objectAt };
    }
    const last = object?.documents.at(-1);
    if (object === undefined || last === undefined || object.gap !== undefined) {
      return 'lost';
    }
    position = { nextOrdinal: objectAt + object.documents.length, lastId: last.id };
  }
  return { position };
}
