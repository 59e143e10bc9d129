import type { RemoteClient } from '../remote/client.ts';
import type { RemoteCredentials } from '../task/credentials.ts';
import type { Task } from '../task/task.ts';

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
