import { type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';

/** What is asked of a partition. Reads are strongly consistent. */
export interface PartitionQuery<Item> {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
  readonly partition: string;
  /** Condition of the sort keys, in DynamoDB's language. */
  readonly sortKey?: { readonly condition: string; readonly values: Readonly<Record<string, string>> };
  readonly filter?: {
    readonly expression: string;
    readonly names?: Readonly<Record<string, string>>;
    readonly values?: Readonly<Record<string, unknown>>;
  };
  /** Attributes that are answered; absent: all. */
  readonly projection?: string;
  /** The last sort key first. */
  readonly lastFirst?: boolean;
  /** Items that are wanted; absent: all. */
  readonly limit?: number;
  /** Items that one request looks at; absent: as many as 1 MB holds. */
  readonly pageSize?: number;
  /** Requests that are made at most. */
  readonly maxRequests: number;
  readonly parse: (item: unknown) => Item;
}

/**
 * Items of a partition, by sort key.
 *
 * @returns `isCut`: fewer are told than are wanted, for more requests were needed to find all.
 * @throws what `parse` throws.
 */
export async function readPartition<Item>(
  query: PartitionQuery<Item>,
): Promise<{ readonly items: Item[]; readonly isCut: boolean }> {
  const { table, tableName, partition, sortKey, filter, projection, lastFirst, pageSize, parse } = query;
  const { limit = Number.POSITIVE_INFINITY, maxRequests } = query;
  const items: Item[] = [];
  let start: Record<string, unknown> | undefined;
  for (let request = 0; request < maxRequests; request += 1) {
    const { Items = [], LastEvaluatedKey } = await table.send(
      new QueryCommand({
        TableName: tableName,
        KeyConditionExpression: sortKey === undefined ? 'pk = :pk' : `pk = :pk AND ${sortKey.condition}`,
        ExpressionAttributeValues: { ':pk': partition, ...sortKey?.values, ...filter?.values },
        ...(filter?.names === undefined ? {} : { ExpressionAttributeNames: { ...filter.names } }),
        ...(filter === undefined ? {} : { FilterExpression: filter.expression }),
        ...(projection === undefined ? {} : { ProjectionExpression: projection }),
        ...(pageSize === undefined
          ? {}
          : { Limit: filter === undefined ? Math.min(pageSize, limit - items.length) : pageSize }),
        ...(lastFirst === true ? { ScanIndexForward: false } : {}),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
        ConsistentRead: true,
      }),
    );
    items.push(...Items.map((item) => parse(item)));
    start = LastEvaluatedKey;
    if (start === undefined || items.length >= limit) {
      return { items: items.slice(0, limit), isCut: false };
    }
  }
  return { items, isCut: true };
}

/**
 * As many items of a partition as are wanted.
 *
 * @throws Error when more requests are needed than may be made; what `parse` throws.
 */
export async function listPartition<Item>(query: PartitionQuery<Item>): Promise<Item[]> {
  const { items, isCut } = await readPartition(query);
  if (isCut) {
    throw new Error(`There is more in ${query.partition} than ${query.maxRequests} requests read`);
  }
  return items;
}
