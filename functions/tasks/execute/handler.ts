import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { executeTask } from '../../shared/task/execute.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { taskKeySchema } from '../../shared/task/request.ts';
import { deployedRunQueue } from '../run-queue.ts';

const env = environment('TABLE_NAME');
const tasks = taskRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `POST task/execute/{taskKey}`: run a task now. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: taskKeySchema,
  input: (request) => request.pathParameters,
  handle: ({ taskKey }) => executeTask({ taskKey, tasks, queue: deployedRunQueue() }),
});
