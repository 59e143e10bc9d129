import { Logger } from '@aws-lambda-powertools/logger';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { Db } from 'mongodb';
import { z } from 'zod';
import type { BlobStore } from '../../functions/shared/blob/blob-store.ts';
import { heldBlobs } from '../../functions/shared/blob/held-blobs.ts';
import { blobCheckListRequest } from '../../functions/shared/blob/requests.ts';
import type { Clock } from '../../functions/shared/clock.ts';
import {
  bkrepoEndpoint,
  type EndpointDefinition,
  type EndpointHandler,
  type RequestContext,
} from '../../functions/shared/http/endpoint.ts';
import { nodeDetail } from '../../functions/shared/node/detail.ts';
import { nodeDigestRange, nodeDigestRangeRequest } from '../../functions/shared/node/digest-range.ts';
import { nodeDigestListRequest, nodeDigests } from '../../functions/shared/node/digests.ts';
import { fileUploadRequest, readFileUpload, receiveFile } from '../../functions/shared/node/file-upload.ts';
import {
  metadataDeleteRequest,
  metadataSaveRequest,
  nodeCreateRequest,
  nodeDeleteRequest,
  nodeExistListRequest,
  nodeExistRequest,
  nodeRenameRequest,
  nodeTransferRequest,
  nodeUpdateRequest,
} from '../../functions/shared/node/requests.ts';
import { mongoOperateLogWriter } from '../../functions/shared/operate-log/writer.ts';
import { projectCreateRequest } from '../../functions/shared/project/requests.ts';
import { type Receiver, receiverOf } from '../../functions/shared/receiver.ts';
import { originOf } from '../../functions/shared/remote/origin.ts';
import { type Extension, formatVersion } from '../../functions/shared/remote/version.ts';
import {
  repositoryCreateRequest,
  repositoryDeleteRequest,
  repositoryDetail,
  repositoryUpdateRequest,
} from '../../functions/shared/repository/requests.ts';
import { apiEvent, lambdaContext } from '../support/api.ts';
import { intercepted } from '../support/intercepted.ts';

const TIME_ZONE = 'UTC';

/** Says nothing, and is its own child: one is made for every request. */
function quietLogger(onError: (error: unknown) => void): Logger {
  const logger: Logger = intercepted(new Logger({ logLevel: 'SILENT' }), {
    createChild: () => logger,
    error: (_message: unknown, { error }: { readonly error?: unknown } = {}) => onError(error),
  });
  return logger;
}

export interface ReceivedRequest {
  readonly method: string;
  /** Path and query, encoded. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface ReceiverAnswer {
  readonly status: number;
  readonly body: string;
}

export interface ReceiverOptions {
  /** A database over a new connection. */
  readonly connect: () => Db;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly clusterId: string;
  /** What it announces; nothing at all: then it is a bk-repo of January 2021, which answers every refusal with 500 and 250101. */
  readonly extensions: readonly Extension[] | undefined;
  /** Told what a request has failed with. */
  readonly onError: (error: unknown) => void;
}

