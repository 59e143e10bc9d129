import { DynamoDBClient, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
} from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import type { SweepFailure } from '../../../functions/shared/failure/failure.ts';
import { laneMessageSchema } from '../../../functions/shared/lane/message.ts';
import { type OutgoingMessage, packLane } from '../../../functions/shared/lane/pack.ts';
import type { LaneRepair } from '../../../functions/shared/lane/repository.ts';
import { MAX_RECORDS_AT_ONCE, partLedger } from '../../../functions/shared/sweep/part-ledger.ts';
import {
  MAX_PART_BYTES,
  MAX_PART_PATHS,
  pathsByPart,
  type SweepPart,
  sweepParts,
} from '../../../functions/shared/sweep/parts.ts';

// What is asked of DynamoDB and what its answers become; that its conditions hold is tested against the local cloud.
const dynamo = mockClient(DynamoDBDocumentClient);
const table = DynamoDBDocumentClient.from(new DynamoDBClient({ region: 'us-east-1' }));
const AT = new Date('2026-11-22T00:00:00Z');
const exists = Object.assign(new Error('exists'), { name: 'ConditionalCheckFailedException' });

let sent: OutgoingMessage[];
const parts = sweepParts({
  table,
  tableName: 'T',
  queue: {
    send: async (messages) => {
      sent.push(...messages);
    },
  },
  clock: () => AT,
});
const ledger = partLedger({ table, tableName: 'T', pause: async () => {} });

const part = (number: number, fullPaths: readonly string[] = ['/a']): SweepPart => ({
  taskKey: 'k',
  sweepId: 's',
  part: number,
  slotName: 'default',
  policyVersion: 2,
  policy: { conflictStrategy: 'SKIP', ddlTrans: true, indexTrans: true },
  source: { projectId: 'ops', repoName: 'r' },
  remote: { projectId: 'ops2', repoName: 'r2' },
  fullPaths,
});

beforeEach(() => {
  dynamo.reset();
  sent = [];
});

describe('sending parts', () => {
  it('stores each before any is sent, to be kept for thirty days, into the group of its lane', async () => {
    await parts.send([part(1), part(2)]);
    const [first] = dynamo.commandCalls(PutCommand).map(({ args }) => args[0].input);
    expect(first).toEqual({
      TableName: 'T',
      Item: {
        pk: 'SWEEP_PART#s',
        sk: '0000000000000001',
        ...part(1),
        status: 'SENT',
        expiresAt: Date.parse('2026-12-22T00:00:00Z') / 1_000,
      },
      ConditionExpression: 'attribute_not_exists(pk)',
    });
    const [batch] = packLane({
      ...part(1),
      previousOrdinal: 0,
      entries: [
        {
          ordinal: 1,
          eventId: 'e',
          loggedAt: AT.toISOString(),
          operation: { kind: 'NODE_DELETE', fullPath: '/a', operator: 'a' },
        },
      ],
    });
    expect(new Set([...sent.map(({ groupId }) => groupId), batch?.groupId]).size).toBe(1);
    expect(new Set([...sent, batch].map((message) => message?.deduplicationId)).size).toBe(3);
    expect(sent.map(({ body }) => laneMessageSchema.parse(JSON.parse(body)))).toMatchObject([
      { kind: 'RECONCILE', sweepId: 's', part: 1 },
      { kind: 'RECONCILE', sweepId: 's', part: 2 },
    ]);
  });

  it('sends one that exists again under the same id, unless it is done', async () => {
    dynamo.on(PutCommand).rejects(exists);
    dynamo.on(GetCommand).callsFake(({ Key }) => ({
      Item: { ...part(Number(Key.sk)), status: Key.sk.endsWith('1') ? 'DONE' : 'SENT' },
    }));
    await parts.send([part(1), part(2)]);
    expect(sent.map(({ body }) => JSON.parse(body).part)).toEqual([2]);
    await parts.send([part(2)]);
    expect(new Set(sent.map(({ deduplicationId }) => deduplicationId)).size).toBe(1);
  });

  it('sends nothing when one could not be stored', async () => {
    dynamo.on(PutCommand).resolvesOnce({}).rejects(new Error('throttled'));
    await expect(parts.send([part(1), part(2)])).rejects.toThrow('throttled');
    expect(sent).toEqual([]);
  });

  it('refuses what is too large, before anything is stored', async () => {
    const paths = Array.from({ length: MAX_PART_PATHS + 1 }, (_, index) => `/${index}`);
    await expect(parts.send([part(1), part(2, paths)])).rejects.toThrow(RangeError);
    await expect(parts.send([part(1, ['/aaa', '€'.repeat(MAX_PART_BYTES / 3)])])).rejects.toThrow(RangeError);
    expect(dynamo.calls()).toEqual([]);
  });

  it('cuts paths so that each part may be sent, and none is lost', async () => {
    const long = Array.from({ length: 130 }, (_, index) => `/${index}${'€'.repeat(1_000)}`);
    const short = Array.from({ length: 250 }, (_, index) => `/${index}`);
    const cut = pathsByPart([...long, ...short]);
    expect(cut.flat()).toEqual([...long, ...short]);
    expect(cut.map(({ length }) => length)).toEqual([68, 100, 100, 100, 12]);
    await parts.send(cut.map((paths, index) => part(index + 1, paths)));
    expect(sent).toHaveLength(5);
    expect(pathsByPart([])).toEqual([]);
  });

  it('finds those that are not done, page by page', async () => {
    const key = { pk: 'SWEEP_PART#s', sk: '0000000000000001' };
    const stored = { ...part(1), status: 'SENT', begun: [0], expiresAt: 1 };
    dynamo
      .on(QueryCommand)
      .resolvesOnce({ Items: [], LastEvaluatedKey: key })
      .resolves({ Items: [stored, { ...stored, part: 2 }] });
    expect(await parts.undone('s', 1)).toEqual([part(1)]);
    expect(dynamo.commandCalls(QueryCommand)[1]?.args[0].input).toMatchObject({
      ExclusiveStartKey: key,
      ConsistentRead: true,
    });
  });
});

