import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
} from '@aws-sdk/lib-dynamodb';
import { ACCESS_KEY_PARTITION, accessKeyKeyOf } from '../table.ts';
import { type AccessKeyRepository, type StoredAccessKey, storedAccessKeySchema } from './access-key.ts';

/** Pages of at most 1 MB, each of some two thousand keys. */
const MAX_LIST_PAGES = 10;

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
      const keys: StoredAccessKey[] = [];
      let start: Record<string, unknown> | undefined;
      for (let page = 0; page < MAX_LIST_PAGES; page += 1) {
        const { Items = [], LastEvaluatedKey } = await table.send(
          new QueryCommand({
            TableName: tableName,
            KeyConditionExpression: 'pk = :pk',
            ExpressionAttributeValues: { ':pk': ACCESS_KEY_PARTITION },
            ConsistentRead: true,
            ...(start === undefined ? {} : { ExclusiveStartKey: start }),
          }),
        );
        keys.push(...Items.map((item) => storedAccessKeySchema.parse(item)));
        start = LastEvaluatedKey;
        if (start === undefined) {
          return keys.filter((key) => username === undefined || key.username === username);
        }
      }
      throw new Error(`There are more access keys than ${MAX_LIST_PAGES} pages hold`);
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
