import { SendMessageBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { pageMessageSchema, runMessageSchema } from '../../../functions/shared/sync/message.ts';
import { sqsPageQueue, sqsRunQueue } from '../../../functions/shared/sync/queue.ts';

const queueUrl = 'http://localhost/queue';
const taskKey = 'a'.repeat(32);
const runId = 'b'.repeat(24);

/** An SQS client whose requests are kept, and whose batches refuse what they are told to. */
function recordedSqs(refusals: readonly (readonly string[])[] = []) {
  const client = new SQSClient({ region: 'eu-west-1' });
  const sent: SendMessageCommand['input'][] = [];
  const batches: string[][] = [];
  vi.spyOn(client, 'send').mockImplementation(async (command: unknown) => {
    if (command instanceof SendMessageCommand) {
      sent.push(command.input);
      return {};
    }
    if (command instanceof SendMessageBatchCommand) {
      const refused = refusals[batches.length] ?? [];
      batches.push((command.input.Entries ?? []).map(({ MessageBody = '' }) => MessageBody));
      return { Failed: refused.map((Id) => ({ Id, SenderFault: false, Code: 'InternalError' })) };
    }
    throw new Error('Unexpected command');
  });
  return { client, sent, batches };
}

beforeEach(() => {
  vi.restoreAllMocks();
});

describe('the queue of runs', () => {
  it('sends messages that its schema reads again', async () => {
    const sqs = recordedSqs();
    const queue = sqsRunQueue({ sqs: sqs.client, queueUrl });
    await queue.start({ taskKey, trigger: 'SCHEDULE', due: '2026-11-22T01:00:00.000Z' });
    await queue.plan({ taskKey, runId }, { delay: 30 });
    await queue.retry({ taskKey, failures: ['one'] });
    expect(sqs.sent.map(({ MessageBody = '' }) => runMessageSchema.parse(JSON.parse(MessageBody)))).toEqual([
      { version: 1, kind: 'START', taskKey, trigger: 'SCHEDULE', due: '2026-11-22T01:00:00.000Z' },
      { version: 1, kind: 'PLAN', taskKey, runId },
      { version: 1, kind: 'RETRY', taskKey, failures: ['one'] },
    ]);
    expect(sqs.sent.map(({ DelaySeconds }) => DelaySeconds)).toEqual([0, 30, 0]);
  });
});

describe('the queue of pages', () => {
  const pages = Array.from({ length: 23 }, (_, index) => ({ taskKey, runId, page: index + 1 }));
  const numbersOf = (bodies: readonly string[]) =>
    bodies.map((body) => pageMessageSchema.parse(JSON.parse(body)).page);

  it('sends ten at once', async () => {
    const sqs = recordedSqs();
    await sqsPageQueue({ sqs: sqs.client, queueUrl }).send(pages);
    expect(sqs.batches.map(({ length }) => length)).toEqual([10, 10, 3]);
    expect(sqs.batches.flatMap(numbersOf)).toEqual(pages.map(({ page }) => page));
  });

  it('sends again what a batch refused, and no more', async () => {
    const sqs = recordedSqs([['1', '4']]);
    await sqsPageQueue({ sqs: sqs.client, queueUrl }).send(pages.slice(0, 6));
    expect(sqs.batches.map(numbersOf)).toEqual([
      [1, 2, 3, 4, 5, 6],
      [2, 5],
    ]);
  });

  it('fails when the queue refuses to the end', async () => {
    const sqs = recordedSqs([['0'], ['0'], ['0'], ['0']]);
    await expect(sqsPageQueue({ sqs: sqs.client, queueUrl }).send(pages.slice(0, 1))).rejects.toThrow(
      /has refused 1 messages 4 times/,
    );
  });
});
