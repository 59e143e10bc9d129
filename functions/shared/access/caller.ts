import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import { expiringCache } from '../expiring-cache.ts';
import type { HttpRequest } from '../http/request.ts';
import { isOfPredecessor, type Principal, principalOf } from '../principal/principal.ts';
import type { PrincipalRepository } from '../principal/repository.ts';
import type { AccessKeyRepository, AccessKeySecrets } from './access-key.ts';
import { isJwt, type OidcVerifier } from './oidc.ts';
import { isSignedBy, isTimely, parseSignature, SIGNATURE_SCHEME } from './signature.ts';
import { type TokenRepository, tokenDigest } from './token.ts';

/** What was looked up is remembered for under a minute: that long a withdrawn token or key may still work. */
const CACHE_MS = 50_000;
const MAX_CACHED = 256;
const MAX_TOKEN_LENGTH = 16 * 1024;

/** Somebody who calls the second API. */
export interface Caller {
  readonly principal: Principal;
  /** Project that the token is for; any when there is none. */
  readonly project?: string | undefined;
}

export interface CallerAuthenticator {
  /**
   * Who has sent a request, by its `X-Auth-Token` or its signature.
   *
   * @throws DomainError TOKEN_INVALID when there is neither, or the token is unknown or has expired; SIGNATURE_INVALID.
   */
  callerOf(request: HttpRequest): Promise<Caller>;
}

interface Secret {
  readonly principal: Principal;
  readonly secret: string;
}

/**
 * An authenticator for tokens, JWTs of a configured issuer, and signed requests. Only successes are cached. A principal that
 * is gone takes its tokens and keys with it.
 *
 * @param options `trustForwardedHost`: a proxy stands in front that says in `X-Forwarded-Host` what its caller called.
 */
export function callerAuthenticator(options: {
  readonly principals: Pick<PrincipalRepository, 'get'>;
  readonly tokens: Pick<TokenRepository, 'get'>;
  readonly keys: Pick<AccessKeyRepository, 'get'>;
  readonly secrets: Pick<AccessKeySecrets, 'decrypt'>;
  readonly oidc: OidcVerifier | undefined;
  readonly trustForwardedHost: boolean;
  readonly clock: Clock;
}): CallerAuthenticator {
  const { principals, tokens, keys, secrets, oidc, trustForwardedHost, clock } = options;
  const bounds = { clock, lifetime: CACHE_MS, capacity: MAX_CACHED };
  const callers = expiringCache<Caller>(bounds);
  const knownSecrets = expiringCache<Secret>(bounds);

  async function ofJwt(token: string): Promise<{ caller: Caller; until: Date } | undefined> {
    const verified = await oidc?.verify(token);
    return verified && { caller: { principal: verified.principal }, until: verified.until };
  }

  async function ofStored(digest: string): Promise<{ caller: Caller; until: Date } | undefined> {
    const stored = await tokens.get(digest);
    const until = new Date(stored?.expiresDate ?? 0);
    // DynamoDB removes what has expired hours later.
    if (stored === undefined || until <= clock()) {
      return undefined;
    }
    const principal = await principals.get(stored.username);
    if (principal === undefined || isOfPredecessor(principal, stored.issuedDate)) {
      return undefined;
    }
    return { caller: { principal: principalOf(principal), project: stored.project }, until };
  }

  async function byToken(token: string): Promise<Caller> {
    if (token.length > MAX_TOKEN_LENGTH) {
      throw new DomainError('TOKEN_INVALID');
    }
    const digest = tokenDigest(token);
    const cached = callers.get(digest);
    if (cached !== undefined) {
      return cached;
    }
    const found = isJwt(token) ? await ofJwt(token) : await ofStored(digest);
    if (found === undefined) {
      throw new DomainError('TOKEN_INVALID');
    }
    callers.set(digest, found.caller, found.until);
    return found.caller;
  }

  async function secretOf(accessKey: string): Promise<Secret | undefined> {
    const cached = knownSecrets.get(accessKey);
    if (cached !== undefined) {
      return cached;
    }
    const key = await keys.get(accessKey);
    const owner = key && (await principals.get(key.username));
    if (key === undefined || owner === undefined || isOfPredecessor(owner, key.createdDate)) {
      return undefined;
    }
    const { encryptedSecret } = key;
    const found = {
      principal: principalOf(owner),
      secret: await secrets.decrypt({ accessKey, encryptedSecret }),
    };
    knownSecrets.set(accessKey, found);
    return found;
  }

  async function bySignature(request: HttpRequest, header: string): Promise<Caller> {
    const signature = parseSignature(header);
    if (signature === undefined || !isTimely(request, clock())) {
      throw new DomainError('SIGNATURE_INVALID');
    }
    const found = await secretOf(signature.accessKey);
    const forwarded = trustForwardedHost ? request.header('x-forwarded-host') : undefined;
    const host = forwarded ?? request.header('host') ?? '';
    if (found === undefined || !isSignedBy({ request, signature, secret: found.secret, host })) {
      throw new DomainError('SIGNATURE_INVALID');
    }
    return { principal: found.principal };
  }

  return {
    async callerOf(request) {
      const token = request.header('x-auth-token') ?? '';
      const authorization = request.header('authorization') ?? '';
      if (token !== '') {
        return byToken(token);
      }
      if (authorization.startsWith(SIGNATURE_SCHEME)) {
        return bySignature(request, authorization);
      }
      throw new DomainError('TOKEN_INVALID');
    },
  };
}
