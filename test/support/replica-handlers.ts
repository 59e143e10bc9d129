import { createHash } from 'node:crypto';
import { HeadObjectCommand, PutObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import type { EndpointHandler } from '../../functions/shared/http/endpoint.ts';
import { hashPassword } from '../../functions/shared/principal/password.ts';
import { type ApiRequest, apiEvent, lambdaContext } from './api.ts';

/** Users as the golden captures have them: an administrator, and somebody who is none. */
const USERS = new Map([
  ['admin', 'admin'],
  ['jack', 'viewer'],
]);
const PASSWORD = 'password';

const HANDLERS: readonly (readonly [method: string, path: RegExp, folder: string])[] = [
  ['GET', /^\/ping$/, 'ping'],
  ['GET', /^\/version$/, 'version'],
  ['POST', /^\/project\/create$/, 'project-create'],
  ['POST', /^\/repo\/create$/, 'repo-create'],
  ['GET', /^\/node\/exist$/, 'node-exist'],
  ['POST', /^\/node\/exist\/list$/, 'node-exist-list'],
  ['POST', /^\/node\/create$/, 'node-create'],
  ['POST', /^\/node\/delete$/, 'node-delete'],
  ['POST', /^\/node\/rename$/, 'node-rename'],
  ['POST', /^\/node\/update$/, 'node-update'],
  ['POST', /^\/node\/move$/, 'node-move'],
  ['POST', /^\/node\/copy$/, 'node-copy'],
  ['POST', /^\/repo\/update$/, 'repo-update'],
  ['POST', /^\/repo\/delete$/, 'repo-delete'],
  ['POST', /^\/metadata\/save$/, 'metadata-save'],
  ['POST', /^\/metadata\/delete$/, 'metadata-delete'],
  ['POST', /^\/file\//, 'file-upload'],
  ['POST', /^\/user$/, 'user'],
  ['POST', /^\/role$/, 'role'],
  ['POST', /^\/role\/user\/[^/]+$/, 'role-user'],
  ['POST', /^\/permission$/, 'permission'],
  ['GET', /^\/permission\/list$/, 'permission-list'],
];

/** The folder of the handler that serves a request; `undefined` when none does. */
export function replicaHandlerOf(request: {
  readonly method: string;
  readonly path: string;
}): string | undefined {
  const path = request.path.replace(/^(\/api)?\/replication\/replica/, '').replace(/\?.*/s, '');
  return HANDLERS.find(([method, pattern]) => method === request.method && pattern.test(path))?.[2];
}

export interface ReplicaHandlers {
  /** The answer of the handler that serves the request. */
  readonly call: (
    request: ApiRequest & { readonly method: string; readonly path: string },
  ) => Promise<APIGatewayProxyStructuredResultV2>;
  /** Content put into the blob bucket, by key. */
  readonly blobs: ReadonlyMap<string, Buffer>;
}

/**
 * The real handlers of `/replica` in this process, over a real MongoDB; DynamoDB, Secrets Manager and S3 are played.
 * Call it once per process: the handlers read their environment when they are loaded.
 */
export async function loadReplicaHandlers(options: {
  readonly uri: string;
  readonly databaseName: string;
}): Promise<ReplicaHandlers> {
  const blobs = await playAws(options.uri);
  Object.assign(process.env, {
    AWS_REGION: 'eu-central-1',
    TABLE_NAME: 'table',
    MONGODB_SECRET_ID: 'mongodb',
    MONGODB_DATABASE: options.databaseName,
    OPERATE_LOG_COLLECTION: 'operate_log',
    BLOB_BUCKET: 'blobs',
    TIME_ZONE: 'UTC',
    CLUSTER_ID: '0123456789abcdef0123456789abcdef',
    POWERTOOLS_LOG_LEVEL: 'SILENT',
  });
  const handlers = new Map<string, EndpointHandler>();
  for (const [, , folder] of HANDLERS) {
    const module: { handler: EndpointHandler } = await import(`../../functions/replica/${folder}/handler.ts`);
    handlers.set(folder, module.handler);
  }
  return {
    blobs,
    call: (request) => {
      const handler = handlers.get(replicaHandlerOf(request) ?? '');
      if (handler === undefined) {
        throw new Error(`Nothing serves ${request.method} ${request.path}`);
      }
      // The one parameter of a path that a handler reads.
      const rid = /\/role\/user\/([^/]+)$/.exec(request.path)?.[1];
      return handler(
        apiEvent({ ...request, ...(rid === undefined ? {} : { pathParameters: { rid } }) }),
        lambdaContext,
      );
    },
  };
}

async function playAws(uri: string): Promise<Map<string, Buffer>> {
  const passwordHash = await hashPassword(PASSWORD);
  mockClient(SecretsManagerClient).on(GetSecretValueCommand).resolves({ SecretString: uri });
  mockClient(DynamoDBDocumentClient)
    .on(GetCommand)
    .callsFake(async ({ Key }: { readonly Key: { readonly sk: string } }) => {
      const role = USERS.get(Key.sk);
      return role === undefined ? {} : { Item: { username: Key.sk, role, passwordHash } };
    });
  const blobs = new Map<string, Buffer>();
  const s3 = mockClient(S3Client);
  s3.on(HeadObjectCommand).callsFake(async ({ Key }: { readonly Key: string }) => {
    const content = blobs.get(Key);
    if (content === undefined) {
      throw new S3ServiceException({
        name: 'NotFound',
        $fault: 'client',
        $metadata: { httpStatusCode: 404 },
      });
    }
    return { ContentLength: content.length };
  });
  s3.on(PutObjectCommand).callsFake(
    async (input: { readonly Key: string; readonly Body: Buffer; readonly ChecksumSHA256: string }) => {
      const checksum = createHash('sha256').update(input.Body).digest('base64');
      if (checksum !== input.ChecksumSHA256) {
        throw new Error('S3 would refuse this checksum');
      }
      blobs.set(input.Key, input.Body);
      return {};
    },
  );
  return blobs;
}
