import { ObjectId } from 'mongodb';
import { z } from 'zod';
import type { Container } from '../lane/message.ts';
import { inTime } from '../mongodb/in-time.ts';
import { nodeCollectionOf } from '../mongodb/sharding.ts';
import { jsonMetadata } from '../node/metadata.ts';
import { BEHIND_PATHS, comparePaths, ROOT } from '../node/path.ts';
import type { ComparedNode } from '../sync/disparity.ts';

/** A stretch of time, both ends in it; without `to` it is still going on. */
export interface Window {
  readonly from: Date;
  readonly to?: Date | undefined;
}

interface PageOf extends Container {
  /** Path to go on behind; absent for the first page. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** The source's nodes as a comparison reads them. The root, which is virtual, is never among them. */
export interface SourceNodes {
  /** Live nodes in the order of their paths. Those past their expiry are live until the source has removed them. */
  live(page: PageOf): Promise<ComparedNode[]>;
  /** The live ones of the paths. */
  liveAt(question: Container & { readonly fullPaths: readonly string[] }): Promise<ComparedNode[]>;
  /**
   * Paths, in their order, at which a node was made, changed or tombstoned within the window (absent: at any time), whatever is
   * there now.
   *
   * @returns `next`: path to go on behind; undefined at the end. A page may be empty and not the last.
   */
  touched(
    page: PageOf & { readonly window?: Window | undefined },
  ): Promise<{ readonly fullPaths: readonly string[]; readonly next: string | undefined }>;
  /** Those of the paths at which the source has a tombstone. */
  tombstonesAt(question: Container & { readonly fullPaths: readonly string[] }): Promise<ReadonlySet<string>>;
}

/** Longest that the database may take for one question; milliseconds. */
const MAX_TIME = 20_000;

/**
 * Documents that one question for what was touched may look at. No index of bk-repo has the dates, so each is fetched: at a
 * thousand a second, from cold disks, that many are read in time.
 */
const MAX_SCANNED = 20_000;

/** Tombstones that one answer holds: a file that was overwritten often has many. */
const MAX_TOMBSTONES = 1_000;

const COMPARED = {
  _id: 0,
  fullPath: 1,
  folder: 1,
  size: 1,
  sha256: 1,
  expireDate: 1,
  metadata: 1,
} as const;
const PATH_ONLY = { _id: 0, fullPath: 1 } as const;

const pathSchema = z.object({ fullPath: z.string() });
const comparedSchema = z
  .object({
    fullPath: z.string(),
    folder: z.boolean(),
    size: z.number().int(),
    sha256: z.string().nullish(),
    expireDate: z.date().nullish(),
    metadata: z.array(z.object({ key: z.string(), value: z.unknown() })).nullish(),
  })
  .transform(({ fullPath, folder, size, sha256, expireDate, metadata }): ComparedNode => {
    const common = { fullPath, metadata: jsonMetadata(metadata ?? []) };
    return folder
      ? { ...common, folder }
      : { ...common, folder, size, sha256: sha256 ?? '', expireDate: expireDate ?? undefined };
  });

interface Shape {
  readonly projection: Record<string, 0 | 1>;
  readonly sort?: Record<string, 1>;
  readonly skip?: number;
  readonly limit?: number;
}

/** What is asked of the database. */
export interface NodeLister {
  collection(name: string): {
    find(
      filter: Record<string, unknown>,
      options: Shape & { readonly maxTimeMS: number },
    ): { toArray(): Promise<unknown[]> };
  };
}

/**
 * The source's nodes over bk-repo's node collections, read on bk-repo's index of full paths: a page goes on behind the last
 * path of the one before, so that what comes and goes meanwhile moves nothing out of its sight.
 */
export function mongoSourceNodes(database: () => Promise<NodeLister>): SourceNodes {
  async function find(projectId: string, filter: Record<string, unknown>, shape: Shape): Promise<unknown[]> {
    const nodes = (await database()).collection(nodeCollectionOf(projectId));
    return inTime(MAX_TIME, (limited) =>
      nodes.find({ projectId, ...filter }, { ...shape, ...limited }).toArray(),
    );
  }

  /** The path of the last document that one question may look at; undefined where it may look at all that follow. */
  async function scannedThrough({ projectId, repoName, after = ROOT }: Omit<PageOf, 'limit'>) {
    const [last] = await find(
      projectId,
      { repoName, fullPath: { $gt: after, $lt: BEHIND_PATHS } },
      { projection: PATH_ONLY, sort: { fullPath: 1 }, skip: MAX_SCANNED - 1, limit: 1 },
    );
    return last === undefined ? undefined : pathSchema.parse(last).fullPath;
  }

  return {
    async live({ projectId, repoName, after = ROOT, limit }) {
      const documents = await find(
        projectId,
        { repoName, fullPath: { $gt: after, $lt: BEHIND_PATHS }, deleted: null },
        { projection: COMPARED, sort: { fullPath: 1 }, limit },
      );
      return documents.map((document) => comparedSchema.parse(document));
    },

    async liveAt({ projectId, repoName, fullPaths }) {
      const documents = await find(
        projectId,
        { repoName, fullPath: { $in: [...fullPaths] }, deleted: null },
        { projection: COMPARED },
      );
      return documents.map((document) => comparedSchema.parse(document));
    },

    async touched({ window, ...page }) {
      const { projectId, repoName, after = ROOT, limit } = page;
      // Without a window every document is one that is looked for: the limit bounds what is read.
      const through = window === undefined ? undefined : await scannedThrough(page);
      const range = { $gt: after, $lt: BEHIND_PATHS, ...(through === undefined ? {} : { $lte: through }) };
      const documents = await find(
        projectId,
        { repoName, fullPath: range, ...(window === undefined ? {} : touchedIn(window)) },
        { projection: PATH_ONLY, sort: { fullPath: 1 }, limit },
      );
      // A file that was overwritten often has a tombstone for each time.
      const fullPaths = [...new Set(documents.map((document) => pathSchema.parse(document).fullPath))];
      return { fullPaths, next: documents.length < limit ? through : fullPaths.at(-1) };
    },

    async tombstonesAt({ projectId, repoName, fullPaths }) {
      // Not `distinct`: FerretDB (v1.24.2) takes no time limit for it. Each round leaves at least one path behind.
      const found = new Set<string>();
      let wanted = fullPaths;
      while (wanted.length > 0) {
        const documents = await find(
          projectId,
          { repoName, fullPath: { $in: [...wanted] }, deleted: { $ne: null } },
          { projection: PATH_ONLY, sort: { fullPath: 1 }, limit: MAX_TOMBSTONES },
        );
        const read = documents.map((document) => pathSchema.parse(document).fullPath);
        for (const fullPath of read) {
          found.add(fullPath);
        }
        const last = read.at(-1);
        wanted =
          last === undefined || read.length < MAX_TOMBSTONES
            ? []
            : wanted.filter((fullPath) => comparePaths(fullPath, last) > 0);
      }
      return found;
    },
  };
}

/**
 * By the dates, of tombstones too: what was changed within the window may have been deleted after it. By the id as well: a
 * node may be created with an older date of its last change (`node/create` takes one), but not with an older id.
 */
function touchedIn({ from, to }: Window): Record<string, unknown> {
  const dates = { $gte: from, ...(to === undefined ? {} : { $lte: to }) };
  // Ids hold whole seconds.
  const second = (date: Date) => Math.floor(date.getTime() / 1_000);
  const ids = {
    $gte: ObjectId.createFromTime(second(from)),
    ...(to === undefined ? {} : { $lt: ObjectId.createFromTime(second(to) + 1) }),
  };
  return { $or: [{ lastModifiedDate: dates }, { deleted: dates }, { _id: ids }] };
}
