import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { tokenKeyOf } from '../table.ts';
import { storedTokenSchema, type TokenRepository } from './token.ts';

/** Tokens in the one table; DynamoDB removes them some time after they have expired. */
export function tokenRepository(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
}): TokenRepository {
  const { table, tableName } = options;
  return {
    async put(digest, token) {
      const expiresAt = Math.ceil(Date.parse(token.expiresDate) / 1_000);
      await table.send(
        new PutCommand({ TableName: tableName, Item: { ...tokenKeyOf(digest), ...token, expiresAt } }),
      );
    },

    async get(digest) {
      const { Item } = await table.send(
        new GetCommand({ TableName: tableName, Key: tokenKeyOf(digest), ConsistentRead: true }),
      );
      return Item === undefined ? undefined : storedTokenSchema.parse(Item);
    },
  };
}
