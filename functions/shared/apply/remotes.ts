import type { RemoteClient } from '../remote/client.ts';
import { RemoteOutageError, RemoteRefusalError } from '../remote/errors.ts';
import type { RemoteCredentials } from '../task/credentials.ts';
import type { Task } from '../task/task.ts';
import type { RemoteCircuits } from './remote-circuits.ts';

/** Clients that are kept, with their connections, between batches. */
const MAX_CLIENTS = 32;

export interface Remotes {
  /** The client of a task's remote. @throws RemoteOutageError when its address or certificate is unusable. */
  clientFor(task: Task): Promise<RemoteClient>;
}

/**
 * One client for each task, kept while its remote's settings stay the same, so that connections live and the password
 * is decrypted once for each execution environment.
 */
export function remotePool(options: {
  readonly credentials: Pick<RemoteCredentials, 'decrypt'>;
  readonly create: (remote: {
    readonly url: string;
    readonly username: string;
    readonly password: string;
    readonly certificate?: string | undefined;
  }) => RemoteClient;
}): Remotes {
  const { credentials, create } = options;
  const clients = new Map<string, { readonly settings: string; readonly client: Promise<RemoteClient> }>();

  async function connect(task: Task): Promise<RemoteClient> {
    const { url, username, certificate, encryptedPassword } = task.setting.remoteClusterInfo;
    const password = await credentials.decrypt({ taskKey: task.key, encryptedPassword });
    return create({ url, username, certificate, password });
  }

  function drop(taskKey: string): void {
    const dropped = clients.get(taskKey);
    clients.delete(taskKey);
    // Closing waits for what is under way; a client that was never made has nothing to close.
    dropped?.client.then((client) => client.close()).catch(() => {});
  }

  return {
    async clientFor(task) {
      const settings = JSON.stringify(task.setting.remoteClusterInfo);
      const kept = clients.get(task.key);
      if (kept?.settings === settings) {
        return kept.client;
      }
      drop(task.key);
      const [oldest] = clients.keys();
      if (clients.size >= MAX_CLIENTS && oldest !== undefined) {
        drop(oldest);
      }
      const client = connect(task);
      clients.set(task.key, { settings, client });
      try {
        return await client;
      } catch (error) {
        // A failure is not kept: the next batch tries again.
        if (clients.get(task.key)?.client === client) {
          clients.delete(task.key);
        }
        throw error;
      }
    },
  };
}

/**
 * Remotes that have just answered, for work that is worth a `ping` beforehand: one that is down is not called by every worker,
 * but by one at a time, as its circuit permits.
 *
 * @returns remotes whose `clientFor` also throws the RemoteOutageError of a remote that is down, with the seconds until it is tried again.
 */
export function answeringRemotes(options: {
  readonly remotes: Remotes;
  readonly circuits: Pick<RemoteCircuits, 'pass' | 'open' | 'close'>;
}): Remotes {
  const { remotes, circuits } = options;
  return {
    async clientFor(task) {
      const { url } = task.setting.remoteClusterInfo;
      const outage = await circuits.pass(url);
      if (outage !== undefined) {
        throw outage;
      }
      try {
        const client = await remotes.clientFor(task);
        await pinged(client);
        await circuits.close(url);
        return client;
      } catch (error) {
        if (error instanceof RemoteOutageError) {
          await circuits.open(url, error);
        }
        throw error;
      }
    },
  };
}

/** A refusal is an answer, too: what is wrong the work's own calls will say. */
async function pinged(client: Pick<RemoteClient, 'ping'>): Promise<void> {
  try {
    await client.ping();
  } catch (error) {
    if (!(error instanceof RemoteRefusalError)) {
      throw error;
    }
  }
}
