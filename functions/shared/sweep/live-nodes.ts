import type { Container } from '../lane/message.ts';
import { inTime } from '../mongodb/in-time.ts';
import { nodeCollectionOf } from '../mongodb/sharding.ts';
import { ROOT } from '../node/path.ts';

/** Longest that the database may count; milliseconds. */
const MAX_TIME = 20_000;

/** Live nodes that a repository of the source has, at most so many. */
export type LiveNodes = (container: Container, limit: number) => Promise<number>;

/** What is asked of the database. */
export interface DocumentCounter {
  collection(name: string): {
    countDocuments(
      filter: Record<string, unknown>,
      options: { readonly limit: number; readonly maxTimeMS: number },
    ): Promise<number>;
  };
}

/** Counts over bk-repo's collections, on the index of full paths. */
export function mongoLiveNodes(database: () => Promise<DocumentCounter>): LiveNodes {
  return async ({ projectId, repoName }, limit) => {
    const nodes = (await database()).collection(nodeCollectionOf(projectId));
    const live = { projectId, repoName, fullPath: { $gt: ROOT }, deleted: null };
    return inTime(MAX_TIME, (limited) => nodes.countDocuments(live, { limit, ...limited }));
  };
}
