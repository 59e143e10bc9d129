import { asking } from '../apply/ask.ts';
import { DomainError } from '../errors.ts';
import type { Container } from '../lane/message.ts';
import { metadataDigest } from '../node/metadata-digest.ts';
import { comparePaths, isRoot, normalizeFullPath } from '../node/path.ts';
import { type RangeNode, rangeDigest } from '../node/range-digest.ts';
import type { RemoteClient } from '../remote/client.ts';
import { MAX_DIGESTS } from '../remote/digest-calls.ts';
import type { Presence } from '../sync/decide.ts';
import { type ComparedNode, disparityOf, isSameExpiry } from '../sync/disparity.ts';
import { presences } from '../sync/presences.ts';
import type { SourceNodes, Window } from './source-nodes.ts';

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
    readonly window: Window;
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

/**
 * Compares by the rules by which a full synchronization decides (`sync/disparity.ts`): kind, content, expiry, and metadata
 * where it is replicated. At a remote of the base contract only whether anything is there can be compared; one that announces
 * `digests` but not `ranges` cannot list what it has, so extras are found there only where the source has tombstones.
 *
 * Neither side stands still meanwhile: what changes between two questions may be reported as different, or found by a later
 * comparison only. What does not change is never missed.
 *
 * An extra folder may have nodes below it that the source has: above those, the remote makes folders of its own.
 *
 * @param options `isLeftOut`: paths that are not compared at either side.
 * @returns whose methods throw RemoteOutageError, RemoteRefusalError and faults of the source's database.
 */
