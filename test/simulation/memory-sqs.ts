import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { intercepted } from '../support/intercepted.ts';
import type { Cloud } from './cloud.ts';

export interface QueueMessage {
  readonly id: string;
  readonly body: string;
  /** Empty in a standard queue. */
  readonly groupId: string;
  readonly sentAt: number;
  /** Not to be received before this instant. */
  visibleAt: number;
  receives: number;
  /** Names the receipt that counts. */
  receipt: string;
}

/** Within which SQS drops a message of the same deduplication id; milliseconds. */
const DEDUPLICATION_MS = 5 * 60_000;

/** For which a queue keeps a message, as deployed: SQS's longest. */
const RETENTION_MS = 14 * 86_400_000;

/** One queue: FIFO when its name says so. A group gives nothing on while a message of it is out. */
export class MemoryQueue {
  readonly name: string;
  readonly isFifo: boolean;
  messages: QueueMessage[] = [];
  readonly deadLetters: QueueMessage[] = [];
  /** What was acknowledged, for deliveries that nobody expects. */
  readonly acknowledged: QueueMessage[] = [];
  readonly #maxReceives: number;
  readonly #deduplicated = new Map<string, number>();
  #counter = 0;

  constructor(name: string, maxReceives: number) {
    this.name = name;
    this.isFifo = name.endsWith('.fifo');
    this.#maxReceives = maxReceives;
  }

  send(
    message: {
      readonly body: string;
      readonly groupId?: string | undefined;
      readonly deduplicationId?: string | undefined;
    },
    now: number,
    delay = 0,
  ): void {
    const { body, groupId = '', deduplicationId } = message;
    if (deduplicationId !== undefined) {
      const key = `${groupId} ${deduplicationId}`;
      const before = this.#deduplicated.get(key);
      if (before !== undefined && now - before < DEDUPLICATION_MS) {
        return;
      }
      this.#deduplicated.set(key, now);
    }
    this.#counter += 1;
    this.messages.push({
      id: `${this.name}-${this.#counter}`,
      body,
      groupId,
      sentAt: now,
      visibleAt: now + delay,
      receives: 0,
      receipt: '',
    });
  }

  /** Put a copy of a message before all others of its group. */
  sendFirst({ body, groupId }: { readonly body: string; readonly groupId: string }, now: number): void {
    this.#counter += 1;
    this.messages.unshift({
      id: `${this.name}-${this.#counter}`,
      body,
      groupId,
      sentAt: now,
      visibleAt: now,
      receives: 0,
      receipt: '',
    });
  }

  /** When something can be received next; undefined when nothing is there. */
  nextAt(now: number): number | undefined {
    this.#forget(now);
    const times = this.messages.map((message) => Math.max(message.visibleAt, this.#blockedUntil(message)));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Take what can be given out now, each group's in its order. */
  receive(now: number, visibilityMs: number, limit: number): QueueMessage[] {
    this.#forget(now);
    const blocked = new Set(
      this.isFifo
        ? this.messages
            .filter(({ receives, visibleAt }) => receives > 0 && visibleAt > now)
            .map(({ groupId }) => groupId)
        : [],
    );
    const received: QueueMessage[] = [];
    for (const message of [...this.messages]) {
      if (received.length === limit) {
        break;
      }
      if (blocked.has(message.groupId) || message.visibleAt > now) {
        if (this.isFifo) {
          blocked.add(message.groupId);
        }
        continue;
      }
      if (message.receives >= this.#maxReceives) {
        this.bury(message);
        continue;
      }
      message.receives += 1;
      message.visibleAt = now + visibilityMs;
      message.receipt = `${message.id}/${message.receives}`;
      received.push(message);
    }
    return received;
  }

  /** To the dead-letter queue. */
  bury(message: QueueMessage): void {
    this.drop(message);
    this.deadLetters.push(message);
  }

  /** Send everything back that lies in the dead-letter queue. */
  redrive(now: number): void {
    for (const { body, groupId } of this.deadLetters.splice(0)) {
      this.send({ body, groupId }, now);
    }
  }

  #forget(now: number): void {
    this.messages = this.messages.filter(({ sentAt }) => now - sentAt < RETENTION_MS);
  }

  drop(message: QueueMessage): void {
    this.messages = this.messages.filter((each) => each !== message);
  }

  /** Acknowledge by receipt; an old one acknowledges nothing. */
  acknowledge(receipt: string): void {
    const message = this.messages.find((each) => each.receipt === receipt);
    if (message !== undefined) {
      this.drop(message);
      this.acknowledged.push(message);
    }
  }

  putOff(receipt: string, until: number): boolean {
    const message = this.messages.find((each) => each.receipt === receipt);
    if (message !== undefined) {
      message.visibleAt = until;
    }
    return message !== undefined;
  }

  /** Until when something of the message's group is out. */
  #blockedUntil({ groupId }: QueueMessage): number {
    return this.isFifo
      ? Math.max(
          0,
          ...this.messages
            .filter((each) => each.groupId === groupId && each.receives > 0)
            .map(({ visibleAt }) => visibleAt),
        )
      : 0;
  }
}

/** Queues in memory; a queue's URL ends with its name. */
export class MemorySqs {
  readonly #queues: ReadonlyMap<string, MemoryQueue>;
  readonly client: SQSClient;

