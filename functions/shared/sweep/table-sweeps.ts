import { type DynamoDBDocumentClient, GetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { deleteItems } from '../aws/delete-items.ts';
import { type TransactionItem, transact } from '../aws/transaction.ts';
import {
  SWEEP_GAP_PREFIX,
  sweepGapKeyOf,
  sweepKeyOf,
  sweepPartitionOf,
  sweepStateKeyOf,
  type TableKey,
  taskKeyOf,
} from '../table.ts';
import { MAX_KEPT_SWEEPS, type SweepRepository } from './repository.ts';
import {
  type Repair,
  repairSchema,
  type Sweep,
  type SweepState,
  sweepSchema,
  sweepStateSchema,
} from './sweep.ts';

/** Days that a sweep is kept once it has ended, and that a gap is known once it is repaired. */
const RETENTION_DAYS = 30;

/** Gaps of a task that are looked at at once; and sweeps that are removed at once. */
const MAX_REPAIRS = 50;
const MAX_PRUNED = 100;

/** Attempts at an end that a request got in the way of. */
const END_ATTEMPTS = 8;

const sortKeySchema = z.object({ pk: z.string(), sk: z.string() });

/** The parts of an update: attributes by their names. */
interface Change {
  readonly set?: Readonly<Record<string, unknown>>;
  readonly add?: Readonly<Record<string, number>>;
  /** An attribute that is set or added to undefined is removed, too. */
  readonly remove?: readonly string[];
  /** With `#name` and `:name`, for those in `names` and `values` as well. */
  readonly condition: string;
  readonly names?: readonly string[];
  readonly values?: Readonly<Record<string, unknown>>;
}

/** Sweeps in DynamoDB. The lanes' workers add to the same items: every write is a transaction that is tried again. */
export function sweepRepository(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
  /** Wait between attempts; milliseconds. */
  readonly pause?: (milliseconds: number) => Promise<void>;
}): SweepRepository {
  const { table, tableName, pause } = options;

  const write = (items: readonly TransactionItem[]) => transact({ table, items, pause });

  const updateOf = (key: TableKey, change: Change): TransactionItem => ({
    Update: { TableName: tableName, Key: key, ...expressionsOf(change) },
  });

  async function read(key: TableKey): Promise<Record<string, unknown> | undefined> {
    const { Item } = await table.send(
      new GetCommand({ TableName: tableName, Key: { ...key }, ConsistentRead: true }),
    );
    return Item;
  }

  async function get(taskKey: string, sweepId: string): Promise<Sweep | undefined> {
    const item = await read(sweepKeyOf(taskKey, sweepId));
    return item === undefined ? undefined : sweepSchema.parse(item);
  }

  async function state(taskKey: string): Promise<SweepState> {
    const item = await read(sweepStateKeyOf(taskKey));
    return item === undefined ? { revision: 0 } : sweepStateSchema.parse(item);
  }

  /** The task's state, as long as it is as it was read. */
  const stateOf = (taskKey: string, known: SweepState, change: Partial<Change>): TransactionItem => {
    const isFirst = known.revision === 0;
    return updateOf(sweepStateKeyOf(taskKey), {
      ...change,
      add: { revision: 1 },
      condition: isFirst ? 'attribute_not_exists(pk)' : 'revision = :revisionRead',
      ...(isFirst ? {} : { values: { revisionRead: known.revision } }),
    });
  };

  async function prune(taskKey: string): Promise<void> {
    const kept = await sweeps(taskKey, MAX_KEPT_SWEEPS);
    const oldest = kept.at(-1);
    if (oldest === undefined || kept.length < MAX_KEPT_SWEEPS) {
      return;
    }
    const { Items = [] } = await table.send(
      new QueryCommand({
        TableName: tableName,
        KeyConditionExpression: 'pk = :pk AND sk < :oldest',
        ExpressionAttributeValues: { ':pk': sweepPartitionOf(taskKey), ':oldest': oldest.sweepId },
        ProjectionExpression: 'pk, sk',
        Limit: MAX_PRUNED,
      }),
    );
    await deleteItems({ table, tableName, keys: Items.map((item) => sortKeySchema.parse(item)), pause });
  }

  async function sweeps(taskKey: string, limit: number): Promise<Sweep[]> {
    const { Items = [] } = await table.send(
      new QueryCommand({
        TableName: tableName,
        // Ids begin with a decimal digit, the other items' keys with a letter.
        KeyConditionExpression: 'pk = :pk AND sk < :other',
        ExpressionAttributeValues: { ':pk': sweepPartitionOf(taskKey), ':other': 'A' },
        ConsistentRead: true,
        ScanIndexForward: false,
        Limit: limit,
      }),
    );
    return Items.map((item) => sweepSchema.parse(item));
  }

  return {
    state,
    get,
    list: (taskKey) => sweeps(taskKey, MAX_KEPT_SWEEPS),

    async begin({ sweep, state: known, dues }) {
      const { taskKey, sweepId, gap, trigger } = sweep;
      await prune(taskKey);
      return write([
        {
          Put: {
            TableName: tableName,
            Item: { ...sweepKeyOf(taskKey, sweepId), ...sweep },
            ConditionExpression: 'attribute_not_exists(pk)',
          },
        },
        stateOf(taskKey, known, {
          set: { activeSweepId: sweepId, ...dues },
          ...(trigger === 'REQUESTED' ? { remove: ['requested'] } : {}),
        }),
        {
          ConditionCheck: {
            TableName: tableName,
            Key: taskKeyOf(taskKey),
            ConditionExpression: '#status = :replicating',
            ExpressionAttributeNames: { '#status': 'status' },
            ExpressionAttributeValues: { ':replicating': 'REPLICATING' },
          },
        },
        ...(gap === undefined
          ? []
          : [
              updateOf(sweepGapKeyOf(taskKey, gap), {
                set: { sweepId },
                condition: 'attribute_exists(pk) AND attribute_not_exists(endedAt)',
              }),
            ]),
      ]);
    },

    request: ({ taskKey, state: known, requested }) =>
      write([stateOf(taskKey, known, { set: { requested } })]),

    resume: ({ sweep, state: known, at }) =>
      write([
        updateOf(sweepKeyOf(sweep.taskKey, sweep.sweepId), {
          set: {
            status: 'RUNNING',
            allowDeletions: true,
            planned: false,
            guarded: [],
            agreed: sweep.guarded,
            cursor: { phase: 'DONE' },
            touchedAt: at.toISOString(),
          },
          remove: ['endedAt', 'reason', 'expiresAt', 'stalled'],
          condition: '#status = :guardedStatus',
          names: ['status'],
          values: { guardedStatus: 'GUARDED' },
        }),
        stateOf(sweep.taskKey, known, { set: { activeSweepId: sweep.sweepId } }),
      ]),

    async forget({ taskKey, state: known }) {
      await write([stateOf(taskKey, known, { remove: ['activeSweepId'] })]);
    },

    async claim(sweep, at) {
      const epoch = sweep.epoch + 1;
      const touchedAt = at.toISOString();
      const isClaimed = await write([
        updateOf(sweepKeyOf(sweep.taskKey, sweep.sweepId), {
          set: { epoch, touchedAt },
          condition: '#status = :running AND epoch = :epochRead',
          names: ['status'],
          values: { running: 'RUNNING', epochRead: sweep.epoch },
        }),
      ]);
      return isClaimed ? { ...sweep, epoch, touchedAt } : undefined;
    },

    save: ({ taskKey, sweepId, epoch, cursor, planned, guarded, agreed, found, at }) =>
      write([
        updateOf(sweepKeyOf(taskKey, sweepId), {
          set: { cursor, planned, guarded, agreed, touchedAt: at.toISOString() },
          add: found,
          condition: '#status = :running AND epoch = :epochHeld',
          names: ['status'],
          values: { running: 'RUNNING', epochHeld: epoch },
        }),
      ]),

    async touch({ taskKey, sweepId, stalled, at }) {
      await write([
        updateOf(sweepKeyOf(taskKey, sweepId), {
          set: { touchedAt: at.toISOString(), ...(stalled === undefined ? {} : { stalled }) },
          condition: '#status = :running',
          names: ['status'],
          values: { running: 'RUNNING' },
        }),
      ]);
    },

    async end({ taskKey, sweepId, status, reason, repair, at }) {
      for (let attempt = 1; attempt <= END_ATTEMPTS; attempt += 1) {
        const [sweep, known] = await Promise.all([get(taskKey, sweepId), state(taskKey)]);
        if (sweep?.status !== 'RUNNING') {
          return false;
        }
        const isEnded = await write([
          updateOf(sweepKeyOf(taskKey, sweepId), {
            set: {
              status,
              endedAt: at.toISOString(),
              expiresAt: expiryOf(at),
              ...(reason === undefined ? {} : { reason }),
            },
            condition: '#status = :running',
            names: ['status'],
            values: { running: 'RUNNING' },
          }),
          stateOf(taskKey, known, stateAfter(sweep, known, status)),
          ...(sweep.gap === undefined ? [] : gapAfter(taskKey, sweep.gap, repair, at)),
        ]);
        if (isEnded) {
          return true;
        }
      }
      throw new Error(`Sweep ${sweepId} of task ${taskKey} could not be ended in ${END_ATTEMPTS} attempts`);
    },

    async requestRepair({ taskKey, gap, window, at }) {
      const repair: Repair = { gap, window, requestedAt: at.toISOString() };
      await write([
        {
          Put: {
            TableName: tableName,
            Item: { ...sweepGapKeyOf(taskKey, gap), ...repair },
            ConditionExpression: 'attribute_not_exists(pk)',
          },
        },
        updateOf(taskKeyOf(taskKey), {
          add: { openGaps: 1, revision: 1 },
          condition: 'attribute_exists(pk)',
        }),
      ]);
    },

    async repairs(taskKey) {
      const { Items = [] } = await table.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :gap)',
          FilterExpression: 'attribute_not_exists(endedAt)',
          ExpressionAttributeValues: { ':pk': sweepPartitionOf(taskKey), ':gap': SWEEP_GAP_PREFIX },
          ConsistentRead: true,
        }),
      );
      return Items.map((item) => repairSchema.parse(item))
        .sort((left, right) => (left.requestedAt < right.requestedAt ? -1 : 1))
        .slice(0, MAX_REPAIRS);
    },
  };

  function gapAfter(
    taskKey: string,
    gap: NonNullable<Sweep['gap']>,
    repair: Parameters<SweepRepository['end']>[0]['repair'],
    at: Date,
  ): TransactionItem[] {
    const condition = 'attribute_exists(pk) AND attribute_not_exists(endedAt)';
    if (repair !== 'CLOSED') {
      const set = { notBefore: repair.notBefore.toISOString() };
      return [updateOf(sweepGapKeyOf(taskKey, gap), { set, condition })];
    }
    return [
      updateOf(sweepGapKeyOf(taskKey, gap), {
        set: { endedAt: at.toISOString(), expiresAt: expiryOf(at) },
        condition,
      }),
      updateOf(taskKeyOf(taskKey), {
        add: { openGaps: -1, revision: 1 },
        condition: 'attribute_exists(pk)',
      }),
    ];
  }
}

