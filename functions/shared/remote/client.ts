import { Readable } from 'node:stream';
import { Agent, type Dispatcher } from 'undici';
import { z } from 'zod';
import { type Clock, systemClock } from '../clock.ts';
import type { Container } from '../lane/message.ts';
import { normalizeFullPath } from '../node/path.ts';
import { guardedConnector } from './address.ts';
import { type Answer, dataOf, expected, failureOf, readAnswer } from './answer.ts';
import { type ContentCalls, contentCalls } from './content-calls.ts';
import { type DigestCalls, digestCalls } from './digest-calls.ts';
import {
  ContentMismatchError,
  MisnamedNodeError,
  RemoteAmbiguousError,
  RemoteOutageError,
  RemoteRefusalError,
  UnsendablePathError,
} from './errors.ts';
import { type IdentityCalls, identityCalls } from './identity-calls.ts';
import { partMetadata, withoutNulls } from './metadata.ts';
import { uploadBody } from './multipart.ts';
import { objectStore } from './object-store.ts';
import { originHeader } from './origin.ts';
import { type Announcement, parseVersion } from './version.ts';

/** Where a remote is and how it is entered. */
export interface RemoteAddress {
  /** Base of the replication service, such as `http://host/replication`; `/replica/...` is appended. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** PEM text, trusted for this remote only, beside the public authorities. */
  readonly certificate?: string | undefined;
}

/** Bounds on every exchange; milliseconds and bytes. */
export interface RemoteLimits {
  readonly connectTimeout: number;
  /** Longest silence of the remote: before its answer, and between two pieces of it. */
  readonly idleTimeout: number;
  /** Longest exchange that carries no content. */
  readonly callTimeout: number;
  readonly maxAnswerBytes: number;
  /** Connections to the remote at once. */
  readonly connections: number;
}

const DEFAULT_REMOTE_LIMITS: RemoteLimits = {
  connectTimeout: 5_000,
  idleTimeout: 30_000,
  callTimeout: 60_000,
  maxAnswerBytes: 4 * 1024 * 1024,
  connections: 16,
};

export interface RemoteNode extends Container {
  /** Normalised. */
  readonly fullPath: string;
}

