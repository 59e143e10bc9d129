import { randomBytes } from 'node:crypto';
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { type Db, MongoClient } from 'mongodb';
import type { StageEndpoints } from '../../bin/local/endpoints.ts';
import type { QueueRecord } from '../../functions/shared/apply/process-records.ts';
import { type Archive, s3Archive } from '../../functions/shared/archive/archive.ts';
import { type Clock, systemClock } from '../../functions/shared/clock.ts';
import { type BatchMessage, batchMessageSchema } from '../../functions/shared/lane/message.ts';
import { type LaneQueue, sqsLaneQueue } from '../../functions/shared/lane/queue.ts';
import { type LaneRepository, laneRepository } from '../../functions/shared/lane/repository.ts';
import { cappedOperateLog, type OperateLog } from '../../functions/shared/operate-log/reader.ts';
import type { RunRepository } from '../../functions/shared/run/repository.ts';
import { runRepository } from '../../functions/shared/run/table-runs.ts';
import { type SlotRepository, slotRepository } from '../../functions/shared/slot/repository.ts';
import { type PartLedger, partLedger } from '../../functions/shared/sweep/part-ledger.ts';
import { type SweepParts, sweepParts } from '../../functions/shared/sweep/parts.ts';
import type { SweepRepository } from '../../functions/shared/sweep/repository.ts';
import { sweepRepository } from '../../functions/shared/sweep/table-sweeps.ts';
import { type PageClaims, pageClaims } from '../../functions/shared/sync/page-claims.ts';
import {
  type CatchUpRepository,
  catchUpRepository,
} from '../../functions/shared/tail/catch-up-repository.ts';
import { type TaskRepository, taskRepository } from '../../functions/shared/task/repository.ts';

/** Names of a sandbox's stores: enough for another process to open the same ones. */
export interface SandboxNames {
  readonly table: string;
  readonly bucket: string;
  readonly queueUrl: string;
  readonly database: string;
}

/** A message of the queue, until it is acknowledged. */
export interface Received {
  readonly record: QueueRecord;
  readonly acknowledge: () => Promise<void>;
}

export const SANDBOX_LOG = 'operate_log';

/**
 * The product's stores for one test, on the real services of the local cloud but out of the deployed functions' sight:
 * a table, a bucket (archive and blobs), a FIFO queue and a database with a capped log of their own.
 */
export class Sandbox {
  readonly names: SandboxNames;
  readonly database: Db;
  readonly s3: S3Client;
  readonly slots: SlotRepository;
  readonly tasks: TaskRepository;
  readonly catchUps: CatchUpRepository;
  readonly runs: RunRepository;
  readonly sweeps: SweepRepository;
  readonly claims: PageClaims;
  readonly lanes: LaneRepository;
  readonly parts: PartLedger;
  readonly sweepParts: SweepParts;
  readonly archive: Archive;
  readonly queue: LaneQueue;
  readonly log: OperateLog;
  readonly #mongo: MongoClient;
  readonly #dynamoDb: DynamoDBClient;
  readonly #sqs: SQSClient;

