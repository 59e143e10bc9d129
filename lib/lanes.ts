import { Duration, type RemovalPolicy, Validations } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { DeduplicationScope, FifoThroughputLimit, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Grantee } from './grantee.ts';

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

/** The longest retention that SQS has. */
const RETENTION = Duration.days(14);

/**
 * The FIFO queue of lane batches (one message group per lane) and its dead-letter queue.
 *
 * A remote that is down is no failed batch: the worker puts the lane off by setting the messages' visibility, up to a
 * quarter of an hour at a time, and each time counts as a receive. A thousand receives, the most that SQS has, outlast
 * about a week of outage, so that only a batch which the worker cannot handle at all gets to the dead-letter queue sooner.
 */
export class Lanes extends Construct {
  readonly queue: Queue;
  readonly deadLetterQueue: Queue;

  constructor(scope: Construct, id: string, props: LanesProps) {
    super(scope, id);
    const common = {
      fifo: true,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: RETENTION,
      maxMessageSizeBytes: MAX_MESSAGE_BYTES,
      removalPolicy: props.removalPolicy,
    };
    this.deadLetterQueue = new Queue(this, 'DeadLetterQueue', common);
    this.queue = new Queue(this, 'Queue', {
      ...common,
      visibilityTimeout: props.visibilityTimeout,
      // Deduplication ids are made from the lane and its ordinals; per group, lanes do not share a throughput limit.
      contentBasedDeduplication: false,
      deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
      fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: 1000 },
    });
    Validations.of(this.deadLetterQueue).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'It is the dead-letter queue.',
    });
  }

  grantSend(grantee: Grantee): void {
    this.#allow(grantee, ['sqs:SendMessage']);
  }

  /** Receive, acknowledge and put off messages: what the event source mapping and the worker do with the role. */
  grantWork(grantee: Grantee): void {
    this.#allow(grantee, [
      'sqs:ReceiveMessage',
      'sqs:DeleteMessage',
      'sqs:ChangeMessageVisibility',
      'sqs:GetQueueAttributes',
    ]);
  }

  #allow(grantee: Grantee, actions: readonly string[]): void {
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({ actions: [...actions], resources: [this.queue.queueArn] }),
    );
  }
}
