import type { Archive, ArchiveObject } from '../../functions/shared/archive/archive.ts';
import type { Operation } from '../../functions/shared/lane/operation.ts';
import type { OutgoingMessage } from '../../functions/shared/lane/pack.ts';
import type { LaneQueue } from '../../functions/shared/lane/queue.ts';
import type { LaneName, LaneRepository, LaneState } from '../../functions/shared/lane/repository.ts';
import {
  LaneOrderError,
  laneId,
  laneStateSchema,
  settledOf,
  timesRewound,
} from '../../functions/shared/lane/repository.ts';
import { archivedForm, type LogDocument } from '../../functions/shared/operate-log/event.ts';
import {
  LOG_START,
  type LogPosition,
  type OperateLog,
  positionBehind,
} from '../../functions/shared/operate-log/reader.ts';
import type { SlotRepository } from '../../functions/shared/slot/repository.ts';
import { LeaseLostError, type Slot } from '../../functions/shared/slot/slot.ts';
import type { CatchUpRepository } from '../../functions/shared/tail/catch-up-repository.ts';
import type { TailedTasks } from '../../functions/shared/tail/tail.ts';
import type { Task } from '../../functions/shared/task/task.ts';

/**
 * The tailer's ports over plain memory, for tests of its logic: the conditions are those that the real stores check
 * (DynamoDB, S3, SQS); that the real stores check them is tested against the local cloud.
 */
export class MemoryWorld {
  now = Date.parse('2026-11-22T00:00:00Z');
  readonly tasks = new Map<string, Task>();
  readonly slots = new Map<string, Slot>();
  readonly objects = new Map<string, ArchiveObject>();
  readonly operations = new Map<string, Operation>();
  readonly sentOrdinals = new Map<string, number>();
  readonly dispatched = new Map<string, number>();
  /** What else is known of lanes, by `laneId`. */
  readonly lanes = new Map<
    string,
    Partial<LaneState> & Pick<LaneState, 'source' | 'remote' | 'slotName'> & { readonly taskKey: string }
  >();
  /** `instant`: what is sent counts as applied; `played`: what the test notes in `lanes` does. */
  workers: 'instant' | 'played' = 'instant';
  readonly gaps: unknown[] = [];
  /** What was asked for: `task key/slot/ordinal behind the gap`. */
  readonly repairs = new Set<string>();
  readonly unreadable = new Map<number, string>();
  /** Every message that the queue accepted, without those that its deduplication dropped. */
  readonly messages: OutgoingMessage[] = [];
  readonly log: LogDocument[] = [];
  #written = 0;

  /** Write an entry as bk-repo would. */
  write(fields: Record<string, unknown>): string {
    this.#written += 1;
    const document = archivedForm({ _id: `e${this.#written}`, createdDate: new Date(this.now), ...fields });
    this.log.push(document);
    return document.id;
  }

  readonly clock = () => new Date(this.now);

  readonly operateLog: OperateLog = {
    head: async () => {
      const last = this.log.at(-1);
      return last === undefined ? LOG_START : positionBehind(last);
    },
    follow: (position) => {
      let at: LogPosition = position;
      return {
        next: async (limit) => {
          const found = this.log.findIndex((document) => document.id === at.lastId);
          const documents = this.log.slice(found + 1, found + 1 + limit);
          const [oldest] = documents;
          const overtaken = at.lastId !== null && found === -1 && oldest !== undefined;
          const gap = overtaken ? { gap: { after: at, before: positionBehind(oldest) } } : {};
          const last = documents.at(-1);
          at = last === undefined ? at : positionBehind(last);
          return { documents, position: at, ...gap };
        },
        close: async () => undefined,
      };
    },
  };

  readonly slotRepository: SlotRepository = {
    get: async (name) => this.slots.get(name),
    list: async () => [...this.slots.values()],
    create: async (name, position, nextOrdinal = 1) => {
      if (!this.slots.has(name)) {
        const createdDate = this.clock().toISOString();
        this.slots.set(name, {
          name,
          position,
          nextOrdinal,
          epoch: 0,
          unreadable: 0,
          gaps: 0,
          createdDate,
        });
      }
    },
    acquire: async (name, owner, leaseMs) => {
      const slot = this.slots.get(name);
      if (
        slot === undefined ||
        (slot.lease !== undefined && slot.lease.expiresAt >= this.now && slot.lease.owner !== owner)
      ) {
        return undefined;
      }
      const leased = { ...slot, epoch: slot.epoch + 1, lease: { owner, expiresAt: this.now + leaseMs } };
      this.slots.set(name, leased);
      return leased;
    },
    renew: async (name, epoch, leaseMs, writing) => {
      const slot = this.#held(name, epoch);
      this.slots.set(name, {
        ...slot,
        lease: { owner: slot.lease?.owner ?? '', expiresAt: this.now + leaseMs },
        ...(writing === undefined ? {} : { writing }),
      });
    },
    release: async (name, epoch) => {
      const slot = this.slots.get(name);
      if (slot?.epoch === epoch) {
        const { lease: _, ...free } = slot;
        this.slots.set(name, free);
      }
    },
    advance: async (step) => {
      const slot = this.#held(step.slotName, step.epoch);
      if (slot.nextOrdinal !== step.fromOrdinal) {
        throw new LeaseLostError(step.slotName);
      }
      const moved = {
        ...slot,
        position: step.position,
        nextOrdinal: step.toOrdinal,
        unreadable: slot.unreadable + step.unreadable,
        gaps: slot.gaps + step.gaps,
        writing: step.writing,
      };
      this.slots.set(step.slotName, moved);
      return moved;
    },
    recordGap: async (_slot, _ordinal, gap) => {
      this.gaps.push(gap);
    },
    recordUnreadable: async (_slot, ordinal, _eventId, reason) => {
      this.unreadable.set(ordinal, reason);
    },
  };

