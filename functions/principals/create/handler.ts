import { dynamoDb } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { principalAnswer } from '../../shared/principal/answer.ts';
import { createPrincipal } from '../../shared/principal/manage.ts';
import { hashPassword } from '../../shared/principal/password.ts';
import { principalRepository } from '../../shared/principal/repository.ts';
import { principalCreateRequest } from '../../shared/principal/requests.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE');
const principals = principalRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `POST principal/create`: somebody who may sign in. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: principalCreateRequest,
  input: (request) => request.json(),
  handle: async (request) => {
    const principal = await createPrincipal({ request, principals, hashPassword, clock: systemClock });
    return principalAnswer(principal, env.TIME_ZONE);
  },
});
