import { tokenAnswer } from '../../shared/access/answers.ts';
import { tokenRequest } from '../../shared/access/requests.ts';
import { issueToken } from '../../shared/access/token.ts';
import { tokenRepository } from '../../shared/access/token-repository.ts';
import { dynamoDb } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { DomainError } from '../../shared/errors.ts';
import { deployedAuthenticator } from '../../shared/http/endpoint.ts';
import { identityEndpoint } from '../../shared/http/identity-endpoint.ts';
import { jsonOf } from '../../shared/http/json-content.ts';

const env = environment('TABLE_NAME');
const tokens = tokenRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `POST /v3/auth/tokens`: sign in with a password; the token is in the header `X-Subject-Token`. */
export const handler = identityEndpoint({
  schema: tokenRequest,
  input: jsonOf,
  handle: async ({ username, password, domain, project }) => {
    const principal = await deployedAuthenticator().authenticate({ username, password });
    if (principal === undefined) {
      throw new DomainError('AUTHENTICATION_FAILED');
    }
    const { token, stored } = await issueToken({ principal, project, tokens, clock: systemClock });
    return {
      status: 201,
      headers: { 'x-subject-token': token },
      body: tokenAnswer({ stored, principal, domain }),
    };
  },
});
