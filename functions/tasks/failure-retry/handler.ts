import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { failureRepository } from '../../shared/failure/repository.ts';
import { failureSelectionInput, failureSelectionRequest } from '../../shared/failure/requests.ts';
import { retryFailures } from '../../shared/failure/select.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { deployedRunQueue } from '../run-queue.ts';

const env = environment('TABLE_NAME');
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const tasks = taskRepository(table);
const failures = failureRepository(table);

/** `POST task/failure/retry/{taskKey}`: try again what could not be replicated. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: failureSelectionRequest,
  input: failureSelectionInput,
  handle: (selection) => retryFailures({ selection, tasks, failures, queue: deployedRunQueue() }),
});
