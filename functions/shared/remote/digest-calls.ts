import { z } from 'zod';
import type { Container } from '../lane/message.ts';
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

/** Calls of the extension `digests`, of remotes that announce it (`version.ts`). Errors as of every other call. */
export interface DigestCalls {
  /**
   * What is at those of the paths (normalised, at most 500 at once) where anything is, by path. The root is there only when
   * metadata was saved on it.
   */
  digests(
    question: Container & { readonly fullPaths: readonly string[] },
  ): Promise<ReadonlyMap<string, NodeDigest>>;
}

const absentAsUndefined = z
  .string()
  .nullish()
  .transform((text) => text ?? undefined);

const digestsSchema = z
  .array(
    z.object({
      fullPath: z.string(),
      folder: z.boolean(),
      size: z.number(),
      sha256: absentAsUndefined,
      md5: absentAsUndefined,
      expireDate: z.iso
        .datetime()
        .nullish()
        .transform((text) => (text === null || text === undefined ? undefined : new Date(text))),
      metadata: z.string(),
    }),
  )
  .max(MAX_DIGESTS);

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
  };
}
