import { DynamoDBClient, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, TransactWriteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { catchUpRepository } from '../../../functions/shared/tail/catch-up-repository.ts';

// What is asked of DynamoDB and what its answers become; that its conditions hold is tested against the local cloud.
const dynamo = mockClient(DynamoDBDocumentClient);
const catchUps = catchUpRepository({
  table: DynamoDBDocumentClient.from(new DynamoDBClient({ region: 'us-east-1' })),
  tableName: 'T',
});
const conditionFailure = Object.assign(new Error('The conditional request failed'), {
  name: 'ConditionalCheckFailedException',
});

beforeEach(() => {
  dynamo.reset();
});

const here = { taskKey: 'k', slotName: 'default' };

const updates = () => dynamo.commandCalls(UpdateCommand).map(({ args }) => args[0].input);

describe('catchUpRepository', () => {
  it('notes where a task begins to be behind, unless it is, and keeps the first ordinal it had', async () => {
    await catchUps.begin({ ...here, ordinal: 7 });
    expect(updates()).toMatchObject([
      {
        Key: { pk: 'TASK', sk: 'k' },
        ConditionExpression: 'slotName = :slot AND attribute_not_exists(catchUp)',
        ExpressionAttributeValues: { ':slot': 'default', ':catchUp': { nextOrdinal: 7 }, ':ordinal': 7 },
      },
    ]);
    expect(updates()[0]?.UpdateExpression).toContain('startOrdinal = if_not_exists(startOrdinal, :ordinal)');
    dynamo.on(UpdateCommand).rejects(conditionFailure);
    await catchUps.begin({ ...here, ordinal: 7 });
  });

  it('moves a task from where it stands, and says when it stands elsewhere', async () => {
    expect(await catchUps.move({ ...here, from: 7, to: 9 })).toBe(true);
    expect(updates()).toMatchObject([
      {
        UpdateExpression: 'SET catchUp.nextOrdinal = :to REMOVE catchUp.stretch, catchUp.notBefore, stranded',
        ConditionExpression:
          'slotName = :slot AND catchUp.nextOrdinal = :from AND catchUp.stretch.toOrdinal = :to AND attribute_not_exists(generation)',
        ExpressionAttributeValues: { ':slot': 'default', ':from': 7, ':to': 9 },
      },
    ]);
    dynamo.on(UpdateCommand).rejects(conditionFailure);
    expect(await catchUps.move({ ...here, from: 7, to: 9 })).toBe(false);
  });

  it('fixes what is replayed next as long as the task is as it was read', async () => {
    const policy = { conflictStrategy: 'SKIP' as const, ddlTrans: false, indexTrans: true };
    const step = {
      taskKey: 'k',
      revision: 3,
      from: 7,
      startOrdinal: 9,
      stretch: { toOrdinal: 9, policyVersion: 2, policy },
    };
    expect(await catchUps.fix(step)).toBe(true);
    expect(updates()).toMatchObject([
      {
        Key: { pk: 'TASK', sk: 'k' },
        UpdateExpression:
          'SET catchUp.stretch = :stretch, startOrdinal = if_not_exists(startOrdinal, :start) REMOVE catchUp.parked ADD revision :one',
        ConditionExpression: 'revision = :revision AND catchUp.nextOrdinal = :from',
        ExpressionAttributeValues: {
          ':stretch': step.stretch,
          ':revision': 3,
          ':from': 7,
          ':start': 9,
          ':one': 1,
        },
      },
    ]);
    dynamo.on(UpdateCommand).rejects(conditionFailure);
    expect(await catchUps.fix(step)).toBe(false);
  });

  it('moves a task as of its generation', async () => {
    await catchUps.move({ ...here, generation: 4, from: 7, to: 9 });
    expect(updates()[0]).toMatchObject({ ExpressionAttributeValues: { ':generation': 4 } });
    expect(updates()[0]?.ConditionExpression).toContain('AND generation = :generation');
  });

  it('parks a task as it was read, and lets it go on when all is rewound, each step once', async () => {
    const since = '2026-11-22T00:00:00.000Z';
    const catchUp = { nextOrdinal: 5, notBefore: 7, parked: { since, reason: 'REMOTE_AWAY' as const } };
    const generation = 2;
    expect(await catchUps.park({ ...here, revision: 3, generation, catchUp })).toBe(true);
    expect(await catchUps.rewound({ taskKey: 'k', generation })).toBe(true);
    expect(await catchUps.unpark({ taskKey: 'k', generation })).toBe(true);
    expect(updates()).toMatchObject([
      {
        ConditionExpression: 'revision = :revision AND slotName = :slot',
        ExpressionAttributeValues: { ':catchUp': catchUp, ':generation': 2, ':revision': 3 },
      },
      {
        ConditionExpression:
          'generation = :generation AND attribute_exists(catchUp.parked) AND attribute_not_exists(catchUp.parked.isRewound)',
      },
      { ConditionExpression: 'generation = :generation AND catchUp.parked.isRewound = :true' },
    ]);
    expect(updates().every((update) => update.UpdateExpression?.includes('ADD revision :one'))).toBe(true);
    dynamo.on(UpdateCommand).rejects(conditionFailure);
    expect(await catchUps.park({ ...here, revision: 3, generation, catchUp })).toBe(false);
    expect(await catchUps.rewound({ taskKey: 'k', generation })).toBe(false);
    expect(await catchUps.unpark({ taskKey: 'k', generation })).toBe(false);
  });

  it('shows once what the archive has lost', async () => {
    const since = new Date('2026-11-22T00:00:00Z');
    await catchUps.strand({ ...here, from: 7, since });
    expect(updates()).toMatchObject([
      {
        ConditionExpression: 'slotName = :slot AND attribute_not_exists(stranded)',
        ExpressionAttributeValues: { ':stranded': { since: since.toISOString(), nextOrdinal: 7 } },
      },
    ]);
    dynamo.on(UpdateCommand).rejects(conditionFailure);
    await catchUps.strand({ ...here, from: 7, since });
  });

  it.each(['begin', 'move'] as const)('does not take another fault of %s for a refusal', async (method) => {
    dynamo.on(UpdateCommand).rejects(new Error('throttled'));
    await expect(catchUps[method]({ ...here, ordinal: 7, from: 7, to: 9 })).rejects.toThrow('throttled');
  });

  it('brings a task back only while the slot and its lease are the same', async () => {
    const step = { ...here, epoch: 4, ordinal: 9 };
    expect(await catchUps.end(step)).toBe(true);
    const [transaction] = dynamo.commandCalls(TransactWriteCommand).map(({ args }) => args[0].input);
    expect(transaction?.TransactItems).toMatchObject([
      {
        ConditionCheck: {
          Key: { pk: 'SLOT', sk: 'default' },
          ConditionExpression: 'epoch = :epoch AND nextOrdinal = :ordinal',
          ExpressionAttributeValues: { ':epoch': 4, ':ordinal': 9 },
        },
      },
      {
        Update: {
          Key: { pk: 'TASK', sk: 'k' },
          UpdateExpression: 'REMOVE catchUp ADD revision :one',
          ConditionExpression: 'slotName = :slot AND catchUp.nextOrdinal = :ordinal',
        },
      },
    ]);
    dynamo.on(TransactWriteCommand).rejects(
      new TransactionCanceledException({
        $metadata: {},
        message: 'cancelled',
        CancellationReasons: [{ Code: 'ConditionalCheckFailed' }, { Code: 'None' }],
      }),
    );
    expect(await catchUps.end(step)).toBe(false);
  });

  it('lets a task leave only while the slot, its lease and the task are the same', async () => {
    const position = { nextOrdinal: 3, lastId: 'x' };
    const leaving = { slotName: 'other', since: '2026-11-22T00:00:00.000Z', lastId: 'y', position };
    const step = { ...here, revision: 5, epoch: 4, ordinal: 9, startOrdinal: 12, leaving };
    expect(await catchUps.leave(step)).toBe(true);
    const [transaction] = dynamo.commandCalls(TransactWriteCommand).map(({ args }) => args[0].input);
    expect(transaction?.TransactItems).toMatchObject([
      {
        ConditionCheck: {
          Key: { pk: 'SLOT', sk: 'default' },
          ConditionExpression: 'epoch = :epoch AND nextOrdinal = :ordinal',
          ExpressionAttributeValues: { ':epoch': 4, ':ordinal': 9 },
        },
      },
      {
        Update: {
          Key: { pk: 'TASK', sk: 'k' },
          ConditionExpression: 'revision = :revision AND slotName = :slot AND attribute_not_exists(catchUp)',
          ExpressionAttributeValues: {
            ':catchUp': { nextOrdinal: 9, leaving },
            ':start': 12,
            ':revision': 5,
            ':slot': 'default',
          },
        },
      },
    ]);
  });
});
