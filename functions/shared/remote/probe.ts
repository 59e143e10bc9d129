import { DomainError } from '../errors.ts';
import { createRemoteClient, type RemoteAddress, type RemoteLimits } from './client.ts';
import { RemoteOutageError, RemoteRefusalError } from './errors.ts';

/**
 * Asks a remote's ping as a user.
 *
 * @returns a function that throws DomainError REMOTE_CONNECT_FAILED naming the cause (refused, unknown host, timed
 * out, 401, 403, not a bk-repo …), or REMOTE_TLS_FAILED for anything wrong with TLS, the given certificate included.
 */
export function remoteProbe(
  options: { readonly allowPrivate: boolean } & Partial<RemoteLimits>,
): (remote: RemoteAddress) => Promise<void> {
  return async (remote) => {
    try {
      const client = createRemoteClient({ ...PROBE_LIMITS, ...options, ...remote });
      try {
        await client.ping();
      } finally {
        await client.close();
      }
    } catch (error) {
      throw connectivityErrorOf(error);
    }
  };
}

/** A probe is made while a user waits, behind an API that waits 30 s. */
const PROBE_LIMITS = { connectTimeout: 5_000, idleTimeout: 8_000, callTimeout: 10_000, connections: 1 };

function connectivityErrorOf(cause: unknown): unknown {
  if (cause instanceof RemoteOutageError) {
    return cause.reason === 'TLS_FAILED'
      ? new DomainError('REMOTE_TLS_FAILED', [], { cause })
      : new DomainError('REMOTE_CONNECT_FAILED', [cause.message], { cause });
  }
  return cause instanceof RemoteRefusalError
    ? new DomainError('REMOTE_CONNECT_FAILED', [cause.message], { cause })
    : cause;
}
