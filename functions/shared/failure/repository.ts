import { type DynamoDBDocumentClient, GetCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { isConditionFailure } from '../aws/conditions.ts';
import { deleteItems } from '../aws/delete-items.ts';
import { failurePartitionOf } from '../table.ts';
import { type Failure, failureSchema, type RunFailure, runFailureSchema } from './failure.ts';

/** A failure of a lane or of a run, under the id by which the API knows it. */
export type StoredFailure =
  | { readonly id: string; readonly of: 'LANE'; readonly failure: Failure }
  | { readonly id: string; readonly of: 'RUN'; readonly failure: RunFailure };

export interface FailurePage {
  readonly failures: readonly StoredFailure[];
  /** Of all pages. */
  readonly total: number;
}

/** What could not be replicated. Reads are strongly consistent. */
export interface FailureRepository {
  /**
   * A page of a task's failures: those of runs first, the newest run's before others', then those of lanes, the last
   * event's first.
   *
   * @param page `number` from 1.
   */
  list(taskKey: string, page: { readonly number: number; readonly size: number }): Promise<FailurePage>;
  /** Ids of all failures, a hundred at a time, at most `limit`. */
  ids(taskKey: string, limit: number): Promise<string[]>;
  get(taskKey: string, id: string): Promise<StoredFailure | undefined>;
  /** Remove failures; what is not there is left alone. */
  remove(taskKey: string, ids: readonly string[]): Promise<void>;
  /** Note why a failure's last try failed, in place of the try before. One that was removed stays so. */
  recordRetry(
    taskKey: string,
    retry: Pick<Failure, 'code' | 'reason' | 'at'> & { readonly id: string },
  ): Promise<void>;
}

/** Requests of at most 1 MB that counting makes: some hundred thousand failures. What is beyond is not counted. */
const MAX_REQUESTS = 100;

const sortKeySchema = z.object({ sk: z.string() });

/** Failures in the one table (`table.ts`). */
export function failureRepository(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
}): FailureRepository {
  const { table, tableName } = options;

  const keyOf = (taskKey: string, sk: string) => ({ pk: failurePartitionOf(taskKey), sk });

  /** Sort keys, last first. */
  async function sortKeys(taskKey: string, limit = Number.POSITIVE_INFINITY): Promise<string[]> {
    const found: string[] = [];
    let start: Record<string, unknown> | undefined;
    for (let request = 0; request < MAX_REQUESTS && found.length < limit; request += 1) {
      const answer = await table.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': failurePartitionOf(taskKey) },
          ProjectionExpression: 'sk',
          ConsistentRead: true,
          ScanIndexForward: false,
          ...(start === undefined ? {} : { ExclusiveStartKey: start }),
        }),
      );
      found.push(...(answer.Items ?? []).map((item) => sortKeySchema.parse(item).sk));
      start = answer.LastEvaluatedKey;
      if (start === undefined) {
        break;
      }
    }
    return found.slice(0, limit);
  }

  return {
    async list(taskKey, { number, size }) {
      const all = await sortKeys(taskKey);
      const page = all.slice((number - 1) * size, number * size);
      const [last, first] = [page[0], page.at(-1)];
      if (last === undefined || first === undefined) {
        return { failures: [], total: all.length };
      }
      const { Items = [] } = await table.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :first AND :last',
          ExpressionAttributeValues: { ':pk': failurePartitionOf(taskKey), ':first': first, ':last': last },
          ConsistentRead: true,
          ScanIndexForward: false,
        }),
      );
      return { failures: Items.map(storedFailureOf), total: all.length };
    },

    ids: async (taskKey, limit) => (await sortKeys(taskKey, limit)).map(idOf),

    async get(taskKey, id) {
      const sk = sortKeyOf(id);
      const { Item } =
        sk === undefined
          ? {}
          : await table.send(
              new GetCommand({ TableName: tableName, Key: keyOf(taskKey, sk), ConsistentRead: true }),
            );
      return Item === undefined ? undefined : storedFailureOf(Item);
    },

    async remove(taskKey, ids) {
      const keys = [...new Set(ids)].flatMap((id) => {
        const sk = sortKeyOf(id);
        return sk === undefined ? [] : [keyOf(taskKey, sk)];
      });
      await deleteItems({ table, tableName, keys });
    },

    async recordRetry(taskKey, { id, code, reason, at }) {
      const sk = sortKeyOf(id);
      if (sk === undefined) {
        return;
      }
      try {
        await table.send(
          new UpdateCommand({
            TableName: tableName,
            Key: keyOf(taskKey, sk),
            UpdateExpression: 'SET code = :code, reason = :reason, #at = :at',
            ConditionExpression: 'attribute_exists(pk)',
            ExpressionAttributeNames: { '#at': 'at' },
            ExpressionAttributeValues: { ':code': code, ':reason': reason, ':at': at },
          }),
        );
      } catch (error) {
        if (!isConditionFailure(error)) {
          throw error;
        }
      }
    },
  };
}

function storedFailureOf(item: unknown): StoredFailure {
  const { sk } = sortKeySchema.parse(item);
  const id = idOf(sk);
  return sk.startsWith(RUN_PREFIX)
    ? { id, of: 'RUN', failure: runFailureSchema.parse(item) }
    : { id, of: 'LANE', failure: failureSchema.parse(item) };
}

const RUN_PREFIX = 'RUN#';

function idOf(sk: string): string {
  return Buffer.from(sk, 'utf8').toString('base64url');
}

/** Undefined for what is no id: DynamoDB refuses keys that are empty or longer than this. */
function sortKeyOf(id: string): string | undefined {
  const sk = Buffer.from(id, 'base64url').toString('utf8');
  return sk !== '' && sk.length <= MAX_SORT_KEY && idOf(sk) === id ? sk : undefined;
}

/** Characters; well under 1,024 bytes for the names that projects and repositories may have. */
const MAX_SORT_KEY = 250;
