import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { conditionHeld, isConditionFailure } from '../aws/conditions.ts';
import { listPartition } from '../aws/partition.ts';
import type { TransactionItem } from '../aws/transaction.ts';
import { transact } from '../aws/transaction.ts';
import { type Conflict, conflictItemOf } from '../conflict/conflict.ts';
import { ownWorkSchema, type StoredOwnWork } from '../conflict/own-work.ts';
import { type Failure, failureItemOf } from '../failure/failure.ts';
import { ROOT } from '../node/path.ts';
import { laneKeyOf, lanePartitionOf, taskKeyOf } from '../table.ts';
import { type AheadPath, aheadPathSchema } from './ahead.ts';
import { type Container, containerSchema } from './message.ts';

const count = z.number().int().nonnegative().default(0);

/**
 * A lane as it is stored. Counts are of operations; an attribute that is not there yet counts as 0, for a lane's
 * first message may be applied before the tailer has noted that it was sent.
 */
export const laneStateSchema = z.object({
  source: containerSchema,
  remote: containerSchema,
  slotName: z.string(),
  /** Ordinal of the last operation that the queue has accepted. */
  sentOrdinal: count,
  dispatched: count,
  /** Ordinal of the last operation that is applied or accounted for otherwise. */
  appliedOrdinal: count,
  applied: count,
  superseded: count,
  conflicted: count,
  failed: count,
  /** Not sent because the remote is where they came from. */
  filtered: count,
  /** Nodes that sweeps have put right at the remote, or removed there: no events, and in no account's sum. */
  repaired: count,
  /** Steps of sweeps' parts in the lane: a delivery that loaded it before one has to look again. */
  repairs: count,
  /** What is known to be newer at the remote than the operations that are still to be applied. */
  ahead: z.array(aheadPathSchema).default([]),
  /** What others than the lane's worker have settled there: apart, for the worker replaces `ahead` as a whole. */
  noted: z.array(aheadPathSchema).optional(),
  /** What the lane has put at the remote of late, while conflicts are looked for. */
  ownWork: ownWorkSchema.optional(),
  /** The remote has the lane's project and repository, under the names in `remote`. */
  containersEnsured: z.boolean().default(false),
  lastAppliedAt: z.iso.datetime().optional(),
  /** The task's generation when the lane was rewound last; absent: 0. What was sent under a lower one is dropped. */
  generation: z.number().int().positive().optional(),
  /**
   * Where what is not yet applied began, and when: nothing before this ordinal is missing. It may say something of the past
   * where nothing is missing.
   */
  pending: z.object({ from: z.number().int().positive(), since: z.iso.datetime() }).optional(),
  /** Where the lane stood when it was rewound last, how often it was rewound while it stood there, and when last. */
  rewound: z
    .object({
      from: z.number().int().nonnegative(),
      times: z.number().int().positive(),
      at: z.iso.datetime(),
    })
    .optional(),
  /** Why the lane stands still, while it does. `since` is ISO 8601 UTC. */
  outage: z.object({ since: z.iso.datetime(), reason: z.string() }).optional(),
});
export type LaneState = z.infer<typeof laneStateSchema>;
export type LaneOutage = NonNullable<LaneState['outage']>;

/** How far a lane was sent, and whether all of that is applied. */
export interface LaneHead {
  readonly sentOrdinal: number;
  readonly isSettled: boolean;
}

/** The head of a lane that nothing was sent to. */
export const NO_HEAD: LaneHead = { sentOrdinal: 0, isSettled: true };

/** A lane: one task and one repository, by its source names. */
export interface LaneName {
  readonly taskKey: string;
  readonly source: Container;
}

/** What became of the operations of a batch. */
export interface LaneCounters {
  readonly applied: number;
  readonly superseded: number;
  readonly conflicted: number;
  readonly failed: number;
  readonly filtered: number;
}

