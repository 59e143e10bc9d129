import { createAccessKey } from '../../shared/access/access-key.ts';
import { accessKeyRepository } from '../../shared/access/access-key-repository.ts';
import { accessKeyAnswer } from '../../shared/access/answers.ts';
import { deployedCallers } from '../../shared/access/deployed-callers.ts';
import { kmsAccessKeySecrets } from '../../shared/access/kms-secrets.ts';
import { accessKeyRequest } from '../../shared/access/requests.ts';
import { dynamoDb, kms } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { deployedAuthenticator } from '../../shared/http/endpoint.ts';
import { identityEndpoint } from '../../shared/http/identity-endpoint.ts';
import { jsonOf } from '../../shared/http/json-content.ts';
import { administratorAuthentication } from '../../shared/http/v3-authentication.ts';
import { principalRepository } from '../../shared/principal/repository.ts';

const env = environment('TABLE_NAME', 'CREDENTIALS_KEY_ID');
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };

/** `POST /v3.0/OS-CREDENTIAL/credentials`: an access key for a principal; its secret is in this answer only. */
export const handler = identityEndpoint({
  authentication: administratorAuthentication({
    authenticator: deployedCallers,
    passwords: deployedAuthenticator,
  }),
  schema: accessKeyRequest,
  input: jsonOf,
  handle: async (request) => {
    const { key, secret } = await createAccessKey({
      ...request,
      principals: principalRepository(table),
      keys: accessKeyRepository(table),
      secrets: kmsAccessKeySecrets({ kms: kms(), keyId: env.CREDENTIALS_KEY_ID }),
      clock: systemClock,
    });
    return { status: 201, body: { credential: { ...accessKeyAnswer(key), secret } } };
  },
});
