import { randomBytes } from 'node:crypto';
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import {
  CreateScheduleGroupCommand,
  DeleteScheduleGroupCommand,
  SchedulerClient,
} from '@aws-sdk/client-scheduler';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { CreateQueueCommand, DeleteQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Db } from 'mongodb';
import { readEndpoints } from '../../bin/local/endpoints.ts';
import type { EndpointHandler } from '../../functions/shared/http/endpoint.ts';
import { hashPassword } from '../../functions/shared/principal/password.ts';
import { principalRepository } from '../../functions/shared/principal/repository.ts';
import { ENDPOINTS, PREFIXES, routesOf } from '../../lib/endpoints.ts';
import { apiEvent, lambdaContext } from './api.ts';
import { Sandbox } from './sandbox.ts';

/** Its administrator, by the name and password that the captured exchanges use, and somebody who is none. */
export const ADMIN = { username: 'admin', password: 'password' } as const;
const VIEWER = { username: 'jack', password: 'password' } as const;

export interface ProductRequest {
  readonly method: string;
  /** Path and query as they stand in the request line. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface ProductAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Every handler of the route table in this process, over stores of their own on the local cloud: a table with two users, a
 * bucket, a KMS key, a secret, a queue of starts, a group of schedules and a database. Nobody works on the queue.
 */
export interface Product {
  readonly database: Db;
  /** All of the stores: what is changed through the handlers can be followed from here. */
  readonly sandbox: Sandbox;
  readonly call: (request: ProductRequest) => Promise<ProductAnswer>;
  readonly close: () => Promise<void>;
}

interface Route {
  readonly methods: readonly string[];
  readonly path: RegExp;
  readonly handler: EndpointHandler;
}

/** Call it once per process: the handlers read their environment when they are loaded. `logBytes`: as of a sandbox. */
export async function openProduct(options: { readonly logBytes?: number } = {}): Promise<Product> {
  const stage = (await readEndpoints()).stages.target;
  const sandbox = await Sandbox.create(stage, options);
  const { endpoint, region, accessKeyId, secretAccessKey } = stage.aws;
  const client = { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
  const secrets = new SecretsManagerClient(client);
  const secretId = `product-${randomBytes(4).toString('hex')}`;
  await secrets.send(new CreateSecretCommand({ Name: secretId, SecretString: stage.mongoUri }));
  const sqs = new SQSClient(client);
  const { QueueUrl: runQueueUrl = '' } = await sqs.send(
    new CreateQueueCommand({ QueueName: `${secretId}-runs` }),
  );
  const scheduler = new SchedulerClient(client);
  await scheduler.send(new CreateScheduleGroupCommand({ Name: secretId }));
  const { KeyMetadata: key } = await new KMSClient(client).send(new CreateKeyCommand({}));
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    TABLE_NAME: sandbox.names.table,
    ARCHIVE_BUCKET: sandbox.names.bucket,
    BLOB_BUCKET: sandbox.names.bucket,
    LANE_QUEUE_URL: sandbox.names.queueUrl,
    RUN_QUEUE_URL: runQueueUrl,
    RUN_QUEUE_ARN: `arn:aws:sqs:${region}:000000000000:${secretId}-runs`,
    SCHEDULE_GROUP: secretId,
    SCHEDULE_ROLE_ARN: 'arn:aws:iam::000000000000:role/schedules',
    MONGODB_SECRET_ID: secretId,
    MONGODB_DATABASE: sandbox.names.database,
    OPERATE_LOG_COLLECTION: 'operate_log',
    CREDENTIALS_KEY_ID: key?.Arn ?? '',
    ALLOW_PRIVATE_REMOTES: 'true',
    TIME_ZONE: 'UTC',
    CLUSTER_ID: randomBytes(16).toString('hex'),
    ROUTES: JSON.stringify(routesOf(ENDPOINTS)),
  });
  const { dynamoDb } = await import('../../functions/shared/aws/clients.ts');
  await putPrincipals(dynamoDb(), sandbox.names.table);
  const routes: Route[] = [];
  for (const { folder, methods, path } of ENDPOINTS) {
    const handler = await load(folder);
    for (const prefix of PREFIXES) {
      routes.push({ methods, path: pathPattern(`${prefix}${path}`), handler });
    }
  }
  const fallback = await load('fallback');
  return {
    database: sandbox.database,
    sandbox,
    call: (request) => dispatch(routes, fallback, request),
    close: async () => {
      await scheduler.send(new DeleteScheduleGroupCommand({ Name: secretId }));
      await sqs.send(new DeleteQueueCommand({ QueueUrl: runQueueUrl }));
      await secrets.send(new DeleteSecretCommand({ SecretId: secretId, ForceDeleteWithoutRecovery: true }));
      await sandbox.destroy();
    },
  };
}

async function putPrincipals(table: DynamoDBDocumentClient, tableName: string): Promise<void> {
  const principals = principalRepository({ table, tableName });
  const passwordHash = await hashPassword(ADMIN.password);
  await principals.put({ username: ADMIN.username, role: 'admin', passwordHash });
  await principals.put({ username: VIEWER.username, role: 'viewer', passwordHash });
}

async function load(folder: string): Promise<EndpointHandler> {
  // As a variable: the bundler of the tests looks only one folder deep for what a template names.
  const file = `../../functions/${folder}/handler.ts`;
  const module: { handler: EndpointHandler } = await import(file);
  return module.handler;
}

/** API Gateway's notation: `{name}` is one segment, `{name+}` at the end all that are left. */
function pathPattern(path: string): RegExp {
  const pattern = path.replaceAll(/\{(\w+)(\+?)\}/g, (_match, name: string, greedy: string) =>
    greedy === '' ? `(?<${name}>[^/]+)` : `(?<${name}>.+)`,
  );
  return new RegExp(`^${pattern}$`, 's');
}

async function dispatch(
  routes: readonly Route[],
  fallback: EndpointHandler,
  { method, target, headers = {}, body }: ProductRequest,
): Promise<ProductAnswer> {
  const mark = target.indexOf('?');
  const path = gatewayPath(mark < 0 ? target : target.slice(0, mark));
  const query = mark < 0 ? undefined : Object.fromEntries(new URLSearchParams(target.slice(mark + 1)));
  const route = routes.find((each) => each.methods.includes(method) && each.path.test(path));
  const pathParameters = route?.path.exec(path)?.groups;
  const answer = await (route?.handler ?? fallback)(
    apiEvent({
      method,
      path,
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
      ),
      ...(query === undefined ? {} : { query }),
      ...(pathParameters === undefined ? {} : { pathParameters: { ...pathParameters } }),
      ...(body === undefined ? {} : { body: Buffer.from(body) }),
    }),
    lambdaContext,
  );
  return {
    status: answer.statusCode ?? 200,
    headers: Object.fromEntries(
      Object.entries(answer.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]),
    ),
    body: answer.body ?? '',
  };
}

/** As the gateway hands a path over: decoded once, except that %25 stays, and so does a bare percent sign. */
function gatewayPath(path: string): string {
  return path.replaceAll(/(?:%(?!25)[0-9a-f]{2})+/gi, (encoded) => decodeURIComponent(encoded));
}
