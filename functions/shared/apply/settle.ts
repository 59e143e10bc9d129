import { type ConflictGuard, incomingOf } from '../conflict/guard.ts';
import type { Container } from '../lane/message.ts';
import { childPrefixOf, isRoot, parentsOf } from '../node/path.ts';
import type { RemoteClient } from '../remote/client.ts';
import { RemoteRefusalError } from '../remote/errors.ts';
import type { Perform } from './ask.ts';
import type { NodeWriter } from './node-writer.ts';
import { APPLIED, CONFLICTED, failureOf, type Outcome } from './outcome.ts';
import type { SourceCatalog, SourceNode } from './source-catalog.ts';

/** Nodes of a page: what one question for existence may hold. */
const PAGE = 500;

/**
 * A tree up to a page of nodes and so many bytes is made equal to the byte: removed if it could hold too much, and sent
 * whole. Of a larger one only what is missing is sent, so that each delivery of the message has less to do.
 */
const MAX_BYTES = 1024 ** 3;

/** Code for a node of the other kind. */
const NODE_CONFLICT = 251009;

/** A folder that was last changed so long before an event existed when the event happened; milliseconds. */
const SURELY_OLDER = 10_000;

/** Makes paths at the remote what they are at the source now. */
export interface Settler {
  /** The node, a folder alone. One that the source has not is deleted; a folder in a file's place gives way to it. */
  node(fullPath: string, operator: string): Promise<Outcome>;
  /**
   * The folders above a path that holds nothing (any more): bk-repo made them with what was there, logged none of them,
   * and keeps them.
   */
  parents(fullPath: string): Promise<void>;
  /**
   * The node and what lies under it.
   *
   * @param options `vacated`: whatever the remote still has under the path does not belong there, for it was moved
   * away or deleted.
   */
  tree(fullPath: string, operator: string, options?: { readonly vacated?: boolean }): Promise<Outcome>;
  /**
   * What a move or copy of a node of this name brought to a destination: it lies inside a folder that existed there,
   * else at the destination itself. Both are settled where it cannot be told.
   *
   * @param loggedAt ISO 8601 UTC.
   */
  arrival(arrival: {
    readonly destFullPath: string;
    readonly name: string;
    readonly operator: string;
    readonly loggedAt: string;
  }): Promise<Outcome>;
}

