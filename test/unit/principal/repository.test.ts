import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
} from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, test } from 'vitest';
import { dynamoDb } from '../../../functions/shared/aws/clients.ts';
import { principalRepository } from '../../../functions/shared/principal/repository.ts';

process.env['AWS_REGION'] = 'eu-central-1';
const dynamo = mockClient(DynamoDBDocumentClient);
const principals = principalRepository({ table: dynamoDb(), tableName: 'table' });

beforeEach(() => {
  dynamo.reset();
});

const admin = { username: 'admin', role: 'admin', passwordHash: '$scrypt$…' } as const;

test('a principal is stored under its name and read back without its keys', async () => {
  dynamo.on(PutCommand).resolves({});
  await principals.put(admin);
  const item = dynamo.commandCalls(PutCommand)[0]?.args[0].input.Item;
  expect(item).toEqual({ pk: 'PRINCIPAL', sk: 'admin', ...admin });

  dynamo
    .on(GetCommand, { Key: { pk: 'PRINCIPAL', sk: 'admin' }, ConsistentRead: true })
    .resolves({ Item: item ?? {} });
  expect(await principals.get('admin')).toEqual(admin);
});

test('an unknown name is nobody', async () => {
  dynamo.on(GetCommand).resolves({});
  expect(await principals.get('ghost')).toBeUndefined();
});

test('a name that DynamoDB could not hold is nobody, without asking', async () => {
  expect(await principals.get('')).toBeUndefined();
  expect(await principals.get('é'.repeat(513))).toBeUndefined();
  expect(dynamo.calls()).toHaveLength(0);
});

test('an item that is no principal is a fault', async () => {
  dynamo.on(GetCommand).resolves({ Item: { ...admin, role: 'root' } });
  await expect(principals.get('admin')).rejects.toThrow();
});

test('a new principal is no other’s of that name', async () => {
  dynamo
    .on(PutCommand)
    .resolvesOnce({})
    .rejects(Object.assign(new Error(), { name: 'ConditionalCheckFailedException' }));
  expect([await principals.create(admin), await principals.create(admin)]).toEqual([true, false]);
  for (const call of dynamo.commandCalls(PutCommand)) {
    expect(call.args[0].input).toMatchObject({
      Item: { pk: 'PRINCIPAL', sk: 'admin', ...admin },
      ConditionExpression: 'attribute_not_exists(pk)',
    });
  }
});

test('all are listed, page by page, and no more pages than there may be', async () => {
  const more = { pk: 'PRINCIPAL', sk: 'admin' };
  const item = { ...more, ...admin };
  dynamo
    .on(QueryCommand)
    .resolvesOnce({ Items: [item], LastEvaluatedKey: more })
    .resolvesOnce({ Items: [item] });
  expect(await principals.list()).toEqual([admin, admin]);
  const [first, second] = dynamo.commandCalls(QueryCommand).map((call) => call.args[0].input);
  expect(first).toMatchObject({ ExpressionAttributeValues: { ':pk': 'PRINCIPAL' }, ConsistentRead: true });
  expect(first).not.toHaveProperty('ExclusiveStartKey');
  expect(second?.ExclusiveStartKey).toEqual(more);

  dynamo.on(QueryCommand).resolves({ Items: [item], LastEvaluatedKey: more });
  await expect(principals.list()).rejects.toThrow('10 requests');
});

test('one is removed only while an administrator of all projects is there, in one transaction', async () => {
  const refused = new TransactionCanceledException({
    message: '',
    $metadata: {},
    CancellationReasons: [{ Code: 'None' }, { Code: 'ConditionalCheckFailed' }],
  });
  dynamo.on(TransactWriteCommand).resolvesOnce({}).rejects(refused);
  const removal = { username: 'jack', remainingAdmin: 'admin' };
  expect([await principals.remove(removal), await principals.remove(removal)]).toEqual([true, false]);
  expect(dynamo.commandCalls(TransactWriteCommand)[0]?.args[0].input.TransactItems).toMatchObject([
    { Delete: { Key: { pk: 'PRINCIPAL', sk: 'jack' }, ConditionExpression: 'attribute_exists(pk)' } },
    {
      ConditionCheck: {
        Key: { pk: 'PRINCIPAL', sk: 'admin' },
        ConditionExpression: '#role = :admin AND attribute_not_exists(projectId)',
      },
    },
  ]);
});
