import { inTime } from '../mongodb/in-time.ts';
import { nodeCollectionOf } from '../mongodb/sharding.ts';

/** Longest that the database may take for one question; milliseconds. */
const MAX_TIME = 10_000;

/** What the source has had at its paths, as its nodes and tombstones tell. */
export interface SourceHistory {
  /**
   * Whether the source has, or has had, such a node at a path.
   *
   * @param node `folder`, `sha256`: only one of this kind, and of this content. `before`: a live node only if it was there
   * before this instant.
   */
  had(
    projectId: string,
    repoName: string,
    node: {
      readonly fullPath: string;
      readonly folder?: boolean | undefined;
      readonly sha256?: string | undefined;
      readonly before?: Date | undefined;
    },
  ): Promise<boolean>;
}

/** What is asked of the database. */
export interface NodeFinder {
  collection(name: string): {
    findOne(
      filter: Record<string, unknown>,
      options: { readonly maxTimeMS: number; readonly projection: Record<string, 1> },
    ): Promise<unknown>;
  };
}

/** The source's history over bk-repo's node collections: a removed or overwritten node keeps its document, with `deleted` set. */
export function mongoSourceHistory(database: () => Promise<NodeFinder>): SourceHistory {
  return {
    async had(projectId, repoName, { fullPath, folder, sha256, before }) {
      const nodes = (await database()).collection(nodeCollectionOf(projectId));
      const filter = {
        projectId,
        repoName,
        fullPath,
        ...(folder === undefined ? {} : { folder }),
        ...(sha256 === undefined ? {} : { sha256: sha256.toLowerCase() }),
        ...(before === undefined
          ? {}
          : { $or: [{ deleted: { $ne: null } }, { lastModifiedDate: { $lt: before } }] }),
      };
      const document = await inTime(MAX_TIME, (limited) =>
        nodes.findOne(filter, { ...limited, projection: { _id: 1 } }),
      );
      return document !== null;
    },
  };
}
