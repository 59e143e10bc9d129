import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { conditionHeld } from '../aws/conditions.ts';
import { listPartition } from '../aws/partition.ts';
import { transact } from '../aws/transaction.ts';
import { PRINCIPAL_PARTITION, principalKeyOf } from '../table.ts';
import { type StoredPrincipal, storedPrincipalSchema } from './principal.ts';

/** Longest sort key of DynamoDB, in bytes; a longer user name cannot be stored, so nobody has it. */
const MAX_USERNAME_BYTES = 1024;
/** Pages of at most 1 MB, each of some two thousand principals. */
const MAX_LIST_REQUESTS = 10;

export interface PrincipalRepository {
  get(username: string): Promise<StoredPrincipal | undefined>;
  /** Store a principal, in place of the one of that name if there is one. */
  put(principal: StoredPrincipal): Promise<void>;
  /** Store a new principal. @returns false, and nothing written, when there is one of that name. */
  create(principal: StoredPrincipal): Promise<boolean>;
  /** Every principal, by name, strongly consistent. */
  list(): Promise<readonly StoredPrincipal[]>;
  /**
   * Remove a principal as long as another one is there who is an administrator of all projects.
   *
   * @returns false, and nothing removed, when one of the two is not there (any more).
   */
  remove(removal: { readonly username: string; readonly remainingAdmin: string }): Promise<boolean>;
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

    create: async (principal) =>
      conditionHeld(
        table.send(
          new PutCommand({
            TableName: tableName,
            Item: { ...principalKeyOf(principal.username), ...storedPrincipalSchema.parse(principal) },
            ConditionExpression: 'attribute_not_exists(pk)',
          }),
        ),
      ),

    list: () =>
      listPartition({
        table,
        tableName,
        partition: PRINCIPAL_PARTITION,
        maxRequests: MAX_LIST_REQUESTS,
        parse: (item) => storedPrincipalSchema.parse(item),
      }),

    remove: ({ username, remainingAdmin }) =>
      transact({
        table,
        items: [
          {
            Delete: {
              TableName: tableName,
              Key: { ...principalKeyOf(username) },
              ConditionExpression: 'attribute_exists(pk)',
            },
          },
          {
            ConditionCheck: {
              TableName: tableName,
              Key: { ...principalKeyOf(remainingAdmin) },
              ConditionExpression: '#role = :admin AND attribute_not_exists(projectId)',
              ExpressionAttributeNames: { '#role': 'role' },
              ExpressionAttributeValues: { ':admin': 'admin' },
            },
          },
        ],
      }),
  };
}
