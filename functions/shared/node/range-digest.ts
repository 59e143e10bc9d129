import { createHash } from 'node:crypto';

/** A live node as it counts in the digest of a range of paths. */
export interface RangeNode {
  readonly fullPath: string;
  readonly folder: boolean;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256?: string | null | undefined;
  /** Whether it expires; when is compared apart, for it is not the same at both ends. */
  readonly expires: boolean;
  /** Its `metadataDigest`; null where metadata does not count. */
  readonly metadata: string | null;
}

/**
 * Digest of a repository's live nodes in a range of paths, the same at both ends of a replication: SHA-256, in hex, over
 * one line for each node in the order of their paths, `[fullPath,folder,size,sha256,expires,metadata]` as JSON without
 * blanks and a line feed. A folder has neither size, content nor expiry: 0, null, false.
 */
export function rangeDigest(nodes: readonly RangeNode[]): string {
  const hash = createHash('sha256');
  for (const { fullPath, folder, size, sha256, expires, metadata } of nodes) {
    const file = folder ? [0, null, false] : [size, sha256?.toLowerCase() ?? null, expires];
    hash.update(`${JSON.stringify([fullPath, folder, ...file, metadata])}\n`);
  }
  return hash.digest('hex');
}
