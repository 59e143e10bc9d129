import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { failurePageAnswer } from '../../shared/failure/answer.ts';
import { failureRepository } from '../../shared/failure/repository.ts';
import { failureListRequest } from '../../shared/failure/requests.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE');
const failures = failureRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `GET task/failure/list/{taskKey}`: what could not be replicated, in pages; none for an unknown key. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: failureListRequest,
  input: (request) => ({ ...request.query, ...request.pathParameters }),
  handle: async ({ taskKey, pageNumber, pageSize }) => {
    const page = await failures.list(taskKey, { number: pageNumber, size: pageSize });
    return failurePageAnswer({ page, pageNumber, pageSize, timeZone: env.TIME_ZONE });
  },
});
