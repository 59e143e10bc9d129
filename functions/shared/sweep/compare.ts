import type { Container } from '../lane/message.ts';

/** A path at which source and remote are not alike. */
export interface Difference {
  /** Normalised. */
  readonly fullPath: string;
  /** MISSING: the remote has nothing there. DIFFERENT: it has something else. EXTRA: it has what the source has not. */
  readonly kind: 'MISSING' | 'DIFFERENT' | 'EXTRA';
  /** Of EXTRA: the source has a tombstone at the path, so it was deleted or has expired there; else false. */
  readonly isDeleted: boolean;
}

export interface ComparedPage {
  /** Paths of the source that were compared. */
  readonly compared: number;
  readonly differences: readonly Difference[];
  /** Path to go on behind; undefined at the end. A page may be empty and not the last. */
  readonly next: string | undefined;
}

/** What differs between a repository of the source and the one that it has become at the remote. Nothing is changed. */
export interface Comparison {
  /**
   * Every node of the repository, by pages of up to `limit` source nodes. Extras only where the remote can list them, or
   * where the source has a tombstone.
   */
  all(page: {
    readonly source: Container;
    readonly remote: Container;
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<ComparedPage>;
  /** Only nodes that were changed or tombstoned within the window (`to` absent: until now). */
  changed(page: {
    readonly source: Container;
    readonly remote: Container;
    readonly window: { readonly from: Date; readonly to?: Date | undefined };
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<ComparedPage>;
  /** Given paths, normalised, at most 500. */
  paths(question: {
    readonly source: Container;
    readonly remote: Container;
    readonly fullPaths: readonly string[];
  }): Promise<readonly Difference[]>;
}
