import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { transact } from '../aws/transaction.ts';
import { stoppedRun } from '../run/run.ts';
import { runItemOf } from '../run/table-runs.ts';
import { taskKeyOf } from '../table.ts';
import type { Task } from '../task/task.ts';
import { type Conflict, conflictItemOf, conflictReason } from './conflict.ts';

/** Stops tasks at conflicts. */
export interface ConflictStops {
  /**
   * Make a task that follows the log FAILED, with the conflict in its journal and in its log.
   *
   * @returns false, and nothing written, when it follows the log no more: it was paused, stopped or deleted meanwhile.
   */
  stop(options: { readonly task: Task; readonly conflict: Conflict; readonly at: Date }): Promise<boolean>;
}

export function conflictStops(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
  /** Wait between attempts; milliseconds. */
  readonly pause?: (milliseconds: number) => Promise<void>;
}): ConflictStops {
  const { table, tableName, pause } = options;
  return {
    stop: ({ task, conflict, at }) => {
      const run = stoppedRun({ task, errorReason: conflictReason(conflict), at });
      return transact({
        table,
        pause,
        items: [
          {
            Update: {
              TableName: tableName,
              Key: { ...taskKeyOf(task.key) },
              UpdateExpression: 'SET #status = :failed ADD revision :one',
              ConditionExpression: '#status = :replicating AND attribute_not_exists(activeRunId)',
              ExpressionAttributeNames: { '#status': 'status' },
              ExpressionAttributeValues: { ':failed': 'FAILED', ':replicating': 'REPLICATING', ':one': 1 },
            },
          },
          { Put: { TableName: tableName, Item: conflictItemOf(conflict) } },
          { Put: { TableName: tableName, Item: runItemOf(run) } },
        ],
      });
    },
  };
}
