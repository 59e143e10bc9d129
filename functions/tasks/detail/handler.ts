import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { taskAnswer } from '../../shared/task/answer.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { taskKeySchema } from '../../shared/task/request.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE');
const tasks = taskRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `GET task/detail/{taskKey}`: one task; null when there is none of that key. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: taskKeySchema,
  input: (request) => request.pathParameters,
  handle: async ({ taskKey }) => {
    const task = await tasks.get(taskKey);
    return task === undefined ? null : taskAnswer(task, env.TIME_ZONE);
  },
});
