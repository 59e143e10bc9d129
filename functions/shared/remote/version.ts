/**
 * What a cluster says to `GET replica/version`: the contract's version, and behind a plus sign, where semantic
 * versioning puts build metadata and other senders do not look, what logferry adds to it.
 *
 * `1.0.0+logferry.<cluster id>.<extension>.<extension>`, in identifiers of letters, digits and hyphens.
 */

/** Version of the `/replica` contract that is served: bk-repo's of January 2021. */
const CONTRACT_VERSION = '1.0.0';

const PRODUCT = 'logferry';

/**
 * Extensions of the contract. `blob`: content is asked for by its digest and pushed without a node. `presigned`:
 * content is put straight into the remote's object store. `digests`: nodes are told by their digests. `ranges`: so are ranges
 * of paths.
 */
export const EXTENSIONS = ['blob', 'presigned', 'digests', 'ranges'] as const;
export type Extension = (typeof EXTENSIONS)[number];

/** What a remote announces; nothing of it for a remote that is no logferry. */
export interface Announcement {
  /** 32 hex digits; two clusters of the same id are one. */
  readonly clusterId?: string;
  /** Those that are known here: others are a later version's. */
  readonly extensions: ReadonlySet<Extension>;
}

const NOTHING: Announcement = { extensions: new Set() };

const CLUSTER_ID = /^[0-9a-f]{32}$/;

/** Longest version that is read; a real one is below 100 characters. */
const MAX_LENGTH = 1_024;

/** @example formatVersion({ clusterId, extensions: ['blob'] }) // '1.0.0+logferry.0123….blob' */
export function formatVersion(announced: {
  readonly clusterId: string;
  readonly extensions: readonly Extension[];
}): string {
  return `${CONTRACT_VERSION}+${[PRODUCT, announced.clusterId, ...announced.extensions].join('.')}`;
}

/** Any text is a version: one that announces nothing readable is a remote of the base contract. */
export function parseVersion(text: string): Announcement {
  const metadata = text.length > MAX_LENGTH ? undefined : /^[^+]*\+([0-9A-Za-z.-]+)$/.exec(text.trim())?.[1];
  const [product, clusterId, ...announced] = metadata?.split('.') ?? [];
  if (product !== PRODUCT || clusterId === undefined || !CLUSTER_ID.test(clusterId)) {
    return NOTHING;
  }
  return { clusterId, extensions: new Set(EXTENSIONS.filter((extension) => announced.includes(extension))) };
}
