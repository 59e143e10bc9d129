import { DynamoDBClient, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  DynamoDBDocumentClient,
  GetCommand,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Conflict, conflictItemOf } from '../../../functions/shared/conflict/conflict.ts';
import type { Failure } from '../../../functions/shared/failure/failure.ts';
import {
  LaneOrderError,
  laneId,
  laneRepository,
  laneStateSchema,
  MAX_CONFLICTS_AT_ONCE,
  NO_HEAD,
} from '../../../functions/shared/lane/repository.ts';

// What is asked of DynamoDB and what its answers become; that its conditions hold is tested against the local cloud.
const dynamo = mockClient(DynamoDBDocumentClient);
const pauses: number[] = [];
const lanes = laneRepository({
  table: DynamoDBDocumentClient.from(new DynamoDBClient({ region: 'us-east-1' })),
  tableName: 'T',
  pause: async (milliseconds) => {
    pauses.push(milliseconds);
  },
});
const taskKey = 'k';
const source = { projectId: 'ops', repoName: 'r' };
const remote = { projectId: 'ops2', repoName: 'r2' };
const conditionFailure = Object.assign(new Error('The conditional request failed'), {
  name: 'ConditionalCheckFailedException',
});

beforeEach(() => {
  dynamo.reset();
  pauses.length = 0;
});

describe('heads', () => {
  it('reads each lane once, a hundred to a request, consistently, and takes 0 for what is not there', async () => {
    dynamo.on(BatchGetCommand).callsFake((input) => ({
      Responses: {
        T: input.RequestItems.T.Keys.filter(({ sk }: { sk: string }) => sk.endsWith('7')).map(
          (key: object) => ({
            ...key,
            sentOrdinal: 42,
          }),
        ),
      },
    }));
    const asked = Array.from({ length: 250 }, (_, index) => ({
      taskKey,
      source: { ...source, repoName: `r${index}` },
    }));
    const heads = await lanes.heads([...asked, ...asked]);
    const requests = dynamo
      .commandCalls(BatchGetCommand)
      .map(({ args }) => args[0].input.RequestItems?.['T']);
    expect(requests.map((request) => request?.Keys?.length)).toEqual([100, 100, 50]);
    expect(requests.every((request) => request?.ConsistentRead === true)).toBe(true);
    expect(heads.size).toBe(250);
    const headOf = (repoName: string) => heads.get(laneId({ taskKey, source: { ...source, repoName } }));
    expect(headOf('r17')).toEqual({ sentOrdinal: 42, isSettled: false });
    expect(headOf('r18')).toEqual(NO_HEAD);
  });

  it('asks again for what was left, and not for ever', async () => {
    const key = { pk: 'LANE#k', sk: 'ops/r' };
    const left = { Responses: { T: [] }, UnprocessedKeys: { T: { Keys: [key] } } };
    dynamo
      .on(BatchGetCommand)
      .resolvesOnce(left)
      .resolvesOnce(left)
      .resolves({ Responses: { T: [{ ...key, sentOrdinal: 3, appliedOrdinal: 3 }] } });
    expect(await lanes.heads([{ taskKey, source }])).toEqual(
      new Map([['k/ops/r', { sentOrdinal: 3, isSettled: true }]]),
    );
    expect(pauses).toEqual([50, 100]);
    dynamo.on(BatchGetCommand).resolves(left);
    await expect(lanes.heads([{ taskKey, source }])).rejects.toThrow('unread');
  });

  it('asks nothing for no lanes', async () => {
    expect(await lanes.heads([])).toEqual(new Map());
    expect(dynamo.calls()).toHaveLength(0);
  });
});

