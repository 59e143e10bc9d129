import { createHash } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import {
  BatchGetCommand,
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { type Db, type Document, Long, ObjectId } from 'mongodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readEndpoints } from '../../../bin/local/endpoints.ts';
import { isDuplicateKey } from '../../../functions/shared/mongodb/duplicate-key.ts';
import { Cloud } from '../../simulation/cloud.ts';
import { Faults } from '../../simulation/faults.ts';
import { MemoryDynamoDb } from '../../simulation/memory-dynamodb.ts';
import { MemoryMongo } from '../../simulation/memory-mongodb.ts';
import { MemoryS3 } from '../../simulation/memory-s3.ts';
import { MemoryQueue, MemorySqs } from '../../simulation/memory-sqs.ts';
import { Simulation } from '../../simulation/simulation.ts';
import { Sandbox } from '../../support/sandbox.ts';

/** The simulated services answer as those of the local cloud: the same calls are made of both, and what comes of them is compared. */

let sandbox: Sandbox;
let table: DynamoDBDocumentClient;
let sqs: SQSClient;
const simulation = new Simulation(1, Date.now());
const faults = new Faults(simulation);
faults.isOn = false;
const cloud = new Cloud(simulation, faults);

beforeAll(async () => {
  const stage = (await readEndpoints()).stages.source;
  sandbox = await Sandbox.create(stage);
  const { endpoint, region, accessKeyId, secretAccessKey } = stage.aws;
  const configuration = { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
  table = DynamoDBDocumentClient.from(new DynamoDBClient(configuration), {
    marshallOptions: { removeUndefinedValues: true },
  });
  sqs = new SQSClient(configuration);
});

afterAll(() => sandbox.destroy());

/** What came of a call: its answer but for what only transport tells, or why it was refused. */
async function outcomeOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return { answer: await call() };
  } catch (error) {
    const { name = '', CancellationReasons = [] } =
      error instanceof Error && 'CancellationReasons' in error && Array.isArray(error.CancellationReasons)
        ? { name: error.name, CancellationReasons: error.CancellationReasons }
        : { name: error instanceof Error ? error.name : '' };
    return {
      refused: name,
      reasons: CancellationReasons.map(({ Code }: { readonly Code?: string }) => Code),
    };
  }
}

async function outcomesOf<Client>(
  client: Client,
  calls: readonly ((client: Client) => Promise<unknown>)[],
): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  for (const call of calls) {
    outcomes.push(await outcomeOf(() => call(client)));
  }
  return outcomes;
}

