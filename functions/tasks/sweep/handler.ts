import { dynamoDb } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { requestedAnswer } from '../../shared/sweep/answer.ts';
import { requestSweep, sweepRequestInput, sweepRequestSchema } from '../../shared/sweep/request.ts';
import { sweepRepository } from '../../shared/sweep/table-sweeps.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { deployedRunQueue } from '../run-queue.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE');
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const tasks = taskRepository(table);
const sweeps = sweepRepository(table);

/** `POST task/sweep/{taskKey}`: find and put right now what the log did not tell, or agree to what a sweep would delete. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: sweepRequestSchema,
  input: sweepRequestInput,
  handle: async (request) =>
    requestedAnswer(
      await requestSweep({ request, tasks, sweeps, queue: deployedRunQueue(), clock: systemClock }),
      env.TIME_ZONE,
    ),
});
