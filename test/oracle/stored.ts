import { type Db, Long } from 'mongodb';
import { z } from 'zod';
import type { ModelNode, ModelTree, RepositoryName } from './model.ts';
import { namesOf } from './requests.ts';

const nodeSchema = z.object({
  fullPath: z.string(),
  path: z.string(),
  name: z.string(),
  folder: z.boolean(),
  size: z.union([z.number(), z.instanceof(Long).transform(Number)]),
  sha256: z.string().nullish().default(null),
  md5: z.string().nullish().default(null),
  metadata: z.array(z.object({ key: z.string(), value: z.unknown() })).nullish(),
  expireDate: z.date().nullish().default(null),
  createdBy: z.string(),
  createdDate: z.date(),
  lastModifiedBy: z.string(),
  lastModifiedDate: z.date(),
  deleted: z.date().nullish(),
});

/**
 * What a bk-repo database holds for a repository, read without the product's code.
 *
 * @throws Error when two live nodes have one path, or a node's `path` and `name` are not those of its `fullPath`.
 */
export async function storedTree(database: Db, repository: RepositoryName): Promise<ModelTree> {
  const { projectId, repoName } = namesOf(repository);
  const live = new Map<string, ModelNode>();
  const tombstones = new Map<string, (string | null)[]>();
  const documents = database.collection(`node_${shardOf(projectId)}`).find({ projectId, repoName });
  for await (const document of documents) {
    const { fullPath, path, name, deleted, metadata, ...node } = nodeSchema.parse(document);
    if (`${path}${name}` !== fullPath) {
      throw new Error(`${fullPath} is stored as ${name} in ${path}`);
    }
    if (deleted !== null && deleted !== undefined) {
      tombstones.set(fullPath, [...(tombstones.get(fullPath) ?? []), node.sha256 ?? null]);
      continue;
    }
    if (live.has(fullPath)) {
      throw new Error(`Two live nodes of ${fullPath}`);
    }
    live.set(fullPath, {
      ...node,
      sha256: node.sha256 ?? null,
      md5: node.md5 ?? null,
      expireDate: node.expireDate ?? null,
      metadata: Object.fromEntries((metadata ?? []).map(({ key, value }) => [key, value])),
    });
  }
  return { live, tombstones };
}

/** Java's `hashCode` of the project's name, in the collections' 256 parts. */
function shardOf(projectId: string): number {
  return [...projectId].reduce((hash, character) => (hash * 31 + character.charCodeAt(0)) | 0, 0) & 255;
}
