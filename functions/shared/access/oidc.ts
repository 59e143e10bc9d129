import { createRemoteJWKSet, customFetch, decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { type Principal, ROLES } from '../principal/principal.ts';

/** An OpenID Connect issuer whose tokens count as ours. */
export interface OidcIssuer {
  /** As its tokens name it (`iss`). */
  readonly issuer: string;
  /** What its tokens for this deployment name (`aud`). */
  readonly audience: string;
  /** Claim that holds a role, or a list of names with roles among them. */
  readonly rolesClaim: string;
}

/** Fetches a JSON document, within bounds. @throws Error for any answer but 200. */
export type JsonFetch = (url: string, signal?: AbortSignal) => Promise<unknown>;

export interface OidcVerifier {
  /**
   * Whom a token signs in, with the role that its claim names (the one that may do most), and until when.
   *
   * @returns undefined for a token that does not count: another issuer's or audience's, expired, or wrongly signed.
   */
  verify(token: string): Promise<{ readonly principal: Principal; readonly until: Date } | undefined>;
}

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.url() });

/** Asymmetric ones only: with others the issuer's public key would do as a secret. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** Difference of clocks, in seconds. */
const CLOCK_TOLERANCE = 60;
/** Milliseconds. */
const KEYS_TIMEOUT = 5_000;
const KEYS_COOLDOWN = 30_000;
const KEYS_MAX_AGE = 10 * 60 * 1_000;

/** Whether a text has the form of a JWT; a token of ours holds no dot. */
export function isJwt(token: string): boolean {
  return /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/.test(token);
}

/**
 * A verifier of one issuer's tokens. Where the issuer's keys are is asked for once (OpenID Connect Discovery), the keys are
 * kept for ten minutes, and asked for again at most twice a minute when a token names one that is not among them.
 */
export function oidcVerifier(
  options: OidcIssuer & { readonly fetch: JsonFetch; readonly clock: Clock },
): OidcVerifier {
  const { issuer, audience, rolesClaim, fetch, clock } = options;
  let keys: ReturnType<typeof createRemoteJWKSet> | undefined;

  async function keysOfIssuer(): Promise<ReturnType<typeof createRemoteJWKSet>> {
    if (keys === undefined) {
      const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
      const discovered = discoverySchema.parse(await fetch(url));
      if (discovered.issuer !== issuer) {
        throw new Error('The OIDC issuer calls itself by another name');
      }
      keys = createRemoteJWKSet(new URL(discovered.jwks_uri), {
        timeoutDuration: KEYS_TIMEOUT,
        cooldownDuration: KEYS_COOLDOWN,
        cacheMaxAge: KEYS_MAX_AGE,
        [customFetch]: async (address, { signal }) => Response.json(await fetch(address, signal)),
      });
    }
    return keys;
  }

  return {
    async verify(token) {
      try {
        // Before anything is fetched: whoever sends something else must not make us ask the issuer.
        if (decodeJwt(token).iss !== issuer) {
          return undefined;
        }
        const { payload } = await jwtVerify(token, await keysOfIssuer(), {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          clockTolerance: CLOCK_TOLERANCE,
          currentDate: clock(),
        });
        return signedIn(payload, rolesClaim);
      } catch (error) {
        if (isRefusal(error)) {
          return undefined;
        }
        throw error;
      }
    },
  };
}

function signedIn(payload: JWTPayload, rolesClaim: string) {
  const { sub, exp } = payload;
  const names = [payload[rolesClaim]].flat();
  const role = ROLES.find((name) => names.includes(name));
  if (sub === undefined || exp === undefined || role === undefined) {
    return undefined;
  }
  return { principal: { username: sub, role }, until: new Date(exp * 1_000) };
}

/** The token is to blame, not the issuer or the way there. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWTClaimValidationFailed ||
    error instanceof errors.JWTExpired ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported
  );
}
