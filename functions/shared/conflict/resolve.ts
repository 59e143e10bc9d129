import { APPLIED, failureOf, type Outcome } from '../apply/outcome.ts';
import { type Redone, type RetryDependencies, repositoryOf } from '../failure/retry.ts';
import { SYSTEM_OPERATOR } from '../operator.ts';
import type { RemoteClient } from '../remote/client.ts';
import type { RetryMessage } from '../sync/message.ts';
import type { RunQueue } from '../sync/queue.ts';
import type { Conflict } from './conflict.ts';
import type { ConflictRepository } from './repository.ts';

/** The queue of retries, for conflicts. */
export function conflictResolution(queue: Pick<RunQueue, 'retry'>): Pick<RunQueue, 'retry'> {
  return { retry: (retry) => queue.retry({ ...retry, of: 'CONFLICTS' }) };
}

/**
 * Put what the source has now in place of what others have at the target, for the conflicts that a message names, one after
 * the other. What is put loses its record, and so does what the source has no more: then there is nothing to put. What the
 * remote refuses keeps it, with the reason. May be repeated and interrupted at any point.
 *
 * The lane of a path is told first that the remote may be ahead of it there.
 *
 * @param options `signal`: aborted when time is nearly up.
 * @throws RemoteOutageError, the signal's reason, and faults of the source's stores: the rest is to be done again.
 */
export async function resolveConflicts(options: {
  readonly message: RetryMessage;
  readonly signal: AbortSignal;
  readonly conflicts: Pick<ConflictRepository, 'get' | 'remove' | 'recordFailure'>;
  readonly dependencies: Omit<RetryDependencies, 'failures'>;
}): Promise<void> {
  const { message, signal, conflicts, dependencies } = options;
  const { taskKey } = message;
  const { tasks, remotes, logger } = dependencies;
  const task = await tasks.get(taskKey);
  if (task === undefined) {
    return;
  }
  const client = await remotes.clientFor(task);
  for (const id of message.failures) {
    signal.throwIfAborted();
    const stored = await conflicts.get(taskKey, id);
    if (stored !== undefined) {
      const outcome = await resolve({ task, client, signal, dependencies }, stored.conflict);
      logger.info('Resolved a conflict', { taskKey, id, outcome: outcome.kind });
      if (outcome.kind === 'FAILED') {
        await conflicts.recordFailure(taskKey, id, outcome.reason);
      } else {
        await conflicts.remove(taskKey, [id]);
      }
    }
  }
}

async function resolve(options: Redone, conflict: Conflict): Promise<Outcome> {
  const { source, remote, fullPath, present } = conflict;
  const node = await options.dependencies.catalog.node(source.projectId, source.repoName, fullPath);
  if (node === undefined) {
    return APPLIED;
  }
  try {
    return await repositoryOf(options, { source, remote }).settled([fullPath], async (settle, writer) => {
      if (node.folder && present.folder === false && (await isStillFile(options.client, conflict))) {
        await writer.vacate(fullPath, SYSTEM_OPERATOR);
      }
      return settle.node(fullPath, SYSTEM_OPERATOR);
    });
  } catch (error) {
    return failureOf(error);
  }
}

/** A folder may have taken the file's place since: making way would take along what is in it. */
async function isStillFile(
  client: Pick<RemoteClient, 'identity' | 'digests'>,
  { remote, fullPath }: Conflict,
): Promise<boolean> {
  const { extensions } = await client.identity();
  return (
    extensions.has('digests') &&
    (await client.digests({ ...remote, fullPaths: [fullPath] })).get(fullPath)?.folder === false
  );
}
