import type { CallerAuthenticator } from '../access/caller.ts';
import { DomainError } from '../errors.ts';
import type { Authenticator } from '../principal/authenticator.ts';
import { hasRole, type Principal, permits, type Role } from '../principal/principal.ts';
import { basicCredentials } from './authentication.ts';
import type { EndpointMiddleware } from './exchange.ts';
import type { HttpRequest } from './request.ts';

/** What project ids of the service look like. */
const PROJECT_ID = /^[0-9a-f]{32}$/i;

/**
 * Middleware: who is calling (token or signature), for which project, and whether the role is enough for that. The project of
 * the path is the deployment's own, which stands for all there are, or a bk-repo project's name; a project id that is another
 * deployment's is refused to everybody.
 *
 * @throws DomainError TOKEN_INVALID, SIGNATURE_INVALID, PROJECT_FORBIDDEN, ACCESS_DENIED
 */
export function projectAuthentication<Input>(options: {
  readonly authenticator: () => CallerAuthenticator;
  readonly deploymentProject: () => string;
  readonly requiredRole: Role;
}): EndpointMiddleware<Input> {
  return {
    before: async (middyRequest) => {
      const exchange = middyRequest.event;
      const { principal, project: tokenProject } = await options.authenticator().callerOf(exchange.request);
      exchange.logger.appendKeys({ principal: principal.username });
      const own = options.deploymentProject();
      const named = exchange.request.pathParameters['project_id'] ?? '';
      const isForeign = PROJECT_ID.test(named) && named !== own;
      const isOutsideToken = tokenProject !== undefined && tokenProject !== named && tokenProject !== own;
      const isOutsideRole = principal.projectId !== undefined && principal.projectId !== named;
      if (isForeign || isOutsideToken || isOutsideRole) {
        throw new DomainError('PROJECT_FORBIDDEN');
      }
      if (!hasRole(principal, options.requiredRole)) {
        throw new DomainError('ACCESS_DENIED');
      }
      exchange.principal = principal;
      exchange.projectId = named === own ? undefined : named;
    },
  };
}

/**
 * Middleware of what administrators do: who is calling, by token, signature or HTTP Basic, and whether that is one for all
 * projects.
 *
 * @throws DomainError AUTHENTICATION_FAILED, ACCESS_DENIED
 */
export function administratorAuthentication<Input>(options: {
  readonly authenticator: () => CallerAuthenticator;
  readonly passwords: () => Authenticator;
}): EndpointMiddleware<Input> {
  async function principalOf(request: HttpRequest): Promise<Principal | undefined> {
    const authorization = request.header('authorization') ?? '';
    return request.header('x-auth-token') === undefined && authorization.startsWith('Basic ')
      ? options.passwords().authenticate(basicCredentials(authorization))
      : (await options.authenticator().callerOf(request)).principal;
  }

  return {
    before: async (middyRequest) => {
      const exchange = middyRequest.event;
      const principal = await principalOf(exchange.request);
      if (principal === undefined) {
        throw new DomainError('AUTHENTICATION_FAILED');
      }
      exchange.logger.appendKeys({ principal: principal.username });
      if (!permits(principal, 'admin')) {
        throw new DomainError('ACCESS_DENIED');
      }
      exchange.principal = principal;
    },
  };
}