export interface RemoteFile extends RemoteNode {
  /** Who made it at the source, and when: a local date-time without a zone. A form has no room for them. */
  readonly createdBy?: string | undefined;
  readonly createdDate?: string | undefined;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  readonly md5: string;
  /** Days; 0: never. */
  readonly expires: number;
  readonly operator: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface RemoteRepository extends Container {
  readonly type: string;
  readonly category: string;
  readonly public: boolean;
  readonly description?: string | undefined;
  /** With its `type`: the contract reads it by that. */
  readonly configuration?: Readonly<Record<string, unknown>> | undefined;
  readonly operator: string;
}

/** What a remote tells of a repository that it has. */
export interface RemoteDefinition {
  readonly public: boolean;
  readonly description?: string | undefined;
  readonly configuration?: Readonly<Record<string, unknown>> | undefined;
}

/** A move or copy within one repository. */
export interface RemoteTransfer extends RemoteNode {
  readonly destFullPath: string;
  readonly overwrite: boolean;
  readonly operator: string;
}

/**
 * The base contract of a bk-repo remote, as far as it is used, and the extensions.
 *
 * Every method throws RemoteOutageError, RemoteRefusalError or RemoteAmbiguousError; methods that name a path throw
 * UnsendablePathError too. All of them may be repeated.
 */
export interface RemoteClient extends ContentCalls, DigestCalls, IdentityCalls {
  ping(): Promise<void>;
  /** What the remote calls its version; extensions are announced there. */
  version(): Promise<string>;
  /** What the remote announces in its version; asked once in a while and remembered. */
  identity(): Promise<Announcement>;
  /** This client for changes that came here from other clusters, the first of them first: it passes that on. */
  onBehalfOf(origin: readonly string[]): RemoteClient;
  nodeExists(node: RemoteNode): Promise<boolean>;
  /** Those of the paths (at most 500 at once) that exist. */
  existing(nodes: Container & { readonly fullPaths: readonly string[] }): Promise<Set<string>>;
  /** Create a project; one that exists stays as it is. */
  createProject(project: {
    readonly name: string;
    readonly displayName: string;
    readonly description?: string | undefined;
    readonly operator: string;
  }): Promise<void>;
  /**
   * Create a repository; one that exists stays as it is.
   *
   * @returns what the remote has then; undefined when its answer does not tell.
   */
  createRepository(repository: RemoteRepository): Promise<RemoteDefinition | undefined>;
  /** Change those of a repository's fields that are given. A configuration of another type is refused. */
  updateRepository(
    repository: Container & {
      readonly public?: boolean | undefined;
      readonly description?: string | undefined;
      readonly configuration?: Readonly<Record<string, unknown>> | undefined;
      readonly operator: string;
    },
  ): Promise<void>;
  /** @param repository `forced`: with what is in it; else one that holds files is refused. */
  deleteRepository(
    repository: Container & { readonly forced: boolean; readonly operator: string },
  ): Promise<void>;
  createFolder(
    folder: RemoteNode & {
      readonly operator: string;
      readonly metadata: Readonly<Record<string, unknown>>;
      /** Who made it at the source; else the operator counts as that. */
      readonly createdBy?: string | undefined;
      /** Local date-time without a zone. */
      readonly createdDate?: string | undefined;
    },
  ): Promise<void>;
  renameNode(node: RemoteNode & { readonly newFullPath: string; readonly operator: string }): Promise<void>;
  moveNode(transfer: RemoteTransfer): Promise<void>;
  /**
   * Unlike every other call this one is made once and no more, even when the connection is cut: a folder that is
   * copied again lands inside its own copy.
   */
  copyNode(transfer: RemoteTransfer): Promise<void>;
  /** @param node `expires`: days from now; 0: never. */
  updateNode(node: RemoteNode & { readonly expires: number; readonly operator: string }): Promise<void>;
  /** Delete a node and what lies under it; a missing one is fine. */
  deleteNode(node: RemoteNode & { readonly operator: string }): Promise<void>;
  /** Merge metadata into a node's. */
  saveMetadata(
    node: RemoteNode & { readonly operator: string; readonly metadata: Readonly<Record<string, unknown>> },
  ): Promise<void>;
  /** Remove keys of a node's metadata; those that it has not are fine, and a missing node too. */
  deleteMetadata(
    node: RemoteNode & { readonly operator: string; readonly keys: readonly string[] },
  ): Promise<void>;
  /**
   * Send a file, replacing the one at its path. The content is streamed and hashed on its way; when it is not what
   * it is claimed to be the remote never receives a whole request. Metadata that the form would not carry follows by
   * `metadata/save`.
   *
   * @param open opens the content, once for each attempt; its errors are thrown as they are.
   * @throws ContentMismatchError, ContentReadError; MisnamedNodeError when the remote says that it stored the file
   * under another name.
   */
  uploadFile(
    file: RemoteFile,
    open: () => Promise<{ readonly size: number; readonly stream: Readable }>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
  /**
   * Create a file's node for content that the remote holds, replacing the file at its path. bk-repo does not look
   * whether it holds the content.
   */
  createFile(file: RemoteFile): Promise<void>;
  /** Close the connections, once what is under way has ended. */
  close(): Promise<void>;
}

const optionalText = z
  .string()
  .nullish()
  .transform((text) => text ?? undefined);

const definitionSchema = z.object({
  public: z.boolean(),
  description: optionalText,
  configuration: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((configuration) => configuration ?? undefined),
});

/**
 * The one outgoing client: addresses checked, redirects refused, TLS verified, everything
 * bounded, connections kept alive between calls.
 *
 * @throws RemoteOutageError ADDRESS_INVALID for anything but an http or https URL; TLS_FAILED for an unreadable
 * certificate.
 */
export function createRemoteClient(
  options: RemoteAddress & {
    readonly allowPrivate: boolean;
    /** This deployment's id, by which changes that it makes are known again. */
    readonly clusterId?: string | undefined;
    readonly clock?: Clock | undefined;
    /** What carries the requests, in place of connections under the address rules: for tests without sockets. */
    readonly dispatcher?: Dispatcher | undefined;
  } & Partial<RemoteLimits>,
): RemoteClient {
  const limits = { ...DEFAULT_REMOTE_LIMITS, ...options };
  const { origin, basePath } = baseOf(options.url);
  const agent =
    options.dispatcher ??
    new Agent({
      connect: guardedConnector(limits),
      connections: limits.connections,
      headersTimeout: limits.idleTimeout,
      bodyTimeout: limits.idleTimeout,
    });
  const store = objectStore({ ...limits, secure: origin.startsWith('https:') });
  const commonHeaders = {
    accept: '*/*',
    'accept-language': 'en',
    authorization: `Basic ${Buffer.from(`${options.username}:${options.password}`, 'utf8').toString('base64')}`,
    'user-agent': 'logferry',
  };

  async function exchange(request: Request): Promise<Answer> {
    try {
      const response = await agent.request({
        origin,
        path: basePath + request.path,
        method: request.method,
        headers: { ...commonHeaders, ...request.headers },
        signal: request.signal,
        ...(request.body === undefined ? {} : { body: request.body }),
      });
      return await readAnswer(response, limits.maxAnswerBytes);
    } catch (error) {
      throw failureOf(error);
    }
  }

  /**
   * Ask once more when the connection was cut: a kept one may have died unnoticed, most of all while the execution
   * environment was frozen between two invocations.
   */
  async function attempt(send: () => Promise<Answer>): Promise<unknown> {
    try {
      return dataOf(await send());
    } catch (error) {
      if (error instanceof RemoteOutageError && error.reason === 'CONNECTION_CUT') {
        return dataOf(await send());
      }
      throw error;
    }
  }

  function get(path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    return attempt(() =>
      exchange({
        method: 'GET',
        path: pairs.length === 0 ? path : `${path}?${pairs.join('&')}`,
        headers: {},
        signal: AbortSignal.timeout(limits.callTimeout),
      }),
    );
  }

  const version = async () => expected(z.string(), await unambiguous(get('/replica/version')));
  const identity = remembered(() => announced(version), options.clock ?? systemClock);

  return clientFor([]);

  function clientFor(origin: readonly string[]): RemoteClient {
    const marks = originHeader(origin, options.clusterId);

    function post(path: string, content: unknown): Promise<unknown> {
      return attempt(() => postOnce(path, content));
    }

    function postOnce(path: string, content: unknown): Promise<Answer> {
      return exchange({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json', ...marks },
        body: JSON.stringify(content),
        signal: AbortSignal.timeout(limits.callTimeout),
      });
    }

    const client: RemoteClient = {
      ping: async () => {
        await unambiguous(get('/replica/ping'));
      },

      version,
      identity,
      onBehalfOf: clientFor,

      nodeExists: async ({ projectId, repoName, fullPath }) =>
        expected(
          z.boolean(),
          await get('/replica/node/exist', { projectId, repoName, fullPath: sendable(fullPath) }),
        ),

      existing: async ({ projectId, repoName, fullPaths }) => {
        const fullPathList = fullPaths.map(sendable);
        return new Set(
          expected(
            z.array(z.string()),
            await post('/replica/node/exist/list', { projectId, repoName, fullPathList }),
          ),
        );
      },

      createProject: async ({ name, displayName, description, operator }) => {
        await post('/replica/project/create', { name, displayName, description, operator });
      },

      createRepository: async ({ projectId, repoName, ...repository }) => {
        const answer = await post('/replica/repo/create', { projectId, name: repoName, ...repository });
        return definitionSchema.safeParse(answer).data;
      },

      updateRepository: async ({ projectId, repoName, ...repository }) => {
        await post('/replica/repo/update', { projectId, name: repoName, ...repository });
      },

      deleteRepository: async ({ projectId, repoName, ...repository }) => {
        await post('/replica/repo/delete', { projectId, name: repoName, ...repository });
      },

      createFolder: async ({ fullPath, metadata, ...folder }) => {
        await post('/replica/node/create', {
          ...folder,
          fullPath: sendable(fullPath),
          folder: true,
          expires: 0,
          overwrite: false,
          metadata: withoutNulls(metadata),
        });
      },

      deleteNode: async ({ fullPath, ...node }) => {
        await post('/replica/node/delete', { ...node, fullPath: sendable(fullPath) });
      },

      renameNode: async ({ fullPath, newFullPath, ...node }) => {
        await post('/replica/node/rename', {
          ...node,
          fullPath: sendable(fullPath),
          newFullPath: sendable(newFullPath),
        });
      },

      moveNode: async (transfer) => {
        await post('/replica/node/move', transferRequest(transfer));
      },

      copyNode: async (transfer) => {
        dataOf(await postOnce('/replica/node/copy', transferRequest(transfer)));
      },

      updateNode: async ({ fullPath, ...node }) => {
        await post('/replica/node/update', { ...node, fullPath: sendable(fullPath) });
      },

      deleteMetadata: async ({ fullPath, keys, ...node }) => {
        await post('/replica/metadata/delete', { ...node, fullPath: sendable(fullPath), keyList: keys });
      },

      saveMetadata: async ({ fullPath, metadata, ...node }) => {
        await post('/replica/metadata/save', {
          ...node,
          fullPath: sendable(fullPath),
          metadata: withoutNulls(metadata),
        });
      },

      uploadFile: async (file, open, { signal } = {}) => {
        const { projectId, repoName, operator } = file;
        const fullPath = sendable(file.fullPath);
        const metadata = partMetadata(file.metadata);
        const path = `/replica/file/${encodePath(`${projectId}/${repoName}${fullPath}`)}`;
        const stored = await attempt(async () => {
          const { size, stream } = await open();
          try {
            if (size !== file.size) {
              throw new ContentMismatchError(`${size} bytes instead of ${file.size}`);
            }
            const body = uploadBody({ ...file, userId: operator, metadata: metadata.form });
            return await exchange({
              method: 'POST',
              path,
              headers: {
                'content-type': body.contentType,
                'content-length': String(body.contentLength),
                ...marks,
              },
              body: Readable.from(body.stream(stream), { objectMode: false }),
              signal: signal ?? null,
            });
          } finally {
            // Whatever became of the exchange, an early answer or a cut connection among it.
            stream.destroy();
          }
        });
        const named = storedNode.safeParse(stored).data?.fullPath;
        if (named !== undefined && named !== normalizeFullPath(fullPath)) {
          throw new MisnamedNodeError(named);
        }
        if (Object.keys(metadata.json).length > 0) {
          await client.saveMetadata({ projectId, repoName, fullPath, operator, metadata: metadata.json });
        }
      },

      createFile: async (file) => {
        const { projectId, repoName, size, sha256, md5, expires, operator, createdBy, createdDate } = file;
        await post('/replica/node/create', {
          projectId,
          repoName,
          fullPath: sendable(file.fullPath),
          folder: false,
          overwrite: true,
          expires,
          size,
          sha256,
          md5,
          metadata: withoutNulls(file.metadata),
          operator,
          createdBy,
          createdDate,
        });
      },

      ...contentCalls({ post, store }),
      ...digestCalls({ post }),
      ...identityCalls({ post, get }),

      close: async () => {
        await Promise.all([agent.close(), store.close()]);
      },
    };
    return client;
  }
}

/** How long a remote's announcement is believed; milliseconds. */
const ANNOUNCEMENT_AGE = 600_000;

/** A remote that has no version to tell announces nothing. */
async function announced(version: () => Promise<string>): Promise<Announcement> {
  try {
    return parseVersion(await version());
  } catch (error) {
    if (error instanceof RemoteRefusalError) {
      return parseVersion('');
    }
    throw error;
  }
}

/** An answer that is asked for again only when it is old; a question that fails is not remembered. */
function remembered<Value>(ask: () => Promise<Value>, clock: Clock): () => Promise<Value> {
  let known: { readonly value: Promise<Value>; readonly since: number } | undefined;
  return () => {
    const now = clock().getTime();
    if (known === undefined || now - known.since >= ANNOUNCEMENT_AGE) {
      const asked = { value: ask(), since: now };
      known = asked;
      asked.value.catch(() => {
        if (known === asked) {
          known = undefined;
        }
      });
    }
    return known.value;
  };
}

/** What a remote says of a file that it has taken, as far as it is read. */
const storedNode = z.object({ fullPath: z.string() });

function transferRequest({ projectId, repoName, fullPath, destFullPath, ...transfer }: RemoteTransfer) {
  return {
    srcProjectId: projectId,
    srcRepoName: repoName,
    srcFullPath: sendable(fullPath),
    destProjectId: projectId,
    destRepoName: repoName,
    destFullPath: sendable(destFullPath),
    ...transfer,
  };
}

interface Request {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: NonNullable<Dispatcher.RequestOptions['body']>;
  readonly signal: AbortSignal | null;
}

function baseOf(url: string): { readonly origin: string; readonly basePath: string } {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new RemoteOutageError('ADDRESS_INVALID');
  }
  return { origin: parsed.origin, basePath: parsed.pathname.replace(/\/+$/, '') };
}

/** Every segment percent-encoded, so that `?`, `#`, `;`, `%` and blanks stay part of the name. */
function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

function sendable(fullPath: string): string {
  if (!fullPath.isWellFormed()) {
    throw new UnsendablePathError();
  }
  return fullPath;
}

/** For calls that no healthy remote refuses: what may be either is an outage. */
async function unambiguous(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof RemoteAmbiguousError ? error.asOutage : error;
  }
}
