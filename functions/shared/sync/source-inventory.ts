import { z } from 'zod';
import { inTime } from '../mongodb/in-time.ts';
import { nodeCollectionOf } from '../mongodb/sharding.ts';
import { ROOT } from '../node/path.ts';

/** A node as a planner sees it. */
export interface PlannedNode {
  readonly fullPath: string;
  /** Bytes; 0 for a folder. */
  readonly size: number;
}

/**
 * What the source has, listed. Every list is ordered by name or path and read on from the last one of the page before,
 * so that what is created or removed meanwhile moves nothing out of its sight.
 */
export interface SourceInventory {
  /** Names of projects. @param page `after`: the last name of the page before. */
  projects(page: { readonly after?: string | undefined; readonly limit: number }): Promise<string[]>;
  /** Names of a project's repositories, hidden ones among them. */
  repositories(
    projectId: string,
    page: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<string[]>;
  /** Live nodes of a repository in the order of their paths, without its root, which is virtual. */
  plannedNodes(range: {
    readonly projectId: string;
    readonly repoName: string;
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<PlannedNode[]>;
}

/** Longest that the database may take for one page; milliseconds. */
const MAX_TIME = 20_000;

interface FindOptions {
  readonly projection?: Record<string, 0 | 1>;
  readonly sort: Record<string, 1>;
  readonly limit: number;
  readonly maxTimeMS: number;
}

/** What is asked of the database. */
export interface DocumentLister {
  collection(name: string): {
    find(filter: Record<string, unknown>, options: FindOptions): { toArray(): Promise<unknown[]> };
  };
}

const named = z.object({ name: z.string() });
const planned = z.object({ fullPath: z.string(), folder: z.boolean(), size: z.number().int() });

/** The source's inventory over bk-repo's collections, on the indexes that bk-repo has on them. */
export function mongoSourceInventory(database: () => Promise<DocumentLister>): SourceInventory {
  async function find(
    collection: string,
    filter: Record<string, unknown>,
    options: Omit<FindOptions, 'maxTimeMS'>,
  ): Promise<unknown[]> {
    const documents = (await database()).collection(collection);
    return inTime(MAX_TIME, (limited) => documents.find(filter, { ...options, ...limited }).toArray());
  }

  async function names(
    collection: string,
    filter: Record<string, unknown>,
    page: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<string[]> {
    const { after, limit } = page;
    const documents = await find(
      collection,
      { ...filter, ...(after === undefined ? {} : { name: { $gt: after } }) },
      { projection: { _id: 0, name: 1 }, sort: { name: 1 }, limit },
    );
    return documents.map((document) => named.parse(document).name);
  }

  return {
    projects: (page) => names('project', {}, page),
    repositories: (projectId, page) => names('repository', { projectId }, page),

    async plannedNodes({ projectId, repoName, after = ROOT, limit }) {
      const documents = await find(
        nodeCollectionOf(projectId),
        { projectId, repoName, fullPath: { $gt: after }, deleted: null },
        { projection: { _id: 0, fullPath: 1, folder: 1, size: 1 }, sort: { fullPath: 1 }, limit },
      );
      return documents.map((document) => {
        const { fullPath, folder, size } = planned.parse(document);
        return { fullPath, size: folder ? 0 : size };
      });
    },
  };
}
