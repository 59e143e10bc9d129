import type { RemoteOutageError } from '../remote/errors.ts';
import type { RemoteCircuits } from './remote-circuits.ts';

/**
 * Remotes that were found down, by address: lanes of the same remote need not find out one by one, each after a
 * timeout. What one invocation has found out lives as long as it does; the deployment's circuits are asked and told beyond.
 */
export interface Circuit {
  /** To be called before the remote is. @throws RemoteOutageError that opened it. */
  pass(url: string): Promise<void>;
  /** The remote was found down. */
  open(url: string, outage: RemoteOutageError): Promise<void>;
  /** The remote has done something. */
  close(url: string): Promise<void>;
}

/** @param beyond absent: no other invocation is asked or told. */
export function circuit(beyond?: RemoteCircuits): Circuit {
  const outages = new Map<string, RemoteOutageError>();
  return {
    async pass(url) {
      const known = outages.get(url);
      if (known !== undefined) {
        throw known;
      }
      const outage = await beyond?.pass(url);
      if (outage !== undefined) {
        outages.set(url, outage);
        throw outage;
      }
    },
    async open(url, outage) {
      if (!outages.has(url)) {
        outages.set(url, outage);
        await beyond?.open(url, outage);
      }
    },
    async close(url) {
      await beyond?.close(url);
    },
  };
}
