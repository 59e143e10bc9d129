import type { SourceNode } from '../apply/source-catalog.ts';
import type { NodeDigest } from '../remote/digest-calls.ts';
import { partMetadata } from '../remote/metadata.ts';
import type { Task } from '../task/task.ts';
import { disparityOf } from './disparity.ts';

/** What the remote has at a node's path. */
export type Presence =
  | { readonly kind: 'MISSING' }
  /** Something: the base contract does not say what. */
  | { readonly kind: 'UNKNOWN' }
  | { readonly kind: 'KNOWN'; readonly digest: NodeDigest };

/** What is to be done about a node. */
export type Decision =
  /** Nothing: it is as it is to be. */
  | 'DONE'
  /** Put it where nothing is. */
  | 'PUT'
  /** Put it in the place of what is there. */
  | 'REPLACE'
  /** The content is there; what is said about it is not. */
  | 'RENEW'
  /** A folder's metadata, or what of a file's its upload may not have brought. */
  | 'SAVE_METADATA'
  /** A file stands where the folder is to be. */
  | 'VACATE'
  /** Something else is there, and stays. */
  | 'CONFLICT'
  /** Something else is there, and that ends the run. */
  | 'STOP';

/**
 * What is to be done about a node of the source, given what the remote has in its place.
 *
 * A conflict is something else at the path: other content, the other kind, or another expiry or metadata where those
 * are replicated; what the base contract does not tell of a file counts as something else. A folder that exists is no
 * conflict. What the run has put there itself is none either, and is put right whatever the strategy says.
 *
 * @param question `isOurs`: nothing was there before this run. `isChanged`: the source has changed the node since the run
 * began, so that what the run has put there may be an older state.
 */
export function decide(question: {
  readonly node: SourceNode;
  readonly presence: Presence;
  readonly isOurs: boolean;
  readonly isChanged: boolean;
  readonly strategy: Task['setting']['conflictStrategy'];
  readonly includeMetadata: boolean;
}): Decision {
  const { node, presence, isOurs, isChanged, strategy, includeMetadata } = question;
  if (presence.kind === 'MISSING') {
    return 'PUT';
  }
  const otherwise = (replacement: Decision): Decision => {
    if (isOurs || strategy === 'OVERWRITE') {
      return replacement;
    }
    return strategy === 'SKIP' ? 'CONFLICT' : 'STOP';
  };
  const disparity =
    presence.kind === 'KNOWN'
      ? disparityOf({ node, digest: presence.digest, includeMetadata })
      : ('UNKNOWN' as const);

  if (node.folder) {
    if (disparity === 'KIND') {
      return otherwise('VACATE');
    }
    const mayDiffer =
      disparity === 'ATTRIBUTES' ||
      (disparity === 'UNKNOWN' && includeMetadata && Object.keys(node.metadata).length > 0);
    // The folder above what was sent first is made by the remote, without metadata.
    return mayDiffer && (isOurs || strategy === 'OVERWRITE') ? 'SAVE_METADATA' : 'DONE';
  }
  switch (disparity) {
    case 'UNKNOWN':
      return isOurs && !isChanged ? completed(node, includeMetadata) : otherwise('REPLACE');
    case 'KIND':
    case 'CONTENT':
      return otherwise('REPLACE');
    case 'ATTRIBUTES':
      return otherwise('RENEW');
    case 'NONE':
      return 'DONE';
  }
}

/** What a file still needs that this run has uploaded: a worker may have died before it saved what forms do not carry. */
function completed({ metadata }: SourceNode, includeMetadata: boolean): Decision {
  const isWhole = !includeMetadata || Object.keys(partMetadata(metadata).json).length === 0;
  return isWhole ? 'DONE' : 'SAVE_METADATA';
}
