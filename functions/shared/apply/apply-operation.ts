import type { BlobStore } from '../blob/blob-store.ts';
import { BlobNotFoundError } from '../blob/blob-store.ts';
import type { Clock } from '../clock.ts';
import type { Container } from '../lane/message.ts';
import type { Operation } from '../lane/operation.ts';
import { isRoot, ROOT } from '../node/path.ts';
import type { RemoteClient } from '../remote/client.ts';
import { ContentMismatchError, RemoteRefusalError, UnsendablePathError } from '../remote/errors.ts';
import { askBeforeBelieving, isMisfit } from './ask.ts';
import { type Containers, created, laneContainers } from './containers.ts';
import { APPLIED, failed, type Outcome, SUPERSEDED } from './outcome.ts';
import { typedConfiguration } from './repository-configuration.ts';
import type { SourceCatalog, SourceNode } from './source-catalog.ts';

type FileCreate = Extract<Operation, { kind: 'FILE_CREATE' }>;
type NodeOperation = Extract<
  Operation,
  { kind: 'FILE_CREATE' | 'FOLDER_CREATE' | 'NODE_DELETE' | 'METADATA_SAVE' }
>;
type FileContent = Pick<
  FileCreate,
  'fullPath' | 'size' | 'sha256' | 'md5' | 'expires' | 'operator' | 'metadata'
>;

const DAY = 86_400_000;
/** Code of a node that exists already. */
const NODE_EXISTED = 251008;

export interface Applier {
  /**
   * Do one operation at the remote. May be repeated at any point.
   *
   * @throws RemoteOutageError, RemoteUndecidedError, and the faults of the source's own stores: then nothing is known
   * of the operation, and it is to be done again.
   */
  apply(operation: Operation): Promise<Outcome>;
  /** Whether the lane's project and repository are known to be at the remote. */
  containersEnsured(): boolean;
}

