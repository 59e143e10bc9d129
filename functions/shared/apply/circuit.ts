import type { RemoteOutageError } from '../remote/errors.ts';

/**
 * Remotes that were found down, by address: lanes of the same remote need not find out one by one, each after a
 * timeout. It lives as long as one invocation; after that the lanes' own back-off decides.
 */
export interface Circuit {
  /** @throws the outage that opened it. */
  pass(url: string): void;
  open(url: string, outage: RemoteOutageError): void;
}

export function circuit(): Circuit {
  const outages = new Map<string, RemoteOutageError>();
  return {
    pass(url) {
      const outage = outages.get(url);
      if (outage !== undefined) {
        throw outage;
      }
    },
    open(url, outage) {
      outages.set(url, outage);
    },
  };
}
