import {
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, test } from 'vitest';
import { dynamoDb } from '../../../functions/shared/aws/clients.ts';
import { DomainError } from '../../../functions/shared/errors.ts';
import { taskRepository } from '../../../functions/shared/task/repository.ts';
import { storedTask } from '../../support/tasks.ts';

process.env['AWS_REGION'] = 'eu-central-1';
const dynamo = mockClient(DynamoDBDocumentClient);
let pauses: number[];
const tasks = taskRepository({
  table: dynamoDb(),
  tableName: 'table',
  pause: async (milliseconds) => {
    pauses.push(milliseconds);
  },
});

beforeEach(() => {
  dynamo.reset();
  pauses = [];
});

const task = storedTask();
const conditionFailed = Object.assign(new Error('The conditional request failed'), {
  name: 'ConditionalCheckFailedException',
});

describe('put', () => {
  test('stores a task that was not there', async () => {
    dynamo.on(PutCommand).resolves({});
    await tasks.put(task);
    expect(dynamo.commandCalls(PutCommand)[0]?.args[0].input).toEqual({
      TableName: 'table',
      Item: { pk: 'TASK', sk: task.key, ...task },
      ConditionExpression: 'attribute_not_exists(pk)',
    });
  });

  test('refuses a key that is taken', async () => {
    dynamo.on(PutCommand).rejects(conditionFailed);
    await expect(tasks.put(task)).rejects.toThrow(new DomainError('RESOURCE_EXISTED', [task.key]));
  });
});

describe('get', () => {
  test('reads consistently, without the keys', async () => {
    dynamo
      .on(GetCommand, { Key: { pk: 'TASK', sk: task.key }, ConsistentRead: true })
      .resolves({ Item: { pk: 'TASK', sk: task.key, ...task } });
    expect(await tasks.get(task.key)).toEqual(task);
  });

  test('finds nothing under an unknown key, and does not ask for what is no key', async () => {
    dynamo.on(GetCommand).resolves({});
    expect(await tasks.get('0'.repeat(32))).toBeUndefined();
    expect(dynamo.commandCalls(GetCommand)).toHaveLength(1);
    for (const key of ['', 'nosuchkey', 'x'.repeat(5_000), '../TASK']) {
      expect(await tasks.get(key)).toBeUndefined();
    }
    expect(dynamo.commandCalls(GetCommand)).toHaveLength(1);
  });

  test('a stored item that is no task is a fault', async () => {
    dynamo.on(GetCommand).resolves({ Item: { ...task, status: 'LOST' } });
    await expect(tasks.get(task.key)).rejects.toThrow();
  });
});

describe('list', () => {
  test('reads every page, consistently, in the order of creation', async () => {
    const early = storedTask({ key: 'f'.repeat(32), createdDate: '2026-11-21T00:00:00.000Z' });
    const late = storedTask({ key: '0'.repeat(32), id: '7'.repeat(24) });
    dynamo
      .on(QueryCommand)
      .resolvesOnce({ Items: [late, task], LastEvaluatedKey: { pk: 'TASK', sk: task.key } })
      .resolvesOnce({ Items: [early] });
    expect(await tasks.list()).toEqual([early, task, late]);
    const [first, second] = dynamo.commandCalls(QueryCommand).map((call) => call.args[0].input);
    expect(first).toMatchObject({ ConsistentRead: true, ExpressionAttributeValues: { ':pk': 'TASK' } });
    expect(first).not.toHaveProperty('ExclusiveStartKey');
    expect(second).toMatchObject({ ConsistentRead: true, ExclusiveStartKey: { pk: 'TASK', sk: task.key } });
  });

  test('ends with a fault rather than never', async () => {
    dynamo.on(QueryCommand).resolves({ Items: [], LastEvaluatedKey: { pk: 'TASK', sk: 'x' } });
    await expect(tasks.list()).rejects.toThrow('more in TASK than 50 requests');
  });
});

describe('recordStart', () => {
  test('counts once', async () => {
    dynamo.on(UpdateCommand).resolves({});
    await tasks.recordStart(task.key, 42);
    expect(dynamo.commandCalls(UpdateCommand)[0]?.args[0].input).toMatchObject({
      Key: { pk: 'TASK', sk: task.key },
      ConditionExpression: 'attribute_exists(pk) AND attribute_not_exists(startOrdinal)',
      ExpressionAttributeValues: { ':ordinal': 42, ':one': 1 },
    });
    dynamo.on(UpdateCommand).rejects(conditionFailed);
    await tasks.recordStart(task.key, 43);
    dynamo.on(UpdateCommand).rejects(new Error('throttled'));
    await expect(tasks.recordStart(task.key, 44)).rejects.toThrow('throttled');
  });
});

