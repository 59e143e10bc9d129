import { dynamoDb } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { runRepository } from '../../shared/run/table-runs.ts';
import { interruptTask } from '../../shared/task/interrupt.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { taskKeySchema } from '../../shared/task/request.ts';

const env = environment('TABLE_NAME');
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const tasks = taskRepository(table);
const runs = runRepository(table);

/** `POST task/interrupt/{taskKey}`: stop what a task is doing. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: taskKeySchema,
  input: (request) => request.pathParameters,
  handle: ({ taskKey }, { principal }) =>
    interruptTask({ taskKey, by: principal.username, tasks, runs, clock: systemClock }),
});
