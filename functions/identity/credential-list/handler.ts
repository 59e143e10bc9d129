import { z } from 'zod';
import { accessKeyRepository } from '../../shared/access/access-key-repository.ts';
import { accessKeyAnswer } from '../../shared/access/answers.ts';
import { deployedCallers } from '../../shared/access/deployed-callers.ts';
import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { deployedAuthenticator } from '../../shared/http/endpoint.ts';
import { identityEndpoint } from '../../shared/http/identity-endpoint.ts';
import { administratorAuthentication } from '../../shared/http/v3-authentication.ts';

const env = environment('TABLE_NAME');
const keys = accessKeyRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `GET /v3.0/OS-CREDENTIAL/credentials`: all access keys, or those of one principal, without their secrets. */
export const handler = identityEndpoint({
  authentication: administratorAuthentication({
    authenticator: deployedCallers,
    passwords: deployedAuthenticator,
  }),
  schema: z.object({ user_id: z.string().optional() }),
  input: (request) => request.query,
  handle: async ({ user_id: username }) => {
    const found = await keys.list(username);
    return { status: 200, body: { credentials: found.map(accessKeyAnswer) } };
  },
});
