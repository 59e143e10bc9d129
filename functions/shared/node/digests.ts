import type { Db } from 'mongodb';
import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { jacksonString } from '../http/jackson.ts';
import { domainRule } from '../http/validation.ts';
import { LIVE, nodeDocumentSchema } from './document.ts';
import { jsonMetadata } from './metadata.ts';
import { metadataDigest } from './metadata-digest.ts';
import { normalizeFullPath } from './path.ts';
import { nodesOf } from './store.ts';

/** Paths that one question may hold, and nodes that one answer may: a page of a full synchronization. */
export const MAX_PATHS = 500;

/** `node/digest/list`. */
export const nodeDigestListRequest = z.object({
  projectId: jacksonString(),
  repoName: jacksonString(),
  fullPathList: z
    .array(jacksonString())
    .check(
      domainRule((paths) => (paths.length > MAX_PATHS ? new DomainError('NODE_LIST_TOO_LARGE') : undefined)),
    ),
});

const digested = nodeDocumentSchema.pick({
  fullPath: true,
  folder: true,
  size: true,
  sha256: true,
  md5: true,
  expireDate: true,
  metadata: true,
});
export const DIGEST_PROJECTION = {
  _id: 0,
  ...Object.fromEntries(Object.keys(digested.shape).map((field) => [field, 1])),
};

/**
 * What is at those of the paths where a live node is, in one query, ordered by the normalised path. The root is there
 * only when metadata was saved on it.
 *
 * @returns nodes as `node/digest/list` answers them: sizes in bytes, a folder's digests null, `expireDate` an instant (ISO
 * 8601, UTC; null: never), `metadata` the `metadataDigest`.
 */
export async function nodeDigests(options: {
  readonly database: Db;
  readonly question: z.output<typeof nodeDigestListRequest>;
}) {
  const { projectId, repoName, fullPathList } = options.question;
  const wanted = new Set(fullPathList.map(normalizeFullPath));
  if (wanted.size === 0) {
    return [];
  }
  const nodes = await nodesOf(options.database, projectId);
  const found = await nodes
    .find({ projectId, repoName, fullPath: { $in: [...wanted] }, ...LIVE }, { projection: DIGEST_PROJECTION })
    .sort({ fullPath: 1 })
    .toArray();
  return found.map(digestOf);
}

/** A node as it is answered: see `nodeDigests`. */
export type AnsweredDigest = ReturnType<typeof digestOf>;

/** A node's document, read with `DIGEST_PROJECTION`. */
export function digestOf(document: unknown) {
  const { sha256, md5, expireDate, metadata, ...node } = digested.parse(document);
  return {
    ...node,
    sha256: sha256 ?? null,
    md5: md5 ?? null,
    expireDate: expireDate?.toISOString() ?? null,
    metadata: metadataDigest(jsonMetadata(metadata ?? [])),
  };
}
