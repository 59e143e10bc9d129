import type { SourceNode } from '../apply/source-catalog.ts';
import { metadataDigest } from '../node/metadata-digest.ts';
import type { NodeDigest } from '../remote/digest-calls.ts';
import type { Task } from '../task/task.ts';

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
  /** A folder's metadata. */
  | 'SAVE_METADATA'
  /** A file stands where the folder is to be. */
  | 'VACATE'
  /** Something else is there, and stays. */
  | 'CONFLICT'
  /** Something else is there, and that ends the run. */
  | 'STOP';

type SourceFile = Extract<SourceNode, { folder: false }>;

const DAY = 86_400_000;

/**
 * Expiry travels as whole days from the moment of sending, rounded up: an hour above a day is no difference;
 * milliseconds.
 */
const EXPIRY_TOLERANCE = DAY + 3_600_000;

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
  const isSameMetadata = (digest: NodeDigest): boolean =>
    !includeMetadata || digest.metadata === metadataDigest(node.metadata);

  if (node.folder) {
    if (presence.kind === 'KNOWN' && !presence.digest.folder) {
      return otherwise('VACATE');
    }
    const mayDiffer =
      includeMetadata &&
      Object.keys(node.metadata).length > 0 &&
      !(presence.kind === 'KNOWN' && isSameMetadata(presence.digest));
    // The folder above what was sent first is made by the remote, without metadata.
    return mayDiffer && (isOurs || strategy === 'OVERWRITE') ? 'SAVE_METADATA' : 'DONE';
  }
  if (presence.kind === 'UNKNOWN') {
    return isOurs && !isChanged ? 'DONE' : otherwise('REPLACE');
  }
  const { digest } = presence;
  if (!isSameContent(node, digest)) {
    return otherwise('REPLACE');
  }
  return isSameExpiry(node, digest) && isSameMetadata(digest) ? 'DONE' : otherwise('RENEW');
}

function isSameContent(file: SourceFile, digest: NodeDigest): boolean {
  return (
    !digest.folder && digest.size === file.size && digest.sha256?.toLowerCase() === file.sha256.toLowerCase()
  );
}

function isSameExpiry({ expireDate }: SourceFile, digest: NodeDigest): boolean {
  if (expireDate === undefined || digest.expireDate === undefined) {
    return expireDate === digest.expireDate;
  }
  return Math.abs(expireDate.getTime() - digest.expireDate.getTime()) <= EXPIRY_TOLERANCE;
}
