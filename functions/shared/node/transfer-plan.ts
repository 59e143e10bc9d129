import { ObjectId } from 'mongodb';
import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { childPrefixOf, isRoot, splitFullPath } from './path.ts';
import { madeFrom, type NodeAddress, type RepositoryAddress } from './store.ts';

/** A node that is to be moved or copied, without its metadata. */
const sourceNode = z.object({
  _id: z.instanceof(ObjectId),
  fullPath: z.string(),
  folder: z.boolean(),
});
export type SourceNode = z.output<typeof sourceNode>;

/**
 * A folder that a copy is filling: which node is copied into it, and the id that the copies are made from. It is
 * there only while the copy runs, or when it has been cut off and waits for its repeat.
 */
const copyMark = z.object({ from: z.instanceof(ObjectId), seed: z.instanceof(ObjectId) });
export type CopyMark = z.output<typeof copyMark>;

/** A node where something is moved or copied to. */
export const targetNode = z.object({
  _id: z.instanceof(ObjectId),
  fullPath: z.string(),
  folder: z.boolean(),
  logferryCopy: copyMark.nullish(),
});
export type TargetNode = z.output<typeof targetNode>;

/** One node's way: the document that is made, from which, and where. */
export interface Transfer<Source extends SourceNode> {
  readonly _id: ObjectId;
  readonly source: Source;
  readonly fullPath: string;
}

/** Where a transfer lands, found from the named node and what is at the path asked for. */
export interface Landing {
  /** Where the named node gets to. */
  readonly fullPath: string;
  /** The copy that was cut off on its way here. */
  readonly mark: CopyMark | undefined;
}

export interface TransferRequest {
  readonly kind: 'move' | 'copy';
  readonly from: NodeAddress;
  readonly to: NodeAddress;
  readonly overwrite: boolean;
}

/**
 * Where a node gets to, or `undefined` where a move or copy changes nothing: onto itself, and into the folder in
 * which it is.
 *
 * @param options.named the source; of the root without a document, one made up for it.
 * @param options.target the live node at the path asked for; of the root likewise.
 * @param options.inner the live node at that path's folder under the source's name, which counts when `target` is a
 * folder.
 * @throws DomainError PARAMETER_INVALID `destFullPath` for a folder into itself; NODE_CONFLICT for a folder onto a file.
 */
export function landingOf(options: {
  readonly request: TransferRequest;
  readonly named: SourceNode;
  readonly target: TargetNode | undefined;
  readonly inner: TargetNode | undefined;
}): Landing | undefined {
  const { request, named, target, inner } = options;
  const { from, to } = request;
  const isSame = isSameRepository(from, to);
  if (isSame && from.fullPath === to.fullPath) {
    return undefined;
  }
  const { path, name } = splitFullPath(from.fullPath);
  if (isSame && target?.folder === true && path === childPrefixOf(to.fullPath)) {
    return undefined;
  }
  if (named.folder && isSame && childPrefixOf(to.fullPath).startsWith(childPrefixOf(from.fullPath))) {
    throw new DomainError('PARAMETER_INVALID', ['destFullPath']);
  }
  if (named.folder && target?.folder === false) {
    throw new DomainError('NODE_CONFLICT', [to.fullPath]);
  }
  const isResumed = target !== undefined && isOwnWork(request, named, target);
  const landsInside = target?.folder === true && !isResumed && name !== '';
  const fullPath = landsInside ? childPrefixOf(to.fullPath) + name : to.fullPath;
  const mark = (landsInside ? inner : target)?.logferryCopy;
  return { fullPath, mark: mark?.from.equals(named._id) === true ? mark : undefined };
}

/** True for what an earlier attempt of the same call has put at the destination. */
function isOwnWork({ kind, to }: TransferRequest, named: SourceNode, target: TargetNode): boolean {
  return kind === 'move'
    ? target._id.equals(madeFrom(named._id, to))
    : target.logferryCopy?.from.equals(named._id) === true;
}

