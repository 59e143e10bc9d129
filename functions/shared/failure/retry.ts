import { asking } from '../apply/ask.ts';
import { laneContainers, NO_CONTAINERS } from '../apply/containers.ts';
import { type NodeWriter, nodeWriter } from '../apply/node-writer.ts';
import { APPLIED, failureOf, type Outcome } from '../apply/outcome.ts';
import type { Remotes } from '../apply/remotes.ts';
import { type Settler, settler } from '../apply/settle.ts';
import type { SourceCatalog } from '../apply/source-catalog.ts';
import type { BlobStore } from '../blob/blob-store.ts';
import type { Clock } from '../clock.ts';
import type { Container } from '../lane/message.ts';
import type { LaneRepository } from '../lane/repository.ts';
import type { Logger } from '../logger.ts';
import { ROOT, splitFullPath } from '../node/path.ts';
import { SYSTEM_OPERATOR } from '../operator.ts';
import type { RemoteClient } from '../remote/client.ts';
import { contentKnowledge } from '../remote/content.ts';
import { remoteNamesOf, routeOf } from '../route/route.ts';
import type { RunRepository } from '../run/repository.ts';
import type { RetryMessage } from '../sync/message.ts';
import type { SourceInventory } from '../sync/source-inventory.ts';
import { syncPolicyOf } from '../task/sync-policy.ts';
import type { Task } from '../task/task.ts';
import type { Failure, RunFailure } from './failure.ts';
import type { FailureRepository, StoredFailure } from './repository.ts';

/** Repositories of a refused project that are brought over with it. */
const MAX_REPOSITORIES = 1_000;

/** How long an invocation may go on settling after it has noted a path as ahead; milliseconds. */
const SETTLING_TIME = 300_000;

/** Before any folder: then it is not believed that a destination existed before what arrived there. */
const LONG_AGO = new Date(0).toISOString();

export interface RetryDependencies {
  readonly tasks: { get(taskKey: string): Promise<Task | undefined> };
  readonly failures: Pick<FailureRepository, 'get' | 'remove' | 'recordRetry'>;
  readonly lanes: Pick<LaneRepository, 'noteAhead'>;
  readonly remotes: Remotes;
  readonly catalog: SourceCatalog;
  readonly inventory: Pick<SourceInventory, 'repositories'>;
  readonly blobs: Pick<BlobStore, 'open'>;
  /** As `syncPermissions`, with what it records given to it. */
  readonly permissions: (options: {
    readonly task: Task;
    readonly run: { readonly runId: string };
    readonly client: RemoteClient;
    readonly source: Container;
    readonly remote: Container;
    readonly runs: Pick<RunRepository, 'recordPermissionFailures'>;
  }) => Promise<void>;
  readonly clock: Clock;
  readonly timeZone: string;
  readonly logger: Pick<Logger, 'info'>;
}

/**
 * Do again what failures are about, one after the other, from what the source has now. What is put right loses its record;
 * what fails again keeps it, with the new reason. May be repeated and interrupted at any point.
 *
 * The lane of a path is told first that the remote may be ahead of it there.
 *
 * @param options `signal`: aborted when time is nearly up.
 * @throws RemoteOutageError, the signal's reason, and faults of the source's stores: the rest is to be done again.
 */
export async function redoFailures(options: {
  readonly message: RetryMessage;
  readonly signal: AbortSignal;
  readonly dependencies: RetryDependencies;
}): Promise<void> {
  const { message, signal, dependencies } = options;
  const { taskKey } = message;
  const { tasks, failures, remotes, clock, logger } = dependencies;
  const task = await tasks.get(taskKey);
  if (task === undefined) {
    return;
  }
  const client = await remotes.clientFor(task);
  const refusedPermissions = permissionsOnce({ task, client, dependencies });
  for (const id of message.failures) {
    signal.throwIfAborted();
    const stored = await failures.get(taskKey, id);
    if (stored !== undefined) {
      const outcome =
        stored.of === 'RUN' && stored.failure.kind === 'PERMISSION'
          ? await refusedPermissions(stored.failure)
          : await redo({ task, stored, client, signal, dependencies });
      logger.info('Retried a failure', { taskKey, id, outcome: outcome.kind });
      if (outcome.kind === 'FAILED') {
        const { code, reason } = outcome;
        const at = clock().toISOString();
        await failures.recordRetry(taskKey, { id, code, reason, at });
      } else {
        await failures.remove(taskKey, [id]);
      }
    }
  }
}

/** What is done again, and with what. */
export interface Redone {
  readonly task: Task;
  readonly client: RemoteClient;
  readonly signal: AbortSignal;
  readonly dependencies: Omit<RetryDependencies, 'failures'>;
}

async function redo(options: Redone & { readonly stored: StoredFailure }): Promise<Outcome> {
  const { task, stored } = options;
  try {
    if (stored.of === 'LANE') {
      return await redoOperation(options, stored.failure);
    }
    if (stored.of === 'SWEEP') {
      const { fullPath } = stored.failure;
      const repository = repositoryOf(options, stored.failure);
      return fullPath === undefined
        ? await repository.redefined()
        : await repository.settled([fullPath], (settle) => settle.node(fullPath, SYSTEM_OPERATOR));
    }
    const { kind, source, fullPath = ROOT } = stored.failure;
    if (kind === 'PROJECT') {
      return await redoProject(options, source.projectId);
    }
    const repository = repositoryOf(options, { source, remote: remoteNamesOf(routeOf(task), source) });
    return await repository.settled(kind === 'NODE' ? [fullPath] : [ROOT], (settle) =>
      kind === 'NODE' ? settle.node(fullPath, SYSTEM_OPERATOR) : settle.tree(ROOT, SYSTEM_OPERATOR),
    );
  } catch (error) {
    return failureOf(error);
  }
}

