import { dynamoDb, kms } from '../aws/clients.ts';
import { systemClock } from '../clock.ts';
import { environment } from '../environment.ts';
import { createRemoteClient } from '../remote/client.ts';
import { kmsCredentials } from '../task/credentials.ts';
import { circuitStore, type RemoteCircuits, remoteCircuits } from './remote-circuits.ts';
import { type Remotes, remotePool } from './remotes.ts';

/** The execution environment's clients of its tasks' remotes, and the deployment's circuits. To be called once, when a handler is loaded. */
export function deployedRemotes(): { readonly remotes: Remotes; readonly circuits: RemoteCircuits } {
  const env = environment('TABLE_NAME', 'CREDENTIALS_KEY_ID', 'ALLOW_PRIVATE_REMOTES', 'CLUSTER_ID');
  return {
    remotes: remotePool({
      credentials: kmsCredentials({ kms: kms(), keyId: env.CREDENTIALS_KEY_ID }),
      create: (remote) =>
        createRemoteClient({ ...remote, allowPrivate: env.ALLOW_PRIVATE_REMOTES, clusterId: env.CLUSTER_ID }),
    }),
    circuits: remoteCircuits({
      store: circuitStore({ table: dynamoDb(), tableName: env.TABLE_NAME }),
      clock: systemClock,
      random: Math.random,
    }),
  };
}