export function settler(options: {
  readonly source: Container;
  readonly remote: Container;
  readonly client: Pick<RemoteClient, 'existing'>;
  readonly catalog: SourceCatalog;
  readonly writer: NodeWriter;
  readonly signal: AbortSignal;
  readonly perform: Perform;
  /** Keeps what others have put at the target; absent: it is replaced. */
  readonly guard?: ConflictGuard | undefined;
  /** Whether a path is left as it is at the target, whatever the source has there. */
  readonly isLeftOut?: ((fullPath: string) => boolean) | undefined;
  /** Whether what the source has no more may still be the target's to keep. */
  readonly keepsGone?: (() => Promise<boolean>) | undefined;
  /** What an error means for a node; `failureOf` unless given. */
  readonly failure?: typeof failureOf | undefined;
}): Settler {
  const { source, remote, client, catalog, writer, signal, perform } = options;
  const { guard, isLeftOut = () => false, keepsGone = async () => false, failure = failureOf } = options;

  const find = (fullPath: string) => catalog.node(source.projectId, source.repoName, fullPath);
  const under = (fullPath: string, after?: string) =>
    catalog.nodesUnder(source.projectId, source.repoName, fullPath, { after, limit: PAGE });

  async function putNode(node: SourceNode): Promise<Outcome> {
    if (isLeftOut(node.fullPath)) {
      return APPLIED;
    }
    await guard?.prepare([incomingOf(node)]);
    if (guard !== undefined && !(await guard.admits(incomingOf(node)))) {
      return CONFLICTED;
    }
    const above = parentsOf(node.fullPath);
    const found = await Promise.all(above.map(find));
    const none = above.filter((_, index) => found[index] === undefined);
    return none.length === 0 ? place(node) : placeApart(node, none);
  }

  /**
   * Put a node where the source has no folder above it: bk-repo renames a file without making folders above its new
   * path, and without what lies under it. Every call that creates makes those folders, so the paths are taken meanwhile.
   *
   * @param none paths above the node, outermost first, where the source has nothing.
   */
  async function placeApart(node: SourceNode, none: readonly string[]): Promise<Outcome> {
    const fullPaths = none.filter((path) => path.isWellFormed());
    const existing = await perform(() => client.existing({ ...remote, fullPaths }));
    const occupied: string[] = [];
    for (const path of fullPaths.filter((each) => !existing.has(each))) {
      if ((await writer.occupy(path, node.createdBy)).kind === 'APPLIED') {
        occupied.unshift(path);
      }
    }
    const outcome = await place(node).catch((error: unknown) => failure(error, node.fullPath));
    for (const path of occupied) {
      await writer.vacate(path, node.createdBy);
    }
    return outcome;
  }

  async function place(node: SourceNode): Promise<Outcome> {
    try {
      return await writer.putNode(node);
    } catch (error) {
      // Only a remote that says what is wrong is believed: 250101 may mean anything.
      const isInTheWay = error instanceof RemoteRefusalError && error.code === NODE_CONFLICT;
      if (node.folder || !isInTheWay) {
        throw error;
      }
    }
    await writer.remove(node.fullPath, node.createdBy);
    const outcome = await writer.putNode(node);
    return worse(outcome, await putPages(node.fullPath, await under(node.fullPath), async (page) => page));
  }

  /** One node that is refused for good does not keep the others back. */
  async function put(node: SourceNode): Promise<Outcome> {
    signal.throwIfAborted();
    try {
      return await putNode(node);
    } catch (error) {
      return failure(error, node.fullPath);
    }
  }

  async function putPages(
    fullPath: string,
    first: SourceNode[],
    selected: (page: SourceNode[]) => Promise<SourceNode[]>,
  ): Promise<Outcome> {
    let outcome = APPLIED;
    let page = first;
    while (page.length > 0) {
      const chosen = await selected(page);
      await guard?.prepare(chosen.filter((child) => !isLeftOut(child.fullPath)).map(incomingOf));
      for (const child of chosen) {
        outcome = worse(outcome, await put(child));
      }
      page = page.length < PAGE ? [] : await under(fullPath, page.at(-1)?.fullPath);
    }
    return outcome;
  }

  async function missing(nodes: SourceNode[]): Promise<SourceNode[]> {
    const fullPaths = nodes.map(({ fullPath }) => fullPath).filter((fullPath) => fullPath.isWellFormed());
    const existing = await perform(() => client.existing({ ...remote, fullPaths }));
    return nodes.filter(({ fullPath }) => !existing.has(fullPath));
  }

  async function parents(fullPath: string): Promise<void> {
    const above = await Promise.all(parentsOf(fullPath).map(find));
    const nodes = above.filter((node) => node !== undefined);
    for (const node of nodes.length === 0 ? [] : await missing(nodes)) {
      await putNode(node);
    }
  }

  const tree: Settler['tree'] = async (fullPath, operator, { vacated = false } = {}) => {
    const node = isRoot(fullPath) ? undefined : await find(fullPath);
    const page = await under(fullPath);
    const whole = page.length < PAGE && bytesOf(page) <= MAX_BYTES;
    // A file needs no removal: it replaces what is there. The root is no node, and is emptied only where it was left.
    const isGone = node === undefined && !isRoot(fullPath);
    if (whole && vacated && node?.folder !== false) {
      await writer.remove(fullPath, operator);
    } else if (whole && isGone) {
      const isOthers = guard !== undefined && !(await guard.admitsRemoval(fullPath));
      if (isOthers || (await keepsGone())) {
        return APPLIED;
      }
      await writer.remove(fullPath, operator);
    }
    if (node === undefined) {
      await parents(fullPath);
    }
    const outcome = node === undefined ? APPLIED : await put(node);
    return worse(outcome, await putPages(fullPath, page, whole ? async (nodes) => nodes : missing));
  };

  return {
    async node(fullPath, operator) {
      const node = isRoot(fullPath) ? undefined : await find(fullPath);
      // A file that is replaced takes with it what lies under it.
      return node?.folder === true ? putNode(node) : tree(fullPath, operator);
    },

    parents,
    tree,

    async arrival({ destFullPath, name, operator, loggedAt }) {
      if (name === '') {
        // What was the root has no name to be inside with.
        return tree(destFullPath, operator);
      }
      const inside = childPrefixOf(destFullPath) + name;
      const destination = isRoot(destFullPath) ? undefined : await find(destFullPath);
      if (isRoot(destFullPath) || existedBefore(destination, loggedAt)) {
        return tree(inside, operator);
      }
      if (destination?.folder !== true) {
        return tree(destFullPath, operator);
      }
      const arrived = (await find(inside)) === undefined ? APPLIED : await tree(inside, operator);
      return worse(arrived, await tree(destFullPath, operator));
    },
  };
}

function existedBefore(node: SourceNode | undefined, loggedAt: string): boolean {
  const { folder = false, lastModifiedDate } = node ?? {};
  return (
    folder &&
    lastModifiedDate !== undefined &&
    lastModifiedDate.getTime() < Date.parse(loggedAt) - SURELY_OLDER
  );
}

function bytesOf(nodes: readonly SourceNode[]): number {
  return nodes.reduce((sum, node) => sum + (node.folder ? 0 : node.size), 0);
}

/** The first failure, else a conflict, else that it is applied: what was superseded meanwhile is no concern of the operation's. */
function worse(left: Outcome, right: Outcome): Outcome {
  const found = (wanted: Outcome['kind']) => [left, right].find(({ kind }) => kind === wanted);
  return found('FAILED') ?? found('CONFLICTED') ?? APPLIED;
}
