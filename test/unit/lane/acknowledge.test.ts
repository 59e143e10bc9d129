import { DeleteMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, it } from 'vitest';
import { sqsAcknowledger } from '../../../functions/shared/lane/acknowledge.ts';

const sqs = mockClient(SQSClient);
const warned: string[] = [];
const acknowledge = sqsAcknowledger({
  sqs: new SQSClient({ region: 'us-east-1' }),
  queueUrl: 'http://localhost/lanes',
  logger: { warn: (text) => warned.push(String(text)) },
});

beforeEach(() => {
  sqs.reset();
  warned.length = 0;
});

it('removes messages by their receipts', async () => {
  sqs.on(DeleteMessageBatchCommand).resolves({});
  await acknowledge(['a', 'b']);
  expect(sqs.commandCalls(DeleteMessageBatchCommand)[0]?.args[0].input).toMatchObject({
    QueueUrl: 'http://localhost/lanes',
    Entries: [{ ReceiptHandle: 'a' }, { ReceiptHandle: 'b' }],
  });
  expect(warned).toEqual([]);
});

it('leaves to the end of the delivery what cannot be removed', async () => {
  const failed = { Id: '0', Code: 'InternalError', SenderFault: false };
  sqs
    .on(DeleteMessageBatchCommand)
    .resolvesOnce({ Failed: [failed] })
    .rejects(new Error('throttled'));
  await acknowledge(['a']);
  await acknowledge(['a']);
  expect(warned).toHaveLength(2);
});
