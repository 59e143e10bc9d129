import { Long, type ObjectId } from 'mongodb';
import { z } from 'zod';
import { LIVE } from './document.ts';
import { parentsOf, splitFullPath } from './path.ts';
import { type Change, insertUnlessThere, type NodeAddress, type Nodes, type StoredNode } from './store.ts';

const pathSchema = z.object({ fullPath: z.string() });

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
    // Refused: a sibling's creation made it first, which is as good.
    await insertUnlessThere(nodes, newFolder({ projectId, repoName, fullPath: parent }, change));
  }
}