/** How far a lane has come. */
export interface LaneProgress {
  readonly remote: Container;
  readonly slotName: string;
  readonly from: number;
  readonly to: number;
  /** As it was loaded. */
  readonly repairs: number;
  readonly counters: LaneCounters;
  readonly containersEnsured: boolean;
  readonly ahead: readonly AheadPath[];
  /** At most `MAX_FAILURES_AT_ONCE`. */
  readonly failures: readonly Failure[];
  /** Any number; at most `MAX_CONFLICTS_AT_ONCE` in one transaction with the ordinal, what is beyond before it. */
  readonly conflicts?: readonly Conflict[] | undefined;
  readonly ownWork?: StoredOwnWork | undefined;
  readonly outage?: LaneOutage | undefined;
  readonly at: Date;
}

/** A step of a sweep's part in a lane: before it changes anything at the remote, and when it is done. */
export interface LaneRepair extends LaneName {
  readonly remote: Container;
  readonly slotName: string;
  /** As they were loaded, or left by the step before. */
  readonly appliedOrdinal: number;
  readonly repairs: number;
  /** Nodes put right or removed. */
  readonly repaired: number;
  readonly containersEnsured: boolean;
  readonly ahead: readonly AheadPath[];
  readonly ownWork?: StoredOwnWork | undefined;
}

/** DynamoDB takes 100 items in a transaction, the lane's among them; a failure is at most some 4 KB of its 4 MB. */
export const MAX_FAILURES_AT_ONCE = 50;
/** As `MAX_FAILURES_AT_ONCE`, in the same transaction. */
export const MAX_CONFLICTS_AT_ONCE = 40;

/** The lane's stored ordinal contradicts the message that is being noted: a defect, never a repeat. */
export class LaneOrderError extends Error {
  constructor(lane: LaneName, details: string) {
    super(`Lane ${laneId(lane)} is out of order: ${details}`);
    this.name = 'LaneOrderError';
  }
}

/** Text that names a lane: `<task key>/<project>/<repository>`, key of the map that `heads` returns. */
export function laneId(lane: LaneName): string {
  return `${lane.taskKey}/${lane.source.projectId}/${lane.source.repoName}`;
}

export interface LaneRepository {
  /**
   * The head of each lane, by `laneId`. Strongly consistent.
   *
   * @throws Error when DynamoDB leaves keys unprocessed after every attempt.
   */
  heads(lanes: readonly LaneName[]): Promise<Map<string, LaneHead>>;
  /**
   * Note that the queue has accepted messages. Repeating it changes nothing.
   *
   * @returns false, and nothing written, when the lane was rewound under a later generation: what was sent is void.
   * @throws LaneOrderError when the lane's last sent ordinal is neither `previousOrdinal` nor at or past
   * `lastOrdinal`.
   */
  recordSent(sent: {
    readonly taskKey: string;
    readonly source: Container;
    readonly remote: Container;
    readonly slotName: string;
    /** Of the task as it was when its share was routed. */
    readonly generation: number;
    readonly previousOrdinal: number;
    readonly firstOrdinal: number;
    readonly lastOrdinal: number;
    readonly count: number;
    /** All of the lane up to `previousOrdinal` had been applied. */
    readonly isSettled: boolean;
    readonly at: Date;
  }): Promise<boolean>;
  /** The lane's state, strongly consistent; undefined when nothing is known of it. */
  load(lane: LaneName): Promise<LaneState | undefined>;
  /** Every lane of a task, ordered by source name, strongly consistent. */
  list(taskKey: string): Promise<LaneState[]>;
  /**
   * Move the applied ordinal from `from` to `to` and add the counters, in one conditional write: no other delivery has moved it,
   * and none has repaired anything. Failures and conflicts are
   * written with it or not at all, so that a failure that is counted has its record and the reverse. Ends an outage unless one is given.
   *
   * @returns whether it was written; if not, the lane does not stand as it did, nothing is changed and `state` is
   * what is stored.
   */
  recordApplied(
    progress: LaneName & LaneProgress,
  ): Promise<
    { readonly recorded: true } | { readonly recorded: false; readonly state: LaneState | undefined }
  >;
  /**
   * Note that the remote may show the source's state of up to this instant at some paths, for something else has settled
   * them: the lane settles what it still gets for them. A lane that is not there needs no note.
   */
  noteAhead(lane: LaneName, fullPaths: readonly string[], until: Date): Promise<void>;
  /** Note what the lane is about to put at the remote. @returns false, and nothing written, when it does not stand as it did. */
  recordOwnWork(
    own: LaneName & {
      readonly remote: Container;
      readonly slotName: string;
      readonly from: number;
      readonly repairs: number;
      readonly ownWork: StoredOwnWork;
    },
  ): Promise<boolean>;
  /** Put down a conflict before what it is about is replaced. Repeating it changes nothing. */
  recordReplaced(conflict: Conflict): Promise<void>;
  /** Show on the lane why it stands still. */
  recordOutage(
    lane: LaneName & { readonly remote: Container; readonly slotName: string },
    outage: LaneOutage,
  ): Promise<void>;
  /**
   * Have the lane sent again what it has not applied: it stands as if no more had been sent than it has, and its outage is
   * forgotten. Only while its task is parked and not yet rewound, as of this generation, and the lane is as in `state` and
   * was not rewound under it. Repeating it changes nothing.
   *
   * @returns whether it was written.
   */
  rewind(options: {
    readonly taskKey: string;
    readonly generation: number;
    readonly state: LaneState;
    readonly at: Date;
  }): Promise<boolean>;
}

