import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { principalKeyOf } from '../table.ts';
import { type StoredPrincipal, storedPrincipalSchema } from './principal.ts';

/** Longest sort key of DynamoDB, in bytes; a longer user name cannot be stored, so nobody has it. */
const MAX_USERNAME_BYTES = 1024;

export interface PrincipalRepository {
  get(username: string): Promise<StoredPrincipal | undefined>;
  /** Store a principal, in place of the one of that name if there is one. */
  put(principal: StoredPrincipal): Promise<void>;
}

export function principalRepository(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
}): PrincipalRepository {
  const { table, tableName } = options;
  return {
    async get(username) {
      if (username === '' || Buffer.byteLength(username) > MAX_USERNAME_BYTES) {
        return undefined;
      }
      const { Item } = await table.send(
        new GetCommand({ TableName: tableName, Key: principalKeyOf(username), ConsistentRead: true }),
      );
      return Item === undefined ? undefined : storedPrincipalSchema.parse(Item);
    },

    async put(principal) {
      await table.send(
        new PutCommand({
          TableName: tableName,
          Item: { ...principalKeyOf(principal.username), ...storedPrincipalSchema.parse(principal) },
        }),
      );
    },
  };
}
