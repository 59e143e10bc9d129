import type { BlobStore } from './blob-store.ts';

/** Questions to the store at once. */
const CONCURRENCY = 32;

/** A blob that is there, with what is stored under its name; bytes. */
export interface HeldBlob {
  readonly sha256: string;
  readonly size: number;
}

/**
 * Those of the blobs that are in the store, in the order in which they are asked for. Sizes are told because bk-repo
 * stores content under whatever digest is claimed: what has another size than the caller's is not this content.
 */
export async function heldBlobs(options: {
  readonly blobs: Pick<BlobStore, 'size'>;
  readonly sha256List: readonly string[];
}): Promise<HeldBlob[]> {
  const { blobs, sha256List } = options;
  const sizes = new Map<string, number>();
  const open = sha256List.values();
  const ask = async () => {
    // One iterator for all: each digest is taken by one of them.
    for (const sha256 of open) {
      const size = await blobs.size(sha256);
      if (size !== undefined) {
        sizes.set(sha256, size);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, ask));
  return sha256List.flatMap((sha256) => {
    const size = sizes.get(sha256);
    return size === undefined ? [] : [{ sha256, size }];
  });
}
