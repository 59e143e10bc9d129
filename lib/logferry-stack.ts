import { CfnOutput, Duration, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Api } from './api.ts';
import { capabilitiesOf } from './capabilities.ts';
import type { Configuration } from './configuration.ts';
import { Credentials } from './credentials.ts';
import { Database } from './database.ts';
import { ENDPOINTS } from './endpoints.ts';
import { FirstAdmin } from './first-admin.ts';
import type { FunctionCode } from './function-code.ts';
import { Lanes } from './lanes.ts';
import { Network } from './network.ts';
import { Observability } from './observability.ts';
import { Replicator } from './replicator.ts';
import { Storage } from './storage.ts';
import { Synchronization } from './synchronization.ts';
import { Tailer } from './tailer.ts';
import { TaskSchedules } from './task-schedules.ts';
import { Upkeep } from './upkeep.ts';
import { WorkQueue } from './work-queue.ts';

export interface LogferryStackProps {
  readonly configuration: Configuration;
  readonly code: FunctionCode;
}

/** One deployment of logferry: `logferry-<stage>`. */
export class LogferryStack extends Stack {
  constructor(scope: Construct, props: LogferryStackProps) {
    const { configuration, code } = props;
    super(scope, `logferry-${configuration.stage}`, {
      description: 'logferry: artifact replication between bk-repo clusters',
    });
    const removalPolicy =
      configuration.removalPolicy === 'destroy' ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN;

    const network =
      configuration.network === undefined ? undefined : new Network(this, 'Network', configuration.network);
    const storage = new Storage(this, 'Storage', {
      blobBucketName: configuration.blobBucketName,
      removalPolicy,
      archiveRetention: Duration.days(configuration.archiveDays),
    });
    const database = new Database(this, 'Database', { secretName: configuration.mongodbSecretName });
    const credentials = new Credentials(this, 'Credentials', { removalPolicy });
    // A minute above the workers' timeout (300 s), which it must not be below.
    const lanes = new Lanes(this, 'Lanes', { visibilityTimeout: Duration.seconds(360), removalPolicy });
    const work = { visibilityTimeout: Duration.seconds(360), removalPolicy };
    const runs = new WorkQueue(this, 'Runs', work);
    const pages = new WorkQueue(this, 'Pages', work);
    const schedules = new TaskSchedules(this, 'TaskSchedules', { runs });
    const clusterId = this.#clusterId();
    const capabilities = capabilitiesOf({
      configuration,
      clusterId,
      storage,
      database,
      credentials,
      lanes,
      runs,
      pages,
      schedules,
    });

    const api = new Api(this, 'Api', { endpoints: ENDPOINTS, capabilities, code, network });
    const tailer = new Tailer(this, 'Tail', { capabilities, code, network });
    const replicator = new Replicator(this, 'Apply', { capabilities, code, network, lanes });
    const synchronization = new Synchronization(this, 'Sync', { capabilities, code, network, runs, pages });
    new Upkeep(this, 'Upkeep', { runs });
    const admin = new FirstAdmin(this, 'FirstAdmin', {
      storage,
      code,
      revision: configuration.adminRevision,
      removalPolicy,
    });
    new Observability(this, 'Observability', {
      lanes,
      runs,
      pages,
      tailer,
      replicator,
      synchronization,
      alarmTopicArn: configuration.alarmTopicArn,
    });

    this.#output('ApiUrl', api.api.apiEndpoint, 'Origin of the API: its addresses begin with /replication');
    this.#output('ApiId', api.api.apiId, 'Id of the HTTP API');
    this.#output('ProjectId', configuration.projectId, 'Project id of the deployment');
    this.#output('ClusterId', clusterId, 'Marks what comes from here, so that it does not come back');
    this.#output('TableName', storage.table.tableName, 'Tasks, slots, lanes and principals');
    this.#output('BlobBucketName', storage.blobBucket.bucketName, 'Blobs, by their SHA-256');
    this.#output('ArchiveBucketName', storage.archiveBucket.bucketName, 'What was read from the log');
    this.#output('AdminSecretArn', admin.secret.secretArn, 'First administrator: {"username", "password"}');
    this.#output('LaneQueueUrl', lanes.queue.queueUrl, 'Batches of operations');
    this.#output('LaneDeadLetterQueueUrl', lanes.deadLetterQueue.queueUrl, 'Batches that were given up');
    this.#output('RunQueueUrl', runs.queue.queueUrl, 'Starts of runs');
    this.#output('RunDeadLetterQueueUrl', runs.deadLetterQueue.queueUrl, 'Starts that were given up');
    this.#output('PageQueueUrl', pages.queue.queueUrl, 'Pages of runs');
    this.#output('PageDeadLetterQueueUrl', pages.deadLetterQueue.queueUrl, 'Pages that were given up');
    this.#output(
      'TailerFunctionName',
      tailer.function.function.functionName,
      'Function that follows the log',
    );
    this.#output(
      'ReplicatorFunctionName',
      replicator.function.function.functionName,
      'Function that applies',
    );
    this.#output('TaskScheduleGroup', schedules.groupName, 'Group of the schedules that start runs');
    this.#output(
      'PlannerFunctionName',
      synchronization.planner.function.functionName,
      'Function that plans runs',
    );
    this.#output(
      'SynchronizerFunctionName',
      synchronization.synchronizer.function.functionName,
      'Function that replicates pages',
    );
    this.#output('TailScheduleName', tailer.schedule.scheduleName, 'Schedule of the tailer');
  }

  /**
   * The hex digits of the stack's own UUID. It must be no one else's: what carries it as origin is never sent to this
   * deployment, so two deployments of one id would not replicate to each other, and a name can be given twice.
   */
  #clusterId(): string {
    const uuid = Fn.select(2, Fn.split('/', this.stackId));
    return Fn.join('', Fn.split('-', uuid));
  }

  #output(name: string, value: string, description: string): void {
    new CfnOutput(this, name, { value, description });
  }
}
