import type { Db } from 'mongodb';
import { secretsManager } from '../shared/aws/clients.ts';
import { systemClock } from '../shared/clock.ts';
import { environment } from '../shared/environment.ts';
import { bkRepoDatabase } from '../shared/mongodb/database.ts';
import { type Receiver, receiverOf } from '../shared/receiver.ts';

/** The deployment's own bk-repo database; the connection is the execution environment's. */
export function replicaDatabase(): Promise<Db> {
  const env = environment('MONGODB_SECRET_ID', 'MONGODB_DATABASE');
  return bkRepoDatabase({
    secrets: secretsManager(),
    secretId: env.MONGODB_SECRET_ID,
    database: env.MONGODB_DATABASE,
  });
}

/** The receiver over it, for requests that only ask, or whose changes bk-repo does not log. */
export async function replicaServices(): Promise<Receiver> {
  return receiverOf({ database: await replicaDatabase(), clock: systemClock });
}