  readonly taskRepository: TailedTasks = {
    list: async () => [...this.tasks.values()],
    recordStart: async (key, startOrdinal) => {
      const task = this.tasks.get(key);
      if (task !== undefined && task.startOrdinal === undefined) {
        this.tasks.set(key, { ...task, startOrdinal, revision: task.revision + 1 });
      }
    },
    update: async (task, { revision }) => {
      if (this.tasks.get(task.key)?.revision !== revision) {
        return 'contended';
      }
      this.tasks.set(task.key, { ...task, revision: revision + 1 });
      return 'updated';
    },
  };

  readonly catchUps: CatchUpRepository = {
    begin: async ({ taskKey, slotName, ordinal }) => {
      const task = this.tasks.get(taskKey);
      if (task?.slotName === slotName && task.catchUp === undefined) {
        const { startOrdinal = ordinal } = task;
        const catchUp = { nextOrdinal: ordinal };
        this.tasks.set(taskKey, { ...task, startOrdinal, catchUp, revision: task.revision + 1 });
      }
    },
    fix: async ({ taskKey, revision, from, startOrdinal, stretch }) => {
      const task = this.tasks.get(taskKey);
      if (task?.catchUp?.nextOrdinal !== from || task.revision !== revision) {
        return false;
      }
      const { parked: _, ...present } = task.catchUp;
      const catchUp = { ...present, stretch };
      this.tasks.set(taskKey, { startOrdinal, ...task, catchUp, revision: revision + 1 });
      return true;
    },
    move: async ({ taskKey, slotName, generation, from, to }) => {
      const task = this.tasks.get(taskKey);
      if (
        task?.slotName !== slotName ||
        task.catchUp?.nextOrdinal !== from ||
        task.catchUp.stretch?.toOrdinal !== to ||
        task.generation !== generation
      ) {
        return false;
      }
      const { stranded: _, ...kept } = task;
      const { notBefore: _notBefore, stretch: _stretch, ...catchUp } = task.catchUp;
      this.tasks.set(taskKey, { ...kept, catchUp: { ...catchUp, nextOrdinal: to } });
      return true;
    },
    strand: async ({ taskKey, slotName, from, since }) => {
      const task = this.tasks.get(taskKey);
      if (task?.slotName === slotName && task.stranded === undefined) {
        const stranded = { since: since.toISOString(), nextOrdinal: from };
        this.tasks.set(taskKey, { ...task, stranded, revision: task.revision + 1 });
      }
    },
    park: async ({ taskKey, slotName, revision, generation, catchUp }) => {
      const task = this.tasks.get(taskKey);
      if (task?.revision !== revision || task.slotName !== slotName) {
        return false;
      }
      const { stranded: _, ...kept } = task;
      this.tasks.set(taskKey, { ...kept, generation, catchUp, revision: revision + 1 });
      return true;
    },
    rewound: async ({ taskKey, generation }) => {
      const task = this.tasks.get(taskKey);
      const parked = task?.catchUp?.parked;
      if (task?.catchUp === undefined || task.generation !== generation || parked?.isRewound !== undefined) {
        return false;
      }
      if (parked === undefined) {
        return false;
      }
      const catchUp = { ...task.catchUp, parked: { ...parked, isRewound: true as const } };
      this.tasks.set(taskKey, { ...task, catchUp, revision: task.revision + 1 });
      return true;
    },
    unpark: async ({ taskKey, generation }) => {
      const task = this.tasks.get(taskKey);
      if (task?.generation !== generation || task.catchUp?.parked?.isRewound !== true) {
        return false;
      }
      const { parked: _, ...catchUp } = task.catchUp;
      this.tasks.set(taskKey, { ...task, catchUp, revision: task.revision + 1 });
      return true;
    },
    end: async ({ taskKey, slotName, epoch, ordinal }) => {
      const slot = this.slots.get(slotName);
      const task = this.tasks.get(taskKey);
      if (slot?.epoch !== epoch || slot.nextOrdinal !== ordinal) {
        return false;
      }
      if (task?.slotName !== slotName || task.catchUp?.nextOrdinal !== ordinal) {
        return false;
      }
      const { catchUp: _, ...following } = task;
      this.tasks.set(taskKey, { ...following, revision: task.revision + 1 });
      return true;
    },
    leave: async ({ taskKey, slotName, revision, epoch, ordinal, startOrdinal, leaving }) => {
      const slot = this.slots.get(slotName);
      const task = this.tasks.get(taskKey);
      if (slot?.epoch !== epoch || slot.nextOrdinal !== ordinal) {
        return false;
      }
      if (task?.revision !== revision || task.slotName !== slotName || task.catchUp !== undefined) {
        return false;
      }
      const catchUp = { nextOrdinal: ordinal, leaving };
      this.tasks.set(taskKey, { startOrdinal, ...task, catchUp, revision: revision + 1 });
      return true;
    },
  };