/** The endpoints of the replica contract that a lane calls, over the product's services: requests in, envelopes out. */
export function receiver(options: ReceiverOptions): (request: ReceivedRequest) => Promise<ReceiverAnswer> {
  const { extensions, connect } = options;
  // A process works on one request at a time; what dies over one is never used again.
  const idle: ReadonlyMap<string, EndpointHandler>[] = [];
  return async ({ method, target, headers, body }) => {
    const endpoints = idle.pop() ?? endpointsOf({ ...options, database: connect() });
    const { pathname, searchParams } = new URL(target, 'http://receiver');
    const path = decodeURIComponent(pathname.replaceAll('%25', '%2525'));
    const name = path.replace(/^\/replication\/replica\//, '');
    const endpoint = endpoints.get(name.startsWith('file/') ? 'file' : name);
    if (endpoint === undefined) {
      return { status: 404, body: '' };
    }
    const query = Object.fromEntries(searchParams);
    const answer = await endpoint(apiEvent({ method, path, headers, query, body }), lambdaContext);
    idle.push(endpoints);
    if (plainly(answer).status >= 400) {
      options.onError(`${path}: ${answer.body}`);
    }
    return extensions === undefined ? asEra(answer) : plainly(answer);
  };
}

function plainly({ statusCode = 200, body = '' }: APIGatewayProxyStructuredResultV2): ReceiverAnswer {
  return { status: statusCode, body };
}

/** The era's bk-repo turns what its services refuse into one and the same answer. */
function asEra(answer: APIGatewayProxyStructuredResultV2): ReceiverAnswer {
  const { status, body } = plainly(answer);
  return status < 400
    ? { status, body }
    : {
        status: 500,
        body: JSON.stringify({ code: 250_101, message: 'System busy', data: null, traceId: '' }),
      };
}

function endpointsOf(
  options: ReceiverOptions & { readonly database: Db },
): ReadonlyMap<string, EndpointHandler> {
  const { database, blobs, clock, clusterId, extensions } = options;
  const logger = quietLogger(options.onError);
  const authenticator = () => ({ authenticate: async () => ({ username: 'admin', role: 'admin' as const }) });
  const asking = receiverOf({ database, clock });
  const changing = ({ request }: RequestContext): Receiver =>
    receiverOf({
      database,
      clock,
      log: mongoOperateLogWriter({
        log: database.collection('operate_log'),
        clock,
        timeZone: TIME_ZONE,
        clientAddress: request.clientAddress,
        origin: originOf(request),
      }),
    });
  const served = <Schema extends z.ZodType>(
    definition: Omit<EndpointDefinition<Schema>, 'unauthenticated'>,
  ) => bkrepoEndpoint({ ...definition, unauthenticated: 'header-missing' }, { authenticator, logger });
  const posted = <Schema extends z.ZodType>(
    schema: Schema,
    handle: (input: z.output<Schema>, context: RequestContext) => Promise<unknown>,
  ) => served({ schema, input: (request) => request.json(), handle });

  return new Map<string, EndpointHandler>([
    ['ping', served({ schema: z.undefined(), input: () => undefined, handle: async () => undefined })],
    [
      'version',
      served({
        schema: z.undefined(),
        input: () => undefined,
        handle: async () => (extensions === undefined ? '1.0.0' : formatVersion({ clusterId, extensions })),
      }),
    ],
    [
      'project/create',
      posted(projectCreateRequest, async (creation, context) => {
        await changing(context).projects.create(creation);
      }),
    ],
    [
      'repo/create',
      posted(repositoryCreateRequest, async (creation, context) =>
        repositoryDetail(await changing(context).repositories.create(creation), 'UTC'),
      ),
    ],
    [
      'repo/update',
      posted(repositoryUpdateRequest, (update, context) => changing(context).repositories.update(update)),
    ],
    [
      'repo/delete',
      posted(repositoryDeleteRequest, (deletion, context) => changing(context).repositories.delete(deletion)),
    ],
    [
      'node/create',
      posted(nodeCreateRequest(TIME_ZONE), async (creation, context) =>
        nodeDetail(await changing(context).nodes.create(creation), TIME_ZONE),
      ),
    ],
    [
      'node/delete',
      posted(nodeDeleteRequest, (deletion, context) => changing(context).nodes.delete(deletion)),
    ],
    [
      'node/rename',
      posted(nodeRenameRequest, (renaming, context) => changing(context).nodes.rename(renaming)),
    ],
    ['node/update', posted(nodeUpdateRequest, (update, context) => changing(context).nodes.update(update))],
    ['node/move', posted(nodeTransferRequest, (transfer, context) => changing(context).nodes.move(transfer))],
    ['node/copy', posted(nodeTransferRequest, (transfer, context) => changing(context).nodes.copy(transfer))],
    [
      'metadata/save',
      posted(metadataSaveRequest, (saving, context) => changing(context).nodes.saveMetadata(saving)),
    ],
    [
      'metadata/delete',
      posted(metadataDeleteRequest, (deletion, context) => changing(context).nodes.deleteMetadata(deletion)),
    ],
    ['node/exist/list', posted(nodeExistListRequest, (question) => asking.nodes.existingPaths(question))],
    [
      'node/digest/range',
      posted(nodeDigestRangeRequest, (question) => nodeDigestRange({ database, question })),
    ],
    ['node/digest/list', posted(nodeDigestListRequest, (question) => nodeDigests({ database, question }))],
    ['blob/check/list', posted(blobCheckListRequest, ({ sha256List }) => heldBlobs({ blobs, sha256List }))],
    [
      'node/exist',
      served({
        schema: nodeExistRequest,
        input: (request) => request.query,
        handle: (address) => asking.nodes.exists(address),
      }),
    ],
    [
      'file',
      served({
        schema: fileUploadRequest,
        input: (request) => ({
          rawPath: request.rawPath,
          contentType: request.header('content-type'),
          body: request.bytes(),
        }),
        handle: async (request, context) => {
          const upload = await readFileUpload(request);
          const { nodes, repositories } = changing(context);
          return nodeDetail(await receiveFile({ upload, repositories, blobs, nodes }), TIME_ZONE);
        },
      }),
    ],
  ]);
}
