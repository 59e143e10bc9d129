import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { conditionHeld, isConditionFailure, isTransactionConflict } from '../aws/conditions.ts';
import { DELETE_BATCH, deleteItems } from '../aws/delete-items.ts';
import { listPartition } from '../aws/partition.ts';
import { DomainError } from '../errors.ts';
import {
  conflictPartitionOf,
  failurePartitionOf,
  lanePartitionOf,
  runPartitionOf,
  sweepPartitionOf,
  sweepPartPartitionOf,
  syncPartitionOf,
  TASK_PARTITION,
  taskKeyOf,
} from '../table.ts';
import { type Task, taskSchema } from './task.ts';

/** Pages of at most 1 MB that a list reads: a deployment has hundreds of tasks of some 2 KB. */
const MAX_LIST_REQUESTS = 50;
/** Items of a deleted task removed in one call, from each of its partitions. */
const MAX_PURGED = 5_000;
/** Newest runs, and sweeps, of a deleted task of which everything is removed. */
const MAX_PURGED_RUNS = 50;

const TASK_KEY = /^[0-9a-f]{32}$/;

const itemKeySchema = z.object({ pk: z.string(), sk: z.string() });

/** Tasks in the one table. Reads are strongly consistent: a task is seen as soon as its creation was answered. */
export interface TaskRepository {
  /** Store a new task. @throws DomainError RESOURCE_EXISTED when its key is taken. */
  put(task: Task): Promise<void>;
  get(taskKey: string): Promise<Task | undefined>;
  /** Every task, in the order of creation, as bk-repo lists them. */
  list(): Promise<readonly Task[]>;
  /**
   * Replace a task that is stored at this revision; what it is stored as has the next one.
   *
   * @returns `contended` when it was changed or deleted since.
   */
  update(task: Task, options: { readonly revision: number }): Promise<'updated' | 'contended'>;
  /** Keep the first ordinal that was routed to a task. The first call counts; a task deleted since is left alone. */
  recordStart(taskKey: string, ordinal: number): Promise<void>;
  /**
   * Delete a task with its lanes, failures, conflicts, runs and sweeps. What a call interrupted here left behind, the next one
   * removes, though it answers that there is no task.
   *
   * @throws DomainError RESOURCE_NOT_FOUND for an unknown key.
   */
  delete(taskKey: string): Promise<void>;
}

export function taskRepository(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
  /** Wait between attempts at a batch; milliseconds. */
  readonly pause?: (milliseconds: number) => Promise<void>;
}): TaskRepository {
  const { table, tableName, pause } = options;

  /** @returns whether the task was there. */
  async function deleteTask(taskKey: string): Promise<boolean> {
    const { Attributes } = await table.send(
      new DeleteCommand({ TableName: tableName, Key: taskKeyOf(taskKey), ReturnValues: 'ALL_OLD' }),
    );
    return Attributes !== undefined;
  }

  async function purge(partition: string): Promise<void> {
    for (let purged = 0; purged < MAX_PURGED; purged += DELETE_BATCH) {
      const { Items = [], LastEvaluatedKey } = await table.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': partition },
          ProjectionExpression: 'pk, sk',
          ConsistentRead: true,
          Limit: DELETE_BATCH,
        }),
      );
      if (Items.length > 0) {
        const keys = Items.map((item) => itemKeySchema.parse(item));
        await deleteItems({ table, tableName, keys, pause });
      }
      if (LastEvaluatedKey === undefined) {
        return;
      }
    }
  }

  /** Runs or sweeps of a task, and what they have found; what older ones have found expires by itself. */
  async function purgeWithin(partition: string, partitionOf: (id: string) => string): Promise<void> {
    const { Items = [] } = await table.send(
      new QueryCommand({
        TableName: tableName,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': partition },
        ProjectionExpression: 'pk, sk',
        ConsistentRead: true,
        ScanIndexForward: false,
        Limit: MAX_PURGED_RUNS,
      }),
    );
    for (const { sk: id } of Items.map((item) => itemKeySchema.parse(item))) {
      await purge(partitionOf(id));
    }
    await purge(partition);
  }

  return {
    async put(task) {
      try {
        await table.send(
          new PutCommand({
            TableName: tableName,
            Item: { ...taskKeyOf(task.key), ...taskSchema.parse(task) },
            ConditionExpression: 'attribute_not_exists(pk)',
          }),
        );
      } catch (error) {
        if (isConditionFailure(error)) {
          throw new DomainError('RESOURCE_EXISTED', [task.key], { cause: error });
        }
        throw error;
      }
    },

    async get(taskKey) {
      if (!TASK_KEY.test(taskKey)) {
        return undefined;
      }
      const { Item } = await table.send(
        new GetCommand({ TableName: tableName, Key: taskKeyOf(taskKey), ConsistentRead: true }),
      );
      return Item === undefined ? undefined : taskSchema.parse(Item);
    },

    async list() {
      const tasks = await listPartition({
        table,
        tableName,
        partition: TASK_PARTITION,
        maxRequests: MAX_LIST_REQUESTS,
        parse: (item) => taskSchema.parse(item),
      });
      return tasks.sort(byCreation);
    },

    async update(task, { revision }) {
      try {
        await table.send(
          new PutCommand({
            TableName: tableName,
            Item: { ...taskKeyOf(task.key), ...taskSchema.parse({ ...task, revision: revision + 1 }) },
            ConditionExpression: 'revision = :revision',
            ExpressionAttributeValues: { ':revision': revision },
          }),
        );
        return 'updated';
      } catch (error) {
        if (isConditionFailure(error) || isTransactionConflict(error)) {
          return 'contended';
        }
        throw error;
      }
    },

    async recordStart(taskKey, ordinal) {
      await conditionHeld(
        table.send(
          new UpdateCommand({
            TableName: tableName,
            Key: taskKeyOf(taskKey),
            UpdateExpression: 'SET startOrdinal = :ordinal ADD revision :one',
            ConditionExpression: 'attribute_exists(pk) AND attribute_not_exists(startOrdinal)',
            ExpressionAttributeValues: { ':ordinal': ordinal, ':one': 1 },
          }),
        ),
      );
    },

    async delete(taskKey) {
      if (!TASK_KEY.test(taskKey)) {
        throw new DomainError('RESOURCE_NOT_FOUND', [taskKey]);
      }
      const existed = await deleteTask(taskKey);
      await purge(lanePartitionOf(taskKey));
      await purge(failurePartitionOf(taskKey));
      await purge(conflictPartitionOf(taskKey));
      await purgeWithin(runPartitionOf(taskKey), syncPartitionOf);
      await purgeWithin(sweepPartitionOf(taskKey), sweepPartPartitionOf);
      if (!existed) {
        throw new DomainError('RESOURCE_NOT_FOUND', [taskKey]);
      }
    },
  };
}

function byCreation(left: Task, right: Task): number {
  const leftKey = left.createdDate + left.id;
  const rightKey = right.createdDate + right.id;
  return leftKey < rightKey ? -1 : 1;
}