/** Keys of one BatchGetItem, DynamoDB's limit. */
const KEYS_PER_READ = 100;
/** Attempts at the keys that DynamoDB returned unprocessed (throttling), and the first pause in milliseconds. */
const READ_ATTEMPTS = 6;
const FIRST_PAUSE = 50;

/** Paths that are noted one by one; then everything is. Each is up to some kilobytes of an item's 400. */
const MAX_NOTES = 50;
/** Requests of at most 1 MB that list the lanes of a task: some hundred thousand repositories. */
const MAX_LIST_REQUESTS = 1_000;

const headSchema = z.object({ pk: z.string(), sk: z.string(), sentOrdinal: count, appliedOrdinal: count });

/** Lanes in the one table (`table.ts`). */
export function laneRepository(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
  /** Wait between attempts at unprocessed keys; milliseconds. */
  readonly pause?: (milliseconds: number) => Promise<void>;
}): LaneRepository {
  const { table, tableName } = options;
  const pause =
    options.pause ?? ((milliseconds) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds)));

  async function readHeads(keys: Record<string, unknown>[]): Promise<z.infer<typeof headSchema>[]> {
    const heads: z.infer<typeof headSchema>[] = [];
    let pending = keys;
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt += 1) {
      const answer = await table.send(
        new BatchGetCommand({
          RequestItems: {
            [tableName]: {
              Keys: pending,
              ConsistentRead: true,
              ProjectionExpression: 'pk, sk, sentOrdinal, appliedOrdinal',
            },
          },
        }),
      );
      heads.push(...(answer.Responses?.[tableName] ?? []).map((item) => headSchema.parse(item)));
      pending = answer.UnprocessedKeys?.[tableName]?.Keys ?? [];
      if (pending.length === 0) {
        return heads;
      }
      await pause(FIRST_PAUSE * 2 ** attempt);
    }
    throw new Error(`DynamoDB left ${pending.length} lane keys unread after ${READ_ATTEMPTS} attempts`);
  }

  async function load(lane: LaneName): Promise<LaneState | undefined> {
    const answer = await table.send(
      new GetCommand({
        TableName: tableName,
        Key: laneKeyOf(lane.taskKey, lane.source),
        ConsistentRead: true,
      }),
    );
    if (answer.Item === undefined) {
      return undefined;
    }
    const state = laneStateSchema.parse(answer.Item);
    return { ...state, ahead: united(state.ahead, state.noted ?? []) };
  }

  return {
    async heads(lanes) {
      // BatchGetItem refuses a key that is named twice.
      const byItem = new Map(
        lanes.map((lane) => {
          const key = laneKeyOf(lane.taskKey, lane.source);
          return [`${key.pk} ${key.sk}`, { key, id: laneId(lane) }] as const;
        }),
      );
      const heads = new Map<string, LaneHead>([...byItem.values()].map(({ id }) => [id, NO_HEAD]));
      const keys = [...byItem.values()].map(({ key }) => ({ ...key }));
      for (let start = 0; start < keys.length; start += KEYS_PER_READ) {
        for (const item of await readHeads(keys.slice(start, start + KEYS_PER_READ))) {
          const lane = byItem.get(`${item.pk} ${item.sk}`);
          if (lane !== undefined) {
            const { sentOrdinal, appliedOrdinal } = item;
            heads.set(lane.id, { sentOrdinal, isSettled: appliedOrdinal >= sentOrdinal });
          }
        }
      }
      return heads;
    },

    async recordSent({
      taskKey,
      source,
      remote,
      slotName,
      previousOrdinal,
      lastOrdinal,
      count: sent,
      ...more
    }) {
      const lane = { taskKey, source };
      const { generation, firstOrdinal, isSettled, at } = more;
      if (lastOrdinal <= previousOrdinal) {
        throw new LaneOrderError(lane, `a message runs from ${previousOrdinal} to ${lastOrdinal}`);
      }
      try {
        await table.send(
          new UpdateCommand({
            TableName: tableName,
            Key: laneKeyOf(taskKey, source),
            UpdateExpression: [
              'SET #source = :source, #remote = :remote, slotName = :slot, sentOrdinal = :last',
              isSettled ? ', pending = :pending' : '',
              ' ADD dispatched :count',
            ].join(''),
            ConditionExpression: `(${standsAt('sentOrdinal', ':previous', previousOrdinal)}) AND (attribute_not_exists(generation) OR generation <= :generation)`,
            ExpressionAttributeNames: { '#source': 'source', '#remote': 'remote' },
            ExpressionAttributeValues: {
              ':source': source,
              ':remote': remote,
              ':slot': slotName,
              ':previous': previousOrdinal,
              ':last': lastOrdinal,
              ':count': sent,
              ':generation': generation,
              ...(isSettled ? { ':pending': { from: firstOrdinal, since: at.toISOString() } } : {}),
            },
          }),
        );
      } catch (error) {
        if (!isConditionFailure(error)) {
          throw error;
        }
        const state = await load(lane);
        if ((state?.generation ?? 0) > generation) {
          return false;
        }
        const stored = state?.sentOrdinal ?? 0;
        if (stored < lastOrdinal) {
          throw new LaneOrderError(
            lane,
            `sent up to ${stored}, but a message runs from ${previousOrdinal} to ${lastOrdinal}`,
          );
        }
      }
      return true;
    },

    load,

    list: (taskKey) =>
      listPartition({
        table,
        tableName,
        partition: lanePartitionOf(taskKey),
        maxRequests: MAX_LIST_REQUESTS,
        parse: (item) => laneStateSchema.parse(item),
      }),

    async recordApplied({ taskKey, source, remote, slotName, from, to, repairs, counters, ...progress }) {
      const { containersEnsured, ahead, failures, conflicts = [], ownWork, outage, at } = progress;
      const update = {
        TableName: tableName,
        Key: laneKeyOf(taskKey, source),
        UpdateExpression: [
          'SET #source = :source, #remote = :remote, slotName = :slot, appliedOrdinal = :to,',
          'lastAppliedAt = :at, containersEnsured = :ensured, ahead = :ahead',
          ownWork === undefined ? '' : ', ownWork = :own',
          outage === undefined ? '' : ', outage = :outage',
          removalOf({ outage, ownWork }),
          'ADD applied :applied, superseded :superseded, conflicted :conflicted, failed :failed,',
          'filtered :filtered',
        ].join(' '),
        ConditionExpression: standsAsLoaded(from, repairs),
        ExpressionAttributeNames: { '#source': 'source', '#remote': 'remote' },
        ExpressionAttributeValues: {
          ':source': source,
          ':remote': remote,
          ':slot': slotName,
          ':from': from,
          ':repairs': repairs,
          ':to': to,
          ':at': at.toISOString(),
          ':ensured': containersEnsured,
          ':applied': counters.applied,
          ':superseded': counters.superseded,
          ':conflicted': counters.conflicted,
          ':failed': counters.failed,
          ':filtered': counters.filtered,
          ':ahead': ahead,
          ...(ownWork === undefined ? {} : { ':own': ownWork }),
          ...(outage === undefined ? {} : { ':outage': outage }),
        },
      };
      // A transaction refuses to write the same item twice.
      const items = new Map(conflicts.map(conflictItemOf).map((item) => [item.sk, item]));
      const conflictPuts = [...items.values()].map((item) => ({ Put: { TableName: tableName, Item: item } }));
      while (conflictPuts.length > MAX_CONFLICTS_AT_ONCE) {
        const TransactItems = conflictPuts.splice(0, MAX_CONFLICTS_AT_ONCE);
        await table.send(new TransactWriteCommand({ TransactItems }));
      }
      try {
        if (failures.length === 0 && conflictPuts.length === 0) {
          await table.send(new UpdateCommand(update));
        } else {
          const puts = [
            ...failures.map((failure) => ({ Put: { TableName: tableName, Item: failureItemOf(failure) } })),
            ...conflictPuts,
          ];
          await table.send(new TransactWriteCommand({ TransactItems: [{ Update: update }, ...puts] }));
        }
        return { recorded: true };
      } catch (error) {
        if (!isConditionFailure(error) && !isTransactionConditionFailure(error)) {
          throw error;
        }
        return { recorded: false, state: await load({ taskKey, source }) };
      }
    },

    async noteAhead({ taskKey, source }, fullPaths, until) {
      const note = async (notes: readonly AheadPath[], expression: string, limit: number) =>
        table.send(
          new UpdateCommand({
            TableName: tableName,
            Key: laneKeyOf(taskKey, source),
            UpdateExpression: `SET noted = ${expression}`,
            ConditionExpression:
              'attribute_exists(pk) AND (attribute_not_exists(noted) OR size(noted) < :limit)',
            ExpressionAttributeValues: {
              ':notes': notes,
              ':limit': limit,
              ...(expression === ':notes' ? {} : { ':none': [] }),
            },
          }),
        );
      const instant = until.toISOString();
      const notes = fullPaths.map((fullPath) => ({ fullPath, until: instant }));
      try {
        await note(notes, 'list_append(if_not_exists(noted, :none), :notes)', MAX_NOTES);
      } catch (error) {
        if (!isConditionFailure(error)) {
          throw error;
        }
        // Of a lane that is not there the second try fails like the first.
        await note([{ fullPath: ROOT, until: instant }], ':notes', Number.MAX_SAFE_INTEGER).catch(
          (second: unknown) => {
            if (!isConditionFailure(second)) {
              throw second;
            }
          },
        );
      }
    },

    async recordOwnWork({ taskKey, source, remote, slotName, from, repairs, ownWork }) {
      return conditionHeld(
        table.send(
          new UpdateCommand({
            TableName: tableName,
            Key: laneKeyOf(taskKey, source),
            UpdateExpression: 'SET #source = :source, #remote = :remote, slotName = :slot, ownWork = :own',
            ConditionExpression: standsAsLoaded(from, repairs),
            ExpressionAttributeNames: { '#source': 'source', '#remote': 'remote' },
            ExpressionAttributeValues: {
              ':source': source,
              ':remote': remote,
              ':slot': slotName,
              ':from': from,
              ':repairs': repairs,
              ':own': ownWork,
            },
          }),
        ),
      );
    },

    async recordReplaced(conflict) {
      await table.send(new PutCommand({ TableName: tableName, Item: conflictItemOf(conflict) }));
    },

    async recordOutage({ taskKey, source, remote, slotName }, outage) {
      await table.send(
        new UpdateCommand({
          TableName: tableName,
          Key: laneKeyOf(taskKey, source),
          UpdateExpression: 'SET #source = :source, #remote = :remote, slotName = :slot, outage = :outage',
          ExpressionAttributeNames: { '#source': 'source', '#remote': 'remote' },
          ExpressionAttributeValues: {
            ':source': source,
            ':remote': remote,
            ':slot': slotName,
            ':outage': outage,
          },
        }),
      );
    },

    rewind: ({ taskKey, generation, state, at }) => {
      const { source, appliedOrdinal } = state;
      return transact({
        table,
        pause,
        items: [
          {
            ConditionCheck: {
              TableName: tableName,
              Key: taskKeyOf(taskKey),
              ConditionExpression:
                'generation = :generation AND attribute_exists(catchUp.parked) AND attribute_not_exists(catchUp.parked.isRewound)',
              ExpressionAttributeValues: { ':generation': generation },
            },
          },
          {
            Update: {
              TableName: tableName,
              Key: laneKeyOf(taskKey, source),
              UpdateExpression:
                'SET generation = :generation, sentOrdinal = :applied, dispatched = :settled, rewound = :rewound REMOVE outage',
              ConditionExpression: `attribute_exists(pk) AND (attribute_not_exists(generation) OR generation < :generation) AND (${standsAt('appliedOrdinal', ':applied', appliedOrdinal)})`,
              ExpressionAttributeValues: {
                ':generation': generation,
                ':applied': appliedOrdinal,
                ':settled': settledOf(state),
                ':rewound': { from: appliedOrdinal, times: timesRewound(state) + 1, at: at.toISOString() },
              },
            },
          },
        ],
      });
    },
  };
}

