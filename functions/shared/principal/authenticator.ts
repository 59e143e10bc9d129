import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { expiringCache } from '../expiring-cache.ts';
import { UNMATCHABLE_HASH, verifyPassword } from './password.ts';
import { type Principal, principalOf } from './principal.ts';
import type { PrincipalRepository } from './repository.ts';

/** A successful check is remembered for under a minute: that long a withdrawn password may still work. */
const CACHE_MS = 50_000;
const MAX_CACHED = 256;

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Authenticator {
  /** The principal with this user name and password, or undefined. An unknown user takes as long as a known one. */
  authenticate(credentials: Credentials): Promise<Principal | undefined>;
}

/**
 * An authenticator over stored principals with a cache in memory. Only successes are cached, under a digest keyed with random
 * bytes of this process, so that memory holds no password and no unsalted hash of one.
 */
export function createAuthenticator(options: {
  readonly principals: Pick<PrincipalRepository, 'get'>;
  readonly clock: Clock;
}): Authenticator {
  const { principals, clock } = options;
  const digestKey = randomBytes(32);
  const cache = expiringCache<Principal>({ clock, lifetime: CACHE_MS, capacity: MAX_CACHED });

  const digestOf = ({ username, password }: Credentials): string =>
    createHmac('sha256', digestKey)
      .update(JSON.stringify([username, password]))
      .digest('base64');

  return {
    async authenticate(credentials) {
      const digest = digestOf(credentials);
      const cached = cache.get(digest);
      if (cached !== undefined) {
        return cached;
      }
      const stored = await principals.get(credentials.username);
      const matches = await verifyPassword(credentials.password, stored?.passwordHash ?? UNMATCHABLE_HASH);
      if (stored === undefined || !matches) {
        return undefined;
      }
      const principal = principalOf(stored);
      cache.set(digest, principal);
      return principal;
    },
  };
}
