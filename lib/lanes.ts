import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { DeduplicationScope, FifoThroughputLimit } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { WorkQueue } from './work-queue.ts';

export interface LanesProps {
  /**
   * Time after which a message whose worker died comes back. At least the worker's timeout, or a message would be
   * given to a second worker while the first still applies it.
   */
  readonly visibilityTimeout: Duration;
  readonly removalPolicy: RemovalPolicy;
}

/** Largest message that SQS takes. */
const MAX_MESSAGE_BYTES = 1_048_576;

/**
 * The FIFO queue of lane batches (one message group per lane) and its dead-letter queue.
 *
 * A remote that is down is no failed batch: the worker puts the lane off by setting the messages' visibility, up to a
 * quarter of an hour at a time, and each time counts as a receive. A thousand receives, the most that SQS has, outlast
 * about a week of outage, so that only a batch which the worker cannot handle at all gets to the dead-letter queue sooner.
 */
export class Lanes extends WorkQueue {
  constructor(scope: Construct, id: string, props: LanesProps) {
    super(scope, id, {
      ...props,
      maxReceives: 1000,
      both: { fifo: true, maxMessageSizeBytes: MAX_MESSAGE_BYTES },
      // Deduplication ids are made from the lane and its ordinals; per group, lanes do not share a throughput limit.
      queue: {
        contentBasedDeduplication: false,
        deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
        fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
      },
    });
  }
}
