import { dynamoDb, kms } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { remoteProbe } from '../../shared/remote/probe.ts';
import { taskAnswer } from '../../shared/task/answer.ts';
import { kmsCredentials } from '../../shared/task/credentials.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { taskUpdateSchema, updateTask } from '../../shared/task/update.ts';
import { deployedRunQueue } from '../run-queue.ts';
import { deployedTaskSchedule } from '../task-schedule.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE', 'CREDENTIALS_KEY_ID', 'ALLOW_PRIVATE_REMOTES');
const tasks = taskRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `POST task/update`: change what was requested of a task. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: taskUpdateSchema,
  input: (request) => request.json(),
  handle: async (update, { principal }) => {
    const task = await updateTask({
      update,
      by: principal.username,
      tasks,
      credentials: kmsCredentials({ kms: kms(), keyId: env.CREDENTIALS_KEY_ID }),
      probe: remoteProbe({ allowPrivate: env.ALLOW_PRIVATE_REMOTES }),
      starter: { queue: deployedRunQueue(), schedule: deployedTaskSchedule() },
      clock: systemClock,
      timeZone: env.TIME_ZONE,
    });
    return taskAnswer(task, env.TIME_ZONE);
  },
});