test('DynamoDB: conditions, updates, transactions, batches and queries', async () => {
  const TableName = sandbox.names.table;
  const at = (sk: string) => ({ TableName, Key: { pk: 'P', sk } });
  const update = (sk: string, command: Omit<UpdateCommand['input'], 'TableName' | 'Key'>) =>
    written(new UpdateCommand({ ...at(sk), ReturnValues: 'ALL_NEW', ...command }));
  const written =
    (command: UpdateCommand | PutCommand | DeleteCommand) => async (client: DynamoDBDocumentClient) => {
      const { Attributes } =
        command instanceof UpdateCommand
          ? await client.send(command)
          : command instanceof PutCommand
            ? await client.send(command)
            : await client.send(command);
      return Attributes;
    };
  const put = (item: Record<string, unknown>, condition?: string) =>
    written(
      new PutCommand({
        TableName,
        Item: { pk: 'P', ...item },
        ...(condition === undefined ? {} : { ConditionExpression: condition }),
      }),
    );
  const query =
    (command: Omit<QueryCommand['input'], 'TableName'>) => async (client: DynamoDBDocumentClient) => {
      const { Items, Count, LastEvaluatedKey } = await client.send(
        new QueryCommand({ TableName, ConsistentRead: true, ...command }),
      );
      return { Items, Count, LastEvaluatedKey };
    };
  const transact =
    (...TransactItems: NonNullable<TransactWriteCommand['input']['TransactItems']>) =>
    async (client: DynamoDBDocumentClient) => {
      await client.send(new TransactWriteCommand({ TransactItems }));
    };
  const calls = [
    put({ sk: 'slot', epoch: 0, gone: undefined }, 'attribute_not_exists(pk)'),
    put({ sk: 'slot', epoch: 9 }, 'attribute_not_exists(pk)'),
    ...['one', 'other', 'one'].map((owner) =>
      update('slot', {
        ConditionExpression:
          'attribute_exists(pk) AND (attribute_not_exists(lease) OR lease.expiresAt < :now OR lease.#owner = :owner)',
        UpdateExpression: 'SET lease = :lease ADD epoch :one',
        ExpressionAttributeNames: { '#owner': 'owner' },
        ExpressionAttributeValues: {
          ':now': 5,
          ':owner': owner,
          ':lease': { owner, expiresAt: 9 },
          ':one': 1,
        },
      }),
    ),
    update('slot', {
      ConditionExpression: 'epoch = :epoch AND attribute_exists(lease)',
      UpdateExpression: 'SET lease.expiresAt = :at, writing = :writing',
      ExpressionAttributeValues: { ':epoch': 2, ':at': 12, ':writing': { perSecond: 1.5, at: null } },
    }),
    update('slot', {
      ConditionExpression: 'epoch = :epoch',
      UpdateExpression: 'REMOVE lease',
      ExpressionAttributeValues: { ':epoch': 2 },
    }),
    update('lane', {
      UpdateExpression: 'ADD applied :n, dispatched :n',
      ExpressionAttributeValues: { ':n': 3 },
    }),
    update('lane', {
      UpdateExpression:
        'SET applied = applied + :n, entries = list_append(if_not_exists(entries, :none), :more), opening = if_not_exists(opening, :n) ADD labels :names',
      ExpressionAttributeValues: { ':n': 2, ':none': [], ':more': ['a'], ':names': new Set(['x', 'y']) },
    }),
    update('lane', {
      ConditionExpression: 'size(entries) < :limit AND contains(labels, :x) AND NOT applied IN (:a, :b)',
      UpdateExpression: 'SET opening = :n DELETE labels :gone',
      ExpressionAttributeValues: {
        ':limit': 2,
        ':x': 'x',
        ':a': 1,
        ':b': 2,
        ':n': 8,
        ':gone': new Set(['x', 'z']),
      },
    }),
    update('lane', {
      ConditionExpression: 'applied BETWEEN :a AND :b AND begins_with(sk, :sk)',
      UpdateExpression: 'REMOVE entries, dispatched',
      ExpressionAttributeValues: { ':a': 5, ':b': 6, ':sk': 'la' },
    }),
    update('lane', {
      ConditionExpression: 'absent = :n',
      UpdateExpression: 'SET opening = :n',
      ExpressionAttributeValues: { ':n': 1 },
    }),
    update('lane', {
      ConditionExpression: 'absent <> :n OR applied > :n',
      UpdateExpression: 'SET opening = applied',
      ExpressionAttributeValues: { ':n': 1 },
    }),
    transact(
      { Put: { TableName, Item: { pk: 'P', sk: 'part-1', status: 'SENT' } } },
      { Put: { TableName, Item: { pk: 'P', sk: 'part-2', status: 'SENT' } } },
      { ConditionCheck: { ...at('lane'), ConditionExpression: 'attribute_exists(pk)' } },
    ),
    transact(
      {
        Update: {
          ...at('part-1'),
          ConditionExpression: '#status = :sent',
          UpdateExpression: 'SET #status = :done',
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: { ':sent': 'SENT', ':done': 'DONE' },
        },
      },
      { Delete: { ...at('part-2'), ConditionExpression: 'attribute_not_exists(pk)' } },
      { Update: { ...at('slot'), UpdateExpression: 'ADD epoch :n', ExpressionAttributeValues: { ':n': 5 } } },
    ),
    async (client: DynamoDBDocumentClient) => {
      const Keys = ['part-1', 'nothing'].map((sk) => ({ pk: 'P', sk }));
      const { Responses } = await client.send(
        new BatchGetCommand({ RequestItems: { [TableName]: { Keys, ConsistentRead: true } } }),
      );
      return Responses?.[TableName];
    },
    async (client: DynamoDBDocumentClient) => {
      const Items = ['part-3', 'Part', 'part-é', 'part-4'].map((sk) => ({ pk: 'P', sk, n: sk.length }));
      await client.send(
        new BatchWriteCommand({
          RequestItems: { [TableName]: Items.map((Item) => ({ PutRequest: { Item } })) },
        }),
      );
    },
    written(new DeleteCommand({ ...at('part-4'), ReturnValues: 'ALL_OLD' })),
    written(new DeleteCommand({ ...at('part-4'), ReturnValues: 'ALL_OLD' })),
    async (client: DynamoDBDocumentClient) =>
      (await client.send(new GetCommand({ ...at('part-1'), ProjectionExpression: 'sk' }))).Item,
    query({ KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': 'P' } }),
    query({
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :sk)',
      ExpressionAttributeValues: { ':pk': 'P', ':sk': 'part-' },
      ScanIndexForward: false,
      Limit: 2,
    }),
    query({
      KeyConditionExpression: 'pk = :pk AND sk > :sk',
      ExpressionAttributeValues: { ':pk': 'P', ':sk': 'part-1' },
      ExclusiveStartKey: { pk: 'P', sk: 'part-2' },
      ProjectionExpression: 'sk, n',
    }),
    query({
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :a AND :b',
      FilterExpression: '#status = :sent',
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: { ':pk': 'P', ':a': 'p', ':b': 'q', ':sent': 'SENT' },
      Select: 'COUNT',
    }),
  ];
  const simulated = await outcomesOf(new MemoryDynamoDb(cloud).client, calls);
  expect(simulated).toEqual(await outcomesOf(table, calls));
});

test('S3: conditional and checked contents', async () => {
  const { bucket: Bucket } = sandbox.names;
  const put =
    (Key: string, Body: string, more: Partial<PutObjectCommand['input']> = {}) =>
    async (s3: S3Client) => {
      await s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
    };
  const get =
    (Key: string, Range?: string) =>
    async (s3: S3Client): Promise<string | undefined> => {
      const { Body } = await s3.send(
        new GetObjectCommand({ Bucket, Key, ...(Range === undefined ? {} : { Range }) }),
      );
      const bytes = await Body?.transformToByteArray();
      return bytes === undefined ? undefined : Buffer.from(bytes).toString();
    };
  const ChecksumSHA256 = createHash('sha256').update('three').digest('base64');
  const calls = [
    put('archive/0001', 'one', { IfNoneMatch: '*' }),
    put('archive/0001', 'other', { IfNoneMatch: '*' }),
    get('archive/0001'),
    put('archive/0001', 'another'),
    get('archive/0001', 'bytes=2-4'),
    get('archive/0002'),
    put('archive/0003', 'three', { ChecksumSHA256 }),
    async (s3: S3Client) =>
      (await s3.send(new HeadObjectCommand({ Bucket, Key: 'archive/0003' }))).ContentLength,
    async (s3: S3Client) => (await s3.send(new HeadObjectCommand({ Bucket, Key: 'nothing' }))).ContentLength,
    async (s3: S3Client) => {
      const { Contents = [] } = await s3.send(
        new ListObjectsV2Command({ Bucket, Prefix: 'archive/', StartAfter: 'archive/0001', MaxKeys: 1 }),
      );
      return Contents.map(({ Key }) => Key);
    },
  ];
  const simulated = await outcomesOf(new MemoryS3(cloud).client, calls);
  expect(simulated).toEqual(await outcomesOf(sandbox.s3, calls));
});

test('SQS: a FIFO queue gives out each group in order, one delivery at a time, and drops what it has seen', async () => {
  const { queueUrl: QueueUrl } = sandbox.names;
  const queue = new MemoryQueue(QueueUrl.split('/').at(-1) ?? '', 1_000);
  const memory = new MemorySqs(cloud, [queue]).client;
  /** Receiving is the event source mapping's, so the twin of a queue has it as a method. */
  const receiving = {
    twin: async () =>
      queue.receive(simulation.now, 300_000, 10).map(({ body, receipt }) => ({ body, receipt })),
    real: async () => {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 300 }),
      );
      return Messages.map(({ Body = '', ReceiptHandle = '' }) => ({ body: Body, receipt: ReceiptHandle }));
    },
  };
  async function played(
    client: SQSClient,
    receive: () => Promise<{ readonly body: string; readonly receipt: string }[]>,
  ): Promise<unknown> {
    const send = (...bodies: readonly string[]) =>
      client.send(
        new SendMessageBatchCommand({
          QueueUrl,
          Entries: bodies.map((body, index) => ({
            Id: String(index),
            MessageBody: body,
            MessageGroupId: body.slice(0, 1),
            MessageDeduplicationId: body,
          })),
        }),
      );
    await send('a1', 'b1', 'a2', 'a1');
    await send('b1', 'a3');
    const bodiesOf = (messages: readonly { readonly body: string }[]) =>
      messages.map(({ body }) => body).sort();
    const first = await receive();
    await send('a4');
    const whileOut = await receive();
    const Entries = first
      .filter(({ body }) => body.startsWith('a'))
      .map(({ receipt }, index) => ({ Id: String(index), ReceiptHandle: receipt }));
    await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    const behind = await receive();
    const back = first.filter(({ body }) => body.startsWith('b'));
    await client.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl,
        Entries: back.map(({ receipt }, index) => ({
          Id: String(index),
          ReceiptHandle: receipt,
          VisibilityTimeout: 0,
        })),
      }),
    );
    const again = await receive();
    return [first, whileOut, behind, again].map(bodiesOf);
  }
  expect(await played(memory, receiving.twin)).toEqual(await played(sqs, receiving.real));
});

