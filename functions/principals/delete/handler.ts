import { accessKeyRepository } from '../../shared/access/access-key-repository.ts';
import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { deletePrincipal } from '../../shared/principal/manage.ts';
import { principalRepository } from '../../shared/principal/repository.ts';
import { principalDeleteRequest } from '../../shared/principal/requests.ts';

const env = environment('TABLE_NAME');
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const principals = principalRepository(table);
const keys = accessKeyRepository(table);

/** `DELETE principal/delete/{username}`: a principal, with its access keys. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: principalDeleteRequest,
  input: (request) => request.pathParameters,
  handle: ({ username }) => deletePrincipal({ username, principals, keys }),
});
