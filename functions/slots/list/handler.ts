import { z } from 'zod';
import { dynamoDb } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { slotAnswer } from '../../shared/slot/answer.ts';
import { slotRepository } from '../../shared/slot/repository.ts';

const env = environment('TABLE_NAME', 'TIME_ZONE');
const slots = slotRepository({ table: dynamoDb(), tableName: env.TABLE_NAME, clock: systemClock });

/** `GET slot/list`: every slot's position, its lease, and what it could not read. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: z.object({}),
  input: () => ({}),
  handle: async () => (await slots.list()).map((slot) => slotAnswer(slot, env.TIME_ZONE)),
});
