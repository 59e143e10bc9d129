import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { isConditionFailure } from '../aws/conditions.ts';
import { transact } from '../aws/transaction.ts';
import { slotKeyOf, taskKeyOf } from '../table.ts';

/**
 * Where tasks catch up: what takes a task out of the slot's reads, and what brings it back.
 *
 * A position that is too far back does no harm, for what a lane has is not sent to it again. So only the end of catching
 * up is fenced by the slot's lease.
 */
export interface CatchUpRepository {
  /**
   * Note that the slot's reads leave the task out from this ordinal on. A task that catches up already, or is gone, is
   * left alone.
   */
  begin(taskKey: string, ordinal: number): Promise<void>;
  /** Move the task's position. False, and nothing written, when it stands elsewhere or the task is gone. */
  move(taskKey: string, from: number, to: number): Promise<boolean>;
  /**
   * Bring the task back into the slot's reads: only while both stand at this ordinal, and no other lease was given since
   * that of this epoch. False, and nothing written, otherwise.
   */
  end(step: {
    readonly taskKey: string;
    readonly slotName: string;
    readonly epoch: number;
    readonly ordinal: number;
  }): Promise<boolean>;
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

  return {
    async begin(taskKey, ordinal) {
      await update(
        new UpdateCommand({
          TableName: tableName,
          Key: taskKeyOf(taskKey),
          UpdateExpression:
            'SET catchUp = :catchUp, startOrdinal = if_not_exists(startOrdinal, :ordinal) ADD revision :one',
          ConditionExpression: 'attribute_exists(pk) AND attribute_not_exists(catchUp)',
          ExpressionAttributeValues: {
            ':catchUp': { nextOrdinal: ordinal },
            ':ordinal': ordinal,
            ':one': 1,
          },
        }),
      );
    },

    move: (taskKey, from, to) =>
      update(
        new UpdateCommand({
          TableName: tableName,
          Key: taskKeyOf(taskKey),
          // The revision stays: whoever writes an older copy back only sets the position back.
          UpdateExpression: 'SET catchUp.nextOrdinal = :to',
          ConditionExpression: 'catchUp.nextOrdinal = :from',
          ExpressionAttributeValues: { ':from': from, ':to': to },
        }),
      ),

    end: ({ taskKey, slotName, epoch, ordinal }) =>
      transact({
        table,
        items: [
          {
            ConditionCheck: {
              TableName: tableName,
              Key: slotKeyOf(slotName),
              ConditionExpression: 'epoch = :epoch AND nextOrdinal = :ordinal',
              ExpressionAttributeValues: { ':epoch': epoch, ':ordinal': ordinal },
            },
          },
          {
            Update: {
              TableName: tableName,
              Key: taskKeyOf(taskKey),
              UpdateExpression: 'REMOVE catchUp ADD revision :one',
              ConditionExpression: 'catchUp.nextOrdinal = :ordinal',
              ExpressionAttributeValues: { ':ordinal': ordinal, ':one': 1 },
            },
          },
        ],
      }),
  };
}
