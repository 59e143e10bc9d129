import { Long, type ObjectId } from 'mongodb';
import { LIVE } from './document.ts';
import { parentsOf, splitFullPath } from './path.ts';
import {
  type Change,
  findLive,
  insertUnlessThere,
  type NodeAddress,
  type Nodes,
  type StoredNode,
} from './store.ts';

/** The document of a new, empty folder; field order as bk-repo writes it. */
export function newFolder(
  { projectId, repoName, fullPath }: NodeAddress,
  { operator, clock }: Change,
): Omit<StoredNode, '_id'> {
  const now = clock();
  return {
    createdBy: operator,
    createdDate: now,
    lastModifiedBy: operator,
    lastModifiedDate: now,
    folder: true,
    ...splitFullPath(fullPath),
    fullPath,
    size: Long.ZERO,
    metadata: [],
    projectId,
    repoName,
    ...LIVE,
  };
}

export function newFolderWithId(_id: ObjectId, address: NodeAddress, change: Change): StoredNode {
  return { _id, ...newFolder(address, change) };
}

/** Make the folders above a path, outermost first. A file may stand for a folder: bk-repo lets it have children. */
export async function createParents(
  nodes: Nodes,
  { projectId, repoName, fullPath }: NodeAddress,
  change: Change,
): Promise<void> {
  const parents = parentsOf(fullPath).map((parent) => ({ projectId, repoName, fullPath: parent }));
  // Each by equality, side by side: FerretDB v1 hands no `$in` on, and would read the whole repository for every node.
  const found = await Promise.all(parents.map((parent) => findLive(nodes, parent)));
  for (const parent of parents.filter((_, index) => found[index] === undefined)) {
    // Refused: a sibling's creation made it first, which is as good.
    await insertUnlessThere(nodes, newFolder(parent, change));
  }
}
