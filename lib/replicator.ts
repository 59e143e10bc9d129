import { Duration } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Construct } from 'constructs';
import type { Capabilities } from './capabilities.ts';
import { LogferryFunction } from './function.ts';
import type { FunctionCode } from './function-code.ts';
import type { Lanes } from './lanes.ts';
import type { Network } from './network.ts';

export interface ReplicatorProps {
  readonly capabilities: Capabilities;
  readonly code: FunctionCode;
  readonly network: Network | undefined;
  readonly lanes: Lanes;
}

/**
 * Time that one worker has for a batch: at 20 MB/s some 6 GB of content. The lanes' visibility timeout is above it.
 */
const REPLICATOR_TIMEOUT = Duration.seconds(300);

/**
 * Workers at once. Each has up to ten connections to MongoDB (functions/shared/mongodb/database.ts) and works on one
 * lane at a time for each message group it was given.
 */
const MAX_CONCURRENCY = 20;

/** The replicator: applies the lanes' batches at the remotes. */
export class Replicator extends Construct {
  readonly function: LogferryFunction;

  constructor(scope: Construct, id: string, props: ReplicatorProps) {
    super(scope, id);
    const { capabilities } = props;
    this.function = new LogferryFunction(this, 'Replicator', {
      folder: 'replicator',
      description: 'logferry: applies batches of operations at the remote',
      code: props.code,
      network: props.network,
      timeout: REPLICATOR_TIMEOUT,
      memorySize: 1024,
      uses: [
        capabilities.tableRead,
        capabilities.tableWrite,
        capabilities.mongodb,
        capabilities.readBlobs,
        capabilities.readArchive,
        capabilities.workLanes,
        capabilities.decryptCredentials,
        capabilities.remotes,
        capabilities.clusterId,
        capabilities.timeZone,
      ],
    });
    this.function.function.addEventSource(
      new SqsEventSource(props.lanes.queue, {
        batchSize: 10,
        maxConcurrency: MAX_CONCURRENCY,
        reportBatchItemFailures: true,
      }),
    );
  }
}