describe('the ledger of parts', () => {
  const lane: LaneRepair = {
    taskKey: 'k',
    source: { projectId: 'ops', repoName: 'r' },
    remote: { projectId: 'ops2', repoName: 'r2' },
    slotName: 'default',
    appliedOrdinal: 7,
    repairs: 0,
    repaired: 2,
    containersEnsured: true,
    ahead: [{ fullPath: '/a', until: AT.toISOString() }],
  };
  const counts = { checked: 5, repaired: 1, removed: 1, unchanged: 1, conflicted: 1, failed: 1 };
  const failure = (index: number): SweepFailure => ({
    taskKey: 'k',
    sweepId: 's',
    part: 1,
    source: { projectId: 'ops', repoName: 'r' },
    remote: { projectId: 'ops2', repoName: 'r2' },
    kind: 'NODE',
    fullPath: `/${index}`,
    code: 'REMOTE_REFUSED',
    reason: 'HTTP 413',
    at: AT.toISOString(),
  });
  const finish = (failures: readonly SweepFailure[] = []) =>
    ledger.finish({ part: part(1), counts, failures, conflicts: [], lane, at: AT });
  const refusedAt = (...codes: string[]) =>
    new TransactionCanceledException({
      message: 'cancelled',
      $metadata: {},
      CancellationReasons: codes.map((Code) => ({ Code })),
    });
  const transactions = () =>
    dynamo.commandCalls(TransactWriteCommand).map(({ args }) => args[0].input.TransactItems ?? []);

  it('ends a part with its counts, its lane, its sweep and its records in one transaction', async () => {
    expect(await finish([failure(1), failure(1), failure(2)])).toBe(true);
    const [items, ...more] = transactions();
    expect(more).toEqual([]);
    expect(items?.map(({ Update, Put }) => (Update?.Key ?? Put?.Item)?.['pk'])).toEqual([
      'SWEEP_PART#s',
      'LANE#k',
      'FAILURE#k',
      'FAILURE#k',
      'SWEEP#k',
    ]);
    expect(items?.[0]?.Update).toMatchObject({
      ConditionExpression: '#status = :sent',
      ExpressionAttributeValues: { ':sent': 'SENT', ':done': 'DONE', ':counts': counts },
    });
    expect(items?.[1]?.Update).toMatchObject({
      ConditionExpression:
        '(appliedOrdinal = :from) AND (attribute_not_exists(repairs) OR repairs = :repairs)',
      ExpressionAttributeValues: { ':repaired': 2, ':ahead': lane.ahead },
    });
    expect(items?.at(-1)?.Update).toMatchObject({
      Key: { pk: 'SWEEP#k', sk: 's' },
      ConditionExpression: 'attribute_exists(pk)',
      ExpressionAttributeValues: { ':one': 1, ':checked': 5, ':failed': 1 },
    });
  });

  it('stays within what a transaction takes', async () => {
    await finish(Array.from({ length: 100 }, (_, index) => failure(index)));
    expect(transactions().map(({ length }) => length)).toEqual([MAX_RECORDS_AT_ONCE, 3 + 10]);
  });

  it('ends a part of a sweep that is not kept any more, and does not bring that back', async () => {
    dynamo
      .on(TransactWriteCommand)
      .rejectsOnce(refusedAt('None', 'None', 'ConditionalCheckFailed'))
      .resolves({});
    expect(await finish()).toBe(true);
    expect(transactions().map(({ length }) => length)).toEqual([3, 2]);
  });

  it('says when the part is done, or its lane was moved', async () => {
    dynamo.on(TransactWriteCommand).rejects(refusedAt('ConditionalCheckFailed', 'None'));
    expect(await finish()).toBe(false);
    expect(await ledger.begin({ part: part(1), begun: [0], lane })).toBe(false);
    dynamo.on(TransactWriteCommand).rejects(new Error('throttled'));
    await expect(finish()).rejects.toThrow('throttled');
  });

  it('begins a part with what it will change, and its lane', async () => {
    expect(await ledger.begin({ part: part(1), begun: [0, 4], lane: { ...lane, repaired: 0 } })).toBe(true);
    const [items] = transactions();
    expect(items).toHaveLength(2);
    expect(items?.[0]?.Update?.ExpressionAttributeValues).toEqual({ ':sent': 'SENT', ':begun': [0, 4] });
    dynamo.on(GetCommand).resolves({ Item: { ...part(1), status: 'SENT', begun: [0, 4] } });
    expect(await ledger.load('s', 1)).toEqual({ ...part(1), status: 'SENT', begun: [0, 4] });
    dynamo.on(GetCommand).resolves({});
    expect(await ledger.load('s', 1)).toBeUndefined();
  });
});
