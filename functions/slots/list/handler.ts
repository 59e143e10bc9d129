import { z } from 'zod';
import { dynamoDb } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { slotAnswer } from '../../shared/slot/answer.ts';
import { slotRepository } from '../../shared/slot/repository.ts';
import { taskRepository } from '../../shared/task/repository.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE');
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const slots = slotRepository({ ...table, clock: systemClock });
const tasks = taskRepository(table);

/** `GET slot/list`: every slot's position, its lease, what it could not read, and which tasks are behind it. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: z.object({}),
  input: () => ({}),
  handle: async () => {
    const listed = await tasks.list();
    return (await slots.list()).map((slot) => slotAnswer(slot, listed, env.TIME_ZONE));
  },
});