describe('recordSent', () => {
  const range = { previousOrdinal: 3, firstOrdinal: 5, lastOrdinal: 9, count: 4 };
  const at = new Date('2026-11-22T00:00:00Z');
  const lane = { taskKey, source, remote, slotName: 'default', generation: 2 };
  const sent = { ...lane, ...range, isSettled: false, at };

  it('moves the lane from where it stands', async () => {
    expect(await lanes.recordSent(sent)).toBe(true);
    await lanes.recordSent({ ...sent, previousOrdinal: 0 });
    const [from, first] = dynamo.commandCalls(UpdateCommand).map(({ args }) => args[0].input);
    expect(from).toMatchObject({
      Key: { pk: 'LANE#k', sk: 'ops/r' },
      ConditionExpression:
        '(sentOrdinal = :previous) AND (attribute_not_exists(generation) OR generation <= :generation)',
      ExpressionAttributeValues: {
        ':generation': 2,
        ':previous': 3,
        ':last': 9,
        ':count': 4,
        ':source': source,
        ':remote': remote,
      },
    });
    expect(first?.ConditionExpression).toContain(
      '(attribute_not_exists(sentOrdinal) OR sentOrdinal = :previous) AND ',
    );
    expect(from?.UpdateExpression).not.toContain('pending');
  });

  it('notes where what is missing begins, of a lane that had done all', async () => {
    await lanes.recordSent({ ...sent, isSettled: true });
    const [update] = dynamo.commandCalls(UpdateCommand).map(({ args }) => args[0].input);
    expect(update?.UpdateExpression).toContain('pending = :pending');
    expect(update?.ExpressionAttributeValues?.[':pending']).toEqual({
      from: 5,
      since: '2026-11-22T00:00:00.000Z',
    });
  });

  it.each([0, 3, 20])(
    'says that the lane was rewound since, wherever it stands (%i)',
    async (sentOrdinal) => {
      dynamo.on(UpdateCommand).rejects(conditionFailure);
      const item = { source, remote, slotName: 'default', sentOrdinal, generation: 3 };
      dynamo.on(GetCommand).resolves({ Item: item });
      expect(await lanes.recordSent(sent)).toBe(false);
    },
  );

  const stands = (sentOrdinal: number) => {
    dynamo.on(UpdateCommand).rejects(conditionFailure);
    dynamo.on(GetCommand).resolves({ Item: { source, remote, slotName: 'default', sentOrdinal } });
  };

  it.each([9, 20])('is content with a repeat (lane at %i)', async (sentOrdinal) => {
    stands(sentOrdinal);
    expect(await lanes.recordSent(sent)).toBe(true);
    expect(dynamo.commandCalls(GetCommand)[0]?.args[0].input.ConsistentRead).toBe(true);
  });

  it.each([0, 2, 5, 8])(
    'does not take a gap or an overlap for a repeat (lane at %i)',
    async (sentOrdinal) => {
      stands(sentOrdinal);
      await expect(lanes.recordSent(sent)).rejects.toThrow(LaneOrderError);
    },
  );

  it('hands other errors on', async () => {
    dynamo.on(UpdateCommand).rejects(new Error('throttled'));
    await expect(lanes.recordSent(sent)).rejects.toThrow('throttled');
  });
});

