import { type Db, Long, ObjectId } from 'mongodb';
import { z } from 'zod';
import { DomainError } from '../errors.ts';
import type { Repository } from '../repository/repository-service.ts';
import { LIVE, nodeDocumentSchema } from './document.ts';
import { countReference } from './file-reference.ts';
import { createParents } from './folders.ts';
import { childPrefixOf, isRoot, normalizeFullPath, splitFullPath } from './path.ts';
import {
  type Change,
  chunksOf,
  insertOwn,
  madeFrom,
  type NodeAddress,
  type Nodes,
  nodesOf,
  type RepositoryAddress,
  readTree,
  type StoredNode,
  tombstoneEach,
} from './store.ts';
import {
  type CopyMark,
  isSameRepository,
  type Landing,
  landingOf,
  planTransfer,
  type TargetNode,
  type Transfer,
  type TransferRequest,
  targetNode,
} from './transfer-plan.ts';

/** A move or copy, as `node/move` and `node/copy` say it. */
export interface NodeTransfer {
  readonly srcProjectId: string;
  readonly srcRepoName: string;
  readonly srcFullPath: string;
  /** The source's when nothing is said. */
  readonly destProjectId: string | undefined;
  readonly destRepoName: string | undefined;
  readonly destFullPath: string;
  readonly overwrite: boolean;
  readonly operator: string;
}

export type FindRepository = (
  repository: RepositoryAddress,
) => Promise<Pick<Repository, 'category' | 'credentialsKey'> | undefined>;

/** All of a node but its metadata, which only the named node takes along. */
const carriedNode = nodeDocumentSchema.omit({
  metadata: true,
  deleted: true,
  projectId: true,
  repoName: true,
  path: true,
  name: true,
});
type CarriedNode = z.output<typeof carriedNode>;

/** What the ids of roots without a document are made from. */
const VIRTUAL_ROOT = new ObjectId(new Uint8Array(12));

const metadataSchema = z.object({
  metadata: z.array(z.object({ key: z.string(), value: z.unknown() })).nullish(),
});

/**
 * Move or copy a node by the rules of `planTransfer`.
 *
 * The order of the writes lets a repeat after a crash go on where the one before ended. Nodes are made before their
 * sources go, the named source goes last, and what a move makes carries an id that says from what: no other attempt
 * can be taken for it, since the source's id dies with the move. The source of a copy lives on, so the folder that is
 * being filled is marked until everything is in it.
 * What goes to a folder above it is the exception: a repeat takes what the attempt before has made for part of the source.
 *
 * @returns false when there is nothing to change.
 * @throws DomainError REPOSITORY_NOT_FOUND; OPERATION_UNSUPPORTED unless both repositories are local or composite and
 * keep their blobs in the same storage; NODE_NOT_FOUND; and what `landingOf` and `planTransfer` throw.
 */
export async function transferNode(options: {
  readonly database: Db;
  readonly kind: 'move' | 'copy';
  readonly transfer: NodeTransfer;
  readonly findRepository: FindRepository;
  readonly change: Change;
}): Promise<boolean> {
  const { database, kind, transfer, findRepository, change } = options;
  const request = requestOf(kind, transfer);
  const { from, to } = request;
  const storage = await storageOf(request, findRepository);
  const sources = await nodesOf(database, from.projectId);
  const targets = await nodesOf(database, to.projectId);

  const named = await namedNode(sources, from, change);
  const landing = await findLanding(targets, request, named);
  if (landing === undefined) {
    return false;
  }
  const seed = landing.mark?.seed ?? new ObjectId();
  const below = named.folder ? await nodesBelow(sources, from) : [];
  const plan = planTransfer({
    request,
    landing,
    source: [named, ...below],
    target: await readTree(targets, { ...to, fullPath: landing.fullPath }, targetNode),
    seed,
  });

  const landed = { ...to, fullPath: landing.fullPath };
  const metadata = await metadataOf(sources, from);
  await createParents(targets, landed, change);
  // The named source stays until the end even where what it overwrites would take it along.
  await tombstoneEach(
    targets,
    plan.overwritten.filter((id) => !id.equals(named._id)),
    change,
  );
  const mark = kind === 'copy' && named.folder ? { from: named._id, seed } : undefined;
  if (mark !== undefined) {
    await setMark(targets, landed, mark);
  }
  const documents = plan.made.map((made) => ({
    ...documentOf(made, request, change),
    ...(made.source === named ? { metadata } : {}),
    ...(made.source === named && mark !== undefined ? { logferryCopy: mark } : {}),
  }));
  for (const chunk of chunksOf(documents)) {
    await countReferences(database, chunk, storage);
    await insertOwn(targets, chunk);
  }
  if (mark !== undefined) {
    await removeMark(targets, landed);
  }
  const isNamedOverwritten = plan.overwritten.some((id) => id.equals(named._id));
  await tombstoneEach(sources, isNamedOverwritten && kind === 'copy' ? [named._id] : plan.removed, change);
  return true;
}

function requestOf(kind: 'move' | 'copy', transfer: NodeTransfer): TransferRequest {
  const { srcProjectId, srcRepoName, srcFullPath, destProjectId, destRepoName, destFullPath } = transfer;
  return {
    kind,
    from: { projectId: srcProjectId, repoName: srcRepoName, fullPath: normalizeFullPath(srcFullPath) },
    to: {
      projectId: destProjectId ?? srcProjectId,
      repoName: destRepoName ?? srcRepoName,
      fullPath: normalizeFullPath(destFullPath),
    },
    overwrite: transfer.overwrite,
  };
}

