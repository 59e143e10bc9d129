import { DynamoDBClient, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Conflict,
  conflictItemOf,
  conflictReason,
} from '../../../functions/shared/conflict/conflict.ts';
import { conflictStops } from '../../../functions/shared/conflict/stop.ts';
import { runSchema } from '../../../functions/shared/run/run.ts';
import { storedTask } from '../../support/tasks.ts';

const dynamo = mockClient(DynamoDBDocumentClient);
const stops = conflictStops({
  table: DynamoDBDocumentClient.from(new DynamoDBClient({ region: 'us-east-1' })),
  tableName: 'T',
});
const task = storedTask();
const at = new Date('2026-11-22T00:00:00Z');
const conflict: Conflict = {
  taskKey: task.key,
  source: { projectId: 'ops', repoName: 'r' },
  remote: { projectId: 'ops2', repoName: 'r2' },
  slotName: 'default',
  ordinal: 42,
  eventId: 'e42',
  kind: 'FILE_CREATE',
  policy: 'FAST_FAIL',
  policyVersion: 3,
  fullPath: '/a',
  incoming: { folder: false, sha256: 'aa' },
  present: { folder: false, sha256: 'bb' },
  loggedAt: at.toISOString(),
  at: at.toISOString(),
};

beforeEach(() => {
  dynamo.reset();
});

describe('a conflict', () => {
  it('has a key by its ordinal and what it is about, and goes after 90 days', () => {
    const item = conflictItemOf(conflict);
    expect(item).toMatchObject({
      pk: `CONFLICT#${task.key}`,
      sk: expect.stringMatching(/^0000000000000042#[0-9a-f]{32}$/),
      expiresAt: Date.parse('2027-02-20T00:00:00Z') / 1_000,
    });
    expect(conflictItemOf({ ...conflict, present: {} }).sk).toBe(item.sk);
    expect(conflictItemOf({ ...conflict, fullPath: '/b' }).sk).not.toBe(item.sk);
  });

  it('is told in a sentence', () => {
    expect(conflictReason(conflict)).toBe(
      'Conflict: ops2/r2/a holds a file bb at the remote that did not come from this source; ' +
        'FILE_CREATE (ordinal 42, event e42) brings a file aa',
    );
    expect(conflictReason({ ...conflict, present: {}, incoming: { folder: true } })).toContain(
      'holds something at the remote that did not come from this source; FILE_CREATE (ordinal 42, event e42) brings a folder',
    );
  });
});

describe('stopping a task', () => {
  it('makes it FAILED with the conflict in its journal and in its log, at once', async () => {
    dynamo.on(TransactWriteCommand).resolves({});
    expect(await stops.stop({ task, conflict, at })).toBe(true);
    const [update, journal, log] =
      dynamo.commandCalls(TransactWriteCommand)[0]?.args[0].input.TransactItems ?? [];
    expect(update?.Update).toMatchObject({
      Key: { pk: 'TASK', sk: task.key },
      ConditionExpression: '#status = :replicating AND attribute_not_exists(activeRunId)',
      ExpressionAttributeValues: { ':failed': 'FAILED', ':replicating': 'REPLICATING' },
    });
    expect(journal?.Put?.Item).toEqual(conflictItemOf(conflict));
    expect(runSchema.parse(log?.Put?.Item)).toMatchObject({
      taskKey: task.key,
      trigger: 'CONFLICT',
      status: 'FAILED',
      endedAt: at.toISOString(),
      errorReason: conflictReason(conflict),
      planned: true,
    });
  });

  it('that follows the log no more leaves it alone', async () => {
    dynamo.on(TransactWriteCommand).rejects(
      new TransactionCanceledException({
        message: 'cancelled',
        $metadata: {},
        CancellationReasons: [{ Code: 'ConditionalCheckFailed' }],
      }),
    );
    expect(await stops.stop({ task, conflict, at })).toBe(false);
  });
});
