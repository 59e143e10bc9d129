import type { Db } from 'mongodb';
import { dynamoDb, kms, secretsManager } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { warningsAnswer } from '../../shared/http/warning-catalogue.ts';
import { bkRepoDatabase } from '../../shared/mongodb/database.ts';
import { cappedOperateLog } from '../../shared/operate-log/reader.ts';
import { measureLog } from '../../shared/operate-log/ring.ts';
import { remoteProbe } from '../../shared/remote/probe.ts';
import { openSlot } from '../../shared/slot/open.ts';
import { preflightOfSlot } from '../../shared/slot/preflight.ts';
import { slotRepository } from '../../shared/slot/repository.ts';
import { taskAnswer } from '../../shared/task/answer.ts';
import { createTask } from '../../shared/task/create.ts';
import { kmsCredentials } from '../../shared/task/credentials.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { taskRequestSchema } from '../../shared/task/request.ts';
import { deployedRunQueue } from '../run-queue.ts';
import { deployedTaskSchedule } from '../task-schedule.ts';

const env = environment(
  'TABLE_NAME',
  'TIME_ZONE',
  'CREDENTIALS_KEY_ID',
  'ALLOW_PRIVATE_REMOTES',
  'MONGODB_SECRET_ID',
  'MONGODB_DATABASE',
  'OPERATE_LOG_COLLECTION',
);
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const slots = slotRepository({ ...table, clock: systemClock });
const collection = env.OPERATE_LOG_COLLECTION;

/** `POST task/create`: check, store and begin a replication task; with `warnings` where the log that it follows is not fit. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: taskRequestSchema(env.TIME_ZONE),
  input: (request) => request.json(),
  handle: async (request, { principal, language, logger }) => {
    const task = await createTask({
      request,
      createdBy: principal.username,
      tasks: taskRepository(table),
      credentials: kmsCredentials({ kms: kms(), keyId: env.CREDENTIALS_KEY_ID }),
      probe: remoteProbe({ allowPrivate: env.ALLOW_PRIVATE_REMOTES }),
      slots: { open: openDeployedSlot },
      starter: { queue: deployedRunQueue(), schedule: deployedTaskSchedule() },
      clock: systemClock,
      timeZone: env.TIME_ZONE,
    });
    const answer = taskAnswer(task, env.TIME_ZONE);
    if (task.type !== 'INCREMENTAL') {
      return answer;
    }
    const inspect = async () => measureLog({ database: await sourceDatabase(), collection });
    const { slotName } = task;
    const warnings = await preflightOfSlot({ slotName, slots, inspect, collection, logger });
    return warnings.length === 0 ? answer : { ...answer, warnings: warningsAnswer(warnings, language) };
  },
});

async function openDeployedSlot(slotName: string): Promise<{ readonly nextOrdinal: number }> {
  const log = cappedOperateLog({ database: await sourceDatabase(), collection });
  return openSlot({ slotName, slots, log });
}

function sourceDatabase(): Promise<Db> {
  return bkRepoDatabase({
    secrets: secretsManager(),
    secretId: env.MONGODB_SECRET_ID,
    database: env.MONGODB_DATABASE,
  });
}
