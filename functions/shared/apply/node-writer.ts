import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { BlobStore } from '../blob/blob-store.ts';
import { BlobNotFoundError } from '../blob/blob-store.ts';
import type { Clock } from '../clock.ts';
import { formatLocalDateTime } from '../http/local-date-time.ts';
import type { Container } from '../lane/message.ts';
import { isRoot, ROOT } from '../node/path.ts';
import type { RemoteClient } from '../remote/client.ts';
import { type ContentKnowledge, contentSender } from '../remote/content.ts';
import type { OpenContent } from '../remote/content-calls.ts';
import { ContentMismatchError, MisnamedNodeError, RemoteRefusalError } from '../remote/errors.ts';
import type { Perform } from './ask.ts';
import { APPLIED, failed, type Outcome, SUPERSEDED } from './outcome.ts';
import type { SourceCatalog, SourceNode } from './source-catalog.ts';

type SourceFile = Extract<SourceNode, { folder: false }>;

/** A file as it is to be at the remote. */
export interface FileContent {
  readonly fullPath: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly md5: string;
  /** Days; 0: never. */
  readonly expires: number;
  readonly operator: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly createdBy?: string | undefined;
  readonly createdDate?: Date | undefined;
}

/** Code of a node that exists already. */
const NODE_EXISTED = 251008;

const DAY = 86_400_000;

const EMPTY_FILE = {
  size: 0,
  sha256: createHash('sha256').digest('hex'),
  md5: createHash('md5').digest('hex'),
  expires: 0,
  metadata: {},
} as const;

/** Puts single nodes at the remote. All of it may be repeated. */
export interface NodeWriter {
  /** Send a file, replacing the one at its path. */
  putFile(file: FileContent): Promise<Outcome>;
  /** Make a folder; an existing one is fine, and takes on the metadata. */
  putFolder(folder: {
    readonly fullPath: string;
    readonly operator: string;
    readonly metadata: Readonly<Record<string, unknown>>;
    readonly createdBy?: string | undefined;
    readonly createdDate?: Date | undefined;
  }): Promise<Outcome>;
  /** Put what the source has now. */
  putNode(node: SourceNode): Promise<Outcome>;
  /** Delete a node and what lies under it. */
  remove(fullPath: string, operator: string): Promise<void>;
  /** Put an empty file where nothing is, so that what is put under it makes no folder there. */
  occupy(fullPath: string, operator: string): Promise<Outcome>;
  /** Take the empty file away and leave what lies under it. */
  vacate(fullPath: string, operator: string): Promise<void>;
}

export function nodeWriter(options: {
  readonly source: Container;
  readonly remote: Container;
  readonly includeMetadata: boolean;
  readonly client: RemoteClient;
  readonly catalog: SourceCatalog;
  readonly blobs: Pick<BlobStore, 'open'>;
  readonly content: ContentKnowledge;
  readonly clock: Clock;
  /** Zone of the zone-less dates of the contract: both clusters' servers are taken to be in it. */
  readonly timeZone: string;
  readonly signal: AbortSignal;
  readonly perform: Perform;
}): NodeWriter {
  const { source, remote, includeMetadata, client, catalog, blobs, clock, timeZone, signal, perform } =
    options;

  const sender = contentSender({ client, repository: remote, knowledge: options.content });

  const localDateTime = (date: Date | undefined): string | undefined =>
    date === undefined ? undefined : formatLocalDateTime(date, timeZone);

  async function upload(file: FileContent, open = () => blobs.open(file.sha256)): Promise<void> {
    await perform(
      () =>
        sender.send(
          {
            ...remote,
            ...file,
            metadata: includeMetadata ? file.metadata : {},
            createdDate: localDateTime(file.createdDate),
          },
          open,
          { signal },
        ),
      file.fullPath,
    );
  }

  async function putFile(file: FileContent, open?: OpenContent): Promise<Outcome> {
    try {
      await upload(file, open);
      return APPLIED;
    } catch (error) {
      if (error instanceof BlobNotFoundError) {
        return withoutContent(file.fullPath, file.sha256);
      }
      if (error instanceof ContentMismatchError) {
        return failed('BLOB_CORRUPT', error.message);
      }
      if (error instanceof MisnamedNodeError) {
        await restore(error.storedAs, file.operator);
        return failed('PATH_UNSENDABLE', error.message);
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

  /** A file of another name came to be here: put what belongs here, or nothing. */
  async function restore(fullPath: string, operator: string): Promise<void> {
    const node = await catalog.node(source.projectId, source.repoName, fullPath);
    if (node?.folder === false) {
      await upload(contentOf(node));
    } else {
      await remove(fullPath, operator);
    }
  }

  const contentOf = (node: SourceFile): FileContent => ({
    ...node,
    operator: node.createdBy,
    expires: daysLeft(node, clock()),
  });

  const putFolder: NodeWriter['putFolder'] = async (folder) => {
    const { fullPath, operator, createdBy, createdDate } = folder;
    if (isRoot(fullPath)) {
      return APPLIED;
    }
    const metadata = includeMetadata ? folder.metadata : {};
    try {
      await perform(
        () =>
          client.createFolder({
            ...remote,
            fullPath,
            operator,
            metadata,
            createdBy,
            createdDate: localDateTime(createdDate),
          }),
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
  };

  /** Whether a refusal means that the node exists: it says so, or it says nothing (250101) and the node does. */
  async function isThere(refusal: RemoteRefusalError, fullPath: string): Promise<boolean> {
    return (
      refusal.code === NODE_EXISTED ||
      (refusal.status >= 500 && (await perform(() => client.nodeExists({ ...remote, fullPath }), fullPath)))
    );
  }

  async function remove(fullPath: string, operator: string): Promise<void> {
    await perform(() => client.deleteNode({ ...remote, fullPath, operator }), fullPath);
  }

  async function vacate(fullPath: string, operator: string): Promise<void> {
    // A rename takes away a file alone, a deletion what lies under it, too.
    const exit = `${ROOT}.logferry-${createHash('sha256').update(fullPath).digest('hex').slice(0, 32)}`;
    await remove(exit, operator);
    await perform(() => client.renameNode({ ...remote, fullPath, newFullPath: exit, operator }), fullPath);
    await remove(exit, operator);
  }

  return {
    putFile: (file) => putFile(file),
    putFolder,
    remove,
    occupy: (fullPath, operator) =>
      putFile({ ...EMPTY_FILE, fullPath, operator }, async () => ({ size: 0, stream: Readable.from([]) })),
    vacate,
    putNode: (node) =>
      node.folder ? putFolder({ ...node, operator: node.createdBy }) : putFile(contentOf(node)),
  };
}

/** A node's remaining life in whole days, as the contract counts; 0: it does not expire. */
export function daysLeft(node: Pick<SourceNode, 'expireDate'>, now: Date): number {
  return node.expireDate === undefined
    ? 0
    : Math.max(1, Math.ceil((node.expireDate.getTime() - now.getTime()) / DAY));
}
