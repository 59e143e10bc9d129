import { backOff } from '../../functions/shared/apply/back-off.ts';
import type { Remotes } from '../../functions/shared/apply/remotes.ts';
import { batchMessageSchema } from '../../functions/shared/lane/message.ts';
import type { OutgoingMessage } from '../../functions/shared/lane/pack.ts';
import { laneId } from '../../functions/shared/lane/repository.ts';
import { RemoteOutageError } from '../../functions/shared/remote/errors.ts';
import { type TailSettings, tail } from '../../functions/shared/tail/tail.ts';
import { type LaneUpkeepDependencies, laneUpkeep } from '../../functions/shared/upkeep/lanes.ts';
import type { MemoryWorld } from './memory-ports.ts';
import { memoryTail, memoryTailSettings } from './memory-tail.ts';

const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** As SQS has them. */
const DEDUPLICATION_MS = 5 * MINUTE;
const RETENTION_MS = 14 * DAY;
const MESSAGES_AT_ONCE = 10;

/** As the lanes' queue has them: time until what was not acknowledged comes back, and receives until it is given up. */
const VISIBILITY_MS = 6 * MINUTE;
const MAX_RECEIVES = 1_000;

/** What is not the turn of its message comes back after two seconds at first. */
const PROMPT_DELIVERIES = 5;
const PROMPT_MS = 2_000;

interface Queued extends OutgoingMessage {
  readonly sentAt: number;
  receives: number;
  visibleAt: number;
}

/** Called between the steps of a worker. */
type Step = () => Promise<unknown>;

/**
 * The lane queue and its workers over a memory world: a FIFO queue that forgets what is too old, and workers that do what real
 * ones do with a lane's ordinals, at remotes that can be away.
 */
export class PlayedLanes {
  readonly world: MemoryWorld;
  queued: Queued[] = [];
  /** Ordinals that each lane has done, in order. */
  readonly done = new Map<string, number[]>();
  isRemoteAway = false;
  /** Addresses of remotes whose outage the upkeep has ended. */
  readonly ended: string[] = [];
  /** Messages that the queue has given up. */
  readonly deadLetters: Queued[] = [];
  /** Most receives of a message. */
  mostReceives = 0;
  /** Whether a worker dies after it has done a message that was received so often, and before it says so. */
  diesAfter = (_receives: number): boolean => false;
  /** Messages that were delivered to a worker. */
  deliveries = 0;
  readonly #seen = new Map<string, number>();
  readonly #busy = new Set<string>();

  constructor(world: MemoryWorld) {
    this.world = world;
    world.workers = 'played';
  }

  readonly queue = {
    send: async (messages: readonly OutgoingMessage[]) => {
      const { now } = this.world;
      for (const message of messages) {
        const seenAt = this.#seen.get(message.deduplicationId) ?? Number.NEGATIVE_INFINITY;
        if (now - seenAt > DEDUPLICATION_MS) {
          this.#seen.set(message.deduplicationId, now);
          this.queued.push({ ...message, sentAt: now, receives: 0, visibleAt: now });
        }
      }
    },
  };

  readonly remotes: Remotes = {
    clientFor: async () => {
      const answered = async (): Promise<never> => {
        throw new Error('A probe asks for nothing but a ping');
      };
      const ping = async () => {
        if (this.isRemoteAway) {
          throw new RemoteOutageError('CONNECTION_REFUSED');
        }
      };
      return new Proxy({} as Awaited<ReturnType<Remotes['clientFor']>>, {
        get: (_target, name) => (name === 'ping' ? ping : name === 'then' ? undefined : answered),
      });
    },
  };

  upkeepDependencies(): LaneUpkeepDependencies {
    const { world } = this;
    return {
      tasks: world.taskRepository,
      lanes: world.laneRepository,
      catchUps: world.catchUps,
      slots: world.slotRepository,
      archive: world.archive,
      remotes: this.remotes,
      circuits: {
        end: async (url) => {
          this.ended.push(url);
        },
      },
      clock: world.clock,
      logger: { info: () => undefined, warn: () => undefined },
    };
  }

  upkeep(dependencies = this.upkeepDependencies()): Promise<void> {
    return laneUpkeep(dependencies).run(new AbortController().signal);
  }

  tail(settings: Partial<TailSettings> = {}): Promise<unknown> {
    return tail({ ...memoryTail(this.world), queue: this.queue }, memoryTailSettings(this.world, settings));
  }

  /** What is older than the queue keeps is gone. */
  expire(): void {
    this.queued = this.queued.filter(({ sentAt }) => this.world.now - sentAt <= RETENTION_MS);
  }