  private constructor(stage: StageEndpoints, names: SandboxNames, mongo: MongoClient, clock: Clock) {
    const { endpoint, region, accessKeyId, secretAccessKey } = stage.aws;
    const configuration = { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
    this.names = names;
    this.#mongo = mongo;
    this.#dynamoDb = new DynamoDBClient(configuration);
    this.#sqs = new SQSClient(configuration);
    this.s3 = new S3Client({ ...configuration, forcePathStyle: true });
    this.database = mongo.db(names.database);
    const table = {
      table: DynamoDBDocumentClient.from(this.#dynamoDb, {
        marshallOptions: { removeUndefinedValues: true },
      }),
      tableName: names.table,
    };
    this.slots = slotRepository({ ...table, clock });
    this.tasks = taskRepository(table);
    this.catchUps = catchUpRepository(table);
    this.runs = runRepository(table);
    this.sweeps = sweepRepository(table);
    this.claims = pageClaims(table);
    this.lanes = laneRepository(table);
    this.parts = partLedger(table);
    this.archive = s3Archive({ s3: this.s3, bucket: names.bucket });
    this.queue = sqsLaneQueue({ sqs: this.#sqs, queueUrl: names.queueUrl });
    this.sweepParts = sweepParts({ ...table, queue: this.queue, clock });
    this.log = cappedOperateLog({ database: this.database, collection: SANDBOX_LOG });
  }

  /** Make the stores anew. `logBytes` is the size of the capped log. */
  static async create(
    stage: StageEndpoints,
    options: { readonly logBytes?: number; readonly clock?: Clock } = {},
  ): Promise<Sandbox> {
    const { logBytes = 2 * 1024 * 1024, clock = systemClock } = options;
    const name = `sandbox-${randomBytes(4).toString('hex')}`;
    const names: SandboxNames = { table: name, bucket: name, queueUrl: '', database: name };
    const draft = new Sandbox(stage, names, await MongoClient.connect(stage.mongoUri), clock);
    await draft.#dynamoDb.send(
      new CreateTableCommand({
        TableName: name,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    );
    await draft.s3.send(new CreateBucketCommand({ Bucket: name }));
    const queue = await draft.#sqs.send(
      new CreateQueueCommand({
        QueueName: `${name}.fifo`,
        Attributes: { FifoQueue: 'true', VisibilityTimeout: '1' },
      }),
    );
    await draft.database.createCollection(SANDBOX_LOG, { capped: true, size: logBytes });
    return new Sandbox(stage, { ...names, queueUrl: queue.QueueUrl ?? '' }, draft.#mongo, clock);
  }

  /** Open stores that another process made. */
  static async open(stage: StageEndpoints, names: SandboxNames): Promise<Sandbox> {
    return new Sandbox(stage, names, await MongoClient.connect(stage.mongoUri), systemClock);
  }

  /**
   * Take every message from the queue, in the order in which it gives them, until it has none left.
   *
   * @param handle called with each message before it is deleted.
   */
  async drain(
    handle: (message: BatchMessage) => Promise<void> = async () => undefined,
  ): Promise<BatchMessage[]> {
    const messages: BatchMessage[] = [];
    for (;;) {
      const answer = await this.#sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: this.names.queueUrl,
          MaxNumberOfMessages: 10,
          VisibilityTimeout: 60,
        }),
      );
      if (answer.Messages === undefined || answer.Messages.length === 0) {
        return messages;
      }
      for (const { Body, ReceiptHandle } of answer.Messages) {
        const message = batchMessageSchema.parse(JSON.parse(Body ?? ''));
        await handle(message);
        messages.push(message);
        await this.#sqs.send(new DeleteMessageCommand({ QueueUrl: this.names.queueUrl, ReceiptHandle }));
      }
    }
  }

  /**
   * Take one message from the queue, as a replicator gets it; no other of its lane is given out before it is gone.
   *
   * @returns undefined when there is none to be had at present.
   */
  async receive(): Promise<Received | undefined> {
    const QueueUrl = this.names.queueUrl;
    const { Messages: [message] = [] } = await this.#sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        VisibilityTimeout: 300,
        MessageSystemAttributeNames: ['ApproximateReceiveCount', 'MessageGroupId'],
      }),
    );
    if (message === undefined) {
      return undefined;
    }
    const { MessageId: messageId = '', Body: body = '', Attributes = {}, ReceiptHandle } = message;
    return {
      record: {
        messageId,
        groupId: Attributes.MessageGroupId ?? messageId,
        body,
        deliveries: Number(Attributes.ApproximateReceiveCount),
      },
      acknowledge: async () => {
        await this.#sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      },
    };
  }

  /** Let go of the connections; the stores stay. */
  async close(): Promise<void> {
    await this.#mongo.close();
  }

  /** Remove the stores and everything in them. */
  async destroy(): Promise<void> {
    const { table, bucket, queueUrl } = this.names;
    await this.database.dropDatabase();
    await this.#sqs.send(new DeleteQueueCommand({ QueueUrl: queueUrl }));
    await this.#dynamoDb.send(new DeleteTableCommand({ TableName: table }));
    for await (const page of paginateListObjectsV2({ client: this.s3 }, { Bucket: bucket })) {
      for (const { Key } of page.Contents ?? []) {
        await this.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
      }
    }
    await this.s3.send(new DeleteBucketCommand({ Bucket: bucket }));
    await this.close();
  }
}
