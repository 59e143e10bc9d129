import { z } from 'zod';
import { inTime } from '../mongodb/in-time.ts';
import { nodeCollectionOf } from '../mongodb/sharding.ts';
import { jsonMetadata } from '../node/metadata.ts';
import { childPrefixOf } from '../node/path.ts';
import type { SourceCatalog, SourceNode } from './source-catalog.ts';

/** Longest that the database may take for one document, or one page of them; milliseconds. */
const MAX_TIME = 10_000;

const optionalText = z
  .string()
  .nullish()
  .transform((text) => text ?? undefined);

const optionalDate = z
  .date()
  .nullish()
  .transform((date) => date ?? undefined);

const projectDocument = z.object({
  displayName: z.string(),
  description: optionalText,
  createdBy: z.string(),
  lastModifiedDate: optionalDate,
});

const repositoryDocument = z.object({
  type: z.string(),
  category: z.string(),
  public: z.boolean().default(false),
  description: optionalText,
  /** JSON text. */
  configuration: optionalText.transform(parsedConfiguration),
  createdBy: z.string(),
  createdDate: optionalDate,
  lastModifiedDate: optionalDate,
});

const nodeDocument = z.object({
  fullPath: z.string(),
  createdBy: z.string(),
  createdDate: optionalDate,
  lastModifiedDate: optionalDate,
  folder: z.boolean(),
  size: z.number().int(),
  sha256: z.string().nullish(),
  md5: z.string().nullish(),
  expireDate: optionalDate,
  metadata: z.array(z.object({ key: z.string(), value: z.unknown() })).nullish(),
});

/** What is asked of the database. */
export interface DocumentFinder {
  collection(name: string): {
    findOne(filter: Record<string, unknown>, options: { readonly maxTimeMS: number }): Promise<unknown>;
    find(
      filter: Record<string, unknown>,
      options: {
        readonly sort: Record<string, 1>;
        readonly limit: number;
        readonly maxTimeMS: number;
      },
    ): { toArray(): Promise<unknown[]> };
  };
}

/** The source's catalog over bk-repo's collections. */
export function mongoSourceCatalog(database: () => Promise<DocumentFinder>): SourceCatalog {
  async function findOne(collection: string, filter: Record<string, unknown>): Promise<unknown> {
    const documents = (await database()).collection(collection);
    return inTime(MAX_TIME, (limited) => documents.findOne(filter, limited));
  }

  return {
    async project(projectId) {
      const document = await findOne('project', { name: projectId });
      return document === null ? undefined : projectDocument.parse(document);
    },

    async repository(projectId, repoName) {
      const document = await findOne('repository', { projectId, name: repoName });
      return document === null ? undefined : repositoryDocument.parse(document);
    },

    async node(projectId, repoName, fullPath) {
      // A live node has no `deleted` field; a null one counts as none.
      const document = await findOne(nodeCollectionOf(projectId), {
        projectId,
        repoName,
        fullPath,
        deleted: null,
      });
      return document === null ? undefined : nodeOf(nodeDocument.parse(document));
    },

    async nodesUnder(projectId, repoName, fullPath, { after, limit }) {
      const prefix = childPrefixOf(fullPath);
      const nodes = (await database()).collection(nodeCollectionOf(projectId));
      // `0` is what follows `/`: everything that begins with the prefix, in the index's own order.
      const range = { $gt: after ?? prefix, $lt: `${prefix.slice(0, -1)}0` };
      const filter = { projectId, repoName, fullPath: range, deleted: null };
      const documents = await inTime(MAX_TIME, (limited) =>
        nodes.find(filter, { sort: { fullPath: 1 }, limit, ...limited }).toArray(),
      );
      return documents.map((document) => nodeOf(nodeDocument.parse(document)));
    },
  };
}

function nodeOf(document: z.infer<typeof nodeDocument>): SourceNode {
  const { fullPath, createdBy, createdDate, lastModifiedDate, expireDate, size, sha256, md5 } = document;
  const metadata = jsonMetadata(document.metadata ?? []);
  const node = { fullPath, createdBy, createdDate, lastModifiedDate, expireDate, metadata };
  return document.folder
    ? { ...node, folder: true }
    : { ...node, folder: false, size, sha256: sha256 ?? '', md5: md5 ?? '' };
}

const configurationSchema = z.record(z.string(), z.unknown());

/** A configuration that is no JSON object is left out: the remote then makes its default one. */
function parsedConfiguration(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) {
    return undefined;
  }
  try {
    const result = configurationSchema.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}