describe('recordApplied', () => {
  const progress = {
    taskKey,
    source,
    remote,
    slotName: 'default',
    from: 0,
    to: 5,
    repairs: 2,
    counters: { applied: 3, superseded: 1, conflicted: 0, failed: 1, filtered: 0 },
    containersEnsured: true,
    ahead: [{ fullPath: '/a', until: '2026-11-22T00:00:00.000Z' }],
    failures: [],
    at: new Date('2026-11-22T00:00:00Z'),
  };
  const failure: Failure = {
    taskKey,
    source,
    remote,
    slotName: 'default',
    ordinal: 4,
    eventId: 'e',
    kind: 'FILE_CREATE',
    fullPath: '/a',
    code: 'REMOTE_REFUSED',
    reason: 'HTTP 413',
    at: '2026-11-22T00:00:00.000Z',
  };

  it('is one conditional write that ends an outage', async () => {
    expect(await lanes.recordApplied(progress)).toEqual({ recorded: true });
    const [call] = dynamo.calls();
    expect(dynamo.calls()).toHaveLength(1);
    expect(call?.args[0].input).toMatchObject({
      UpdateExpression: expect.stringContaining('REMOVE outage'),
      ConditionExpression:
        '(attribute_not_exists(appliedOrdinal) OR appliedOrdinal = :from) AND (repairs = :repairs)',
      ExpressionAttributeValues: {
        ':from': 0,
        ':repairs': 2,
        ':to': 5,
        ':applied': 3,
        ':superseded': 1,
        ':conflicted': 0,
        ':failed': 1,
        ':filtered': 0,
        ':ahead': [{ fullPath: '/a', until: '2026-11-22T00:00:00.000Z' }],
      },
    });
  });

  it('shows the outage that ended the progress', async () => {
    const outage = { since: '2026-11-22T00:00:00.000Z', reason: 'timed out' };
    await lanes.recordApplied({ ...progress, outage });
    const input = dynamo.commandCalls(UpdateCommand)[0]?.args[0].input;
    expect(input?.UpdateExpression).not.toContain('REMOVE outage');
    expect(input?.ExpressionAttributeValues).toMatchObject({ ':outage': outage });
  });

  const conflict = (index: number): Conflict => ({
    taskKey,
    source,
    remote,
    slotName: 'default',
    ordinal: 4,
    eventId: 'e',
    kind: 'NODE_MOVE',
    policy: 'SKIP',
    policyVersion: 1,
    fullPath: `/${index}`,
    incoming: { folder: false },
    present: {},
    loggedAt: '2026-11-22T00:00:00.000Z',
    at: '2026-11-22T00:00:00.000Z',
  });

  it('writes conflicts in the same transaction, and those that do not fit before it', async () => {
    const conflicts = Array.from({ length: 2 * MAX_CONFLICTS_AT_ONCE + 3 }, (_, index) => conflict(index));
    const first = conflict(0);
    await lanes.recordApplied({ ...progress, failures: [failure], conflicts: [...conflicts, first] });
    const transactions = dynamo
      .commandCalls(TransactWriteCommand)
      .map(({ args }) => args[0].input.TransactItems ?? []);
    expect(transactions.map((items) => items.length)).toEqual([
      MAX_CONFLICTS_AT_ONCE,
      MAX_CONFLICTS_AT_ONCE,
      1 + 1 + 3,
    ]);
    const written = transactions.flat().map(({ Put }) => Put?.Item);
    expect(written.filter((item) => item?.['pk'] === 'CONFLICT#k')).toEqual(conflicts.map(conflictItemOf));
    expect(transactions.at(-1)?.[0]?.Update?.ConditionExpression).toContain('appliedOrdinal');
  });

  it('keeps the own work, or removes it when there is none', async () => {
    const ownWork = { until: '2026-11-22T00:00:02.000Z', contents: new Uint8Array(8), landings: [] };
    await lanes.recordApplied({ ...progress, ownWork });
    await lanes.recordApplied(progress);
    const [kept, none] = dynamo.commandCalls(UpdateCommand).map(({ args }) => args[0].input);
    expect(kept?.ExpressionAttributeValues).toMatchObject({ ':own': ownWork });
    expect(kept?.UpdateExpression).toContain('ownWork = :own');
    expect(none?.UpdateExpression).toContain('REMOVE outage, ownWork');
  });

  it('notes own work only where the lane still stands', async () => {
    const ownWork = { until: '2026-11-22T00:00:02.000Z', contents: new Uint8Array(8), landings: [] };
    const own = { taskKey, source, remote, slotName: 'default', from: 3, repairs: 0, ownWork };
    expect(await lanes.recordOwnWork(own)).toBe(true);
    expect(dynamo.commandCalls(UpdateCommand)[0]?.args[0].input).toMatchObject({
      ConditionExpression:
        '(appliedOrdinal = :from) AND (attribute_not_exists(repairs) OR repairs = :repairs)',
      ExpressionAttributeValues: { ':from': 3, ':repairs': 0, ':own': ownWork },
    });
    dynamo.on(UpdateCommand).rejects(conditionFailure);
    expect(await lanes.recordOwnWork(own)).toBe(false);
    dynamo.on(UpdateCommand).rejects(new Error('throttled'));
    await expect(lanes.recordOwnWork(own)).rejects.toThrow('throttled');
  });

  it('writes failures in the same transaction, to be kept for thirty days', async () => {
    await lanes.recordApplied({ ...progress, failures: [failure] });
    const [update, put] = dynamo.commandCalls(TransactWriteCommand)[0]?.args[0].input.TransactItems ?? [];
    expect(update?.Update?.ConditionExpression).toContain('appliedOrdinal');
    expect(put?.Put?.Item).toEqual({
      ...failure,
      pk: 'FAILURE#k',
      sk: '0000000000000004#ops/r',
      expiresAt: Date.parse('2026-12-22T00:00:00Z') / 1_000,
    });
  });

  it.each([
    ['an update', [], conditionFailure],
    [
      'a transaction',
      [failure],
      new TransactionCanceledException({
        $metadata: {},
        message: 'cancelled',
        CancellationReasons: [{ Code: 'ConditionalCheckFailed' }, { Code: 'None' }],
      }),
    ],
  ])('gives the stored state when another delivery got ahead of %s', async (_case, failures, error) => {
    dynamo.on(UpdateCommand).rejects(error).on(TransactWriteCommand).rejects(error);
    dynamo
      .on(GetCommand)
      .resolves({ Item: { source, remote, slotName: 'default', appliedOrdinal: 7, applied: 7 } });
    expect(await lanes.recordApplied({ ...progress, failures })).toMatchObject({
      recorded: false,
      state: { appliedOrdinal: 7, applied: 7, sentOrdinal: 0, containersEnsured: false },
    });
  });

  it('hands a transaction that only collided on, to be tried again', async () => {
    const collided = new TransactionCanceledException({
      $metadata: {},
      message: 'cancelled',
      CancellationReasons: [{ Code: 'TransactionConflict' }],
    });
    dynamo.on(TransactWriteCommand).rejects(collided);
    await expect(lanes.recordApplied({ ...progress, failures: [failure] })).rejects.toBe(collided);
  });
});

