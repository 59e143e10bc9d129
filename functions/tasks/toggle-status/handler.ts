import { dynamoDb } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { taskKeySchema } from '../../shared/task/request.ts';
import { toggleTask } from '../../shared/task/toggle.ts';
import { deployedRunQueue } from '../run-queue.ts';
import { deployedTaskSchedule } from '../task-schedule.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE');
const tasks = taskRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `POST task/toggle/status/{taskKey}`: pause a task, or resume it. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: taskKeySchema,
  input: (request) => request.pathParameters,
  handle: ({ taskKey }, { principal }) =>
    toggleTask({
      taskKey,
      by: principal.username,
      tasks,
      starter: { queue: deployedRunQueue(), schedule: deployedTaskSchedule() },
      clock: systemClock,
      timeZone: env.TIME_ZONE,
    }),
});
