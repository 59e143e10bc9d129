import { type Collection, type Db, type Filter, Long, ObjectId } from 'mongodb';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import { isDuplicateKey } from '../mongodb/duplicate-key.ts';
import { indexedCollection } from '../mongodb/indexes.ts';
import { nodeCollectionOf } from '../mongodb/sharding.ts';
import { LIVE, NODE_INDEXES, type NodeDocument } from './document.ts';
import { type BlobReference, countReference, discountReference } from './file-reference.ts';
import { type MetadataEntry, mergeMetadata, storedMetadata } from './metadata.ts';
import { childPrefixOf, isRoot, normalizeFullPath, parentsOf, splitFullPath } from './path.ts';

/** A node by its names. The path may be as a sender writes it; every function here normalises it. */
export interface NodeAddress {
  readonly projectId: string;
  readonly repoName: string;
  readonly fullPath: string;
}

/** What is to be created, as `node/create` and a file upload say it. */
export interface NodeCreation extends NodeAddress {
  readonly folder: boolean;
  /** Replace a file that is there; never a folder. */
  readonly overwrite: boolean;
  /** Days until the node expires; 0 or less: never. */
  readonly expires: number;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string | undefined;
  readonly md5: string | undefined;
  readonly metadata: readonly MetadataEntry[];
  readonly operator: string;
  readonly createdBy: string | undefined;
  readonly createdDate: Date | undefined;
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
  delete(request: NodeAddress & { readonly operator: string }): Promise<void>;
  /**
   * Put entries over a node's metadata. None changes nothing, whether the node is there or not.
   *
   * @throws DomainError NODE_NOT_FOUND
   */
  saveMetadata(request: NodeAddress & { readonly metadata: readonly MetadataEntry[] }): Promise<void>;
}

/** A node as it is written: bk-repo's sizes are Java longs, where the driver would store a small number as an int. */
type StoredNode = Omit<NodeDocument, 'size'> & { readonly size: Long };
type Nodes = Collection<StoredNode>;

/** How often a change that met another one is made anew before the caller is asked to come back later. */
const MAX_ATTEMPTS = 8;

const DAY_MS = 86_400_000;

const existingSchema = z.object({ folder: z.boolean() });
const pathSchema = z.object({ fullPath: z.string() });
const metadataSchema = z.object({
  _id: z.instanceof(ObjectId),
  metadata: z.array(z.object({ key: z.string(), value: z.unknown() })).nullish(),
});

/**
 * @param options.storageOf names the storage that a repository's blobs are in (its `credentialsKey`); null is the
 * default storage.
 */
export function nodeService(options: {
  readonly database: Db;
  readonly clock: Clock;
  readonly storageOf: (repository: {
    readonly projectId: string;
    readonly repoName: string;
  }) => Promise<string | null>;
}): NodeService {
  const { database, clock, storageOf } = options;

  const nodesOf = (projectId: string): Promise<Nodes> =>
    indexedCollection<StoredNode>({
      database,
      name: nodeCollectionOf(projectId),
      indexes: NODE_INDEXES,
    });

  return {
    async exists(address) {
      const fullPath = normalizeFullPath(address.fullPath);
      if (isRoot(fullPath)) {
        return true;
      }
      const nodes = await nodesOf(address.projectId);
      return (await findLive(nodes, { ...address, fullPath })) !== undefined;
    },

    async existingPaths({ projectId, repoName, fullPathList }) {
      const wanted = new Set(fullPathList.map(normalizeFullPath).filter((path) => !isRoot(path)));
      if (wanted.size === 0) {
        return [];
      }
      const nodes = await nodesOf(projectId);
      const found = await nodes
        .find({ projectId, repoName, fullPath: { $in: [...wanted] }, ...LIVE })
        .project({ _id: 0, fullPath: 1 })
        .toArray();
      return [...new Set(found.map((document) => pathSchema.parse(document).fullPath))];
    },

    async create(creation) {
      const node = newNode(creation, clock());
      const document = storedNode(node);
      const nodes = await nodesOf(node.projectId);
      const address = { projectId: node.projectId, repoName: node.repoName, fullPath: node.fullPath };
      await refuseOccupied(nodes, address, creation);
      await createFolders(nodes, address, { operator: creation.operator, clock });
      const reference = await referenceOf(node, storageOf);
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
      return node;
    },

    async delete({ operator, ...address }) {
      const nodes = await nodesOf(address.projectId);
      await tombstone(
        nodes,
        { ...address, fullPath: normalizeFullPath(address.fullPath) },
        { operator, clock },
      );
    },

    async saveMetadata({ metadata, ...address }) {
      if (metadata.length === 0) {
        return;
      }
      const saved = storedMetadata(metadata);
      const fullPath = normalizeFullPath(address.fullPath);
      const nodes = await nodesOf(address.projectId);
      await replaceMetadata(nodes, { ...address, fullPath }, { saved, clock });
    },
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
    metadata: [...metadata],
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
  const expireDate = expires > 0 ? new Date(now.getTime() + expires * DAY_MS) : undefined;
  if (expireDate !== undefined && Number.isNaN(expireDate.getTime())) {
    throw new DomainError('PARAMETER_INVALID', ['expires']);
  }
  return { size, ...(expireDate === undefined ? {} : { expireDate }), sha256, md5 };
}

function isMissing(text: string | undefined): text is undefined {
  return text === undefined || text.trim() === '';
}

async function findLive(
  nodes: Nodes,
  { projectId, repoName, fullPath }: NodeAddress,
): Promise<{ readonly folder: boolean } | undefined> {
  const document = await nodes.findOne(
    { projectId, repoName, fullPath, ...LIVE },
    { projection: { _id: 0, folder: 1 } },
  );
  return document === null ? undefined : existingSchema.parse(document);
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
      await tombstone(nodes, document, { operator: creation.operator, clock });
    }
    if (await insertUnlessThere(nodes, document)) {
      return;
    }
  }
  throw new DomainError('SYSTEM_BUSY');
}

