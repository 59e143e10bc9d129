import { BatchWriteCommand, type DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';

/** Items of one BatchWriteItem, DynamoDB's limit. */
export const DELETE_BATCH = 25;
/** Attempts at a batch that DynamoDB did not take whole (throttling), and the first pause in milliseconds. */
const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 50;

/**
 * Delete items by their keys, however many.
 *
 * @throws Error when DynamoDB leaves some after every attempt.
 */
export async function deleteItems(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
  readonly keys: readonly { readonly pk: string; readonly sk: string }[];
  /** Wait between attempts at a batch; milliseconds. */
  readonly pause?: ((milliseconds: number) => Promise<void>) | undefined;
}): Promise<void> {
  for (let start = 0; start < options.keys.length; start += DELETE_BATCH) {
    await deleteBatch({ ...options, keys: options.keys.slice(start, start + DELETE_BATCH) });
  }
}

async function deleteBatch(options: Parameters<typeof deleteItems>[0]): Promise<void> {
  const { table, tableName, keys, pause = sleep } = options;
  let pending = keys.map((key) => ({ DeleteRequest: { Key: { ...key } as Record<string, unknown> } }));
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const answer = await table.send(new BatchWriteCommand({ RequestItems: { [tableName]: pending } }));
    pending = (answer.UnprocessedItems?.[tableName] ?? []).flatMap(({ DeleteRequest }) =>
      DeleteRequest === undefined ? [] : [{ DeleteRequest: { Key: DeleteRequest.Key ?? {} } }],
    );
    if (pending.length === 0) {
      return;
    }
    await pause(FIRST_PAUSE_MS * 2 ** attempt);
  }
  throw new Error(`DynamoDB left ${pending.length} items that were to be deleted after ${ATTEMPTS} attempts`);
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
