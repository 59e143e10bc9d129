import { ChangeMessageVisibilityBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Logger } from '../logger.ts';

/** Entries of one ChangeMessageVisibilityBatch, SQS's limit. */
const MESSAGES_PER_REQUEST = 10;

/** A message that was received, and the seconds until it is to be delivered again. */
export interface Postponement {
  readonly receiptHandle: string;
  readonly delay: number;
}

/**
 * Puts received messages off. A message that cannot be put off comes back after the queue's own visibility timeout,
 * which is only later: that is logged and no error.
 */
export function sqsPostponer(options: {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly logger: Pick<Logger, 'warn'>;
}): (postponements: readonly Postponement[]) => Promise<void> {
  const { sqs, queueUrl, logger } = options;
  return async (postponements) => {
    for (let start = 0; start < postponements.length; start += MESSAGES_PER_REQUEST) {
      const chunk = postponements.slice(start, start + MESSAGES_PER_REQUEST);
      try {
        const { Failed = [] } = await sqs.send(
          new ChangeMessageVisibilityBatchCommand({
            QueueUrl: queueUrl,
            Entries: chunk.map(({ receiptHandle, delay }, index) => ({
              Id: String(index),
              ReceiptHandle: receiptHandle,
              VisibilityTimeout: delay,
            })),
          }),
        );
        if (Failed.length > 0) {
          logger.warn('Messages could not be put off', { codes: Failed.map(({ Code }) => Code) });
        }
      } catch (error) {
        logger.warn('Messages could not be put off', {
          error: error instanceof Error ? error : String(error),
        });
      }
    }
  };
}
