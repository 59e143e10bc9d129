import { createHash } from 'node:crypto';

/** Bytes of a path's digest that are kept: two of a page's 500 paths are the same by chance once in 10^14 pages. */
const DIGEST_LENGTH = 8;

/**
 * A set of paths as bytes: eight of each path's SHA-256. A page of the longest paths would not fit into a DynamoDB item,
 * and all that is asked of the set is whether it holds a path.
 */
export function encodePathSet(fullPaths: Iterable<string>): Uint8Array {
  return Buffer.concat([...fullPaths].map(digestOf));
}

export function decodePathSet(bytes: Uint8Array): { has(fullPath: string): boolean } {
  const digests = new Set<string>();
  for (let start = 0; start < bytes.length; start += DIGEST_LENGTH) {
    digests.add(Buffer.from(bytes.subarray(start, start + DIGEST_LENGTH)).toString('hex'));
  }
  return { has: (fullPath) => digests.has(digestOf(fullPath).toString('hex')) };
}

function digestOf(fullPath: string): Buffer {
  return createHash('sha256').update(fullPath).digest().subarray(0, DIGEST_LENGTH);
}