  constructor(cloud: Cloud, queues: readonly MemoryQueue[]) {
    this.#queues = new Map(queues.map((queue) => [queue.name, queue]));
    this.client = intercepted(new SQSClient({ region: 'nowhere' }), {
      send: (command: unknown) =>
        cloud.call({ service: 'SQS', name: nameOf(command) }, () => this.#answer(command, cloud)),
    });
  }

  #queueOf(url: string | undefined): MemoryQueue {
    const queue = this.#queues.get((url ?? '').split('/').at(-1) ?? '');
    if (queue === undefined) {
      throw new Error(`No queue ${url}`);
    }
    return queue;
  }

  #answer(command: unknown, cloud: Cloud): unknown {
    const { simulation, faults } = cloud;
    const { now } = simulation;
    if (command instanceof SendMessageBatchCommand) {
      const queue = this.#queueOf(command.input.QueueUrl);
      const Failed: { Id: string }[] = [];
      const takesPart = faults.strikes('SQS takes a part');
      for (const entry of command.input.Entries ?? []) {
        if (takesPart && simulation.random() < 0.5) {
          Failed.push({ Id: entry.Id ?? '' });
          continue;
        }
        const {
          MessageBody: body = '',
          MessageGroupId: groupId,
          MessageDeduplicationId: deduplicationId,
        } = entry;
        const delay = (entry.DelaySeconds ?? 0) * 1_000;
        if (!faults.strikes('message lost')) {
          queue.send({ body, groupId, deduplicationId }, now, delay + lateness(cloud));
        }
      }
      return { Successful: [], Failed };
    }
    if (command instanceof SendMessageCommand) {
      const {
        MessageBody: body = '',
        MessageGroupId: groupId,
        MessageDeduplicationId: deduplicationId,
      } = command.input;
      const delay = (command.input.DelaySeconds ?? 0) * 1_000;
      this.#queueOf(command.input.QueueUrl).send({ body, groupId, deduplicationId }, now, delay);
      return {};
    }
    if (command instanceof ChangeMessageVisibilityBatchCommand) {
      const queue = this.#queueOf(command.input.QueueUrl);
      const Failed: { Id: string; Code: string }[] = [];
      for (const { Id = '', ReceiptHandle = '', VisibilityTimeout = 0 } of command.input.Entries ?? []) {
        if (!queue.putOff(ReceiptHandle, now + VisibilityTimeout * 1_000)) {
          Failed.push({ Id, Code: 'ReceiptHandleIsInvalid' });
        }
      }
      return { Successful: [], Failed };
    }
    if (command instanceof DeleteMessageBatchCommand) {
      for (const { ReceiptHandle = '' } of command.input.Entries ?? []) {
        this.#queueOf(command.input.QueueUrl).acknowledge(ReceiptHandle);
      }
      return { Successful: [], Failed: [] };
    }
    throw new Error(`SQS is not asked ${nameOf(command)} here`);
  }
}

/** Longest by which a message is late; milliseconds. */
const LATE_MS = 90_000;

function lateness({ simulation, faults }: Cloud): number {
  return faults.strikes('message late') ? simulation.below(LATE_MS) : 0;
}

function nameOf(command: unknown): string {
  return command !== null && typeof command === 'object'
    ? command.constructor.name.replace('Command', '')
    : '';
}
