import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { Container } from '../lane/message.ts';
import { expected, isStored } from './answer.ts';
import { ContentMismatchError, RemoteOutageError } from './errors.ts';
import { verified } from './multipart.ts';
import type { ObjectStore } from './object-store.ts';

/** Content by what it is. */
export interface Content {
  /** Hex. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/** Opens content, once for each attempt. */
export type OpenContent = () => Promise<{ readonly size: number; readonly stream: Readable }>;

/** Calls about content, of remotes that announce them (`version.ts`). Errors as of every other call. */
export interface ContentCalls {
  /**
   * `blob`: the sizes of those contents (at most 500 at once) that the remote holds for a repository.
   */
  heldContent(
    question: Container & { readonly sha256s: readonly string[] },
  ): Promise<ReadonlyMap<string, number>>;
  /**
   * `presigned`: put content into the remote's store. It is hashed on its way and checked by the store too; what is
   * not as claimed is not stored.
   *
   * @throws ContentMismatchError, ContentReadError, and what `open` throws.
   */
  putContent(
    content: Container & Content,
    open: OpenContent,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
}

/** Content that one question may name. */
export const MAX_CONTENTS = 500;

const heldSchema = z.array(z.object({ sha256: z.string(), size: z.number() })).max(MAX_CONTENTS);

/** Headers that an address may ask for: none by which somebody else than its store could be spoken to. */
const HEADER = /^(?:x-amz-[a-z0-9-]{1,64}|content-(?:length|md5|type))$/;

const uploadSchema = z.object({
  url: z.url({ protocol: /^https?$/ }).max(8_192),
  headers: z.record(z.string().regex(HEADER), z.string().max(1_024)),
});

export function contentCalls(options: {
  readonly post: (path: string, content: Readonly<Record<string, unknown>>) => Promise<unknown>;
  readonly store: Pick<ObjectStore, 'put'>;
}): ContentCalls {
  const { post, store } = options;

  return {
    heldContent: async ({ projectId, repoName, sha256s }) => {
      const held = expected(
        heldSchema,
        await post('/replica/blob/check/list', { projectId, repoName, sha256List: sha256s }),
      );
      return new Map(held.map(({ sha256, size }) => [sha256, size]));
    },

    putContent: async (content, open, { signal } = {}) => {
      const { projectId, repoName, sha256, size } = content;

      async function put(): Promise<boolean> {
        const upload = expected(
          uploadSchema,
          await post('/replica/blob/presign', { projectId, repoName, sha256, size }),
        );
        const { size: found, stream } = await open();
        try {
          if (found !== size) {
            throw new ContentMismatchError(`${found} bytes instead of ${size}`);
          }
          return isStored(await store.put({ ...upload, size, content: verified(stream, content), signal }));
        } finally {
          // Whatever became of the exchange, an early answer or a cut connection among it.
          stream.destroy();
        }
      }

      // Once more, with another address, when the connection was cut or the address was not good any more.
      const stored = (await put().catch(unlessCut)) || (await put());
      if (!stored) {
        throw new RemoteOutageError('STORE_REFUSED', { details: 'HTTP 403' });
      }
    },
  };
}

function unlessCut(error: unknown): false {
  if (error instanceof RemoteOutageError && error.reason === 'CONNECTION_CUT') {
    return false;
  }
  throw error;
}
