import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  TransactWriteCommand,
  type TransactWriteCommandInput,
} from '@aws-sdk/lib-dynamodb';

export type TransactionItem = NonNullable<TransactWriteCommandInput['TransactItems']>[number];

/** Attempts at a transaction that lost against another one on the same item, and the first pause in milliseconds. */
const ATTEMPTS = 8;
const FIRST_PAUSE_MS = 25;

/** Reasons that are gone at the next attempt. The SDK does not retry a cancelled transaction, whatever the reason. */
const PASSING = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']);

/**
 * Write all items or none, and try again when another transaction was at one of them: many workers add to the same
 * counters at the same time.
 *
 * @param options `pause`: wait between attempts; milliseconds.
 * @returns whether it was written; not when the condition of one of the items does not hold.
 * @throws the cancellation when the last attempt has lost, too.
 */
export async function transact(options: {
  readonly table: DynamoDBDocumentClient;
  readonly items: readonly TransactionItem[];
  readonly pause?: ((milliseconds: number) => Promise<void>) | undefined;
}): Promise<boolean> {
  const { table, items, pause = sleep } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await table.send(new TransactWriteCommand({ TransactItems: [...items] }));
      return true;
    } catch (error) {
      const reasons = reasonsOf(error);
      if (reasons.includes('ConditionalCheckFailed')) {
        return false;
      }
      if (attempt === ATTEMPTS || !reasons.some((reason) => PASSING.has(reason))) {
        throw error;
      }
    }
    // Full jitter: those that collided do not meet again.
    await pause(Math.random() * FIRST_PAUSE_MS * 2 ** attempt);
  }
}

function reasonsOf(error: unknown): readonly string[] {
  return error instanceof TransactionCanceledException
    ? (error.CancellationReasons ?? []).flatMap(({ Code }) => (Code === undefined ? [] : [Code]))
    : [];
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
