/** Project of the source. */
export interface SourceProject {
  readonly displayName: string;
  readonly description?: string | undefined;
  readonly createdBy: string;
  readonly lastModifiedDate?: Date | undefined;
}

/** Repository of the source; its configuration with the `type` that log entries have lost. */
export interface SourceRepository {
  readonly type: string;
  readonly category: string;
  readonly public: boolean;
  readonly description?: string | undefined;
  readonly configuration?: Readonly<Record<string, unknown>> | undefined;
  readonly createdBy: string;
  readonly createdDate?: Date | undefined;
  /** Of the definition. */
  readonly lastModifiedDate?: Date | undefined;
}

interface SourceNodeBase {
  readonly fullPath: string;
  readonly createdBy: string;
  readonly createdDate?: Date | undefined;
  /** When it came to its path, or was changed there; saving metadata does not count, nor does a change below. */
  readonly lastModifiedDate?: Date | undefined;
  /** When its time is up; absent: never. */
  readonly expireDate?: Date | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Live node of the source. */
export type SourceNode =
  | (SourceNodeBase & { readonly folder: true })
  | (SourceNodeBase & {
      readonly folder: false;
      /** Bytes. */
      readonly size: number;
      readonly sha256: string;
      readonly md5: string;
    });

/** The source's present state, as its database has it. Undefined is what is not there, or not any more. */
export interface SourceCatalog {
  project(projectId: string): Promise<SourceProject | undefined>;
  repository(projectId: string, repoName: string): Promise<SourceRepository | undefined>;
  node(projectId: string, repoName: string, fullPath: string): Promise<SourceNode | undefined>;
  /**
   * Live nodes under a path, ordered by it, so that folders come before what they hold.
   *
   * @param page `after`: path of the last node of the page before; absent for the first page.
   */
  nodesUnder(
    projectId: string,
    repoName: string,
    fullPath: string,
    page: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<SourceNode[]>;
}
