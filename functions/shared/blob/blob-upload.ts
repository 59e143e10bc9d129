/** A request that puts one blob into the store, for somebody who has no other right there. */
export interface BlobUpload {
  readonly url: string;
  /** Headers that the request must carry, exactly these values. */
  readonly headers: Readonly<Record<string, string>>;
  /** Seconds within which the request must begin. */
  readonly expiresIn: number;
}

/** Issues uploads: nothing but content of that digest and size can be put with one, and nowhere but under its digest. */
export interface BlobUploads {
  issue(blob: { readonly sha256: string; readonly size: number }): Promise<BlobUpload>;
}
