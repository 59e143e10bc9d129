import { type Db, Long, ObjectId } from 'mongodb';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import type { OperateLogWriter } from '../operate-log/writer.ts';
import { LIVE, type NodeDocument } from './document.ts';
import { type BlobReference, countReference, discountReference } from './file-reference.ts';
import { createParents } from './folders.ts';
import { type MetadataEntry, mergeMetadata, storedMetadata } from './metadata.ts';
import { isRoot, normalizeFullPath, splitFullPath } from './path.ts';
import { type NodeRename, renameNode } from './rename.ts';
import {
  findLive,
  insertUnlessThere,
  MAX_ATTEMPTS,
  type NodeAddress,
  type Nodes,
  nodesOf,
  type RepositoryAddress,
  type StoredNode,
  tombstoneTree,
} from './store.ts';
import { type FindRepository, type NodeTransfer, transferNode } from './transfer.ts';

export type { NodeAddress } from './store.ts';

/** What is to be created, as `node/create` and a file upload say it. */
export interface NodeCreation extends NodeAddress {
  readonly folder: boolean;
  /** Replace a file that is there; never a folder. */
  readonly overwrite: boolean;
  /** Days until the node expires; 0 or less: never. */
  readonly expires: number;
  /** Bytes; 0 when nothing is said. */
  readonly size: number | undefined;
  readonly sha256: string | undefined;
  readonly md5: string | undefined;
  readonly metadata: readonly MetadataEntry[] | undefined;
  readonly operator: string;
  readonly createdBy: string | undefined;
  readonly createdDate: Date | undefined;
  /** Logged, and otherwise not read: the creator counts as the modifier. */
  readonly lastModifiedBy?: string | undefined;
  readonly lastModifiedDate: Date | undefined;
}

/** A created node: its document, with the metadata as it was given. */
export type CreatedNode = Omit<NodeDocument, '_id'>;

/**
 * The nodes of bk-repo's database, changed by the rules by which bk-repo of January 2021 changes them
 * (wire contract, "What each operation does to the target").
 */
export interface NodeService {
  /** True for a live node, and always for the root, in a missing repository too. */
  exists(address: NodeAddress): Promise<boolean>;
  /** Those of the paths that are live nodes: normalised, each once, without the root. One query. */
  existingPaths(request: {
    readonly projectId: string;
    readonly repoName: string;
    readonly fullPathList: readonly string[];
  }): Promise<string[]>;
  /**
   * Create a file's node or a folder, and the folders above it that are missing.
   *
   * @throws DomainError PARAMETER_INVALID for the root, a file without digests or metadata that cannot be stored;
   * NODE_EXISTED where something is and `overwrite` is off; NODE_CONFLICT where one of the two is a folder.
   */
  create(creation: NodeCreation): Promise<CreatedNode>;
  /** Tombstone a node and everything under it; a path where nothing is succeeds. */
  delete(deletion: NodeDeletion): Promise<void>;
  /**
   * Put entries over a node's metadata. None changes nothing, whether the node is there or not.
   *
   * @throws DomainError NODE_NOT_FOUND
   */
  saveMetadata(saving: MetadataSave): Promise<void>;
  /** Take keys out of a node's metadata; a missing node, or a key that it does not have, succeeds. */
  deleteMetadata(deletion: MetadataDeletion): Promise<void>;
  /**
   * Give a node another path within its repository.
   *
   * @throws DomainError NODE_NOT_FOUND; NODE_EXISTED where something is, for a node below as well; PARAMETER_INVALID
   * `newFullPath` for the root and for a folder into itself.
   */
  rename(renaming: NodeRename): Promise<void>;
  /**
   * Set when a node expires.
   *
   * @throws DomainError NODE_NOT_FOUND; PARAMETER_INVALID `expires` for a time beyond any calendar.
   */
  update(update: NodeUpdate): Promise<void>;
  /**
   * Move a node with everything under it, also into another repository.
   *
   * @returns false when it is there already and nothing was changed.
   * @throws DomainError REPOSITORY_NOT_FOUND; OPERATION_UNSUPPORTED; NODE_NOT_FOUND; PARAMETER_INVALID `destFullPath`
   * for a folder into itself; NODE_CONFLICT where it meets what it may not replace.
   */
  move(transfer: NodeTransfer): Promise<boolean>;
  /** Copy a node with everything under it; as `move` otherwise. */
  copy(transfer: NodeTransfer): Promise<boolean>;
}

