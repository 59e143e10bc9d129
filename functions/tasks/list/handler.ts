import { z } from 'zod';
import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { taskAnswer } from '../../shared/task/answer.ts';
import { taskRepository } from '../../shared/task/repository.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE');
const tasks = taskRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `GET task/list`: every task, in the order of creation. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: z.object({}),
  input: () => ({}),
  handle: async () => (await tasks.list()).map((task) => taskAnswer(task, env.TIME_ZONE)),
});
