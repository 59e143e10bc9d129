import { secretsManager } from '../shared/aws/clients.ts';
import { systemClock } from '../shared/clock.ts';
import { environment } from '../shared/environment.ts';
import { bkRepoDatabase } from '../shared/mongodb/database.ts';
import { type Receiver, receiverOf } from '../shared/receiver.ts';

/** The receiver over the deployment's own bk-repo database; the connection is the execution environment's. */
export async function replicaServices(): Promise<Receiver> {
  const env = environment('MONGODB_SECRET_ID', 'MONGODB_DATABASE');
  const database = await bkRepoDatabase({
    secrets: secretsManager(),
    secretId: env.MONGODB_SECRET_ID,
    database: env.MONGODB_DATABASE,
  });
  return receiverOf({ database, clock: systemClock });
}
