import type { NodeDigestRangeRequest } from '../../functions/shared/node/digest-range.ts';
import type { AnsweredDigest } from '../../functions/shared/node/digests.ts';
import { comparePaths } from '../../functions/shared/node/path.ts';

/** The first nodes of a range in the order of their paths, one more than asked for where there are more. */
export function firstOfRange(
  nodes: Iterable<AnsweredDigest>,
  { after = '/', until, limit }: Pick<NodeDigestRangeRequest, 'after' | 'until' | 'limit'>,
): AnsweredDigest[] {
  return [...nodes]
    .filter(({ fullPath }) => comparePaths(fullPath, after) > 0)
    .filter(({ fullPath }) => until === undefined || comparePaths(fullPath, until) <= 0)
    .sort((one, other) => comparePaths(one.fullPath, other.fullPath))
    .slice(0, limit + 1);
}
