import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { failureListRequest } from '../../shared/failure/requests.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { sweepPageAnswer } from '../../shared/sweep/answer.ts';
import { sweepRepository } from '../../shared/sweep/table-sweeps.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE');
const sweeps = sweepRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `GET task/sweep/list/{taskKey}`: a task's sweeps, the newest first, in pages; none for an unknown key. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: failureListRequest,
  input: (request) => ({ ...request.query, ...request.pathParameters }),
  handle: async ({ taskKey, pageNumber, pageSize }) =>
    sweepPageAnswer({
      sweeps: await sweeps.list(taskKey),
      pageNumber,
      pageSize,
      timeZone: env.TIME_ZONE,
    }),
});