export interface NodeUpdate extends NodeAddress {
  /** Days from now; 0 or less: never. */
  readonly expires: number;
  readonly operator: string;
}

export interface NodeDeletion extends NodeAddress {
  readonly operator: string;
}

export interface MetadataSave extends NodeAddress {
  /** Logged; default `system`. */
  readonly operator?: string;
  readonly metadata: readonly MetadataEntry[];
}

export interface MetadataDeletion extends NodeAddress {
  /** Logged; default `system`. */
  readonly operator?: string;
  readonly keyList: readonly string[];
}

const DAY_MS = 86_400_000;

const pathSchema = z.object({ fullPath: z.string() });
const metadataSchema = z.object({
  _id: z.instanceof(ObjectId),
  metadata: z.array(z.object({ key: z.string(), value: z.unknown() })).nullish(),
});

/** @param options.findRepository tells what kind of repository nodes are in, and where its blobs are. */
export function nodeService(options: {
  readonly database: Db;
  readonly clock: Clock;
  readonly findRepository: FindRepository;
  readonly log: OperateLogWriter;
}): NodeService {
  const { database, clock, findRepository, log } = options;

  const transferred = async (kind: 'move' | 'copy', transfer: NodeTransfer): Promise<boolean> => {
    const change = { operator: transfer.operator, clock };
    const hasChanged = await transferNode({ database, kind, transfer, findRepository, change });
    if (hasChanged) {
      await log.record({ kind: kind === 'move' ? 'NODE_MOVE' : 'NODE_COPY', request: transfer });
    }
    return hasChanged;
  };

  return {
    async exists(address) {
      const fullPath = normalizeFullPath(address.fullPath);
      if (isRoot(fullPath)) {
        return true;
      }
      const nodes = await nodesOf(database, address.projectId);
      return (await findLive(nodes, { ...address, fullPath })) !== undefined;
    },

    async existingPaths({ projectId, repoName, fullPathList }) {
      const wanted = new Set(fullPathList.map(normalizeFullPath).filter((path) => !isRoot(path)));
      if (wanted.size === 0) {
        return [];
      }
      const nodes = await nodesOf(database, projectId);
      const found = await nodes
        .find({ projectId, repoName, fullPath: { $in: [...wanted] }, ...LIVE })
        .project({ _id: 0, fullPath: 1 })
        .toArray();
      return [...new Set(found.map((document) => pathSchema.parse(document).fullPath))];
    },

    async create(creation) {
      const node = newNode(creation, clock());
      const document = storedNode(node);
      const nodes = await nodesOf(database, node.projectId);
      const address = { projectId: node.projectId, repoName: node.repoName, fullPath: node.fullPath };
      await refuseOccupied(nodes, address, creation);
      await createParents(nodes, address, { operator: creation.operator, clock });
      const reference = await referenceOf(node, findRepository);
      if (reference !== undefined) {
        await countReference(database, reference);
      }
      try {
        await putInPlace(nodes, document, { creation, clock });
      } catch (error) {
        // Any other failure leaves open whether the node is there: then the count stays, rather too high.
        if (reference !== undefined && error instanceof DomainError) {
          await discountReference(database, reference);
        }
        throw error;
      }
      await log.record({ kind: 'NODE_CREATE', request: creation });
      return node;
    },

    async delete(deletion) {
      const { projectId, repoName, operator } = deletion;
      const nodes = await nodesOf(database, projectId);
      const address = { projectId, repoName, fullPath: normalizeFullPath(deletion.fullPath) };
      const count = await tombstoneTree(nodes, address, { operator, clock });
      // What was there no more is not logged: the log holds some twenty entries, and others need them.
      if (count > 0) {
        await log.record({ kind: 'NODE_DELETE', request: deletion });
      }
    },

    async saveMetadata(saving) {
      const { metadata, projectId, repoName } = saving;
      if (metadata.length === 0) {
        return;
      }
      const saved = storedMetadata(metadata);
      const fullPath = normalizeFullPath(saving.fullPath);
      const address = { projectId, repoName, fullPath };
      const nodes = await nodesOf(database, projectId);
      await replaceMetadata(nodes, address, (existing) => mergeMetadata(existing, saved), {
        ifMissing: async () => {
          if (!isRoot(fullPath)) {
            throw new DomainError('NODE_NOT_FOUND', [fullPath]);
          }
          return insertUnlessThere(nodes, rootNode(address, saved, clock()));
        },
      });
      await log.record({ kind: 'METADATA_SAVE', request: saving });
    },

    async deleteMetadata(deletion) {
      const { projectId, repoName } = deletion;
      const keys = new Set(deletion.keyList);
      if (keys.size === 0) {
        return;
      }
      const fullPath = normalizeFullPath(deletion.fullPath);
      const nodes = await nodesOf(database, projectId);
      await replaceMetadata(
        nodes,
        { projectId, repoName, fullPath },
        (existing) => existing.filter(({ key }) => !keys.has(key)),
        { ifMissing: async () => true },
      );
      // Logged whether the node was there or not, as in bk-repo.
      await log.record({ kind: 'METADATA_DELETE', request: deletion });
    },

    async rename(renaming) {
      await renameNode({ database, renaming, change: { operator: renaming.operator, clock } });
      await log.record({ kind: 'NODE_RENAME', request: renaming });
    },

    async update(update) {
      const { projectId, repoName, expires, operator } = update;
      const fullPath = normalizeFullPath(update.fullPath);
      const now = clock();
      const expireDate = expiryOf(expires, now);
      const nodes = await nodesOf(database, projectId);
      const { matchedCount } = await nodes.updateOne(
        { projectId, repoName, fullPath, ...LIVE },
        { $set: { lastModifiedBy: operator, lastModifiedDate: now, expireDate: expireDate ?? null } },
      );
      if (matchedCount === 0) {
        throw new DomainError('NODE_NOT_FOUND', [fullPath]);
      }
      await log.record({ kind: 'NODE_UPDATE', request: update });
    },

    move: (transfer) => transferred('move', transfer),

    copy: (transfer) => transferred('copy', transfer),
  };
}