/** @returns the storage that both repositories keep their blobs in (`credentialsKey`); null is the default one. */
async function storageOf(
  { from, to }: TransferRequest,
  findRepository: FindRepository,
): Promise<string | null> {
  const find = async (address: RepositoryAddress) => {
    const repository = await findRepository(address);
    if (repository === undefined) {
      throw new DomainError('REPOSITORY_NOT_FOUND', [address.repoName]);
    }
    return repository;
  };
  const source = await find(from);
  const target = isSameRepository(from, to) ? source : await find(to);
  const storages = new Set([source, target].map(({ credentialsKey }) => credentialsKey ?? null));
  const holdsFiles = [source, target].every(
    ({ category }) => category === 'LOCAL' || category === 'COMPOSITE',
  );
  if (!holdsFiles || storages.size > 1) {
    throw new DomainError('OPERATION_UNSUPPORTED');
  }
  return source.credentialsKey ?? null;
}

async function namedNode(nodes: Nodes, address: NodeAddress, { clock }: Change): Promise<CarriedNode> {
  const { projectId, repoName, fullPath } = address;
  const document = await nodes.findOne({ projectId, repoName, fullPath, ...LIVE });
  if (document !== null) {
    return carriedNode.parse(document);
  }
  if (!isRoot(fullPath)) {
    throw new DomainError('NODE_NOT_FOUND', [fullPath]);
  }
  // The root is virtual; bk-repo makes one up without a creator. Its id is the same for every attempt.
  const now = clock();
  return {
    _id: madeFrom(VIRTUAL_ROOT, address),
    createdBy: '',
    createdDate: now,
    lastModifiedBy: '',
    lastModifiedDate: now,
    folder: true,
    fullPath,
    size: 0,
  };
}

async function nodesBelow(nodes: Nodes, address: NodeAddress): Promise<CarriedNode[]> {
  const tree = await readTree(nodes, address, carriedNode);
  return tree.filter(({ fullPath }) => fullPath !== address.fullPath);
}

async function findLanding(
  nodes: Nodes,
  request: TransferRequest,
  named: CarriedNode,
): Promise<Landing | undefined> {
  const { from, to } = request;
  const find = async (fullPath: string): Promise<TargetNode | undefined> => {
    const { projectId, repoName } = to;
    const document = await nodes.findOne(
      { projectId, repoName, fullPath, ...LIVE },
      { projection: { fullPath: 1, folder: 1, logferryCopy: 1 } },
    );
    if (document !== null) {
      return targetNode.parse(document);
    }
    return isRoot(fullPath) ? { _id: new ObjectId(), fullPath, folder: true } : undefined;
  };
  const { name } = splitFullPath(from.fullPath);
  return landingOf({
    request,
    named,
    target: await find(to.fullPath),
    inner: await find(childPrefixOf(to.fullPath) + name),
  });
}

/** The named node's metadata with its BSON types: a long that is read as a number would be written as a double. */
async function metadataOf(
  nodes: Nodes,
  { projectId, repoName, fullPath }: NodeAddress,
): Promise<z.output<typeof metadataSchema>['metadata']> {
  const document = await nodes.findOne(
    { projectId, repoName, fullPath, ...LIVE },
    { projection: { metadata: 1 }, promoteValues: false },
  );
  return metadataSchema.parse(document ?? {}).metadata ?? [];
}

function documentOf(
  { _id, source, fullPath }: Transfer<CarriedNode>,
  { kind, to }: TransferRequest,
  { operator, clock }: Change,
): StoredNode {
  const now = clock();
  const { createdBy, createdDate, folder, size, expireDate, sha256, md5 } = source;
  return {
    _id,
    ...(kind === 'move' ? { createdBy: operator, createdDate: now } : { createdBy, createdDate }),
    lastModifiedBy: operator,
    lastModifiedDate: now,
    folder,
    ...splitFullPath(fullPath),
    fullPath,
    size: Long.fromNumber(size),
    ...(isGiven(expireDate) ? { expireDate } : {}),
    ...(isGiven(sha256) ? { sha256 } : {}),
    ...(isGiven(md5) ? { md5 } : {}),
    metadata: [],
    projectId: to.projectId,
    repoName: to.repoName,
    ...LIVE,
  };
}

function isGiven<Value>(value: Value | null | undefined): value is Value {
  return value !== null && value !== undefined;
}

/** bk-repo counts every node that a move or copy makes, and takes nothing back for what it tombstones. */
async function countReferences(
  database: Db,
  documents: readonly StoredNode[],
  credentialsKey: string | null,
): Promise<void> {
  const times = new Map<string, number>();
  for (const { sha256 } of documents) {
    if (isGiven(sha256)) {
      times.set(sha256, (times.get(sha256) ?? 0) + 1);
    }
  }
  for (const [sha256, count] of times) {
    await countReference(database, { sha256, credentialsKey }, count);
  }
}

async function setMark(
  nodes: Nodes,
  { projectId, repoName, fullPath }: NodeAddress,
  logferryCopy: CopyMark,
): Promise<void> {
  await nodes.updateOne({ projectId, repoName, fullPath, ...LIVE }, { $set: { logferryCopy } });
}

async function removeMark(nodes: Nodes, { projectId, repoName, fullPath }: NodeAddress): Promise<void> {
  await nodes.updateOne({ projectId, repoName, fullPath, ...LIVE }, { $unset: { logferryCopy: '' } });
}
