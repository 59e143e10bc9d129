import { SendMessageBatchCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type {
  PageMessage,
  PlanMessage,
  RetryMessage,
  RunMessage,
  StartMessage,
  SweepMessage,
} from './message.ts';

/** A message's own fields. */
type Body<Message> = Omit<Message, 'version' | 'kind'>;

/** The queue that the planner works on. Sending anything twice is harmless. */
export interface RunQueue {
  start(start: Body<StartMessage>): Promise<void>;
  /** @param options `delay`: seconds (at most 900) until it is delivered. */
  plan(plan: Body<PlanMessage>, options?: { readonly delay?: number }): Promise<void>;
  retry(retry: Body<RetryMessage>): Promise<void>;
  /** @param options as for `plan`. */
  sweep(sweep: Body<SweepMessage>, options?: { readonly delay?: number }): Promise<void>;
}

/** The queue that the page workers work on. */
export interface PageQueue {
  /**
   * Hand every page over, in any order. Sending one again is harmless.
   *
   * @param options `delay`: seconds (at most 900) until they are delivered.
   * @throws Error when the queue has not accepted all of them.
   */
  send(pages: readonly Body<PageMessage>[], options?: { readonly delay?: number }): Promise<void>;
}

/** Entries of one SendMessageBatch, SQS's limit. */
const MESSAGES_PER_REQUEST = 10;
const ATTEMPTS = 4;

export function sqsRunQueue(options: { readonly sqs: SQSClient; readonly queueUrl: string }): RunQueue {
  const { sqs, queueUrl } = options;

  async function send(message: RunMessage, delay: number): Promise<void> {
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: queueUrl,
        MessageBody: JSON.stringify(message),
        DelaySeconds: delay,
      }),
    );
  }

  return {
    start: (start) => send({ version: 1, kind: 'START', ...start }, 0),
    plan: (plan, { delay = 0 } = {}) => send({ version: 1, kind: 'PLAN', ...plan }, delay),
    retry: (retry) => send({ version: 1, kind: 'RETRY', ...retry }, 0),
    sweep: (sweep, { delay = 0 } = {}) => send({ version: 1, kind: 'SWEEP', ...sweep }, delay),
  };
}

export function sqsPageQueue(options: { readonly sqs: SQSClient; readonly queueUrl: string }): PageQueue {
  const { sqs, queueUrl } = options;

  async function sendRequest(bodies: readonly string[], delay: number): Promise<void> {
    let pending = bodies;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const { Failed = [] } = await sqs.send(
        new SendMessageBatchCommand({
          QueueUrl: queueUrl,
          Entries: pending.map((body, index) => ({
            Id: String(index),
            MessageBody: body,
            DelaySeconds: delay,
          })),
        }),
      );
      const refused = new Set(Failed.map(({ Id }) => Number(Id)));
      pending = pending.filter((_, index) => refused.has(index));
      if (pending.length === 0) {
        return;
      }
    }
    throw new Error(`The queue of pages has refused ${pending.length} messages ${ATTEMPTS} times`);
  }

  return {
    async send(pages, { delay = 0 } = {}) {
      const bodies = pages.map(({ taskKey, runId, page, nodesDone }) => {
        const message: PageMessage = { version: 1, kind: 'PAGE', taskKey, runId, page, nodesDone };
        return JSON.stringify(message);
      });
      for (let start = 0; start < bodies.length; start += MESSAGES_PER_REQUEST) {
        await sendRequest(bodies.slice(start, start + MESSAGES_PER_REQUEST), delay);
      }
    },
  };
}