/** What an operation of the log should have done. */
async function redoOperation(options: Redone, failure: Failure): Promise<Outcome> {
  const { source, remote, kind, fullPath, destFullPath } = failure;
  const repository = repositoryOf(options, { source, remote });
  if (fullPath === undefined) {
    return repository.redefined();
  }
  const paths = [fullPath, ...(destFullPath === undefined ? [] : [destFullPath])];
  return repository.settled(paths, async (settle) => {
    const arrived = destFullPath === undefined ? APPLIED : await arrival(settle, failure, destFullPath);
    if (kind === 'NODE_COPY') {
      return arrived;
    }
    const isWhole = kind === 'NODE_DELETE' || destFullPath !== undefined;
    const left = isWhole
      ? await settle.tree(fullPath, SYSTEM_OPERATOR, { vacated: true })
      : kind === 'NODE_CONVERGE'
        ? await settle.tree(fullPath, SYSTEM_OPERATOR)
        : await settle.node(fullPath, SYSTEM_OPERATOR);
    return arrived.kind === 'FAILED' ? arrived : left;
  });
}

function arrival(
  settle: Settler,
  { kind, fullPath = ROOT }: Failure,
  destFullPath: string,
): Promise<Outcome> {
  return kind === 'NODE_RENAME'
    ? settle.tree(destFullPath, SYSTEM_OPERATOR)
    : settle.arrival({
        destFullPath,
        name: splitFullPath(fullPath).name,
        operator: SYSTEM_OPERATOR,
        loggedAt: LONG_AGO,
      });
}

/** A project that could not be made, and everything in it that the task covers. */
async function redoProject(options: Redone, projectId: string): Promise<Outcome> {
  const { task, dependencies } = options;
  const route = routeOf(task);
  const found =
    route.localRepoName === undefined
      ? await dependencies.inventory.repositories(projectId, { limit: MAX_REPOSITORIES })
      : [route.localRepoName];
  const project = { projectId, repoName: '' };
  await repositoryOf(options, { source: project, remote: remoteNamesOf(route, project) }).redefined();
  for (const repoName of found) {
    const source = { projectId, repoName };
    const repository = repositoryOf(options, { source, remote: remoteNamesOf(route, source) });
    const outcome = await repository.settled([ROOT], (settle) => settle.tree(ROOT, SYSTEM_OPERATOR));
    if (outcome.kind === 'FAILED') {
      return outcome;
    }
  }
  return APPLIED;
}

/** What is done again in one repository, or to it. */
export function repositoryOf(
  options: Redone,
  names: { readonly source: Container; readonly remote: Container },
) {
  const { task, client, signal, dependencies } = options;
  const { source, remote } = names;
  const { catalog, lanes, clock } = dependencies;
  const perform = asking({ client, remote, patient: false });
  const containers = syncPolicyOf(task).ddlTrans
    ? laneContainers({ ...names, catalog, client, perform })
    : NO_CONTAINERS;

  return {
    /** Settle paths, once the repository is there and its lane knows of it. */
    async settled(
      paths: readonly string[],
      settle: (settle: Settler, writer: NodeWriter) => Promise<Outcome>,
    ): Promise<Outcome> {
      const until = new Date(clock().getTime() + SETTLING_TIME);
      await lanes.noteAhead({ taskKey: task.key, source }, paths, until);
      await containers.repository();
      const writer = nodeWriter({
        ...dependencies,
        ...names,
        client,
        signal,
        perform,
        includeMetadata: task.setting.includeMetadata,
        content: contentKnowledge([]),
      });
      return settle(settler({ ...names, client, catalog, writer, signal, perform }), writer);
    },

    /** Make the project or repository what the source has; one that it has no more is removed, unless it holds files. */
    async redefined(): Promise<Outcome> {
      const { projectId, repoName } = source;
      const present = await catalog.repository(projectId, repoName);
      if (repoName === '') {
        await containers.project();
      } else if (present === undefined) {
        await perform(() => client.deleteRepository({ ...remote, forced: false, operator: SYSTEM_OPERATOR }));
      } else {
        await containers.define();
      }
      return APPLIED;
    },
  };
}

/** Permissions are replicated by projects: once for all failures of a message that are about the same one. */
function permissionsOnce(options: {
  readonly task: Task;
  readonly client: RemoteClient;
  readonly dependencies: RetryDependencies;
}): (failure: RunFailure) => Promise<Outcome> {
  const { task, client, dependencies } = options;
  const refused = new Map<string, Promise<readonly RunFailure[]>>();

  async function replicate({ runId, source, remote }: RunFailure): Promise<readonly RunFailure[]> {
    const found: RunFailure[] = [];
    await dependencies.permissions({
      task,
      run: { runId },
      client,
      source: { projectId: source.projectId, repoName: '' },
      remote: { projectId: remote.projectId, repoName: '' },
      runs: {
        recordPermissionFailures: async ({ failures }) => {
          found.push(...failures);
        },
      },
    });
    return found;
  }

  return async (failure) => {
    const { projectId } = failure.source;
    const known = refused.get(projectId) ?? replicate(failure);
    refused.set(projectId, known);
    const again = (await known).find(
      ({ name, source }) => name === failure.name && source.repoName === failure.source.repoName,
    );
    return again === undefined ? APPLIED : { kind: 'FAILED', code: again.code, reason: again.reason };
  };
}
