import { type DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { isConditionFailure } from '../aws/conditions.ts';
import { transact } from '../aws/transaction.ts';
import { PRINCIPAL_PARTITION, principalKeyOf } from '../table.ts';
import { type StoredPrincipal, storedPrincipalSchema } from './principal.ts';

/** Longest sort key of DynamoDB, in bytes; a longer user name cannot be stored, so nobody has it. */
const MAX_USERNAME_BYTES = 1024;
/** Pages of at most 1 MB, each of some two thousand principals. */
const MAX_LIST_PAGES = 10;

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

    async create(principal) {
      try {
        await table.send(
          new PutCommand({
            TableName: tableName,
            Item: { ...principalKeyOf(principal.username), ...storedPrincipalSchema.parse(principal) },
            ConditionExpression: 'attribute_not_exists(pk)',
          }),
        );
        return true;
      } catch (error) {
        if (isConditionFailure(error)) {
          return false;
        }
        throw error;
      }
    },

    async list() {
      const principals: StoredPrincipal[] = [];
      let start: Record<string, unknown> | undefined;
      for (let page = 0; page < MAX_LIST_PAGES; page += 1) {
        const { Items = [], LastEvaluatedKey } = await table.send(
          new QueryCommand({
            TableName: tableName,
            KeyConditionExpression: 'pk = :pk',
            ExpressionAttributeValues: { ':pk': PRINCIPAL_PARTITION },
            ConsistentRead: true,
            ...(start === undefined ? {} : { ExclusiveStartKey: start }),
          }),
        );
        principals.push(...Items.map((item) => storedPrincipalSchema.parse(item)));
        start = LastEvaluatedKey;
        if (start === undefined) {
          return principals;
        }
      }
      throw new Error(`There are more principals than ${MAX_LIST_PAGES} pages hold`);
    },

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
