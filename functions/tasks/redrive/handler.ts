import { circuitStore, remoteCircuits } from '../../shared/apply/remote-circuits.ts';
import { s3Archive } from '../../shared/archive/archive.ts';
import { dynamoDb, s3 } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { laneRepository } from '../../shared/lane/repository.ts';
import { logger } from '../../shared/logger.ts';
import { slotRepository } from '../../shared/slot/repository.ts';
import { catchUpRepository } from '../../shared/tail/catch-up-repository.ts';
import { redriveTask } from '../../shared/tail/parking.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { taskKeySchema } from '../../shared/task/request.ts';

const env = environment('TABLE_NAME', 'ARCHIVE_BUCKET');
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const tasks = taskRepository(table);
const dependencies = {
  lanes: laneRepository(table),
  catchUps: catchUpRepository(table),
  slots: slotRepository({ ...table, clock: systemClock }),
  circuits: remoteCircuits({ store: circuitStore(table), clock: systemClock, random: Math.random }),
  archive: s3Archive({ s3: s3(), bucket: env.ARCHIVE_BUCKET }),
  clock: systemClock,
  logger,
};

/** `POST task/redrive/{taskKey}`: take back what is on its way to a task's lanes, and replay it from the archive. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: taskKeySchema,
  input: (request) => request.pathParameters,
  handle: ({ taskKey }) => redriveTask({ taskKey, tasks, dependencies }),
});
