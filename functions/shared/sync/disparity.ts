import { metadataDigest } from '../node/metadata-digest.ts';
import type { NodeDigest } from '../remote/digest-calls.ts';

/** What of a live node of the source is compared. */
export type ComparedNode =
  | {
      readonly folder: true;
      readonly fullPath: string;
      readonly metadata: Readonly<Record<string, unknown>>;
    }
  | {
      readonly folder: false;
      readonly fullPath: string;
      /** Bytes. */
      readonly size: number;
      /** Hex. */
      readonly sha256: string;
      readonly expireDate?: Date | undefined;
      readonly metadata: Readonly<Record<string, unknown>>;
    };

/** In what two nodes at one path are not alike; ATTRIBUTES are expiry and metadata. */
export type Disparity = 'NONE' | 'KIND' | 'CONTENT' | 'ATTRIBUTES';

const DAY = 86_400_000;

/**
 * Expiry travels as whole days from the moment of sending, rounded up: an hour above a day is no difference;
 * milliseconds.
 */
const EXPIRY_TOLERANCE = DAY + 3_600_000;

/**
 * In what a node of the source and the one at its path at the remote are not alike, by the gravest of it. A folder's
 * metadata counts only where the source has any: what only the remote has cannot be told from its own and stays.
 */
export function disparityOf(pair: {
  readonly node: ComparedNode;
  readonly digest: NodeDigest;
  /** Whether metadata is replicated. */
  readonly includeMetadata: boolean;
}): Disparity {
  const { node, digest, includeMetadata } = pair;
  if (node.folder !== digest.folder) {
    return 'KIND';
  }
  const isSameMetadata =
    !includeMetadata ||
    (node.folder && Object.keys(node.metadata).length === 0) ||
    digest.metadata === metadataDigest(node.metadata);
  if (node.folder) {
    return isSameMetadata ? 'NONE' : 'ATTRIBUTES';
  }
  if (digest.size !== node.size || digest.sha256?.toLowerCase() !== node.sha256.toLowerCase()) {
    return 'CONTENT';
  }
  return isSameMetadata && isSameExpiry(node.expireDate, digest.expireDate) ? 'NONE' : 'ATTRIBUTES';
}

/** Whether two expiries (absent: never) are one, as closely as the contract carries them. */
export function isSameExpiry(one: Date | undefined, other: Date | undefined): boolean {
  if (one === undefined || other === undefined) {
    return one === other;
  }
  return Math.abs(one.getTime() - other.getTime()) <= EXPIRY_TOLERANCE;
}
