import { dynamoDb } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { latestRunLog } from '../../shared/run/log.ts';
import { runRepository } from '../../shared/run/table-runs.ts';
import { taskKeySchema } from '../../shared/task/request.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE');
const runs = runRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `GET task/log/latest/{taskKey}`: a task's newest run that was begun; null when there is none. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: taskKeySchema,
  input: (request) => request.pathParameters,
  handle: ({ taskKey }) => latestRunLog({ taskKey, runs, clock: systemClock, timeZone: env.TIME_ZONE }),
});
