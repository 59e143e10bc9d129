import { dynamoDb } from '../../shared/aws/clients.ts';
import { conflictPageAnswer } from '../../shared/conflict/answer.ts';
import { conflictRepository } from '../../shared/conflict/repository.ts';
import { environment } from '../../shared/environment.ts';
import { failureListRequest } from '../../shared/failure/requests.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE');
const conflicts = conflictRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `GET task/conflict/list/{taskKey}`: what met others' content at the target, in pages; none for an unknown key. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: failureListRequest,
  input: (request) => ({ ...request.query, ...request.pathParameters }),
  handle: async ({ taskKey, pageNumber, pageSize }) => {
    const page = await conflicts.list(taskKey, { number: pageNumber, size: pageSize });
    return conflictPageAnswer({ page, pageNumber, pageSize, timeZone: env.TIME_ZONE });
  },
});