/** The document of a node that is to be created, its metadata as given; field order as bk-repo writes it. */
function newNode(creation: NodeCreation, now: Date): CreatedNode {
  const { projectId, repoName, folder, operator, metadata } = creation;
  const fullPath = normalizeFullPath(creation.fullPath);
  if (isRoot(fullPath)) {
    throw new DomainError('PARAMETER_INVALID', ['fullPath']);
  }
  const content = folder ? { size: 0 } : fileContent(creation, now);
  const creator = creation.createdBy ?? operator;
  return {
    createdBy: creator,
    createdDate: creation.createdDate ?? now,
    lastModifiedBy: creator,
    lastModifiedDate: creation.lastModifiedDate ?? now,
    folder,
    ...splitFullPath(fullPath),
    fullPath,
    ...content,
    metadata: [...(metadata ?? [])],
    projectId,
    repoName,
    ...LIVE,
  };
}

function fileContent({ size, sha256, md5, expires }: NodeCreation, now: Date) {
  if (isMissing(sha256)) {
    throw new DomainError('PARAMETER_INVALID', ['sha256']);
  }
  if (isMissing(md5)) {
    throw new DomainError('PARAMETER_INVALID', ['md5']);
  }
  const expireDate = expiryOf(expires, now);
  return { size: size ?? 0, ...(expireDate === undefined ? {} : { expireDate }), sha256, md5 };
}

/** @param days 0 or less: never, which is `undefined`. */
function expiryOf(days: number, now: Date): Date | undefined {
  if (days <= 0) {
    return undefined;
  }
  const expireDate = new Date(now.getTime() + days * DAY_MS);
  if (Number.isNaN(expireDate.getTime())) {
    throw new DomainError('PARAMETER_INVALID', ['expires']);
  }
  return expireDate;
}

