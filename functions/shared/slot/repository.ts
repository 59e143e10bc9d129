import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { conditionHeld, isConditionFailure } from '../aws/conditions.ts';
import type { Clock } from '../clock.ts';
import type { LogGap, LogPosition } from '../operate-log/reader.ts';
import { gapKeyOf, SLOT_PARTITION, slotKeyOf, unreadableKeyOf } from '../table.ts';
import type { Writing } from './headroom.ts';
import { LeaseLostError, type Slot, slotSchema } from './slot.ts';

/** A deployment has a handful of slots; more than this is a fault, not a load. */
export const MAX_SLOTS = 200;

/** One step of a slot: from the ordinal that the read began at, to the one behind it. */
export interface SlotAdvance {
  readonly slotName: string;
  readonly epoch: number;
  readonly fromOrdinal: number;
  readonly toOrdinal: number;
  readonly position: LogPosition;
  readonly unreadable: number;
  readonly gaps: number;
  readonly writing: Writing;
}

export interface SlotRepository {
  get(slotName: string): Promise<Slot | undefined>;
  list(): Promise<readonly Slot[]>;
  /** Create the slot at a position, whose next event gets the ordinal (1 when not given); one that exists keeps its own. */
  create(slotName: string, position: LogPosition, nextOrdinal?: number): Promise<void>;
  /** Take the lease if it is free, expired, or the owner's own; undefined while another holds it. */
  acquire(slotName: string, owner: string, leaseMs: number): Promise<Slot | undefined>;
  /**
   * Hold the lease longer, and keep what was measured meanwhile.
   *
   * @throws LeaseLostError when another lease was given since.
   */
  renew(slotName: string, epoch: number, leaseMs: number, writing?: Writing): Promise<void>;
  /** Give the lease back, so that the next tailer need not wait for its expiry. A lost lease is left alone. */
  release(slotName: string, epoch: number): Promise<void>;
  /** Move the position. @throws LeaseLostError when the lease or the position is another's. */
  advance(step: SlotAdvance): Promise<Slot>;
  /** Keep the window of a gap that was found before the event with this ordinal. */
  recordGap(slotName: string, ordinal: number, gap: LogGap): Promise<void>;
  /** Keep that an event could not be read, and why. */
  recordUnreadable(slotName: string, ordinal: number, eventId: string, reason: string): Promise<void>;
}

/** Slots in DynamoDB; every write is conditional, so that none depends on being the only writer. */
export function slotRepository(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
  readonly clock: Clock;
}): SlotRepository {
  const { table, tableName, clock } = options;

  const guarded = async (slotName: string, command: UpdateCommand): Promise<Slot> => {
    try {
      const answer = await table.send(command);
      return slotSchema.parse(answer.Attributes);
    } catch (error) {
      if (isConditionFailure(error)) {
        throw new LeaseLostError(slotName, { cause: error });
      }
      throw error;
    }
  };

  return {
    get: async (slotName) => {
      const answer = await table.send(
        new GetCommand({ TableName: tableName, Key: slotKeyOf(slotName), ConsistentRead: true }),
      );
      return answer.Item === undefined ? undefined : slotSchema.parse(answer.Item);
    },

    list: async () => {
      const answer = await table.send(
        new QueryCommand({
          TableName: tableName,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :slots',
          ExpressionAttributeValues: { ':slots': SLOT_PARTITION },
          Limit: MAX_SLOTS,
        }),
      );
      return (answer.Items ?? []).map((item) => slotSchema.parse(item));
    },

    create: async (slotName, position, nextOrdinal = 1) => {
      const slot: Slot = {
        name: slotName,
        position: { ...position },
        nextOrdinal,
        epoch: 0,
        unreadable: 0,
        gaps: 0,
        createdDate: clock().toISOString(),
      };
      await conditionHeld(
        table.send(
          new PutCommand({
            TableName: tableName,
            Item: { ...slotKeyOf(slotName), ...slot },
            ConditionExpression: 'attribute_not_exists(pk)',
          }),
        ),
      );
    },

    acquire: async (slotName, owner, leaseMs) => {
      const now = clock().getTime();
      try {
        const answer = await table.send(
          new UpdateCommand({
            TableName: tableName,
            Key: slotKeyOf(slotName),
            ConditionExpression:
              'attribute_exists(pk) AND (attribute_not_exists(lease) OR lease.expiresAt < :now OR lease.#owner = :owner)',
            UpdateExpression: 'SET lease = :lease ADD epoch :one',
            ExpressionAttributeNames: { '#owner': 'owner' },
            ExpressionAttributeValues: {
              ':now': now,
              ':owner': owner,
              ':lease': { owner, expiresAt: now + leaseMs },
              ':one': 1,
            },
            ReturnValues: 'ALL_NEW',
          }),
        );
        return slotSchema.parse(answer.Attributes);
      } catch (error) {
        if (isConditionFailure(error)) {
          return undefined;
        }
        throw error;
      }
    },

    renew: async (slotName, epoch, leaseMs, writing) => {
      await guarded(
        slotName,
        new UpdateCommand({
          TableName: tableName,
          Key: slotKeyOf(slotName),
          ConditionExpression: 'epoch = :epoch AND attribute_exists(lease)',
          UpdateExpression: `SET lease.expiresAt = :expiresAt${writing === undefined ? '' : ', writing = :writing'}`,
          ExpressionAttributeValues: {
            ':epoch': epoch,
            ':expiresAt': clock().getTime() + leaseMs,
            ...(writing === undefined ? {} : { ':writing': { ...writing } }),
          },
          ReturnValues: 'ALL_NEW',
        }),
      );
    },

    release: async (slotName, epoch) => {
      await conditionHeld(
        table.send(
          new UpdateCommand({
            TableName: tableName,
            Key: slotKeyOf(slotName),
            ConditionExpression: 'epoch = :epoch',
            UpdateExpression: 'REMOVE lease',
            ExpressionAttributeValues: { ':epoch': epoch },
          }),
        ),
      );
    },

    advance: (step) =>
      guarded(
        step.slotName,
        new UpdateCommand({
          TableName: tableName,
          Key: slotKeyOf(step.slotName),
          ConditionExpression: 'epoch = :epoch AND nextOrdinal = :from',
          UpdateExpression:
            'SET #position = :position, nextOrdinal = :to, lastReadDate = :now, writing = :writing ADD unreadable :unreadable, gaps :gaps',
          ExpressionAttributeNames: { '#position': 'position' },
          ExpressionAttributeValues: {
            ':epoch': step.epoch,
            ':from': step.fromOrdinal,
            ':to': step.toOrdinal,
            ':position': { ...step.position },
            ':now': clock().toISOString(),
            ':writing': { ...step.writing },
            ':unreadable': step.unreadable,
            ':gaps': step.gaps,
          },
          ReturnValues: 'ALL_NEW',
        }),
      ),

    recordGap: async (slotName, ordinal, gap) => {
      await table.send(
        new PutCommand({
          TableName: tableName,
          Item: {
            ...gapKeyOf(slotName, ordinal),
            ordinal,
            after: { ...gap.after },
            before: { ...gap.before },
          },
        }),
      );
    },

    recordUnreadable: async (slotName, ordinal, eventId, reason) => {
      await table.send(
        new PutCommand({
          TableName: tableName,
          Item: { ...unreadableKeyOf(slotName, ordinal), ordinal, eventId, reason },
        }),
      );
    },
  };
}