/** Make the folders above a path, outermost first. A file may stand for a folder: bk-repo lets it have children. */
async function createFolders(
  nodes: Nodes,
  { projectId, repoName, fullPath }: NodeAddress,
  { operator, clock }: { readonly operator: string; readonly clock: Clock },
): Promise<void> {
  const parents = parentsOf(fullPath);
  if (parents.length === 0) {
    return;
  }
  const found = await nodes
    .find({ projectId, repoName, fullPath: { $in: parents }, ...LIVE })
    .project({ _id: 0, fullPath: 1 })
    .toArray();
  const there = new Set(found.map((document) => pathSchema.parse(document).fullPath));
  for (const parent of parents.filter((path) => !there.has(path))) {
    const folder = newNode(
      {
        projectId,
        repoName,
        fullPath: parent,
        folder: true,
        overwrite: false,
        expires: 0,
        size: 0,
        sha256: undefined,
        md5: undefined,
        metadata: [],
        operator,
        createdBy: undefined,
        createdDate: undefined,
        lastModifiedDate: undefined,
      },
      clock(),
    );
    // Refused: a sibling's creation made it first, which is as good.
    await insertUnlessThere(nodes, storedNode(folder));
  }
}

function storedNode(node: CreatedNode): Omit<StoredNode, '_id'> {
  return {
    ...node,
    size: Long.fromNumber(node.size),
    metadata: storedMetadata(node.metadata ?? []),
  };
}

/** @returns false when a live node is there already. */
async function insertUnlessThere(nodes: Nodes, document: Omit<StoredNode, '_id'>): Promise<boolean> {
  try {
    await nodes.insertOne({ _id: new ObjectId(), ...document });
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) {
      return false;
    }
    throw error;
  }
}

/**
 * Tombstone a normalised path and everything under it, by the literal path.
 *
 * "Under" is a range of the full-path index and not a pattern, so nothing in a name can be taken for syntax: `/`
 * is followed by `0` in code point order, hence `/a/` up to `/a0` is exactly what begins with `/a/`.
 *
 * Two tombstones of one path may not carry the same instant (the unique index holds it). The second of one
 * millisecond is refused and takes the next one.
 */
async function tombstone(
  nodes: Nodes,
  { projectId, repoName, fullPath }: NodeAddress,
  { operator, clock }: { readonly operator: string; readonly clock: Clock },
): Promise<void> {
  const first = childPrefixOf(fullPath);
  const under = { $gte: first, $lt: `${first.slice(0, -1)}0` };
  const filter: Filter<StoredNode> = {
    projectId,
    repoName,
    ...LIVE,
    $or: [{ fullPath }, { fullPath: under }],
  };
  const now = clock().getTime();
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const deleted = new Date(now + attempt);
    try {
      await nodes.updateMany(filter, {
        $set: { lastModifiedBy: operator, lastModifiedDate: deleted, deleted },
      });
      return;
    } catch (error) {
      if (!isDuplicateKey(error)) {
        throw error;
      }
    }
  }
  throw new DomainError('SYSTEM_BUSY');
}

/**
 * Merge entries into a node's metadata: read the array, and replace it on the condition that it is still the same.
 * The node's modification date stays, as it does in bk-repo.
 *
 * On MongoDB alone, `{ $set: { 'metadata.$[entry].value': … } }` with array filters and a `$push` for new keys
 * would change single entries without a condition; FerretDB v1 refuses positional updates. There the condition is
 * not atomic either (measured: of 20 concurrent replacements 10 were lost), so only one writer of a node's
 * metadata at a time is safe on it; a lane's operations on a path come one after the other.
 */
async function replaceMetadata(
  nodes: Nodes,
  address: NodeAddress,
  { saved, clock }: { readonly saved: readonly MetadataEntry[]; readonly clock: Clock },
): Promise<void> {
  const { projectId, repoName, fullPath } = address;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    // Values as BSON types: a long that is read as a number would be written back as a double.
    const found = await nodes.findOne(
      { projectId, repoName, fullPath, ...LIVE },
      { projection: { metadata: 1 }, promoteValues: false },
    );
    if (found === null) {
      if (!isRoot(fullPath)) {
        throw new DomainError('NODE_NOT_FOUND', [fullPath]);
      }
      if (await insertUnlessThere(nodes, rootNode(address, saved, clock()))) {
        return;
      }
      continue;
    }
    const { _id, metadata } = metadataSchema.parse(found);
    const current = metadata ?? null;
    const merged = mergeMetadata(metadata ?? [], saved);
    const { matchedCount } = await nodes.updateOne(
      { _id, ...LIVE, metadata: current },
      { $set: { metadata: merged } },
    );
    if (matchedCount === 1) {
      return;
    }
  }
  throw new DomainError('SYSTEM_BUSY');
}

/** The root is virtual until metadata is saved on it; bk-repo then writes it with an empty creator. */
function rootNode(
  { projectId, repoName }: NodeAddress,
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
  storageOf: (repository: {
    readonly projectId: string;
    readonly repoName: string;
  }) => Promise<string | null>,
): Promise<BlobReference | undefined> {
  if (folder || sha256 === undefined || sha256 === null) {
    return undefined;
  }
  return { sha256, credentialsKey: await storageOf({ projectId, repoName }) };
}