/** Operations of a lane that are applied or accounted for otherwise. */
export function settledOf(counters: LaneCounters): number {
  const { applied, superseded, conflicted, failed, filtered } = counters;
  return applied + superseded + conflicted + failed + filtered;
}

/** How often a lane was rewound since it last moved. */
export function timesRewound({
  appliedOrdinal,
  rewound,
}: Pick<LaneState, 'appliedOrdinal' | 'rewound'>): number {
  return rewound?.from === appliedOrdinal ? rewound.times : 0;
}

/** The clause that removes what a lane has no more. */
function removalOf(attributes: Readonly<Record<string, unknown>>): string {
  const gone = Object.keys(attributes).filter((name) => attributes[name] === undefined);
  return gone.length === 0 ? '' : ` REMOVE ${gone.join(', ')}`;
}

/** Both, each once: what the worker has taken over is noted still. */
function united(ahead: readonly AheadPath[], noted: readonly AheadPath[]): AheadPath[] {
  return [...new Map([...ahead, ...noted].map((path) => [JSON.stringify(path), path])).values()];
}

/** The write of a step of a sweep's part, for its transaction. It fails where another delivery has moved the lane. */
export function laneRepairUpdate(tableName: string, repair: LaneRepair): TransactionItem {
  const { taskKey, source, remote, slotName, appliedOrdinal, repairs, ownWork } = repair;
  return {
    Update: {
      TableName: tableName,
      Key: { ...laneKeyOf(taskKey, source) },
      UpdateExpression: [
        'SET #source = :source, #remote = :remote, slotName = :slot, containersEnsured = :ensured, ahead = :ahead',
        ownWork === undefined ? '' : ', ownWork = :own',
        ' REMOVE outage ADD repaired :repaired, repairs :one',
      ].join(''),
      ConditionExpression: standsAsLoaded(appliedOrdinal, repairs),
      ExpressionAttributeNames: { '#source': 'source', '#remote': 'remote' },
      ExpressionAttributeValues: {
        ':source': source,
        ':remote': remote,
        ':slot': slotName,
        ':from': appliedOrdinal,
        ':repairs': repairs,
        ':ensured': repair.containersEnsured,
        ':ahead': repair.ahead,
        ':repaired': repair.repaired,
        ':one': 1,
        ...(ownWork === undefined ? {} : { ':own': ownWork }),
      },
    },
  };
}

/** That neither a batch nor a sweep's part has moved the lane since it was loaded; of `:from` and `:repairs`. */
function standsAsLoaded(appliedOrdinal: number, repairs: number): string {
  return `(${standsAt('appliedOrdinal', ':from', appliedOrdinal)}) AND (${standsAt('repairs', ':repairs', repairs)})`;
}

/** A lane without the attribute stands at 0. */
function standsAt(attribute: string, placeholder: string, ordinal: number): string {
  return ordinal === 0
    ? `attribute_not_exists(${attribute}) OR ${attribute} = ${placeholder}`
    : `${attribute} = ${placeholder}`;
}

/** Only the lane's update has a condition; a transaction that lost against another one at the same time has none. */
function isTransactionConditionFailure(error: unknown): boolean {
  return (
    error instanceof TransactionCanceledException &&
    (error.CancellationReasons ?? []).some(({ Code }) => Code === 'ConditionalCheckFailed')
  );
}