/** Applies the operations of one lane, in the order in which they are given. */
export function laneApplier(options: {
  readonly source: Container;
  readonly remote: Container;
  readonly includeMetadata: boolean;
  readonly client: RemoteClient;
  readonly catalog: SourceCatalog;
  readonly blobs: Pick<BlobStore, 'open'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly containersEnsured: boolean;
  /** Whether the message may come back because of an ambiguous answer. */
  readonly patient: boolean;
}): Applier {
  const { source, remote, includeMetadata, client, catalog, blobs, clock, signal, patient } = options;
  let ensured = options.containersEnsured;
  let ensuring: RemoteRefusalError | undefined;

  /**
   * @param fullPath path to ask for when the answer is ambiguous; any will do where the call names none.
   * @param explains whether the node's being there or not is reason enough for a refusal.
   */
  function perform<Result>(
    call: () => Promise<Result>,
    fullPath = UNLIKELY_PATH,
    explains?: (exists: boolean) => boolean,
  ): Promise<Result> {
    return askBeforeBelieving({ call, client, node: { ...remote, fullPath }, explains, patient });
  }

  const containers: Containers = laneContainers({ source, remote, catalog, client, perform });

  /** A refusal holds for the rest of the batch: it is not asked for again with each operation. */
  async function ensureContainers(): Promise<void> {
    if (ensured) {
      return;
    }
    if (ensuring !== undefined) {
      throw ensuring;
    }
    try {
      await containers.repository();
      ensured = true;
    } catch (error) {
      if (error instanceof RemoteRefusalError) {
        ensuring = error;
      }
      throw error;
    }
  }

  async function createProject(operation: Extract<Operation, { kind: 'PROJECT_CREATE' }>): Promise<Outcome> {
    const { displayName, description, operator } = operation;
    await created(() =>
      perform(() => client.createProject({ name: remote.projectId, displayName, description, operator })),
    );
    ensured = true;
    return APPLIED;
  }

  async function createRepository(
    operation: Extract<Operation, { kind: 'REPOSITORY_CREATE' }>,
  ): Promise<Outcome> {
    await containers.project();
    const present = await catalog.repository(source.projectId, source.repoName);
    const { type, category, description, configuration, operator } = operation;
    await created(() =>
      perform(() =>
        client.createRepository({
          ...remote,
          type,
          category,
          public: operation.public,
          description,
          configuration: typedConfiguration(configuration, present?.configuration),
          operator,
        }),
      ),
    );
    ensured = true;
    return APPLIED;
  }

  async function putFile(file: FileContent): Promise<Outcome> {
    const { fullPath } = file;
    const upload = () =>
      client.uploadFile(
        { ...remote, ...file, metadata: includeMetadata ? file.metadata : {} },
        () => blobs.open(file.sha256),
        { signal },
      );
    try {
      await perform(upload, fullPath);
      return APPLIED;
    } catch (error) {
      if (error instanceof BlobNotFoundError) {
        return withoutContent(fullPath, file.sha256);
      }
      if (error instanceof ContentMismatchError) {
        return failed('BLOB_CORRUPT', error.message);
      }
      throw error;
    }
  }

  /** Content that is gone is no loss where the source's node is gone too, or holds other content by a later event. */
  async function withoutContent(fullPath: string, sha256: string): Promise<Outcome> {
    const node = await catalog.node(source.projectId, source.repoName, fullPath);
    return node?.folder === false && node.sha256 === sha256
      ? failed('BLOB_MISSING', `The source has no content ${sha256}`)
      : SUPERSEDED;
  }

  /** An existing folder is fine, and takes on the metadata. */
  async function putFolder(folder: {
    readonly fullPath: string;
    readonly operator: string;
    readonly metadata: Readonly<Record<string, unknown>>;
  }): Promise<Outcome> {
    const { fullPath, operator } = folder;
    if (isRoot(fullPath)) {
      return APPLIED;
    }
    const metadata = includeMetadata ? folder.metadata : {};
    try {
      await perform(
        () => client.createFolder({ ...remote, fullPath, operator, metadata }),
        fullPath,
        (exists) => exists,
      );
    } catch (error) {
      if (!(error instanceof RemoteRefusalError) || !(await isThere(error, fullPath))) {
        throw error;
      }
      if (Object.keys(metadata).length > 0) {
        await perform(() => client.saveMetadata({ ...remote, fullPath, operator, metadata }), fullPath);
      }
    }
    return APPLIED;
  }

  /** Whether a refusal means that the node exists: it says so, or it says nothing (250101) and the node does. */
  async function isThere(refusal: RemoteRefusalError, fullPath: string): Promise<boolean> {
    return (
      refusal.code === NODE_EXISTED ||
      (refusal.status >= 500 && (await perform(() => client.nodeExists({ ...remote, fullPath }), fullPath)))
    );
  }

  async function deleteNode(operation: {
    readonly fullPath: string;
    readonly operator: string;
  }): Promise<Outcome> {
    const { fullPath, operator } = operation;
    const node = await catalog.node(source.projectId, source.repoName, fullPath);
    if (node?.folder === false) {
      // The source has a file there again. Its creation is another event, which may even stand before this one in the
      // log (inversions of 400 ms were measured) and have been applied: deleting now would lose the file.
      return SUPERSEDED;
    }
    await perform(() => client.deleteNode({ ...remote, fullPath, operator }), fullPath);
    return APPLIED;
  }

  async function saveMetadata(operation: Extract<Operation, { kind: 'METADATA_SAVE' }>): Promise<Outcome> {
    if (!includeMetadata) {
      return SUPERSEDED;
    }
    const { fullPath, operator, metadata } = operation;
    await perform(
      () => client.saveMetadata({ ...remote, fullPath, operator, metadata }),
      fullPath,
      (exists) => !exists,
    );
    return APPLIED;
  }

  async function applyToNode(operation: NodeOperation): Promise<Outcome> {
    await ensureContainers();
    try {
      switch (operation.kind) {
        case 'FILE_CREATE':
          return await putFile(operation);
        case 'FOLDER_CREATE':
          return await putFolder(operation);
        case 'NODE_DELETE':
          return await deleteNode(operation);
        case 'METADATA_SAVE':
          return await saveMetadata(operation);
      }
    } catch (error) {
      if (error instanceof RemoteRefusalError && isMisfit(error)) {
        return settle(operation);
      }
      throw error;
    }
  }

  /**
   * An operation that does not fit what is at the target: make the node there what it is at the source now. The log
   * is only nearly in commit order, and a container may have been deleted behind our back.
   */
  async function settle(operation: NodeOperation): Promise<Outcome> {
    const { fullPath, operator } = operation;
    await containers.repository();
    const node = await catalog.node(source.projectId, source.repoName, fullPath);
    if (node === undefined) {
      await perform(() => client.deleteNode({ ...remote, fullPath, operator }), fullPath);
      return APPLIED;
    }
    return node.folder
      ? putFolder({ fullPath, operator, metadata: node.metadata })
      : putFile({ ...node, operator, expires: daysLeft(node, clock()) });
  }

  async function dispatch(operation: Operation): Promise<Outcome> {
    switch (operation.kind) {
      case 'PROJECT_CREATE':
        return createProject(operation);
      case 'REPOSITORY_CREATE':
        return createRepository(operation);
      case 'FILE_CREATE':
      case 'FOLDER_CREATE':
      case 'NODE_DELETE':
      case 'METADATA_SAVE':
        return applyToNode(operation);
      case 'REPOSITORY_UPDATE':
      case 'REPOSITORY_DELETE':
      case 'NODE_RENAME':
      case 'NODE_EXPIRE':
      case 'NODE_MOVE':
      case 'NODE_COPY':
      case 'NODE_CONVERGE':
      case 'METADATA_DELETE':
        return failed('OPERATION_UNSUPPORTED', `${operation.kind} is not replicated by this version`);
    }
  }

  return {
    async apply(operation) {
      try {
        return await dispatch(operation);
      } catch (error) {
        if (error instanceof RemoteRefusalError) {
          return failed('REMOTE_REFUSED', error.message);
        }
        if (error instanceof UnsendablePathError) {
          return failed('PATH_UNSENDABLE', error.message);
        }
        throw error;
      }
    },
    containersEnsured: () => ensured,
  };
}

/** Asked for where a call names no path of its own; the root would be answered without looking. */
const UNLIKELY_PATH = `${ROOT}.logferry`;

/** A node's remaining life in whole days, as the contract counts; 0: it does not expire. */
function daysLeft(node: Extract<SourceNode, { folder: false }>, now: Date): number {
  return node.expireDate === undefined
    ? 0
    : Math.max(1, Math.ceil((node.expireDate.getTime() - now.getTime()) / DAY));
}
