import { type Document, Long, ObjectId } from 'mongodb';
import type { Clock } from '../clock.ts';
import { formatLocalDateTime } from '../http/local-date-time.ts';
import { isDuplicateKey } from '../mongodb/duplicate-key.ts';
import { type MetadataEntry, metadataObject, storedMetadata } from '../node/metadata.ts';
import type {
  MetadataDeletion,
  MetadataSave,
  NodeCreation,
  NodeDeletion,
  NodeUpdate,
} from '../node/node-service.ts';
import type { NodeRename } from '../node/rename.ts';
import type { NodeTransfer } from '../node/transfer.ts';
import { SYSTEM_OPERATOR } from '../operator.ts';
import type { ProjectCreation } from '../project/project-service.ts';
import type { RepositoryConfiguration } from '../repository/configuration.ts';
import { prettyJson } from '../repository/pretty-json.ts';
import type {
  RepositoryCreation,
  RepositoryDeletion,
  RepositoryUpdate,
} from '../repository/repository-service.ts';

/** A change that the receiver has made, with the request as it came: paths are logged as they were sent. */
export type ReceivedChange =
  | { readonly kind: 'PROJECT_CREATE'; readonly request: ProjectCreation }
  | { readonly kind: 'REPOSITORY_CREATE'; readonly request: RepositoryCreation }
  | { readonly kind: 'REPOSITORY_UPDATE'; readonly request: RepositoryUpdate }
  | { readonly kind: 'REPOSITORY_DELETE'; readonly request: RepositoryDeletion }
  | { readonly kind: 'NODE_CREATE'; readonly request: NodeCreation }
  | { readonly kind: 'NODE_RENAME'; readonly request: NodeRename }
  | { readonly kind: 'NODE_UPDATE'; readonly request: NodeUpdate }
  | { readonly kind: 'NODE_MOVE' | 'NODE_COPY'; readonly request: NodeTransfer }
  | { readonly kind: 'NODE_DELETE'; readonly request: NodeDeletion }
  | { readonly kind: 'METADATA_SAVE'; readonly request: MetadataSave }
  | { readonly kind: 'METADATA_DELETE'; readonly request: MetadataDeletion };

/** Where the receiver's services tell what they have changed. */
export interface OperateLogWriter {
  /** Called once a change is complete; what it throws becomes the caller's failure, so that the request is repeated. */
  record(change: ReceivedChange): Promise<void>;
}

/** For receivers whose changes nobody follows. */
export const NO_OPERATE_LOG: OperateLogWriter = { record: async () => undefined };

/** The part of a MongoDB collection that is needed here. */
export interface LogCollection {
  insertOne(entry: Document): Promise<unknown>;
}

/** How often an entry is offered to the database before the request fails. */
const MAX_ATTEMPTS = 3;

/**
 * Writes received changes to bk-repo's own log, in its own shapes, so that they are followed like any other.
 *
 * Two things differ from what bk-repo writes. Deletions of nodes are logged too, which lets a third cluster follow
 * them. And where MongoDB would refuse a key that holds a dot or begins with `$` (bk-repo then loses the entry), the
 * request is written as JSON text, as the requests about nodes always are.
 *
 * @param options.clientAddress who has called.
 * @param options.origin ids of the clusters that the change came by, the first one first; written as `origin`.
 * @param options.timeZone IANA name of the zone that zone-less date-times are in.
 */
export function mongoOperateLogWriter(options: {
  readonly log: LogCollection;
  readonly clock: Clock;
  readonly timeZone: string;
  readonly clientAddress: string;
  readonly origin: readonly string[];
}): OperateLogWriter {
  const { log, clock, timeZone, clientAddress, origin } = options;
  return {
    record: async (change) => {
      const { description, ...head } = entryOf(change, timeZone);
      await insertOnce(log, {
        // Chosen here, so that an attempt that follows a lost answer does not make a second entry.
        _id: new ObjectId(),
        createdDate: clock(),
        ...head,
        clientAddress,
        description,
        ...(origin.length === 0 ? {} : { origin: [...origin] }),
      });
    },
  };
}

async function insertOnce(log: LogCollection, entry: Document): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await log.insertOne(entry);
      return;
    } catch (error) {
      if (isDuplicateKey(error)) {
        return;
      }
      if (attempt === MAX_ATTEMPTS) {
        throw error;
      }
    }
  }
}

