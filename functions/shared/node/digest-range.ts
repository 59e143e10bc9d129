import type { Db } from 'mongodb';
import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { jacksonBoolean, jacksonInteger, jacksonString, optional, withDefault } from '../http/jackson.ts';
import { domainRule } from '../http/validation.ts';
import { inTime } from '../mongodb/in-time.ts';
import { type AnsweredDigest, DIGEST_PROJECTION, digestOf, MAX_PATHS } from './digests.ts';
import { LIVE } from './document.ts';
import { BEHIND_PATHS, comparePaths, ROOT } from './path.ts';
import { rangeDigest } from './range-digest.ts';
import { nodesOf } from './store.ts';

/** `node/digest/range`. */
export const nodeDigestRangeRequest = z.object({
  projectId: jacksonString(),
  repoName: jacksonString(),
  after: optional(jacksonString()),
  until: optional(jacksonString()),
  limit: jacksonInteger().check(
    domainRule((limit) => {
      if (limit > MAX_PATHS) {
        return new DomainError('NODE_LIST_TOO_LARGE');
      }
      return limit < 1 ? new DomainError('PARAMETER_INVALID', ['limit']) : undefined;
    }),
  ),
  digest: optional(jacksonString()),
  metadata: withDefault(jacksonBoolean(), true),
});
export type NodeDigestRangeRequest = z.output<typeof nodeDigestRangeRequest>;

/** Longest that the database may take; milliseconds. A request has 30 s in all. */
const MAX_TIME = 20_000;

/**
 * The live nodes of a repository whose paths are above `after` and not above `until`, both as they stand in the order of
 * paths; absent, the range is open to that side. The root is in no range.
 *
 * @returns see `rangeAnswer`.
 */
export async function nodeDigestRange(options: {
  readonly database: Db;
  readonly question: NodeDigestRangeRequest;
}) {
  const { database, question } = options;
  const { projectId, repoName, after = ROOT, until, limit } = question;
  const nodes = await nodesOf(database, projectId);
  const range = {
    $gt: comparePaths(after, ROOT) > 0 ? after : ROOT,
    $lt: BEHIND_PATHS,
    ...(until === undefined ? {} : { $lte: until }),
  };
  const shape = { projection: DIGEST_PROJECTION, sort: { fullPath: 1 }, limit: limit + 1 } as const;
  const found = await inTime(MAX_TIME, (limited) =>
    nodes.find({ projectId, repoName, fullPath: range, ...LIVE }, { ...shape, ...limited }).toArray(),
  );
  return rangeAnswer({ found: found.map(digestOf), question });
}

/**
 * What is answered of a range's nodes.
 *
 * @param options `found`: the first nodes of the range, in the order of their paths, one more than asked for where there
 * are more.
 * @returns `count` and `digest` (`rangeDigest`; without metadata where that was asked) of the nodes, `limit` at most, and the
 * path of the last one as `next` where more follow. The `nodes` themselves are left out where the range ends
 * with them and `digest` is the one that was asked for: then there is only `expireDates`, of those that expire, in
 * their order.
 */
export function rangeAnswer(options: {
  readonly found: readonly AnsweredDigest[];
  readonly question: Pick<NodeDigestRangeRequest, 'limit' | 'digest' | 'metadata'>;
}) {
  const { found, question } = options;
  const nodes = found.slice(0, question.limit);
  const digest = rangeDigest(
    nodes.map((node) => ({
      ...node,
      expires: node.expireDate !== null,
      metadata: question.metadata ? node.metadata : null,
    })),
  );
  const count = nodes.length;
  if (found.length > count) {
    return { count, digest, nodes, next: nodes.at(-1)?.fullPath };
  }
  if (digest !== question.digest?.toLowerCase()) {
    return { count, digest, nodes };
  }
  const expireDates = nodes.flatMap(({ folder, expireDate }) =>
    folder || expireDate === null ? [] : [expireDate],
  );
  return { count, digest, ...(expireDates.length === 0 ? {} : { expireDates }) };
}
