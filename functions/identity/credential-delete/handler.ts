import { z } from 'zod';
import { accessKeyRepository } from '../../shared/access/access-key-repository.ts';
import { deployedCallers } from '../../shared/access/deployed-callers.ts';
import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { DomainError } from '../../shared/errors.ts';
import { deployedAuthenticator } from '../../shared/http/endpoint.ts';
import { identityEndpoint } from '../../shared/http/identity-endpoint.ts';
import { administratorAuthentication } from '../../shared/http/v3-authentication.ts';

const env = environment('TABLE_NAME');
const keys = accessKeyRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `DELETE /v3.0/OS-CREDENTIAL/credentials/{access_key}`: withdraw an access key. */
export const handler = identityEndpoint({
  authentication: administratorAuthentication({
    authenticator: deployedCallers,
    passwords: deployedAuthenticator,
  }),
  schema: z.object({ access_key: z.string().min(1) }),
  input: (request) => request.pathParameters,
  handle: async ({ access_key: accessKey }) => {
    if (!(await keys.delete(accessKey))) {
      throw new DomainError('RESOURCE_NOT_FOUND', [accessKey]);
    }
    return { status: 204 };
  },
});