interface Entry {
  readonly resourceType: 'PROJECT' | 'REPOSITORY' | 'NODE' | 'METADATA';
  readonly resourceKey: string;
  readonly operateType: 'CREATE' | 'UPDATE' | 'RENAME' | 'MOVE' | 'COPY' | 'DELETE';
  readonly userId: string;
  readonly description: Document;
}

function entryOf(change: ReceivedChange, timeZone: string): Entry {
  switch (change.kind) {
    case 'PROJECT_CREATE': {
      const { name, displayName, description, operator } = change.request;
      return {
        resourceType: 'PROJECT',
        resourceKey: name,
        operateType: 'CREATE',
        userId: operator,
        description: { request: withoutNulls({ name, displayName, description, operator }) },
      };
    }
    case 'REPOSITORY_CREATE': {
      const { projectId, name, type, category, description, storageCredentialsKey, operator } =
        change.request;
      return repositoryEntry('CREATE', change.request, {
        projectId,
        name,
        type,
        category,
        public: change.request.public,
        description,
        configuration: untyped(change.request.configuration),
        storageCredentialsKey,
        operator,
      });
    }
    case 'REPOSITORY_UPDATE': {
      const { projectId, name, description, operator } = change.request;
      return repositoryEntry('UPDATE', change.request, {
        projectId,
        name,
        public: change.request.public,
        description,
        configuration: untyped(change.request.configuration),
        operator,
      });
    }
    case 'REPOSITORY_DELETE': {
      const { projectId, name, forced, operator } = change.request;
      return repositoryEntry('DELETE', change.request, { projectId, name, forced, operator });
    }
    case 'NODE_CREATE':
      return nodeEntry('CREATE', change.request, creationText(change.request, timeZone));
    case 'NODE_RENAME': {
      const { projectId, repoName, fullPath, newFullPath, operator } = change.request;
      return nodeEntry('RENAME', change.request, { projectId, repoName, fullPath, newFullPath, operator });
    }
    case 'NODE_UPDATE': {
      const { projectId, repoName, fullPath, expires, operator } = change.request;
      return nodeEntry('UPDATE', change.request, { projectId, repoName, fullPath, expires, operator });
    }
    case 'NODE_MOVE':
      return transferEntry('MOVE', change.request);
    case 'NODE_COPY':
      return transferEntry('COPY', change.request);
    case 'NODE_DELETE': {
      const { projectId, repoName, fullPath, operator } = change.request;
      return nodeEntry('DELETE', change.request, { projectId, repoName, fullPath, operator });
    }
    case 'METADATA_SAVE':
      return metadataEntry(change.request, { metadata: change.request.metadata });
    case 'METADATA_DELETE':
      return metadataEntry(change.request, { keyList: [...new Set(change.request.keyList)] });
  }
}

function repositoryEntry(
  operateType: 'CREATE' | 'UPDATE' | 'DELETE',
  { projectId, name, operator }: Pick<RepositoryDeletion, 'projectId' | 'name' | 'operator'>,
  request: Readonly<Record<string, unknown>>,
): Entry {
  return {
    resourceType: 'REPOSITORY',
    resourceKey: `/${projectId}/${name}`,
    operateType,
    userId: operator,
    description: { request: embedded(withoutNulls(request)) },
  };
}

function nodeEntry(
  operateType: Entry['operateType'],
  { projectId, repoName, fullPath, operator }: NodeDeletion,
  request: Readonly<Record<string, unknown>>,
): Entry {
  return {
    resourceType: 'NODE',
    // No slash of its own before the path, as bk-repo has it.
    resourceKey: `/${projectId}/${repoName}${fullPath}`,
    operateType,
    userId: operator,
    description: { projectId, repoName, request: prettyJson(request) },
  };
}

function creationText(creation: NodeCreation, timeZone: string): Readonly<Record<string, unknown>> {
  const { projectId, repoName, fullPath, folder, expires, overwrite, size, sha256, md5, metadata } = creation;
  const local = (date: Date | undefined) => (date === undefined ? null : formatLocalDateTime(date, timeZone));
  return {
    projectId,
    repoName,
    fullPath,
    folder,
    expires,
    overwrite,
    size: size ?? null,
    sha256: sha256 ?? null,
    md5: md5 ?? null,
    metadata: metadata === undefined ? null : metadataObject(metadata),
    operator: creation.operator,
    createdBy: creation.createdBy ?? null,
    createdDate: local(creation.createdDate),
    lastModifiedBy: creation.lastModifiedBy ?? null,
    lastModifiedDate: local(creation.lastModifiedDate),
  };
}

