import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, test } from 'vitest';
import { dynamoDb } from '../../../functions/shared/aws/clients.ts';
import { transact } from '../../../functions/shared/aws/transaction.ts';

process.env['AWS_REGION'] = 'eu-central-1';
const dynamo = mockClient(DynamoDBDocumentClient);
const items = [{ Put: { TableName: 'table', Item: { pk: 'a', sk: 'b' } } }];
let pauses: number[];

beforeEach(() => {
  dynamo.reset();
  pauses = [];
});

function write() {
  const pause = async (milliseconds: number) => {
    pauses.push(milliseconds);
  };
  return transact({ table: dynamoDb(), items, pause });
}

function cancelled(...codes: string[]) {
  const CancellationReasons = codes.map((Code) => ({ Code }));
  return new TransactionCanceledException({ $metadata: {}, message: 'cancelled', CancellationReasons });
}

test('says whether it was written', async () => {
  dynamo.on(TransactWriteCommand).resolvesOnce({}).rejects(cancelled('None', 'ConditionalCheckFailed'));
  expect(await write()).toBe(true);
  expect(await write()).toBe(false);
  expect(pauses).toEqual([]);
});

test.each(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'])(
  'tries again after %s, a bounded number of times',
  async (reason) => {
    dynamo.on(TransactWriteCommand).rejectsOnce(cancelled('None', reason)).resolves({});
    expect(await write()).toBe(true);
    expect(pauses).toHaveLength(1);
    dynamo.reset();
    dynamo.on(TransactWriteCommand).rejects(cancelled(reason));
    await expect(write()).rejects.toThrow('cancelled');
    expect(dynamo.commandCalls(TransactWriteCommand)).toHaveLength(8);
    expect(Math.max(...pauses)).toBeLessThan(25 * 2 ** 8);
  },
);

test('gives up at once on what another attempt does not change', async () => {
  dynamo.on(TransactWriteCommand).rejects(cancelled('ValidationError'));
  await expect(write()).rejects.toThrow('cancelled');
  dynamo.on(TransactWriteCommand).rejects(new Error('no network'));
  await expect(write()).rejects.toThrow('no network');
  expect(pauses).toEqual([]);
});
