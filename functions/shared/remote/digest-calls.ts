import { z } from 'zod';
import type { Container } from '../lane/message.ts';
import { comparePaths } from '../node/path.ts';
import { expected } from './answer.ts';
import { UnsendablePathError } from './errors.ts';

/** What a remote has at a path. */
export interface NodeDigest {
  /** Normalised. */
  readonly fullPath: string;
  readonly folder: boolean;
  /** Bytes; 0 for a folder. */
  readonly size: number;
  /** Hex; of files only. */
  readonly sha256?: string | undefined;
  readonly md5?: string | undefined;
  readonly expireDate?: Date | undefined;
  /** `metadataDigest` of its metadata. */
  readonly metadata: string;
}

/** Paths that one question may name. */
export const MAX_DIGESTS = 500;

/** What a remote has in a range of paths. */
export interface DigestRange {
  /** Nodes in the order of their paths; absent where their `rangeDigest` is the one that was asked for, and nothing follows. */
  readonly nodes: readonly NodeDigest[] | undefined;
  /** Where `nodes` is absent: when those of them that expire do, in their order. */
  readonly expireDates: readonly Date[];
  /** Path of the last of the nodes, where the range goes on behind it. */
  readonly next: string | undefined;
}

/** Calls of the extensions `digests` and `ranges`, of remotes that announce them (`version.ts`). Errors as of every other call. */
export interface DigestCalls {
  /**
   * What is at those of the paths (normalised, at most 500 at once) where anything is, by path. The root is there only when
   * metadata was saved on it.
   */
  digests(
    question: Container & { readonly fullPaths: readonly string[] },
  ): Promise<ReadonlyMap<string, NodeDigest>>;
  /**
   * The extension `ranges`: the live nodes of a repository above one path and not above another, without the root.
   *
   * @param question `after`, `until`: the range is open to that side where they are absent. `limit`: nodes, at most 500.
   * `digest`: `rangeDigest` of the nodes that are expected there. `metadata`: whether it counts in that.
   */
  digestRange(
    question: Container & {
      readonly after: string | undefined;
      readonly until: string | undefined;
      readonly limit: number;
      readonly digest: string;
      readonly metadata: boolean;
    },
  ): Promise<DigestRange>;
}

const absentAsUndefined = z
  .string()
  .nullish()
  .transform((text) => text ?? undefined);

const instant = z.iso.datetime().transform((text) => new Date(text));

const digestsSchema = z
  .array(
    z.object({
      fullPath: z.string(),
      folder: z.boolean(),
      size: z.number(),
      sha256: absentAsUndefined,
      md5: absentAsUndefined,
      expireDate: instant.nullish().transform((date) => date ?? undefined),
      metadata: z.string(),
    }),
  )
  .max(MAX_DIGESTS);

const rangeSchema = z.object({
  digest: z.string(),
  nodes: digestsSchema.nullish(),
  expireDates: z.array(instant).max(MAX_DIGESTS).nullish(),
  next: absentAsUndefined,
});

/**
 * Whether an answer is one to the question: what is taken for a range without being it would hide differences, or show nodes
 * elsewhere as surplus.
 */
function isOfRange(
  { digest, nodes, next }: z.output<typeof rangeSchema>,
  asked: Parameters<DigestCalls['digestRange']>[0],
): boolean {
  if (nodes === null || nodes === undefined) {
    return digest.toLowerCase() === asked.digest && next === undefined;
  }
  const paths = nodes.map(({ fullPath }) => fullPath);
  const [first = '', last = ''] = [paths[0], paths.at(-1)];
  const isOrdered = paths.every((path, index) => comparePaths(paths[index - 1] ?? '', path) <= 0);
  const isWithin =
    paths.length === 0 ||
    (comparePaths(first, asked.after ?? '') > 0 &&
      (asked.until === undefined || comparePaths(last, asked.until) <= 0));
  return isOrdered && isWithin && (next === undefined || next === paths.at(-1));
}

export function digestCalls(options: {
  readonly post: (path: string, content: Readonly<Record<string, unknown>>) => Promise<unknown>;
}): DigestCalls {
  const { post } = options;

  return {
    digests: async ({ projectId, repoName, fullPaths }) => {
      if (!fullPaths.every((path) => path.isWellFormed())) {
        throw new UnsendablePathError();
      }
      const found = expected(
        digestsSchema,
        await post('/replica/node/digest/list', { projectId, repoName, fullPathList: fullPaths }),
      );
      return new Map(found.map((digest) => [digest.fullPath, digest]));
    },

    digestRange: async (question) => {
      const { projectId, repoName, after, until, limit, digest, metadata } = question;
      if (!(after ?? '').isWellFormed() || !(until ?? '').isWellFormed()) {
        throw new UnsendablePathError();
      }
      const asked = { projectId, repoName, after, until, limit, digest, metadata };
      const { nodes, expireDates, next } = expected(
        rangeSchema.refine((answer) => isOfRange(answer, question)),
        await post('/replica/node/digest/range', asked),
      );
      return { nodes: nodes ?? undefined, expireDates: expireDates ?? [], next };
    },
  };
}
