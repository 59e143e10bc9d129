import { batchMessageSchema } from '../../functions/shared/lane/message.ts';
import { laneId } from '../../functions/shared/lane/repository.ts';
import type { TailDependencies, TailSettings } from '../../functions/shared/tail/tail.ts';
import { ENDLESS } from './memory-log.ts';
import type { MemoryWorld } from './memory-ports.ts';

/** What the tailer needs, over plain memory. */
export function memoryTail(world: MemoryWorld): TailDependencies {
  return {
    slots: world.slotRepository,
    tasks: world.taskRepository,
    catchUps: world.catchUps,
    log: world.operateLog,
    inspect: async () => ENDLESS,
    archive: world.archive,
    lanes: world.laneRepository,
    queue: world.queue,
    repairs: {
      request: async ({ read, taskKeys }) => {
        for (const taskKey of taskKeys) {
          if (read.gap !== undefined) {
            world.repairs.add(`${taskKey}/${read.slotName}/${read.firstOrdinal}`);
          }
        }
      },
    },
    clock: world.clock,
    logger: { info: () => undefined, warn: () => undefined },
    observe: async () => undefined,
    wait: async (milliseconds) => {
      world.now += milliseconds;
    },
  };
}

export function memoryTailSettings(world: MemoryWorld, fields: Partial<TailSettings> = {}): TailSettings {
  return {
    mode: 'burst',
    owner: 'one',
    deadline: world.now + 60_000,
    readLimit: 10,
    leaseMs: 30_000,
    pollMs: 1_000,
    ...fields,
  };
}

/** A lane as workers will have it when they have done all that was sent. */
export interface AppliedLane {
  readonly ordinals: number[];
  readonly events: string[];
  /** Operations that were dropped because the lane had them. */
  dropped: number;
}

/**
 * Hand every message that was sent to a worker that checks what a real one does, in the order of sending.
 *
 * @throws Error where a worker would wait for ever or find a contradiction.
 */
export function appliedLanes(world: MemoryWorld): Map<string, AppliedLane> {
  const lanes = new Map<string, AppliedLane>();
  for (const { body } of world.messages) {
    const message = batchMessageSchema.parse(JSON.parse(body));
    const id = laneId(message);
    const lane = lanes.get(id) ?? { ordinals: [], events: [], dropped: 0 };
    lanes.set(id, lane);
    const applied = lane.ordinals.at(-1) ?? 0;
    if (message.previousOrdinal > applied) {
      throw new Error(`${id} is at ${applied}, a batch follows ${message.previousOrdinal}`);
    }
    const ordinals = [message.previousOrdinal, ...message.entries.map(({ ordinal }) => ordinal)];
    if (ordinals.some((ordinal, index) => index > 0 && ordinal <= (ordinals[index - 1] ?? 0))) {
      throw new Error(`${id}: a batch is out of order: ${ordinals}`);
    }
    const pending = message.entries.filter(({ ordinal }) => ordinal > applied);
    const meets = message.previousOrdinal === applied || message.entries.some((e) => e.ordinal === applied);
    if (pending.length > 0 && !meets) {
      throw new Error(`${id} is at ${applied}, which a batch does not name`);
    }
    lane.ordinals.push(...pending.map(({ ordinal }) => ordinal));
    lane.events.push(...pending.map(({ eventId }) => eventId));
    lane.dropped += message.entries.length - pending.length;
  }
  return lanes;
}