function stateAfter(sweep: Sweep, state: SweepState, status: Sweep['status']): Partial<Change> {
  const isCovered = status === 'SUCCESS' && sweep.kind !== 'GAP';
  const isLater = state.changedSince === undefined || state.changedSince < sweep.startedAt;
  return {
    ...(isCovered && isLater ? { set: { changedSince: sweep.startedAt } } : {}),
    ...(state.activeSweepId === sweep.sweepId ? { remove: ['activeSweepId'] } : {}),
  };
}

/** DynamoDB's parameters for a change; every name has a placeholder, for many are reserved words. */
function expressionsOf({ set = {}, add = {}, remove = [], condition, names = [], values = {} }: Change) {
  const setNames = Object.keys(set).filter((name) => set[name] !== undefined);
  const removed = [...remove, ...Object.keys(set).filter((name) => set[name] === undefined)];
  const addNames = Object.keys(add);
  const clauses = [
    clause(
      'SET',
      setNames.map((name) => `#${name} = :${name}`),
    ),
    clause(
      'ADD',
      addNames.map((name) => `#${name} :${name}`),
    ),
    clause(
      'REMOVE',
      removed.map((name) => `#${name}`),
    ),
  ];
  const all = new Set([...setNames, ...addNames, ...removed, ...names]);
  return {
    UpdateExpression: clauses.filter((text) => text !== '').join(' '),
    ConditionExpression: condition,
    ExpressionAttributeNames: Object.fromEntries([...all].map((name) => [`#${name}`, name])),
    ...withValues({
      ...Object.fromEntries(setNames.map((name) => [`:${name}`, set[name]])),
      ...Object.fromEntries(addNames.map((name) => [`:${name}`, add[name]])),
      ...Object.fromEntries(Object.entries(values).map(([name, value]) => [`:${name}`, value])),
    }),
  };
}

function clause(keyword: string, parts: readonly string[]): string {
  return parts.length === 0 ? '' : `${keyword} ${parts.join(', ')}`;
}

/** DynamoDB refuses an empty list of values. */
function withValues(values: Record<string, unknown>) {
  return Object.keys(values).length === 0 ? {} : { ExpressionAttributeValues: values };
}

/** Seconds since 1970. */
function expiryOf(at: Date): number {
  return Math.floor(at.getTime() / 1_000) + RETENTION_DAYS * 86_400;
}
