import { z } from 'zod';
import type { Remotes } from '../apply/remotes.ts';
import type { SourceCatalog } from '../apply/source-catalog.ts';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import { jacksonInteger, optional, withDefault } from '../http/jackson.ts';
import { domainRule, domainTransform } from '../http/validation.ts';
import type { Container } from '../lane/message.ts';
import { normalizeFullPath } from '../node/path.ts';
import { RemoteOutageError, RemoteRefusalError } from '../remote/errors.ts';
import { isPackageIndex } from '../repository/package-index.ts';
import { remoteNamesOf, routeOf } from '../route/route.ts';
import type { SourceInventory } from '../sync/source-inventory.ts';
import { syncPolicyOf } from '../task/sync-policy.ts';
import type { Task } from '../task/task.ts';
import type { Difference } from './compare.ts';
import { coveredRepositories } from './covered.ts';
import { type ComparisonOf, PAGE_NODES } from './find.ts';

/** Nodes that one call compares at most, and paths that it names. */
const MAX_NODES = 5_000;
const MAX_PATHS = 1_000;

/** Milliseconds after which nothing new is begun: API Gateway waits for half a minute. */
const MAX_TIME = 15_000;

/** The task and place from where on to compare. */
export const compareRequestSchema = z
  .object({
    taskKey: z.string(),
    projectId: optional(z.string()),
    repoName: optional(z.string()),
    after: optional(z.string()).transform(
      domainTransform((path) => (path === undefined ? undefined : normalizeFullPath(path))),
    ),
    limit: withDefault(jacksonInteger(), MAX_NODES).check(
      domainRule((limit) =>
        limit < 1 || limit > MAX_NODES ? new DomainError('PARAMETER_INVALID', ['limit']) : undefined,
      ),
    ),
  })
  .transform(
    domainTransform((request) => {
      if (request.projectId === undefined && request.repoName !== undefined) {
        throw new DomainError('PARAMETER_MISSING', ['projectId']);
      }
      if (request.repoName === undefined && request.after !== undefined) {
        throw new DomainError('PARAMETER_MISSING', ['repoName']);
      }
      return request;
    }),
  );
export type CompareRequest = z.output<typeof compareRequestSchema>;

/** What differs, from a place on, as the API answers it. */
export interface CompareAnswer {
  readonly compared: number;
  readonly missing: number;
  readonly different: number;
  /** At the remote and not at the source, the deleted ones among them. */
  readonly extra: number;
  readonly deleted: number;
  readonly paths: readonly (Container & Pick<Difference, 'fullPath' | 'kind'>)[];
  /** Where the next call goes on; null at the end. */
  readonly next: (Container & { readonly after: string | null }) | null;
}

/**
 * Compare what a task covers with its remote, from a place on, for a bounded time, and change nothing.
 *
 * @throws DomainError RESOURCE_NOT_FOUND; PARAMETER_INVALID for a place that the task does not cover; REMOTE_CONNECT_FAILED
 *   when the remote is away, or refuses to be asked.
 */
export async function compareTask(options: {
  readonly request: CompareRequest;
  readonly tasks: { get(taskKey: string): Promise<Task | undefined> };
  readonly inventory: Pick<SourceInventory, 'projects' | 'repositories'>;
  readonly catalog: Pick<SourceCatalog, 'repository'>;
  readonly remotes: Remotes;
  readonly comparison: ComparisonOf;
  readonly clock: Clock;
}): Promise<CompareAnswer> {
  const { request, tasks, inventory, catalog, remotes, comparison, clock } = options;
  const { taskKey, limit } = request;
  const task = await tasks.get(taskKey);
  if (task === undefined) {
    throw new DomainError('RESOURCE_NOT_FOUND', [taskKey]);
  }
  const route = routeOf(task);
  const begun = clock().getTime();
  const signal = AbortSignal.timeout(MAX_TIME);
  const repositories = coveredRepositories({ route, inventory, catalog, signal });

  let compared = 0;
  const counts = { missing: 0, different: 0, extra: 0, deleted: 0 };
  const paths: CompareAnswer['paths'][number][] = [];
  let place = await firstPlace();
  let after = request.after;

  try {
    const client = await remotes.clientFor(task);
    while (place !== undefined && !isEnough()) {
      const source: Container = place;
      const page = await comparisonOf(client, await leftOutOf(source)).all({
        source,
        remote: remoteNamesOf(route, source),
        after,
        limit: Math.min(PAGE_NODES, limit - compared),
      });
      compared += page.compared;
      for (const { fullPath, kind, isDeleted } of page.differences) {
        counts.missing += kind === 'MISSING' ? 1 : 0;
        counts.different += kind === 'DIFFERENT' ? 1 : 0;
        counts.extra += kind === 'EXTRA' ? 1 : 0;
        counts.deleted += isDeleted ? 1 : 0;
        if (paths.length < MAX_PATHS) {
          paths.push({ ...source, fullPath, kind });
        }
      }
      after = page.next;
      place = page.next === undefined ? await repositories.after(source) : place;
    }
  } catch (error) {
    if (error instanceof RemoteOutageError || error instanceof RemoteRefusalError) {
      throw new DomainError('REMOTE_CONNECT_FAILED', [error.message], { cause: error });
    }
    throw error;
  }
  return {
    compared,
    ...counts,
    paths,
    next: place === undefined ? null : { ...place, after: after ?? null },
  };

  function isEnough(): boolean {
    // A page may name as many as it has nodes, and extras beside: what is beyond is counted only.
    const isFull = paths.length > MAX_PATHS - PAGE_NODES;
    return compared >= limit || isFull || clock().getTime() - begun >= MAX_TIME;
  }

  async function firstPlace(): Promise<Container | undefined> {
    const { projectId, repoName } = request;
    const { localProjectId, localRepoName } = route;
    if (projectId !== undefined && localProjectId !== undefined && projectId !== localProjectId) {
      throw new DomainError('PARAMETER_INVALID', ['projectId']);
    }
    if (projectId === undefined || repoName === undefined) {
      return repositories.after({ projectId });
    }
    if (localRepoName !== undefined && repoName !== localRepoName) {
      throw new DomainError('PARAMETER_INVALID', ['repoName']);
    }
    const isThere = (await catalog.repository(projectId, repoName)) !== undefined;
    return isThere ? { projectId, repoName } : repositories.after({ projectId, repoName });
  }

  async function leftOutOf({ projectId, repoName }: Container): Promise<string | undefined> {
    if (task === undefined || syncPolicyOf(task).indexTrans) {
      return undefined;
    }
    return (await catalog.repository(projectId, repoName))?.type;
  }

  function comparisonOf(client: Parameters<ComparisonOf>[0]['client'], indexType: string | undefined) {
    return comparison({
      client,
      includeMetadata: task?.setting.includeMetadata ?? true,
      ...(indexType === undefined
        ? {}
        : { isLeftOut: (fullPath: string) => isPackageIndex(indexType, fullPath) }),
    });
  }
}
