import { type IndexDescription, Long, ObjectId } from 'mongodb';
import { z } from 'zod';

/**
 * Nodes as bk-repo keeps them, in the collection that `nodeCollectionOf(projectId)` names.
 *
 * `path` is the folder with a slash at its end, `fullPath` the normalised path, `size` in bytes, dates are
 * instants. Folders are nodes of size 0 without digests. A node that is not live is a tombstone: it carries the
 * time of its deletion and keeps everything else.
 */
const countSchema = z.union([z.number(), z.instanceof(Long).transform((value) => value.toNumber())]);

export const nodeDocumentSchema = z.object({
  _id: z.instanceof(ObjectId),
  createdBy: z.string(),
  createdDate: z.date(),
  lastModifiedBy: z.string(),
  lastModifiedDate: z.date(),
  folder: z.boolean(),
  path: z.string(),
  name: z.string(),
  fullPath: z.string(),
  size: countSchema,
  expireDate: z.date().nullish(),
  sha256: z.string().nullish(),
  md5: z.string().nullish(),
  metadata: z.array(z.object({ key: z.string(), value: z.unknown() })).nullish(),
  projectId: z.string(),
  repoName: z.string(),
  deleted: z.date().nullish(),
});

export type NodeDocument = z.output<typeof nodeDocumentSchema>;

/**
 * Selects live nodes, whether `deleted` is missing (bk-repo's own) or null (ours).
 *
 * We write the null. MongoDB indexes a missing field as null, so its unique index keeps the two kinds apart from
 * nothing and holds for both; FerretDB's holds for values only (measured on v1.24.2: a second live node without
 * the field is accepted). Every place that creates a node relies on that index against concurrent creations.
 */
export const LIVE = { deleted: null } as const;

/** Indexes of a node collection, by bk-repo's names. */
export const NODE_INDEXES: readonly IndexDescription[] = [
  {
    name: 'projectId_repoName_fullPath_idx',
    key: { projectId: 1, repoName: 1, fullPath: 1, deleted: 1 },
    unique: true,
  },
  {
    name: 'projectId_repoName_path_idx',
    key: { projectId: 1, repoName: 1, path: 1, deleted: 1 },
  },
  { name: 'metadata_idx', key: { 'metadata.key': 1, 'metadata.value': 1 } },
];