test('MongoDB: what the collections of bk-repo are asked', async () => {
  const LIVE = { deleted: null };
  const node = (fullPath: string, more: Document = {}) => ({
    _id: new ObjectId(),
    projectId: 'p',
    repoName: 'r',
    fullPath,
    size: Long.fromNumber(5),
    deleted: null,
    ...more,
  });
  const [a, b, buried] = [
    node('/a', { metadata: [{ key: 'k', value: 7 }] }),
    node('/b$', { folder: true }),
    node('/a', { deleted: new Date('2026-11-22T01:00:00Z') }),
  ];
  const index = { name: 'unique', key: { projectId: 1, repoName: 1, fullPath: 1, deleted: 1 }, unique: true };
  const found =
    (filter: Document, options: Document = {}) =>
    async (database: Db) =>
      database.collection('node_1').find(filter, options).toArray();
  const changed = async (
    answer: Promise<{ readonly matchedCount?: number; readonly deletedCount?: number }>,
  ) => {
    const { matchedCount, deletedCount } = await answer;
    return matchedCount ?? deletedCount;
  };
  const refused = (call: (database: Db) => Promise<unknown>) => async (database: Db) =>
    call(database).then(
      () => false,
      (error: unknown) => isDuplicateKey(error),
    );
  const calls = [
    async (database: Db) => {
      await database.collection('node_1').createIndexes([index]);
    },
    async (database: Db) => {
      await database.collection('node_1').insertMany([a, b, buried]);
    },
    refused((database) => database.collection('node_1').insertOne(node('/a'))),
    refused((database) => database.collection<Document>('node_1').insertOne({ ...b, fullPath: '/c' })),
    refused((database) =>
      database.collection('node_1').updateOne({ _id: b._id }, { $set: { fullPath: '/a' } }),
    ),
    found({ projectId: 'p', ...LIVE }, { sort: { fullPath: 1 } }),
    found({ fullPath: { $gt: '/a' } }, { projection: { fullPath: 1 }, limit: 1 }),
    found({ fullPath: '/a', deleted: { $ne: null } }, { projection: { _id: 0, deleted: 1 } }),
    found(
      { $or: [{ folder: true }, { deleted: { $gte: new Date(0), $lt: new Date() } }] },
      { sort: { fullPath: -1 } },
    ),
    found({ fullPath: { $in: ['/a', '/z'] }, folder: { $exists: false } }, { sort: { deleted: 1 } }),
    async (database: Db) =>
      changed(
        database
          .collection('node_1')
          .updateMany(
            { repoName: 'r', ...LIVE },
            { $set: { size: Long.fromNumber(6) }, $unset: { folder: '' } },
          ),
      ),
    async (database: Db) =>
      changed(database.collection('node_1').updateOne({ fullPath: '/x' }, { $set: { size: 1 } })),
    found({ ...LIVE }, { sort: { fullPath: 1 } }),
    async (database: Db) => database.collection('node_1').countDocuments({ repoName: 'r' }),
    async (database: Db) => changed(database.collection('node_1').deleteMany({ fullPath: '/a' })),
    found({}, { projection: { fullPath: 1, _id: 0 } }),
  ];
  const simulated = await outcomesOf(new MemoryMongo(cloud).connect(), calls);
  expect(simulated).toEqual(await outcomesOf(sandbox.database, calls));
});
