import { z } from 'zod';
import { dynamoDb, secretsManager } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { bkRepoDatabase } from '../../shared/mongodb/database.ts';
import { inspectIfPossible, inspectLog } from '../../shared/operate-log/ring.ts';
import { slotAnswer, slotLogAnswer } from '../../shared/slot/answer.ts';
import { slotRepository } from '../../shared/slot/repository.ts';
import { taskRepository } from '../../shared/task/repository.ts';

const env = environment(
  'TABLE_NAME',
  'TIME_ZONE',
  'MONGODB_SECRET_ID',
  'MONGODB_DATABASE',
  'OPERATE_LOG_COLLECTION',
);
const collection = env.OPERATE_LOG_COLLECTION;
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const slots = slotRepository({ ...table, clock: systemClock });
const tasks = taskRepository(table);

/**
 * `GET slot/list`: every slot's position, how far it is behind the log and how soon that overwrites what is unread, its lease,
 * what it could not read, and which tasks are behind it.
 */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: z.object({}),
  input: () => ({}),
  handle: async (_input, { language, logger }) => {
    const listed = await tasks.list();
    const known = await slots.list();
    const ring = await inspectIfPossible({ inspect, logger });
    const seen = { ring, collection, now: systemClock(), timeZone: env.TIME_ZONE, language };
    return known.map((slot) => ({
      ...slotAnswer(slot, listed, env.TIME_ZONE),
      ...slotLogAnswer({ ...seen, slot }),
    }));
  },
});

async function inspect() {
  const database = await bkRepoDatabase({
    secrets: secretsManager(),
    secretId: env.MONGODB_SECRET_ID,
    database: env.MONGODB_DATABASE,
  });
  return inspectLog({ database, collection });
}
