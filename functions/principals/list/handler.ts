import { z } from 'zod';
import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { principalAnswer } from '../../shared/principal/answer.ts';
import { principalRepository } from '../../shared/principal/repository.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE');
const principals = principalRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `GET principal/list`: everybody who may sign in, by name. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: z.object({}),
  input: () => ({}),
  handle: async () => (await principals.list()).map((principal) => principalAnswer(principal, env.TIME_ZONE)),
});
