import { Duration } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Construct } from 'constructs';
import type { Capabilities } from './capabilities.ts';
import { LogferryFunction } from './function.ts';
import type { FunctionCode } from './function-code.ts';
import type { Network } from './network.ts';
import type { WorkQueue } from './work-queue.ts';

export interface SynchronizationProps {
  readonly capabilities: Capabilities;
  readonly code: FunctionCode;
  readonly network: Network | undefined;
  readonly runs: WorkQueue;
  readonly pages: WorkQueue;
}

/** Time that a worker has for a message; what is not done by then goes on in the next. The queues' visibility is above it. */
const TIMEOUT = Duration.seconds(300);

/** Planners at once: one run needs one. */
const PLANNERS = 5;

/** Page workers at once, each with eight files at once and up to ten connections to MongoDB. */
export const SYNCHRONIZERS = 20;

/** Full synchronization: the planner of runs, and the synchronizer of their pages. */
export class Synchronization extends Construct {
  readonly planner: LogferryFunction;
  readonly synchronizer: LogferryFunction;

  constructor(scope: Construct, id: string, props: SynchronizationProps) {
    super(scope, id);
    const { capabilities, code, network } = props;
    const common = { code, network, timeout: TIMEOUT, memorySize: 1024 };
    const replicate = [
      capabilities.tableRead,
      capabilities.tableWrite,
      capabilities.readBlobs,
      capabilities.decryptCredentials,
      capabilities.remotes,
      capabilities.clusterId,
      capabilities.timeZone,
    ];
    this.planner = new LogferryFunction(this, 'Planner', {
      ...common,
      folder: 'planner',
      description:
        'logferry: plans runs, looks after them, retries failures, and finds what sweeps are to put right',
      uses: [
        ...replicate,
        // It takes a task's position in the log when the task's time has come.
        capabilities.operateLog,
        capabilities.startRuns,
        capabilities.workRuns,
        capabilities.sendPages,
        // What sweeps find is put right by the lanes' workers.
        capabilities.sendLanes,
        // What lanes cannot move is set back to where the archive has it.
        capabilities.readArchive,
        capabilities.schedules,
      ],
    });
    this.synchronizer = new LogferryFunction(this, 'Synchronizer', {
      ...common,
      folder: 'synchronizer',
      description: 'logferry: replicates the pages of runs',
      uses: [...replicate, capabilities.mongodb, capabilities.sendPages, capabilities.workPages],
    });
    const mapping = { batchSize: 1, reportBatchItemFailures: true };
    this.planner.function.addEventSource(
      new SqsEventSource(props.runs.queue, { ...mapping, maxConcurrency: PLANNERS }),
    );
    this.synchronizer.function.addEventSource(
      new SqsEventSource(props.pages.queue, { ...mapping, maxConcurrency: SYNCHRONIZERS }),
    );
  }
}
