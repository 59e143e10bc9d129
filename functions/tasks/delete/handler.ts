import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { deleteTask } from '../../shared/task/delete.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { taskKeySchema } from '../../shared/task/request.ts';
import { deployedTaskSchedule } from '../task-schedule.ts';

const env = environment('TABLE_NAME');
const tasks = taskRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `DELETE task/delete/{taskKey}`: the task, its lanes, failures and runs, and its next time. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: taskKeySchema,
  input: (request) => request.pathParameters,
  handle: ({ taskKey }) => deleteTask({ taskKey, tasks, schedule: deployedTaskSchedule() }),
});
