import { dynamoDb } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { DomainError } from '../../shared/errors.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { laneRepository } from '../../shared/lane/repository.ts';
import { slotRepository } from '../../shared/slot/repository.ts';
import { accountOf } from '../../shared/task/account.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { taskKeySchema } from '../../shared/task/request.ts';

const env = environment('TABLE_NAME');
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const tasks = taskRepository(table);
const lanes = laneRepository(table);
const slots = slotRepository({ ...table, clock: systemClock });

/** `GET task/account/{taskKey}`: what became of the task's events, in numbers, and beside them what sweeps have put right. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: taskKeySchema,
  input: (request) => request.pathParameters,
  handle: async ({ taskKey }) => {
    const task = await tasks.get(taskKey);
    if (task === undefined) {
      throw new DomainError('RESOURCE_NOT_FOUND', [taskKey]);
    }
    // The lanes first: an event counted in a lane is then counted in the slot's ordinal too, or about to be.
    const laneStates = await lanes.list(taskKey);
    const account = accountOf({ slot: await slots.get(task.slotName), task, lanes: laneStates });
    return { ...account, repaired: laneStates.reduce((sum, { repaired }) => sum + repaired, 0) };
  },
});
