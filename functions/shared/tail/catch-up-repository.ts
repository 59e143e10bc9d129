import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { isConditionFailure } from '../aws/conditions.ts';
import { transact } from '../aws/transaction.ts';
import { slotKeyOf, taskKeyOf } from '../table.ts';
import type { Task } from '../task/task.ts';

export type Stretch = NonNullable<NonNullable<Task['catchUp']>['stretch']>;
export type Leaving = NonNullable<NonNullable<Task['catchUp']>['leaving']>;

/**
 * Where tasks catch up: what takes a task out of the slot's reads, and what brings it back.
 *
 * A position that is too far back does no harm, for what a lane has is not sent to it again. So only the end of catching
 * up is fenced by the slot's lease.
 */
export interface CatchUpRepository {
  /**
   * Note that the slot's reads leave the task out from this ordinal on. A task that catches up already, reads from another
   * slot, or is gone, is left alone.
   */
  begin(step: TaskOfSlot & { readonly ordinal: number }): Promise<void>;
  /**
   * Fix what is replayed next and under which policies, before any of it is sent; it is the task's first when it had none.
   * False, and nothing written, when the task was changed since this revision.
   */
  fix(step: {
    readonly taskKey: string;
    readonly revision: number;
    readonly from: number;
    /** The task's first ordinal, if it has none. */
    readonly startOrdinal: number;
    readonly stretch: Stretch;
  }): Promise<boolean>;
  /** Move the task behind its stretch. False, and nothing written, when it stands elsewhere or the task is gone. */
  move(step: TaskOfSlot & { readonly from: number; readonly to: number }): Promise<boolean>;
  /**
   * Bring the task back into the slot's reads: only while both stand at this ordinal, and no other lease was given since
   * that of this epoch. False, and nothing written, otherwise.
   */
  end(step: TaskOfSlot & { readonly epoch: number; readonly ordinal: number }): Promise<boolean>;
  /**
   * Take the task out of the slot's reads, on its way to another slot: only as it was at this revision, while the slot stands
   * at this ordinal, and no other lease was given since that of this epoch. False, and nothing written, otherwise.
   */
  leave(
    step: TaskOfSlot & {
      readonly revision: number;
      readonly epoch: number;
      readonly ordinal: number;
      /** The task's first ordinal, if it has none. */
      readonly startOrdinal: number;
      readonly leaving: Leaving;
    },
  ): Promise<boolean>;
}

/** A task by its key, as long as it reads from the slot: ordinals of another one mean nothing to it. */
interface TaskOfSlot {
  readonly taskKey: string;
  readonly slotName: string;
}

/** Catch-ups in the tasks' items. */
export function catchUpRepository(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
}): CatchUpRepository {
  const { table, tableName } = options;

  /** @returns whether the condition held. */
  async function update(command: UpdateCommand): Promise<boolean> {
    try {
      await table.send(command);
      return true;
    } catch (error) {
      if (isConditionFailure(error)) {
        return false;
      }
      throw error;
    }
  }

  /** The slot is where its holder takes it to be: no read of it is under way. */
  const held = (slot: { slotName: string; epoch: number; ordinal: number }) => ({
    ConditionCheck: {
      TableName: tableName,
      Key: slotKeyOf(slot.slotName),
      ConditionExpression: 'epoch = :epoch AND nextOrdinal = :ordinal',
      ExpressionAttributeValues: { ':epoch': slot.epoch, ':ordinal': slot.ordinal },
    },
  });

  return {
    async begin({ taskKey, slotName, ordinal }) {
      await update(
        new UpdateCommand({
          TableName: tableName,
          Key: taskKeyOf(taskKey),
          UpdateExpression:
            'SET catchUp = :catchUp, startOrdinal = if_not_exists(startOrdinal, :ordinal) ADD revision :one',
          ConditionExpression: 'slotName = :slot AND attribute_not_exists(catchUp)',
          ExpressionAttributeValues: {
            ':catchUp': { nextOrdinal: ordinal },
            ':ordinal': ordinal,
            ':slot': slotName,
            ':one': 1,
          },
        }),
      );
    },

    fix: ({ taskKey, revision, from, startOrdinal, stretch }) =>
      update(
        new UpdateCommand({
          TableName: tableName,
          Key: taskKeyOf(taskKey),
          // The revision goes up: an older copy that is written back would forget what may have been sent by then.
          UpdateExpression:
            'SET catchUp.stretch = :stretch, startOrdinal = if_not_exists(startOrdinal, :start) ADD revision :one',
          ConditionExpression: 'revision = :revision AND catchUp.nextOrdinal = :from',
          ExpressionAttributeValues: {
            ':stretch': stretch,
            ':revision': revision,
            ':from': from,
            ':start': startOrdinal,
            ':one': 1,
          },
        }),
      ),

    move: ({ taskKey, slotName, from, to }) =>
      update(
        new UpdateCommand({
          TableName: tableName,
          Key: taskKeyOf(taskKey),
          // The revision stays: whoever writes an older copy back only sets position and stretch back.
          UpdateExpression: 'SET catchUp.nextOrdinal = :to REMOVE catchUp.stretch, catchUp.notBefore',
          ConditionExpression:
            'slotName = :slot AND catchUp.nextOrdinal = :from AND catchUp.stretch.toOrdinal = :to',
          ExpressionAttributeValues: { ':slot': slotName, ':from': from, ':to': to },
        }),
      ),

    end: ({ taskKey, slotName, epoch, ordinal }) =>
      transact({
        table,
        items: [
          held({ slotName, epoch, ordinal }),
          {
            Update: {
              TableName: tableName,
              Key: taskKeyOf(taskKey),
              UpdateExpression: 'REMOVE catchUp ADD revision :one',
              ConditionExpression: 'slotName = :slot AND catchUp.nextOrdinal = :ordinal',
              ExpressionAttributeValues: { ':slot': slotName, ':ordinal': ordinal, ':one': 1 },
            },
          },
        ],
      }),

    leave: ({ taskKey, slotName, revision, epoch, ordinal, startOrdinal, leaving }) =>
      transact({
        table,
        items: [
          held({ slotName, epoch, ordinal }),
          {
            Update: {
              TableName: tableName,
              Key: taskKeyOf(taskKey),
              UpdateExpression:
                'SET catchUp = :catchUp, startOrdinal = if_not_exists(startOrdinal, :start) ADD revision :one',
              ConditionExpression:
                'revision = :revision AND slotName = :slot AND attribute_not_exists(catchUp)',
              ExpressionAttributeValues: {
                ':catchUp': { nextOrdinal: ordinal, leaving },
                ':start': startOrdinal,
                ':revision': revision,
                ':slot': slotName,
                ':one': 1,
              },
            },
          },
        ],
      }),
  };
}
