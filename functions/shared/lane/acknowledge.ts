import { DeleteMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Logger } from '../logger.ts';

/**
 * Removes received messages (at most ten, as many as a delivery has) before their delivery ends. One that cannot be removed now
 * is removed when it does: that is logged and no error.
 */
export function sqsAcknowledger(options: {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly logger: Pick<Logger, 'warn'>;
}): (receiptHandles: readonly string[]) => Promise<void> {
  const { sqs, queueUrl, logger } = options;
  return async (receiptHandles) => {
    try {
      const Entries = receiptHandles.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
      const { Failed = [] } = await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
      if (Failed.length > 0) {
        logger.warn('Messages could not be removed early', { codes: Failed.map(({ Code }) => Code) });
      }
    } catch (error) {
      logger.warn('Messages could not be removed early', {
        error: error instanceof Error ? error : String(error),
      });
    }
  };
}