describe('update', () => {
  test('replaces what is stored at the revision, by the next one', async () => {
    dynamo.on(PutCommand).resolves({});
    const changed = { ...task, status: 'PAUSED' as const, startOrdinal: undefined };
    expect(await tasks.update(changed, { revision: 7 })).toBe('updated');
    expect(dynamo.commandCalls(PutCommand)[0]?.args[0].input).toMatchObject({
      Item: { pk: 'TASK', sk: task.key, status: 'PAUSED', revision: 8 },
      ConditionExpression: 'revision = :revision',
      ExpressionAttributeValues: { ':revision': 7 },
    });
  });

  test('says when others were there first', async () => {
    const conflict = Object.assign(new Error('conflict'), { name: 'TransactionConflictException' });
    for (const refused of [conditionFailed, conflict]) {
      dynamo.on(PutCommand).rejects(refused);
      expect(await tasks.update(task, { revision: 1 })).toBe('contended');
    }
    dynamo.on(PutCommand).rejects(new Error('throttled'));
    await expect(tasks.update(task, { revision: 1 })).rejects.toThrow('throttled');
  });
});

describe('delete', () => {
  const lanes = Array.from({ length: 26 }, (_, index) => ({ pk: `LANE#${task.key}`, sk: `p/${index}` }));
  const failure = { pk: `FAILURE#${task.key}`, sk: '0000000000000001#p/r' };
  const conflict = { pk: `CONFLICT#${task.key}`, sk: '0000000000000001#ab' };

  const run = { pk: `RUN#${task.key}`, sk: '6b0241c7a404394a0a25dc77' };
  const page = { pk: `SYNC#${run.sk}`, sk: 'PAGE#0000000000000001' };

  const sweep = { pk: `SWEEP#${task.key}`, sk: '6b0241c7a404394a0a25dc78' };
  const part = { pk: `SWEEP_PART#${sweep.sk}`, sk: '0000000000000001' };

  function store(options: { readonly existed: boolean }) {
    for (const item of [run, page, conflict, sweep, part]) {
      dynamo.on(QueryCommand, { ExpressionAttributeValues: { ':pk': item.pk } }).resolves({ Items: [item] });
    }
    dynamo.on(DeleteCommand).resolves(options.existed ? { Attributes: { ...task } } : {});
    dynamo
      .on(QueryCommand, { ExpressionAttributeValues: { ':pk': `LANE#${task.key}` } })
      .resolvesOnce({ Items: lanes.slice(0, 25), LastEvaluatedKey: lanes[24] ?? {} })
      .resolves({ Items: lanes.slice(25) });
    dynamo
      .on(QueryCommand, { ExpressionAttributeValues: { ':pk': `FAILURE#${task.key}` } })
      .resolves({ Items: [failure] });
  }

  function deletedKeys() {
    return dynamo
      .commandCalls(BatchWriteCommand)
      .flatMap((call) => call.args[0].input.RequestItems?.['table'] ?? [])
      .map((request) => request.DeleteRequest?.Key);
  }

  test('removes the task first, then its lanes, failures, conflicts, runs and sweeps with what they found', async () => {
    store({ existed: true });
    dynamo.on(BatchWriteCommand).resolves({});
    await tasks.delete(task.key);
    expect(dynamo.calls()[0]?.args[0].input).toMatchObject({ Key: { pk: 'TASK', sk: task.key } });
    expect(deletedKeys()).toEqual([...lanes, failure, conflict, page, run, part, sweep]);
  });

  test('tries again what DynamoDB did not take', async () => {
    store({ existed: true });
    dynamo
      .on(BatchWriteCommand)
      .resolvesOnce({ UnprocessedItems: { table: [{ DeleteRequest: { Key: lanes[3] } }] } })
      .resolves({});
    await tasks.delete(task.key);
    expect(pauses).toEqual([50]);
    expect(deletedKeys().filter((key) => key === lanes[3] || key?.['sk'] === 'p/3')).toHaveLength(2);
  });

  test('gives up on a table that takes nothing', async () => {
    store({ existed: true });
    dynamo
      .on(BatchWriteCommand)
      .resolves({ UnprocessedItems: { table: [{ DeleteRequest: { Key: failure } }] } });
    await expect(tasks.delete(task.key)).rejects.toThrow('left 1 items');
    expect(pauses).toHaveLength(6);
  });

  test('of an unknown key is refused, and still removes what an interrupted call left', async () => {
    store({ existed: false });
    dynamo.on(BatchWriteCommand).resolves({});
    await expect(tasks.delete(task.key)).rejects.toThrow(new DomainError('RESOURCE_NOT_FOUND', [task.key]));
    expect(deletedKeys()).toContainEqual(failure);
  });

  test('of what is no key asks nothing', async () => {
    await expect(tasks.delete('nosuchkey')).rejects.toThrow(
      new DomainError('RESOURCE_NOT_FOUND', ['nosuchkey']),
    );
    expect(dynamo.calls()).toHaveLength(0);
  });
});
