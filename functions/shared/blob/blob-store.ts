import type { Readable } from 'node:stream';

/** Content that is not in the store. */
export class BlobNotFoundError extends Error {
  readonly sha256: string;

  constructor(sha256: string, options?: ErrorOptions) {
    super(`Blob ${sha256} is not in the store`, options);
    this.name = 'BlobNotFoundError';
    this.sha256 = sha256;
  }
}

/** Bytes `start` to `end`, both included and counted from 0, as HTTP ranges count. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * bk-repo's content-addressed store: a blob is named by its SHA-256 in lower-case hex.
 */
export interface BlobStore {
  /**
   * Open content for reading. The caller consumes or destroys the stream. `size` is the number of bytes that the
   * stream will give (of the range, when one is asked for).
   *
   * @throws BlobNotFoundError
   */
  open(
    sha256: string,
    options?: { readonly range?: ByteRange },
  ): Promise<{ readonly size: number; readonly stream: Readable }>;

  exists(sha256: string): Promise<boolean>;

  /** Bytes of the stored content; undefined when there is none. */
  size(sha256: string): Promise<number | undefined>;

  /**
   * Store content under its digest; content that is there already stays as it is. The digest is the caller's to
   * have computed from the content; the store checks it where it can.
   */
  put(blob: { readonly sha256: string; readonly content: Buffer }): Promise<void>;
}
