import { DomainError } from '../errors.ts';
import type { Authenticator, Credentials } from '../principal/authenticator.ts';
import { permits, type Role } from '../principal/principal.ts';
import type { EndpointMiddleware } from './exchange.ts';

/**
 * What a request without an Authorization header is answered, which differs between bk-repo's endpoints:
 * `challenge` is 401 (`/task/*`, file uploads), `header-missing` is 400 with 250113 (the other `/replica/*`).
 */
export type Unauthenticated = 'challenge' | 'header-missing';

// bk-repo's prefix match is case-sensitive: `basic …` is to it no sign-in at all.
const BASIC_PREFIX = 'Basic ';
const BEARER_PREFIX = 'Bearer ';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/**
 * Middleware: who is calling (HTTP Basic), and whether the role is enough. It stands before validation, so that
 * nobody but those allowed learns anything about their content. No text repeats what the header held.
 */
export function authentication<Input>(options: {
  readonly authenticator: () => Authenticator;
  readonly unauthenticated: Unauthenticated;
  readonly requiredRole: Role;
}): EndpointMiddleware<Input> {
  return {
    before: async (middyRequest) => {
      const exchange = middyRequest.event;
      const header = exchange.request.header('authorization');
      if (header === undefined && options.unauthenticated === 'header-missing') {
        throw new DomainError('HEADER_MISSING', ['Authorization']);
      }
      const principal = await options.authenticator().authenticate(basicCredentials(header ?? ''));
      if (principal === undefined) {
        throw new DomainError('AUTHENTICATION_FAILED');
      }
      exchange.logger.appendKeys({ principal: principal.username });
      if (!permits(principal, options.requiredRole)) {
        throw new DomainError('ACCESS_DENIED');
      }
      exchange.principal = principal;
    },
  };
}

/**
 * User and password of an Authorization header. The password may hold colons: the first one parts it from the user
 * name (RFC 7617).
 */
export function basicCredentials(header: string): Credentials {
  if (header.startsWith(BEARER_PREFIX)) {
    throw new DomainError('TOKEN_INVALID');
  }
  if (!header.startsWith(BASIC_PREFIX)) {
    throw new DomainError('AUTHENTICATION_REQUIRED');
  }
  const encoded = header.slice(BASIC_PREFIX.length).trim();
  const decoded = BASE64.test(encoded) ? Buffer.from(encoded, 'base64').toString('utf8') : '';
  const colon = decoded.indexOf(':');
  if (colon < 0) {
    throw new DomainError('AUTHENTICATION_MALFORMED');
  }
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