describe('noteAhead', () => {
  const until = new Date('2026-11-22T00:05:00Z');
  const lane = { taskKey, source };

  it('adds to what is noted, apart from what the worker writes, on a lane that is there', async () => {
    await lanes.noteAhead(lane, ['/a', '/b'], until);
    expect(dynamo.commandCalls(UpdateCommand)[0]?.args[0].input).toMatchObject({
      Key: { pk: 'LANE#k', sk: 'ops/r' },
      UpdateExpression: 'SET noted = list_append(if_not_exists(noted, :none), :notes)',
      ConditionExpression: expect.stringContaining('attribute_exists(pk)'),
      ExpressionAttributeValues: {
        ':notes': [
          { fullPath: '/a', until: until.toISOString() },
          { fullPath: '/b', until: until.toISOString() },
        ],
      },
    });
  });

  it('notes everything when there are many, and nothing where there is no lane', async () => {
    dynamo.on(UpdateCommand).rejectsOnce(conditionFailure).resolves({});
    await lanes.noteAhead(lane, ['/a'], until);
    expect(dynamo.commandCalls(UpdateCommand)[1]?.args[0].input.ExpressionAttributeValues).toMatchObject({
      ':notes': [{ fullPath: '/', until: until.toISOString() }],
    });
    dynamo.on(UpdateCommand).rejects(conditionFailure);
    await lanes.noteAhead(lane, ['/a'], until);
    dynamo.on(UpdateCommand).rejects(new Error('throttled'));
    await expect(lanes.noteAhead(lane, ['/a'], until)).rejects.toThrow('throttled');
  });

  it('is loaded with what the worker has written, each once', async () => {
    const path = { fullPath: '/a', until: until.toISOString() };
    const other = { ...path, fullPath: '/b' };
    dynamo
      .on(GetCommand)
      .resolves({ Item: { source, remote, slotName: 'default', ahead: [path], noted: [path, other] } });
    expect((await lanes.load(lane))?.ahead).toEqual([path, other]);
  });
});

it('lists the lanes of a task, page by page', async () => {
  const item = { source, remote, slotName: 'default' };
  dynamo
    .on(QueryCommand)
    .resolvesOnce({ Items: [item], LastEvaluatedKey: { pk: 'LANE#k', sk: 'ops/r' } })
    .resolves({ Items: [item] });
  expect(await lanes.list('k')).toHaveLength(2);
  expect(dynamo.commandCalls(QueryCommand).map(({ args }) => args[0].input.ExclusiveStartKey)).toEqual([
    undefined,
    { pk: 'LANE#k', sk: 'ops/r' },
  ]);
});

describe('rewind', () => {
  const at = new Date('2026-11-22T00:00:00Z');
  const stored = { source, remote, slotName: 'default', sentOrdinal: 9, dispatched: 7, appliedOrdinal: 4 };
  const state = laneStateSchema.parse({ ...stored, applied: 2, failed: 1, filtered: 1, repaired: 5 });
  const written = () =>
    dynamo.commandCalls(TransactWriteCommand).map(({ args }) => args[0].input.TransactItems ?? []);

  it('has the lane stand where it has applied, while its task is being parked', async () => {
    dynamo.on(TransactWriteCommand).resolves({});
    expect(await lanes.rewind({ taskKey, generation: 3, state, at })).toBe(true);
    const [task, lane] = written()[0] ?? [];
    expect(task?.ConditionCheck).toMatchObject({
      Key: { pk: 'TASK', sk: 'k' },
      ExpressionAttributeValues: { ':generation': 3 },
    });
    expect(task?.ConditionCheck?.ConditionExpression).toContain(
      'attribute_not_exists(catchUp.parked.isRewound)',
    );
    expect(lane?.Update).toMatchObject({
      Key: { pk: 'LANE#k', sk: 'ops/r' },
      ExpressionAttributeValues: {
        ':generation': 3,
        ':applied': 4,
        ':settled': 4,
        ':rewound': { from: 4, times: 1, at: at.toISOString() },
      },
    });
    expect(lane?.Update?.ConditionExpression).toContain('(appliedOrdinal = :applied)');
    expect(lane?.Update?.ConditionExpression).toContain('generation < :generation');
  });

  it.each([
    [4, 3],
    [2, 1],
  ])('counts how often it was rewound without having moved from %i', async (from, times) => {
    dynamo.on(TransactWriteCommand).resolves({});
    const rewound = { from, times: 2, at: at.toISOString() };
    await lanes.rewind({ taskKey, generation: 3, state: { ...state, rewound }, at });
    expect(written()[0]?.[1]?.Update?.ExpressionAttributeValues?.[':rewound']).toMatchObject({ times });
  });

  it('says when the lane has moved, or the task is not being parked', async () => {
    const reasons = [{ Code: 'None' }, { Code: 'ConditionalCheckFailed' }];
    dynamo
      .on(TransactWriteCommand)
      .rejects(
        new TransactionCanceledException({ $metadata: {}, message: '', CancellationReasons: reasons }),
      );
    expect(await lanes.rewind({ taskKey, generation: 3, state, at })).toBe(false);
  });
});
