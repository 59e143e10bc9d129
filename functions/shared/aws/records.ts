import { type DynamoDBDocumentClient, GetCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { conditionHeld } from './conditions.ts';
import { deleteItems } from './delete-items.ts';
import { readPartition } from './partition.ts';

/** Requests of at most 1 MB that counting makes: some hundred thousand records. What is beyond is not counted. */
const MAX_REQUESTS = 100;

/** Characters; well under 1,024 bytes for the names that projects and repositories may have. */
const MAX_SORT_KEY = 250;

const sortKeySchema = z.object({ sk: z.string() });

/** An item of a partition, under the id by which the API knows it. */
export interface StoredRecord {
  readonly id: string;
  readonly sk: string;
  readonly item: unknown;
}

/** Records of a partition, by their sort keys, as the API lists and selects them. Reads are strongly consistent. */
export interface Records {
  /** A page, the last sort key first, and how many there are. @param page `number` from 1. */
  list(
    partition: string,
    page: { readonly number: number; readonly size: number },
  ): Promise<{ readonly records: readonly StoredRecord[]; readonly total: number }>;
  /** Ids of all, at most `limit`. */
  ids(partition: string, limit: number): Promise<string[]>;
  get(partition: string, id: string): Promise<StoredRecord | undefined>;
  /** What is not there is left alone. */
  remove(partition: string, ids: readonly string[]): Promise<void>;
  /** Set attributes of a record. One that was removed stays so. */
  set(partition: string, id: string, attributes: Readonly<Record<string, unknown>>): Promise<void>;
}

export function recordsOf(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
}): Records {
  const { table, tableName } = options;

  /** Sort keys, last first. */
  async function sortKeys(partition: string, limit = Number.POSITIVE_INFINITY): Promise<string[]> {
    const { items } = await readPartition({
      ...options,
      partition,
      projection: 'sk',
      lastFirst: true,
      limit,
      maxRequests: MAX_REQUESTS,
      parse: (item) => sortKeySchema.parse(item).sk,
    });
    return items;
  }

  return {
    async list(partition, { number, size }) {
      const all = await sortKeys(partition);
      const page = all.slice((number - 1) * size, number * size);
      const [last, first] = [page[0], page.at(-1)];
      if (last === undefined || first === undefined) {
        return { records: [], total: all.length };
      }
      const { Items = [] } = await table.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :first AND :last',
          ExpressionAttributeValues: { ':pk': partition, ':first': first, ':last': last },
          ConsistentRead: true,
          ScanIndexForward: false,
        }),
      );
      return { records: Items.map(storedRecordOf), total: all.length };
    },

    ids: async (partition, limit) => (await sortKeys(partition, limit)).map(idOf),

    async get(partition, id) {
      const sk = sortKeyOf(id);
      if (sk === undefined) {
        return undefined;
      }
      const { Item } = await table.send(
        new GetCommand({ TableName: tableName, Key: { pk: partition, sk }, ConsistentRead: true }),
      );
      return Item === undefined ? undefined : storedRecordOf(Item);
    },

    async remove(partition, ids) {
      const keys = [...new Set(ids)].flatMap((id) => {
        const sk = sortKeyOf(id);
        return sk === undefined ? [] : [{ pk: partition, sk }];
      });
      await deleteItems({ table, tableName, keys });
    },

    async set(partition, id, attributes) {
      const sk = sortKeyOf(id);
      if (sk === undefined) {
        return;
      }
      const names = Object.keys(attributes);
      await conditionHeld(
        table.send(
          new UpdateCommand({
            TableName: tableName,
            Key: { pk: partition, sk },
            UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}`,
            ConditionExpression: 'attribute_exists(pk)',
            ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
            ExpressionAttributeValues: Object.fromEntries(
              names.map((name) => [`:${name}`, attributes[name]]),
            ),
          }),
        ),
      );
    },
  };
}

function storedRecordOf(item: unknown): StoredRecord {
  const { sk } = sortKeySchema.parse(item);
  return { id: idOf(sk), sk, item };
}

function idOf(sk: string): string {
  return Buffer.from(sk, 'utf8').toString('base64url');
}

/** Undefined for what is no id: DynamoDB refuses keys that are empty or longer than this. */
function sortKeyOf(id: string): string | undefined {
  const sk = Buffer.from(id, 'base64url').toString('utf8');
  return sk !== '' && sk.length <= MAX_SORT_KEY && idOf(sk) === id ? sk : undefined;
}