export interface TransferPlan<Source extends SourceNode> {
  /** Overwritten files with what is under them, from below to above: a repeat still finds the file that it is under. */
  readonly overwritten: readonly ObjectId[];
  /** What is made, from above to below. */
  readonly made: readonly Transfer<Source>[];
  /** Sources that a move takes away, from below to above. */
  readonly removed: readonly ObjectId[];
}

/**
 * What a move or copy does, decided before anything is written, so that a refused one changes nothing.
 *
 * Every live node at the source and under it gets to the same place under the landing. Folders merge; a folder of the
 * source that meets one stays where it is, emptied. A file overwrites a file where that is asked for. One that meets a
 * folder is left out by a copy, as bk-repo does it; there a move loses it, which is refused here.
 *
 * @param options.source the live nodes at the source and, for a folder, under it, in the order of their paths.
 * @param options.target the live nodes at the landing and under it.
 * @param options.seed what the ids of copies are made from (`CopyMark`).
 * @throws DomainError NODE_CONFLICT where a folder meets a file, two files meet without `overwrite`, or a move's file
 * meets a folder.
 */
export function planTransfer<Source extends SourceNode>(options: {
  readonly request: TransferRequest;
  readonly landing: Landing;
  readonly source: readonly Source[];
  readonly target: readonly TargetNode[];
  readonly seed: ObjectId;
}): TransferPlan<Source> {
  const { request, landing, source, target, seed } = options;
  const { kind, from, to, overwrite } = request;
  const isSame = isSameRepository(from, to);
  const isMove = kind === 'move';
  // What is live at the destination, as it changes on the way.
  const there = new Map<string, SourceNode>(target.map((node) => [node.fullPath, node]));
  const overwritten: ObjectId[] = [];
  const made: Transfer<Source>[] = [];
  const removed: ObjectId[] = [];
  for (const node of source) {
    const fullPath = placed(node.fullPath, from.fullPath, landing.fullPath);
    const _id = madeFrom(isMove ? node._id : seed, { ...to, fullPath });
    const occupant = there.get(fullPath);
    const isDone = occupant?._id.equals(_id) === true;
    if (!isDone && (isRoot(fullPath) || occupant?.folder === true)) {
      if (!node.folder && isMove) {
        throw new DomainError('NODE_CONFLICT', [fullPath]);
      }
      continue;
    }
    if (!isDone && occupant !== undefined) {
      if (node.folder || !overwrite) {
        throw new DomainError('NODE_CONFLICT', [fullPath]);
      }
      for (const { _id: gone, fullPath: path } of [...nodesUnder(target, fullPath).reverse(), occupant]) {
        if (there.get(path)?._id.equals(gone) === true) {
          overwritten.push(gone);
          there.delete(path);
        }
      }
    }
    if (!isDone) {
      made.push({ _id, source: node, fullPath });
      there.set(fullPath, { _id, fullPath, folder: node.folder });
    }
    if (isMove) {
      removed.push(node._id);
      if (isSame && there.get(node.fullPath)?._id.equals(node._id) === true) {
        there.delete(node.fullPath);
      }
    }
  }
  return { overwritten, made, removed: removed.reverse() };
}

/** Those of the nodes, which are in the order of their paths, that lie under a path. */
function nodesUnder(nodes: readonly TargetNode[], fullPath: string): TargetNode[] {
  const prefix = childPrefixOf(fullPath);
  let first = 0;
  for (let end = nodes.length; first < end; ) {
    const middle = (first + end) >> 1;
    if ((nodes[middle]?.fullPath ?? '') < prefix) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  let last = first;
  while (nodes[last]?.fullPath.startsWith(prefix) === true) {
    last += 1;
  }
  return nodes.slice(first, last);
}

function placed(fullPath: string, from: string, landing: string): string {
  if (fullPath === from) {
    return landing;
  }
  return childPrefixOf(landing) + fullPath.slice(childPrefixOf(from).length);
}

export function isSameRepository(one: RepositoryAddress, other: RepositoryAddress): boolean {
  return one.projectId === other.projectId && one.repoName === other.repoName;
}
