import { Duration, type RemovalPolicy, Validations } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Grantee } from './grantee.ts';

export interface WorkQueueProps {
  /** Time after which a message whose worker died comes back. At least the worker's timeout. */
  readonly visibilityTimeout: Duration;
  readonly removalPolicy: RemovalPolicy;
  /** Receives until a message is given up; default 20. */
  readonly maxReceives?: number;
  /** What the queue and its dead-letter queue are beside this, as a FIFO queue's must be alike. */
  readonly both?: Pick<QueueProps, 'fifo' | 'maxMessageSizeBytes'>;
  /** What the queue alone is. */
  readonly queue?: Pick<
    QueueProps,
    'contentBasedDeduplication' | 'deduplicationScope' | 'fifoThroughputLimit'
  >;
}

/** The longest retention that SQS has. */
const RETENTION = Duration.days(14);

/**
 * Receives until a message is given up. Work that makes no progress is given up by its worker after fewer, and its run
 * says so: what gets to the dead-letter queue could not even be read or recorded.
 */
const MAX_RECEIVES = 20;

/** A queue of work and its dead-letter queue; unless told otherwise its messages may come in any order, and more than once. */
export class WorkQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetterQueue: Queue;

  constructor(scope: Construct, id: string, props: WorkQueueProps) {
    super(scope, id);
    const common = {
      ...props.both,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: RETENTION,
      removalPolicy: props.removalPolicy,
    };
    this.deadLetterQueue = new Queue(this, 'DeadLetterQueue', common);
    this.queue = new Queue(this, 'Queue', {
      ...common,
      ...props.queue,
      visibilityTimeout: props.visibilityTimeout,
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: props.maxReceives ?? MAX_RECEIVES },
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
