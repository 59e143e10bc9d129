import { type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';

/**
 * Every item of a partition, by sort key, strongly consistent.
 *
 * @param options `maxPages`: pages of at most 1 MB that are read. `what`: names the items where they are more than that.
 * @throws Error when there are more; what `parse` throws.
 */
export async function listPartition<Item>(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
  readonly partition: string;
  readonly maxPages: number;
  readonly what: string;
  readonly parse: (item: unknown) => Item;
}): Promise<Item[]> {
  const { table, tableName, partition, maxPages, what, parse } = options;
  const found: Item[] = [];
  let start: Record<string, unknown> | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const { Items = [], LastEvaluatedKey } = await table.send(
      new QueryCommand({
        TableName: tableName,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': partition },
        ConsistentRead: true,
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    found.push(...Items.map((item) => parse(item)));
    start = LastEvaluatedKey;
    if (start === undefined) {
      return found;
    }
  }
  throw new Error(`There are more ${what} than ${maxPages} pages hold`);
}
