/**
 * bk-repo's collection sharding: 256 collections, chosen by Java's `String.hashCode` of the key
 * (`ShardingUtils` of January 2021: `hashCode & 255`). Known values: `ops` is 178, `test` is 146.
 */
const SHARDS = 256;

/** Java's `String.hashCode`: 31-polynomial over UTF-16 code units in 32-bit arithmetic. */
export function javaHashCode(text: string): number {
  let hash = 0;
  for (let index = 0; index < text.length; index += 1) {
    hash = (Math.imul(31, hash) + text.charCodeAt(index)) | 0;
  }
  return hash;
}

/** Collection of a project's nodes. */
export function nodeCollectionOf(projectId: string): string {
  return `node_${javaHashCode(projectId) & (SHARDS - 1)}`;
}

/** Collection of a blob's reference count. */
export function fileReferenceCollectionOf(sha256: string): string {
  return `file_reference_${javaHashCode(sha256) & (SHARDS - 1)}`;
}