function transferEntry(operateType: 'MOVE' | 'COPY', transfer: NodeTransfer): Entry {
  const { srcProjectId, srcRepoName, srcFullPath, destProjectId, destRepoName } = transfer;
  const { destFullPath, overwrite, operator } = transfer;
  const source = { projectId: srcProjectId, repoName: srcRepoName, fullPath: srcFullPath };
  return nodeEntry(
    operateType,
    { ...source, operator },
    {
      srcProjectId,
      srcRepoName,
      srcFullPath,
      destProjectId: destProjectId ?? null,
      destRepoName: destRepoName ?? null,
      destFullPath,
      overwrite,
      operator,
      ...source,
      operateName: operateType === 'MOVE' ? 'Move' : 'Copy',
    },
  );
}

function metadataEntry(
  { projectId, repoName, fullPath, operator = SYSTEM_OPERATOR }: Omit<MetadataDeletion, 'keyList'>,
  { metadata, keyList }: { readonly metadata?: readonly MetadataEntry[]; readonly keyList?: string[] },
): Entry {
  const address = { projectId, repoName, fullPath };
  const holdsRefusedKey = metadata?.some(({ key }) => isRefusedKey(key)) ?? false;
  const request = holdsRefusedKey
    ? prettyJson({ ...address, metadata: metadataObject(metadata ?? []), operator })
    : {
        ...address,
        ...(metadata === undefined
          ? { keyList }
          : { metadata: new Map(storedMetadata(metadata).map(({ key, value }) => [key, value])) }),
        operator,
      };
  return {
    resourceType: 'METADATA',
    resourceKey: `/${projectId}/${repoName}${fullPath}`,
    operateType: 'UPDATE',
    userId: operator,
    description: { request },
  };
}

/** A configuration as bk-repo embeds it: without its type, in its classes' order, and a long where Java has one. */
function untyped(
  configuration: RepositoryConfiguration | undefined,
): Readonly<Record<string, unknown>> | undefined {
  switch (configuration?.type) {
    case undefined:
      return undefined;
    case 'rpm-local':
      return { webHook: configuration.webHook, settings: configuration.settings };
    case 'composite':
      return {
        proxy: configuration.proxy,
        webHook: configuration.webHook,
        settings: configuration.settings,
      };
    case 'virtual':
      return { repositoryList: configuration.repositoryList, settings: configuration.settings };
    case 'remote': {
      const { url, credentials, network, cache, settings } = configuration;
      return {
        url,
        credentials,
        network: {
          proxy: network.proxy,
          connectTimeout: Long.fromNumber(network.connectTimeout),
          readTimeout: Long.fromNumber(network.readTimeout),
        },
        cache: { enabled: cache.enabled, expiration: Long.fromNumber(cache.expiration) },
        settings,
      };
    }
  }
}

/** The request as an embedded document, or as text where MongoDB would refuse one of its keys. */
function embedded(request: Document): Document | string {
  return holdsRefusedKey(request) ? prettyJson(plain(request)) : request;
}

function holdsRefusedKey(value: unknown): boolean {
  if (Array.isArray(value)) {
    return value.some(holdsRefusedKey);
  }
  return (
    isObject(value) &&
    Object.entries(value).some(([key, content]) => isRefusedKey(key) || holdsRefusedKey(content))
  );
}

function isRefusedKey(key: string): boolean {
  return key.includes('.') || key.startsWith('$');
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value instanceof Long) {
    return value.toNumber();
  }
  return isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, content]) => [key, plain(content)]))
    : value;
}

function withoutNulls(request: Readonly<Record<string, unknown>>): Document {
  const entries = Object.entries(request).flatMap(([key, content]) =>
    content === undefined || content === null ? [] : [[key, withoutNullsWithin(content)] as const],
  );
  return Object.fromEntries(entries);
}

function withoutNullsWithin(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(withoutNullsWithin);
  }
  return isObject(value) ? withoutNulls(value) : value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !(value instanceof Long);
}
