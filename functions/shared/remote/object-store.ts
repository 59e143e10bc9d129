import { Readable } from 'node:stream';
import { Agent } from 'undici';
import { guardedConnector } from './address.ts';
import { type Answer, failureOf, readAnswer } from './answer.ts';
import { RemoteOutageError } from './errors.ts';

/** Bounds on an exchange with a store; milliseconds and bytes. */
export interface StoreLimits {
  readonly connectTimeout: number;
  readonly idleTimeout: number;
  readonly maxAnswerBytes: number;
  readonly connections: number;
}

/** The object store behind a remote, which is reached by addresses that the remote gives out. */
export interface ObjectStore {
  /**
   * Put content to a presigned address. Nothing of ours goes with it but what the remote asks for: no name, no
   * password.
   *
   * @throws RemoteOutageError, and what reading the content throws.
   */
  put(request: {
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly size: number;
    readonly content: AsyncIterable<Uint8Array>;
    readonly signal?: AbortSignal | undefined;
  }): Promise<Answer>;
  close(): Promise<void>;
}

/**
 * A store under the same rules of address as its remote. The remote's own certificate is not trusted for it: that is
 * for the remote alone.
 *
 * @param options.secure whether the remote is spoken to over TLS: then its store is too.
 */
export function objectStore(
  options: StoreLimits & { readonly allowPrivate: boolean; readonly secure: boolean },
): ObjectStore {
  const { secure, allowPrivate, connectTimeout, idleTimeout, maxAnswerBytes, connections } = options;
  // Made when it is first used: a remote of the base contract has none.
  let agent: Agent | undefined;
  const opened = (): Agent => {
    agent ??= new Agent({
      connect: guardedConnector({ allowPrivate, connectTimeout }),
      connections,
      headersTimeout: idleTimeout,
      bodyTimeout: idleTimeout,
    });
    return agent;
  };

  return {
    async put({ url, headers, size, content, signal }) {
      const { origin, path } = targetOf(url, secure);
      try {
        const response = await opened().request({
          origin,
          path,
          method: 'PUT',
          headers: { ...headers, 'content-length': String(size), 'user-agent': 'logferry' },
          body: Readable.from(content, { objectMode: false }),
          signal: signal ?? null,
        });
        return await readAnswer(response, maxAnswerBytes);
      } catch (error) {
        throw failureOf(error);
      }
    },

    close: async () => {
      await agent?.close();
    },
  };
}

/** The address itself is in no message: it is a credential. */
function targetOf(url: string, secure: boolean): { readonly origin: string; readonly path: string } {
  const { protocol, username, origin, pathname, search } = new URL(url);
  if (!(protocol === 'https:' || (protocol === 'http:' && !secure)) || username !== '') {
    throw new RemoteOutageError('ADDRESS_INVALID', { details: 'that of its object store' });
  }
  return { origin, path: pathname + search };
}
