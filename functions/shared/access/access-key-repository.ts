import { DeleteCommand, type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { listPartition } from '../aws/partition.ts';
import { ACCESS_KEY_PARTITION, accessKeyKeyOf } from '../table.ts';
import { type AccessKeyRepository, storedAccessKeySchema } from './access-key.ts';

/** Pages of at most 1 MB, each of some two thousand keys. */
const MAX_LIST_REQUESTS = 10;

export function accessKeyRepository(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
}): AccessKeyRepository {
  const { table, tableName } = options;
  return {
    async put(key) {
      await table.send(
        new PutCommand({
          TableName: tableName,
          Item: { ...accessKeyKeyOf(key.accessKey), ...key },
          ConditionExpression: 'attribute_not_exists(pk)',
        }),
      );
    },

    async get(accessKey) {
      const { Item } = await table.send(
        new GetCommand({ TableName: tableName, Key: accessKeyKeyOf(accessKey), ConsistentRead: true }),
      );
      return Item === undefined ? undefined : storedAccessKeySchema.parse(Item);
    },

    async list(username) {
      const keys = await listPartition({
        table,
        tableName,
        partition: ACCESS_KEY_PARTITION,
        maxRequests: MAX_LIST_REQUESTS,
        parse: (item) => storedAccessKeySchema.parse(item),
      });
      return keys.filter((key) => username === undefined || key.username === username);
    },

    async delete(accessKey) {
      const { Attributes } = await table.send(
        new DeleteCommand({
          TableName: tableName,
          Key: accessKeyKeyOf(accessKey),
          ReturnValues: 'ALL_OLD',
        }),
      );
      return Attributes !== undefined;
    },
  };
}
