import { type AnyBulkWriteOperation, type Db, ObjectId } from 'mongodb';
import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { isDuplicateKey } from '../mongodb/duplicate-key.ts';
import { LIVE } from './document.ts';
import { createParents, newFolderWithId } from './folders.ts';
import { childPrefixOf, isRoot, normalizeFullPath, splitFullPath } from './path.ts';
import {
  type Change,
  chunksOf,
  insertOwn,
  madeFrom,
  type NodeAddress,
  type Nodes,
  nodesOf,
  readTree,
  type StoredNode,
} from './store.ts';

export interface NodeRename extends NodeAddress {
  readonly newFullPath: string;
  readonly operator: string;
}

const treeNode = z.object({ _id: z.instanceof(ObjectId), fullPath: z.string(), folder: z.boolean() });

/** What a rename has to know of a node. */
export type TreeNode = z.output<typeof treeNode>;

/** One node's way to its new path. */
export interface Renaming {
  readonly _id: ObjectId;
  readonly fullPath: string;
}

export interface RenamePlan {
  /** New folders, outermost first. */
  readonly folders: readonly Renaming[];
  /** Files, which keep their documents. */
  readonly files: readonly Renaming[];
  /** Old folder documents, the renamed one last. */
  readonly removed: readonly ObjectId[];
}

/**
 * What a rename does, decided before anything is written, so that a refused one changes nothing.
 *
 * A file goes to its new path. A folder is made anew there, then its direct children are renamed one by one, the
 * folders among them in the same way, and the old document goes. What is below without being anybody's direct child
 * (in a folder that has no document, or under a file) stays where it is.
 *
 * @param options.source the live nodes at the path and under it, in the order of their paths.
 * @param options.target the live nodes at the new path and under it.
 * @throws DomainError NODE_NOT_FOUND, then NODE_EXISTED (also for a node below that meets one), then
 * PARAMETER_INVALID `newFullPath` for a folder that would get into itself, the root included.
 */
export function planRename(options: {
  readonly address: NodeAddress;
  readonly newFullPath: string;
  readonly source: readonly TreeNode[];
  readonly target: readonly TreeNode[];
}): RenamePlan {
  const { address, newFullPath, source, target } = options;
  const { fullPath } = address;
  const named = source.find((node) => node.fullPath === fullPath);
  if (named === undefined && !isRoot(fullPath)) {
    throw new DomainError('NODE_NOT_FOUND', [fullPath]);
  }
  const there = new Map([...source, ...target].map((node) => [node.fullPath, node]));
  const refuseOccupied = (node: TreeNode | undefined, path: string): void => {
    const occupant = there.get(path);
    const isOwn =
      node?.folder === true &&
      occupant?._id.equals(madeFrom(node._id, { ...address, fullPath: path })) === true;
    if (isRoot(path) || (occupant !== undefined && !isOwn)) {
      throw new DomainError('NODE_EXISTED', [path]);
    }
  };
  refuseOccupied(named, newFullPath);
  if (named === undefined || (named.folder && newFullPath.startsWith(childPrefixOf(fullPath)))) {
    throw new DomainError('PARAMETER_INVALID', ['newFullPath']);
  }

  const childrenOf = Map.groupBy(source, (node) => splitFullPath(node.fullPath).path);
  const folders: Renaming[] = [];
  const files: Renaming[] = [];
  const removed: ObjectId[] = [];
  // A path has at most 64 segments, and so has the recursion.
  const rename = (node: TreeNode, path: string): void => {
    refuseOccupied(node, path);
    there.set(path, node);
    if (!node.folder) {
      there.delete(node.fullPath);
      files.push({ _id: node._id, fullPath: path });
      return;
    }
    folders.push({ _id: madeFrom(node._id, { ...address, fullPath: path }), fullPath: path });
    for (const child of childrenOf.get(childPrefixOf(node.fullPath)) ?? []) {
      rename(child, childPrefixOf(path) + splitFullPath(child.fullPath).name);
    }
    there.delete(node.fullPath);
    removed.push(node._id);
  };
  rename(named, newFullPath);
  return { folders, files, removed };
}

/**
 * Rename a node by the rules of `planRename`.
 *
 * The old folders go last, the named one at the very end: a repeat after a crash still finds it, knows the new
 * folders by their ids and goes on.
 */
export async function renameNode(options: {
  readonly database: Db;
  readonly renaming: NodeRename;
  readonly change: Change;
}): Promise<void> {
  const { database, renaming, change } = options;
  const { projectId, repoName } = renaming;
  const address = { projectId, repoName, fullPath: normalizeFullPath(renaming.fullPath) };
  const destination = { ...address, fullPath: normalizeFullPath(renaming.newFullPath) };
  const nodes = await nodesOf(database, projectId);
  // Under the root lies the whole repository, and nothing below it matters to the refusal.
  const treeOf = async (at: NodeAddress) => (isRoot(at.fullPath) ? [] : readTree(nodes, at, treeNode));
  const plan = planRename({
    address,
    newFullPath: destination.fullPath,
    source: await treeOf(address),
    target: await treeOf(destination),
  });
  if (plan.folders.length > 0) {
    await createParents(nodes, destination, change);
    await insertOwn(
      nodes,
      plan.folders.map(({ _id, fullPath }) => newFolderWithId(_id, { ...address, fullPath }, change)),
    );
  }
  await placeFiles(nodes, plan.files, change);
  for (const chunk of chunksOf(plan.removed)) {
    await nodes.deleteMany({ _id: { $in: [...chunk.slice(0, -1)] } });
    await nodes.deleteOne({ _id: { $in: [...chunk.slice(-1)] } });
  }
}

async function placeFiles(
  nodes: Nodes,
  files: readonly Renaming[],
  { operator, clock }: Change,
): Promise<void> {
  for (const chunk of chunksOf(files)) {
    const now = clock();
    const updates = chunk.map(
      ({ _id, fullPath }): AnyBulkWriteOperation<StoredNode> => ({
        updateOne: {
          filter: { _id, ...LIVE },
          update: {
            $set: {
              ...splitFullPath(fullPath),
              fullPath,
              lastModifiedBy: operator,
              lastModifiedDate: now,
            },
          },
        },
      }),
    );
    try {
      await nodes.bulkWrite(updates);
    } catch (error) {
      // Somebody has put a node there since the plan was made: a repeat will see it.
      throw isDuplicateKey(error) ? new DomainError('SYSTEM_BUSY', [], { cause: error }) : error;
    }
  }
}