function isMissing(text: string | undefined): text is undefined {
  return text === undefined || text.trim() === '';
}

/** @returns whether a file is there, which the creation may overwrite. */
async function refuseOccupied(
  nodes: Nodes,
  address: NodeAddress,
  { overwrite, folder }: Pick<NodeCreation, 'overwrite' | 'folder'>,
): Promise<boolean> {
  const existing = await findLive(nodes, address);
  if (existing === undefined) {
    return false;
  }
  if (!overwrite) {
    throw new DomainError('NODE_EXISTED', [address.fullPath]);
  }
  if (existing.folder || folder) {
    throw new DomainError('NODE_CONFLICT', [address.fullPath]);
  }
  return true;
}

/**
 * Insert the node; a file that is in its place is tombstoned before. When somebody else creates a node there in
 * between, the unique index refuses ours and the rules are asked again about theirs.
 */
async function putInPlace(
  nodes: Nodes,
  document: Omit<StoredNode, '_id'>,
  { creation, clock }: { readonly creation: NodeCreation; readonly clock: Clock },
): Promise<void> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    if (await refuseOccupied(nodes, document, creation)) {
      await tombstoneTree(nodes, document, { operator: creation.operator, clock });
    }
    if (await insertUnlessThere(nodes, document)) {
      return;
    }
  }
  throw new DomainError('SYSTEM_BUSY');
}

function storedNode(node: CreatedNode): Omit<StoredNode, '_id'> {
  return {
    ...node,
    size: Long.fromNumber(node.size),
    metadata: storedMetadata(node.metadata ?? []),
  };
}

/**
 * Change a node's metadata: read the array, and replace it on the condition that it is still the same. The node's
 * modification date stays, as it does in bk-repo.
 *
 * On MongoDB alone, array filters, `$push` and `$pull` would change single entries without a condition. FerretDB v1
 * refuses positional updates, and its `$pull` with a condition says that it matched and changes nothing. There the
 * condition is not atomic either (measured: of 20 concurrent replacements 10 were lost), so only one writer of a
 * node's metadata at a time is safe on it; a lane's operations on a path come one after the other.
 *
 * @param options.ifMissing what to do when there is no such node; it says whether that is all.
 */
async function replaceMetadata(
  nodes: Nodes,
  { projectId, repoName, fullPath }: NodeAddress,
  replacement: (existing: readonly MetadataEntry[]) => MetadataEntry[],
  { ifMissing }: { readonly ifMissing: () => Promise<boolean> },
): Promise<void> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    // Values as BSON types: a long that is read as a number would be written back as a double.
    const found = await nodes.findOne(
      { projectId, repoName, fullPath, ...LIVE },
      { projection: { metadata: 1 }, promoteValues: false },
    );
    if (found === null) {
      if (await ifMissing()) {
        return;
      }
      continue;
    }
    const { _id, metadata } = metadataSchema.parse(found);
    const { matchedCount } = await nodes.updateOne(
      { _id, ...LIVE, metadata: metadata ?? null },
      { $set: { metadata: replacement(metadata ?? []) } },
    );
    if (matchedCount === 1) {
      return;
    }
  }
  throw new DomainError('SYSTEM_BUSY');
}

/** The root is virtual until metadata is saved on it; bk-repo then writes it with an empty creator. */
function rootNode(
  { projectId, repoName }: RepositoryAddress,
  metadata: readonly MetadataEntry[],
  now: Date,
): Omit<StoredNode, '_id'> {
  return {
    createdBy: '',
    createdDate: now,
    lastModifiedBy: '',
    lastModifiedDate: now,
    folder: true,
    path: '/',
    name: '',
    fullPath: '/',
    size: Long.ZERO,
    metadata: [...metadata],
    projectId,
    repoName,
    ...LIVE,
  };
}

async function referenceOf(
  { folder, sha256, projectId, repoName }: CreatedNode,
  findRepository: FindRepository,
): Promise<BlobReference | undefined> {
  if (folder || sha256 === undefined || sha256 === null) {
    return undefined;
  }
  const repository = await findRepository({ projectId, repoName });
  return { sha256, credentialsKey: repository?.credentialsKey ?? null };
}
