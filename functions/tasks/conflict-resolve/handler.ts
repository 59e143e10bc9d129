import { dynamoDb } from '../../shared/aws/clients.ts';
import { conflictRepository } from '../../shared/conflict/repository.ts';
import { conflictResolution } from '../../shared/conflict/resolve.ts';
import { environment } from '../../shared/environment.ts';
import { failureSelectionInput, failureSelectionRequest } from '../../shared/failure/requests.ts';
import { retryFailures } from '../../shared/failure/select.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { deployedRunQueue } from '../run-queue.ts';

const env = environment('TABLE_NAME');
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const tasks = taskRepository(table);
const failures = conflictRepository(table);

/** `POST task/conflict/resolve/{taskKey}`: put the source's nodes in place of what others have at the target. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: failureSelectionRequest,
  input: failureSelectionInput,
  handle: (selection) =>
    retryFailures({ selection, tasks, failures, queue: conflictResolution(deployedRunQueue()) }),
});
