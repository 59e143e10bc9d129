import type { Postponement } from '../lane/postpone.ts';
import type { Logger } from '../logger.ts';
import { delayAfter, type Verdict } from './give-up.ts';

/** A message as SQS hands it to a worker: what is needed of it. */
export interface DeliveredRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  /** `ApproximateReceiveCount`: how often it was delivered, this time included. */
  readonly attributes: { readonly ApproximateReceiveCount: string };
}

/** Milliseconds that are kept back to record what was done and to give the message back. */
const CLOSING_TIME = 15_000;

/**
 * Work on the messages of one invocation, one after the other.
 *
 * @param options `remainingTime`: of the invocation, milliseconds.
 * @returns the messages that are to be delivered again, in the words of SQS; when, is said to the queue.
 */
export async function processDeliveries(options: {
  readonly records: readonly DeliveredRecord[];
  readonly remainingTime: number;
  readonly process: (delivery: {
    readonly messageId: string;
    readonly body: string;
    readonly deliveries: number;
    readonly signal: AbortSignal;
    readonly random: () => number;
  }) => Promise<Verdict>;
  readonly postpone: (postponements: readonly Postponement[]) => Promise<void>;
  readonly logger: Pick<Logger, 'error'>;
}): Promise<{ batchItemFailures: { itemIdentifier: string }[] }> {
  const { records, remainingTime, process, postpone, logger } = options;
  const signal = AbortSignal.timeout(Math.max(0, remainingTime - CLOSING_TIME));
  const random = Math.random;
  const batchItemFailures: { itemIdentifier: string }[] = [];
  for (const { messageId, receiptHandle, body, attributes } of records) {
    const deliveries = Number(attributes.ApproximateReceiveCount);
    const verdict = await process({ messageId, body, deliveries, signal, random }).catch(
      (error: unknown): Verdict => {
        logger.error('A message goes back to its queue after a fault', {
          messageId,
          deliveries,
          error: error instanceof Error ? error : String(error),
        });
        return { kind: 'BACK', delay: delayAfter(error, deliveries, random()) };
      },
    );
    if (verdict.kind === 'BACK') {
      await postpone([{ receiptHandle, delay: verdict.delay }]);
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
}
