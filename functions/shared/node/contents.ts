import type { Db } from 'mongodb';
import { ROOT } from './path.ts';
import { type Change, liveTree, nodesOf, type RepositoryAddress, tombstoneTree } from './store.ts';

/** What a repository holds, seen from the repository. */

/** True when a repository holds a file. */
export async function holdsFile(database: Db, { projectId, repoName }: RepositoryAddress): Promise<boolean> {
  const nodes = await nodesOf(database, projectId);
  const tree = liveTree({ projectId, repoName, fullPath: ROOT });
  return (await nodes.findOne({ ...tree, folder: false }, { projection: { _id: 1 } })) !== null;
}

/** Tombstone everything in a repository. */
export async function clearRepository(
  database: Db,
  { projectId, repoName }: RepositoryAddress,
  change: Change,
): Promise<void> {
  const nodes = await nodesOf(database, projectId);
  await tombstoneTree(nodes, { projectId, repoName, fullPath: ROOT }, change);
}
