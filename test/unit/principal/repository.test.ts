import { DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
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