  lose(index: number): void {
    this.queued.splice(index % Math.max(1, this.queued.length), 1);
  }

  /** Deliver the first message of each group, until none leads anywhere. */
  async work(): Promise<void> {
    for (let moved = true; moved; ) {
      moved = false;
      for (const groupId of new Set(this.queued.map((message) => message.groupId))) {
        moved = (await this.deliver(groupId)) || moved;
      }
    }
  }

  /**
   * Hand the visible messages of each group to a worker, up to ten at once. It puts off what it could not do, and all after it,
   * by the shortest time that the workers' back-off has.
   */
  async receive(): Promise<void> {
    this.expire();
    const { now } = this.world;
    for (const groupId of new Set(this.queued.map((message) => message.groupId))) {
      const received = this.queued.filter((queued) => queued.groupId === groupId).slice(0, MESSAGES_AT_ONCE);
      if (received.some(({ visibleAt }) => visibleAt > now)) {
        continue;
      }
      for (const message of received) {
        message.receives += 1;
        this.mostReceives = Math.max(this.mostReceives, message.receives);
      }
      const dead = received.filter(({ receives }) => receives > MAX_RECEIVES);
      this.deadLetters.push(...dead);
      this.queued = this.queued.filter((queued) => !dead.includes(queued));
      await this.#work(received.filter((message) => !dead.includes(message)));
    }
  }

  async #work(received: readonly Queued[]): Promise<void> {
    const { now } = this.world;
    for (const [index, message] of received.entries()) {
      const isDone = await this.deliver(message.groupId);
      const hasDied = isDone && this.diesAfter(message.receives);
      if (hasDied) {
        this.queued = [message, ...this.queued];
      }
      if (!isDone || hasDied) {
        const { receives } = message;
        const delay = hasDied ? VISIBILITY_MS : shortestDelay(receives);
        for (const left of received.slice(index)) {
          left.visibleAt = now + delay;
        }
        return;
      }
    }
  }

  /**
   * Deliver the first message of a group, if none of it is being worked on.
   *
   * @returns whether it is done.
   */
  async deliver(groupId: string, step: Step = async () => undefined): Promise<boolean> {
    this.expire();
    const message = this.queued.find((queued) => queued.groupId === groupId);
    if (message === undefined || this.#busy.has(groupId)) {
      return false;
    }
    this.#busy.add(groupId);
    this.deliveries += 1;
    try {
      const isDone = await this.#apply(message, step);
      if (isDone) {
        this.queued = this.queued.filter((queued) => queued !== message);
      }
      return isDone;
    } finally {
      this.#busy.delete(groupId);
    }
  }

  async #apply({ body }: OutgoingMessage, step: Step): Promise<boolean> {
    const { world } = this;
    const message = batchMessageSchema.parse(JSON.parse(body));
    const { taskKey, source, remote, slotName, entries, previousOrdinal } = message;
    const id = laneId(message);
    const task = world.tasks.get(taskKey);
    const state = world.lanes.get(id);
    const { appliedOrdinal = 0, generation = 0 } = state ?? {};
    await step();
    if (task === undefined || (message.generation ?? 0) < generation) {
      return true;
    }
    const left = entries.filter(({ ordinal }) => ordinal > appliedOrdinal);
    if (left.length === 0) {
      return true;
    }
    const meets =
      previousOrdinal === appliedOrdinal || entries.some(({ ordinal }) => ordinal === appliedOrdinal);
    if (task.status !== 'REPLICATING' || !meets) {
      return false;
    }
    if (this.isRemoteAway) {
      const known = world.lanes.get(id) ?? { taskKey, source, remote, slotName };
      const outage = known.outage ?? { since: world.clock().toISOString(), reason: 'connection refused' };
      world.lanes.set(id, { ...known, outage });
      return false;
    }
    await step();
    const { outage: _, ...present } = world.lanes.get(id) ?? { taskKey, source, remote, slotName };
    if ((present.appliedOrdinal ?? 0) !== appliedOrdinal) {
      return false;
    }
    const ordinals = left.map(({ ordinal }) => ordinal);
    this.done.set(id, [...(this.done.get(id) ?? []), ...ordinals]);
    world.lanes.set(id, {
      ...present,
      appliedOrdinal: ordinals.at(-1) ?? appliedOrdinal,
      applied: (present.applied ?? 0) + left.filter(({ secondary }) => secondary === undefined).length,
      lastAppliedAt: world.clock().toISOString(),
    });
    return true;
  }
}

function shortestDelay(deliveries: number): number {
  const delay = 1_000 * backOff({ deliveries, random: 0 });
  return deliveries <= PROMPT_DELIVERIES ? Math.min(PROMPT_MS, delay) : delay;
}