export function comparison(options: {
  readonly nodes: SourceNodes;
  readonly client: Pick<
    RemoteClient,
    'identity' | 'digests' | 'digestRange' | 'existing' | 'ping' | 'nodeExists'
  >;
  readonly includeMetadata: boolean;
  readonly isLeftOut?: ((fullPath: string) => boolean) | undefined;
}): Comparison {
  const { nodes, client, includeMetadata, isLeftOut = () => false } = options;
  const isCompared = ({ fullPath }: { readonly fullPath: string }) => !isLeftOut(fullPath);

  function differenceAt(node: ComparedNode, presence: Presence): Difference[] {
    const { fullPath } = node;
    if (presence.kind === 'MISSING') {
      return [{ fullPath, kind: 'MISSING', isDeleted: false }];
    }
    const isSame =
      presence.kind === 'UNKNOWN' ||
      disparityOf({ node, digest: presence.digest, includeMetadata }) === 'NONE';
    return isSame ? [] : [{ fullPath, kind: 'DIFFERENT', isDeleted: false }];
  }

  async function extras(source: Container, fullPaths: readonly string[]): Promise<Difference[]> {
    if (fullPaths.length === 0) {
      return [];
    }
    const tombstones = await nodes.tombstonesAt({ ...source, fullPaths });
    return fullPaths.map((fullPath) => ({ fullPath, kind: 'EXTRA', isDeleted: tombstones.has(fullPath) }));
  }

  async function paths({
    source,
    remote,
    fullPaths,
  }: Parameters<Comparison['paths']>[0]): Promise<readonly Difference[]> {
    const wanted = fullPaths.filter((fullPath) => !isRoot(fullPath) && !isLeftOut(fullPath));
    if (wanted.length === 0) {
      return [];
    }
    const perform = asking({ client, remote, patient: false });
    const own = new Map((await nodes.liveAt({ ...source, fullPaths: wanted })).map(byPath));
    const look = await presences(client, { ...remote, fullPaths: wanted }, perform);
    const surplus = wanted.filter((fullPath) => !own.has(fullPath) && look(fullPath).kind !== 'MISSING');
    const found = [...own.values()].flatMap((node) => differenceAt(node, look(node.fullPath)));
    return ordered([...found, ...(await extras(source, surplus))]);
  }

  /** A page of the source's paths, those with tombstones among them, each asked for at the remote. */
  async function touched(
    page: Parameters<Comparison['all']>[0] & { readonly window?: Window },
  ): Promise<ComparedPage> {
    const { source, remote, window, after, limit } = page;
    const { fullPaths, next } = await nodes.touched({ ...source, window, after, limit });
    const compared = fullPaths.filter((fullPath) => !isLeftOut(fullPath));
    return {
      compared: compared.length,
      differences: await paths({ source, remote, fullPaths: compared }),
      next,
    };
  }

  /**
   * A page of the source's nodes, and the remote's in the same range: from the last path of the page before to its own last
   * one, or without an end. So the ranges leave no path out, whatever is there.
   */
  async function ranged({
    source,
    remote,
    after,
    limit,
  }: Parameters<Comparison['all']>[0]): Promise<ComparedPage> {
    const perform = asking({ client, remote, patient: false });
    const page = await nodes.live({ ...source, after, limit });
    const until = page.length < limit ? undefined : page.at(-1)?.fullPath;
    const digest = rangeDigest(page.map(rangeNode));
    const answer = await perform(() =>
      client.digestRange({ ...remote, after, until, limit: MAX_DIGESTS, digest, metadata: includeMetadata }),
    );
    const theirs = answer.nodes;
    if (theirs === undefined) {
      const differences = page
        .filter(expires)
        .filter(({ expireDate }, index) => !isSameExpiry(expireDate, answer.expireDates[index]))
        .filter(isCompared)
        .map(({ fullPath }): Difference => ({ fullPath, kind: 'DIFFERENT', isDeleted: false }));
      return { compared: page.filter(isCompared).length, differences, next: until };
    }
    // The remote has more than one answer holds: what is behind it is the next page's.
    const through = answer.next ?? until;
    const own = new Map(
      page
        .filter(({ fullPath }) => through === undefined || comparePaths(fullPath, through) <= 0)
        .filter(isCompared)
        .map(byPath),
    );
    const found = new Map(theirs.map(byPath));
    const differences = [...own.values()].flatMap((node) => {
      const there = found.get(node.fullPath);
      return differenceAt(node, there === undefined ? { kind: 'MISSING' } : { kind: 'KNOWN', digest: there });
    });
    const surplus = [...found.keys()].filter(
      (fullPath) => !own.has(fullPath) && !isLeftOut(fullPath) && isNormalized(fullPath),
    );
    return {
      compared: own.size,
      differences: ordered([...differences, ...(await extras(source, surplus))]),
      next: through,
    };
  }

  function rangeNode(node: ComparedNode): RangeNode {
    const file = node.folder
      ? { size: 0, expires: false }
      : { size: node.size, sha256: node.sha256, expires: node.expireDate !== undefined };
    const metadata = includeMetadata ? metadataDigest(node.metadata) : null;
    return { fullPath: node.fullPath, folder: node.folder, ...file, metadata };
  }

  return {
    all: async ({ source, remote, after, limit }) => {
      const page = { source, remote, after, limit: Math.min(limit, MAX_DIGESTS) };
      const { extensions } = await client.identity();
      return extensions.has('ranges') ? ranged(page) : touched(page);
    },
    changed: ({ limit, ...page }) => touched({ ...page, limit: Math.min(limit, MAX_DIGESTS) }),
    paths,
  };
}

function byPath<Node extends { readonly fullPath: string }>(node: Node): readonly [string, Node] {
  return [node.fullPath, node];
}

function ordered(differences: readonly Difference[]): Difference[] {
  return [...differences].sort((one, other) => comparePaths(one.fullPath, other.fullPath));
}

function expires(node: ComparedNode): node is Extract<ComparedNode, { folder: false }> {
  return !node.folder && node.expireDate !== undefined;
}

/** Whether a path is a node's name: by any other, what is asked for, or deleted, would be another node. */
function isNormalized(fullPath: string): boolean {
  try {
    return normalizeFullPath(fullPath) === fullPath;
  } catch (error) {
    if (error instanceof DomainError) {
      return false;
    }
    throw error;
  }
}
