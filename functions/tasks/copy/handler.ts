import { dynamoDb, kms } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { taskAnswer } from '../../shared/task/answer.ts';
import { copyTask, taskCopySchema } from '../../shared/task/copy.ts';
import { kmsCredentials } from '../../shared/task/credentials.ts';
import { taskRepository } from '../../shared/task/repository.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE', 'CREDENTIALS_KEY_ID');
const tasks = taskRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `POST task/copy`: a new task, paused, with the settings of another one. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: taskCopySchema,
  input: (request) => request.json(),
  handle: async (copy, { principal }) => {
    const task = await copyTask({
      copy,
      by: principal.username,
      tasks,
      credentials: kmsCredentials({ kms: kms(), keyId: env.CREDENTIALS_KEY_ID }),
      clock: systemClock,
    });
    return taskAnswer(task, env.TIME_ZONE);
  },
});
