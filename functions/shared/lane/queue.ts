import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { OutgoingMessage } from './pack.ts';

export interface LaneQueue {
  /**
   * Hand every message over, each lane's in order.
   *
   * @throws Error when the queue has not accepted all of them; those that it has stay sent, and sending all again
   * is harmless.
   */
  send(messages: readonly OutgoingMessage[]): Promise<void>;
}

/** Entries of one SendMessageBatch, SQS's limit. */
const MESSAGES_PER_REQUEST = 10;
const ATTEMPTS = 4;
const REQUESTS_AT_ONCE = 4;

/**
 * The FIFO queue of lane batches.
 *
 * A batch request may accept some entries and refuse others. So a request carries at most one message of a lane:
 * otherwise a later one could get in before an earlier one that was refused, and would block its group for ever.
 */
export function sqsLaneQueue(options: { readonly sqs: SQSClient; readonly queueUrl: string }): LaneQueue {
  const { sqs, queueUrl } = options;

  const sendRequest = async (messages: readonly OutgoingMessage[]): Promise<void> => {
    let pending = messages;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const answer = await sqs.send(
        new SendMessageBatchCommand({
          QueueUrl: queueUrl,
          Entries: pending.map((message, index) => ({
            Id: String(index),
            MessageBody: message.body,
            MessageGroupId: message.groupId,
            MessageDeduplicationId: message.deduplicationId,
          })),
        }),
      );
      const refused = new Set((answer.Failed ?? []).map((entry) => Number(entry.Id)));
      pending = pending.filter((_, index) => refused.has(index));
      if (pending.length === 0) {
        return;
      }
    }
    throw new Error(`The lane queue has refused ${pending.length} messages ${ATTEMPTS} times`);
  };

  return {
    send: async (messages) => {
      for (const round of roundsOf(messages)) {
        const requests = chunksOf(round, MESSAGES_PER_REQUEST);
        for (const concurrent of chunksOf(requests, REQUESTS_AT_ONCE)) {
          await Promise.all(concurrent.map(sendRequest));
        }
      }
    },
  };
}

/** The lanes' first messages, then their second ones, and so on: a round holds at most one of each lane. */
export function roundsOf(messages: readonly OutgoingMessage[]): OutgoingMessage[][] {
  const rounds: OutgoingMessage[][] = [];
  const sentOf = new Map<string, number>();
  for (const message of messages) {
    const round = sentOf.get(message.groupId) ?? 0;
    sentOf.set(message.groupId, round + 1);
    const target = rounds[round] ?? [];
    rounds[round] = target;
    target.push(message);
  }
  return rounds;
}

function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  const chunks: Item[][] = [];
  for (let start = 0; start < items.length; start += size) {
    chunks.push(items.slice(start, start + size));
  }
  return chunks;
}