  readonly archive: Archive = {
    create: async (object) => {
      const key = `${object.slotName}/${object.firstOrdinal}`;
      if (this.objects.has(key)) {
        return false;
      }
      this.objects.set(key, structuredClone(object));
      return true;
    },
    load: async (slotName, ordinal) => this.objects.get(`${slotName}/${ordinal}`),
    holding: async (slotName, ordinal) =>
      [...this.objects.values()].find(
        (object) =>
          object.slotName === slotName &&
          object.firstOrdinal <= ordinal &&
          ordinal < object.firstOrdinal + object.documents.length,
      )?.firstOrdinal,
    putOperation: async (key, operation) => {
      this.operations.set(key, operation);
    },
    loadOperation: async (key) => {
      const operation = this.operations.get(key);
      if (operation === undefined) {
        throw new Error(`No operation ${key}`);
      }
      return operation;
    },
  };

  readonly laneRepository: Pick<LaneRepository, 'heads' | 'recordSent' | 'list' | 'rewind'> = {
    heads: async (lanes) =>
      new Map(
        lanes.map((lane) => {
          const { sentOrdinal, appliedOrdinal } = this.#laneOf(lane);
          return [laneId(lane), { sentOrdinal, isSettled: appliedOrdinal >= sentOrdinal }];
        }),
      ),
    recordSent: async (sent) => {
      const id = laneId(sent);
      const { sentOrdinal: stored, generation = 0 } = this.#laneOf(sent);
      if (sent.lastOrdinal <= sent.previousOrdinal) {
        throw new LaneOrderError(sent, 'runs backwards');
      }
      if (generation > sent.generation) {
        return false;
      }
      if (stored === sent.previousOrdinal) {
        this.sentOrdinals.set(id, sent.lastOrdinal);
        this.dispatched.set(id, (this.dispatched.get(id) ?? 0) + sent.count);
        const { taskKey, source, remote, slotName } = sent;
        const pending = { from: sent.firstOrdinal, since: sent.at.toISOString() };
        const known = { ...this.lanes.get(id), taskKey, source, remote, slotName };
        this.lanes.set(id, sent.isSettled ? { ...known, pending } : known);
      } else if (stored < sent.lastOrdinal) {
        throw new LaneOrderError(sent, 'out of order');
      }
      return true;
    },
    list: async (taskKey) => this.lanesOf(taskKey),
    rewind: async ({ taskKey, generation, state, at }) => {
      const id = laneId({ taskKey, source: state.source });
      const task = this.tasks.get(taskKey);
      const isDue = task?.catchUp?.parked !== undefined && task.catchUp.parked.isRewound === undefined;
      const present = this.#laneOf({ taskKey, source: state.source });
      if (
        !isDue ||
        task.generation !== generation ||
        (present.generation ?? 0) >= generation ||
        present.appliedOrdinal !== state.appliedOrdinal
      ) {
        return false;
      }
      const { appliedOrdinal: from } = state;
      this.sentOrdinals.set(id, from);
      this.dispatched.set(id, settledOf(state));
      const rewound = { from, times: timesRewound(state) + 1, at: at.toISOString() };
      const { outage: _, ...kept } = this.lanes.get(id) ?? { taskKey, ...state };
      this.lanes.set(id, { ...kept, generation, rewound });
      return true;
    },
  };

  /** A task's lanes as they are stored. */
  lanesOf(taskKey: string): LaneState[] {
    return [...this.lanes]
      .filter(([, lane]) => lane.taskKey === taskKey)
      .map(([, lane]) => this.#laneOf(lane));
  }

  #laneOf(lane: LaneName): LaneState {
    const id = laneId(lane);
    const sentOrdinal = this.sentOrdinals.get(id) ?? 0;
    const dispatched = this.dispatched.get(id) ?? 0;
    const isDone = this.workers === 'instant';
    const { source } = lane;
    return laneStateSchema.parse({
      source,
      remote: source,
      slotName: '',
      ...(isDone ? { appliedOrdinal: sentOrdinal, applied: dispatched } : {}),
      ...this.lanes.get(id),
      sentOrdinal,
      dispatched,
    });
  }

  readonly queue: LaneQueue = {
    send: async (messages) => {
      for (const message of messages) {
        if (!this.messages.some((sent) => sent.deduplicationId === message.deduplicationId)) {
          this.messages.push(message);
        }
      }
    },
  };

  #held(name: string, epoch: number): Slot {
    const slot = this.slots.get(name);
    if (slot === undefined || slot.epoch !== epoch) {
      throw new LeaseLostError(name);
    }
    return slot;
  }
}
