import { asking, type Perform } from '../apply/ask.ts';
import { laneContainers } from '../apply/containers.ts';
import type { Remotes } from '../apply/remotes.ts';
import type { SourceCatalog } from '../apply/source-catalog.ts';
import type { Clock } from '../clock.ts';
import type { RunFailure } from '../failure/failure.ts';
import type { Container } from '../lane/message.ts';
import type { Logger } from '../logger.ts';
import type { RemoteClient } from '../remote/client.ts';
import { RemoteRefusalError } from '../remote/errors.ts';
import { remoteNamesOf, routeOf } from '../route/route.ts';
import {
  type ContainerChange,
  MAX_PAGES_AT_ONCE,
  type NewPage,
  type RunRepository,
} from '../run/repository.ts';
import type { PlanCursor, Run } from '../run/run.ts';
import type { Task } from '../task/task.ts';
import type { PageQueue } from './queue.ts';
import { RunEndedError } from './replicate-page.ts';
import type { PlannedNode, SourceInventory } from './source-inventory.ts';

/** Nodes of a page. */
export const PAGE_NODES = 500;

/** Nodes of one reading of the source, of paths and sizes alone. */
const NODES_AT_ONCE = MAX_PAGES_AT_ONCE * PAGE_NODES;

export interface PlanDependencies {
  readonly tasks: { get(taskKey: string): Promise<Task | undefined> };
  readonly runs: RunRepository;
  readonly inventory: SourceInventory;
  readonly catalog: SourceCatalog;
  readonly remotes: Remotes;
  readonly pages: PageQueue;
  /** Replicate the roles and permissions of a project; what the remote refuses is recorded, not thrown. */
  readonly permissions: (options: {
    readonly task: Task;
    readonly run: Run;
    readonly client: RemoteClient;
    /** By its names; `repoName` empty. */
    readonly source: Container;
    readonly remote: Container;
  }) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** Another planner works on the run. */
export class PlanContendedError extends Error {
  constructor(runId: string) {
    super(`Run ${runId} is being planned by another delivery`);
    this.name = 'PlanContendedError';
  }
}

/** Where a planner stands: what is stored of it. */
interface Position {
  readonly cursor: PlanCursor;
  readonly planned: number;
}

/**
 * Find everything that a run is to replicate, from where its cursor stands: make the containers at the remote, cut the
 * nodes into pages, store these and send them. May be interrupted and repeated at any point: pages that were stored and
 * not sent are sent first.
 *
 * @param options `advanced`: called with each step that is stored.
 * @throws RunEndedError, PlanContendedError, RemoteOutageError, the signal's reason, and faults of the source's database.
 */
export async function planRun(options: {
  readonly task: Task;
  readonly run: Run;
  /** Aborted when time is nearly up. */
  readonly signal: AbortSignal;
  readonly advanced: () => void;
  readonly dependencies: PlanDependencies;
}): Promise<void> {
  const { task, run, signal, advanced, dependencies } = options;
  const { runs, inventory, catalog, clock, pages } = dependencies;
  const { taskKey, runId } = run;
  const route = routeOf(task);
  let position: Position = { cursor: run.cursor, planned: run.pages.planned };

  await sendPages(run.pages.sent + 1, run.pages.planned);
  if (run.planned) {
    return;
  }
  const client = await dependencies.remotes.clientFor(task);
  while (await step()) {
    signal.throwIfAborted();
  }

  async function sendPages(first: number, last: number): Promise<void> {
    if (last < first) {
      return;
    }
    const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    await pages.send(numbers.map((page) => ({ taskKey, runId, page })));
    await runs.recordSent({ taskKey, runId, sent: last });
  }

  async function store(added: {
    readonly pages?: readonly NewPage[];
    readonly containers: readonly ContainerChange[];
    readonly cursor: PlanCursor;
    readonly planned?: true;
    readonly failures?: readonly RunFailure[];
  }): Promise<void> {
    const { cursor, failures = [] } = added;
    const currentRepository =
      cursor.project === undefined || cursor.repository === undefined
        ? undefined
        : `${cursor.project}/${cursor.repository}`;
    const answer = await runs.addPages({
      taskKey,
      runId,
      from: position.planned,
      ...added,
      pages: added.pages ?? [],
      currentRepository,
      at: clock(),
    });
    if (answer === 'ended') {
      throw new RunEndedError(runId);
    }
    if (answer === 'contended') {
      throw new PlanContendedError(runId);
    }
    const first = position.planned + 1;
    position = { cursor, planned: position.planned + (added.pages?.length ?? 0) };
    advanced();
    const [failure] = failures;
    if (failure !== undefined && task.errorStrategy === 'FAST_FAIL') {
      await runs.end({ taskKey, runId, status: 'FAILED', errorReason: failure.reason, at: clock() });
      throw new RunEndedError(runId);
    }
    await sendPages(first, position.planned);
  }

  /** @returns false when everything is planned. */
  async function step(): Promise<boolean> {
    const { project, repository, after } = position.cursor;
    if (project === undefined) {
      return enterProject(undefined);
    }
    if (repository !== undefined && after !== undefined) {
      return planRepository({ projectId: project, repoName: repository }, after);
    }
    const next = await repositoryAfter(project, repository);
    return next === undefined
      ? leaveProject(project)
      : planRepository({ projectId: project, repoName: next }, undefined);
  }

  async function projectAfter(after: string | undefined): Promise<string | undefined> {
    if (route.localProjectId !== undefined) {
      return after === undefined ? route.localProjectId : undefined;
    }
    const [name] = await inventory.projects({ after, limit: 1 });
    return name;
  }

  async function repositoryAfter(projectId: string, after: string | undefined): Promise<string | undefined> {
    if (route.localRepoName !== undefined) {
      return after === undefined ? route.localRepoName : undefined;
    }
    const [name] = await inventory.repositories(projectId, { after, limit: 1 });
    return name;
  }

  function namesOf(source: Container): Names {
    return { source, remote: remoteNamesOf(route, source) };
  }

  async function enterProject(
    after: string | undefined,
    left: readonly ContainerChange[] = [],
  ): Promise<boolean> {
    const projectId = await projectAfter(after);
    if (projectId === undefined) {
      await store({ containers: left, cursor: position.cursor, planned: true });
      return false;
    }
    const names = namesOf({ projectId, repoName: '' });
    const isThere = (await catalog.project(projectId)) !== undefined;
    const refusal = isThere
      ? await refusalOf(names, (containers) => containers.project())
      : missing(`project ${projectId}`);
    await store({
      containers: [...left, { ...names, error: refusal?.reason }],
      cursor: { project: projectId },
      failures: refusal === undefined ? [] : [failureFor('PROJECT', names, refusal)],
    });
    return true;
  }

  async function leaveProject(projectId: string): Promise<boolean> {
    const names = namesOf({ projectId, repoName: '' });
    if (task.setting.includePermission) {
      await dependencies.permissions({ task, run, client, ...names });
    }
    return enterProject(projectId, [{ ...names, planned: true }]);
  }

  async function planRepository(source: Container, after: string | undefined): Promise<boolean> {
    const names = namesOf(source);
    const { projectId: project, repoName: repository } = source;
    if (after === undefined) {
      const refusal = await refusalOfRepository(names);
      if (refusal !== undefined) {
        await store({
          containers: [{ ...names, error: refusal.reason }],
          cursor: { project, repository },
          failures: [failureFor('REPOSITORY', names, refusal)],
        });
        return true;
      }
    }
    const limit = NODES_AT_ONCE;
    const nodes = await inventory.plannedNodes({ ...source, after, limit });
    const isLast = nodes.length < limit;
    await store({
      pages: cutPages(nodes, after).map((page) => ({ ...names, ...page })),
      containers: [isLast ? { ...names, planned: true } : names],
      cursor: isLast ? { project, repository } : { project, repository, after: nodes.at(-1)?.fullPath },
    });
    return true;
  }

  async function refusalOfRepository(names: Names): Promise<Refusal | undefined> {
    const { projectId, repoName } = names.source;
    if ((await catalog.repository(projectId, repoName)) === undefined) {
      return missing(`repository ${projectId}/${repoName}`);
    }
    return refusalOf(names, (containers) => containers.repository());
  }

  /** Why the remote does not make a container; undefined when it did. */
  async function refusalOf(
    names: Names,
    make: (containers: ReturnType<typeof laneContainers>) => Promise<void>,
  ): Promise<Refusal | undefined> {
    const perform: Perform = asking({ client, remote: names.remote, patient: false });
    try {
      await make(laneContainers({ ...names, catalog, client, perform }));
      return undefined;
    } catch (error) {
      if (error instanceof RemoteRefusalError) {
        return { code: 'REMOTE_REFUSED', reason: error.message };
      }
      throw error;
    }
  }

  function failureFor(kind: 'PROJECT' | 'REPOSITORY', names: Names, refusal: Refusal): RunFailure {
    const at = clock().toISOString();
    return { taskKey, runId, ...names, kind, ...refusal, at };
  }
}

interface Names {
  readonly source: Container;
  readonly remote: Container;
}

/** Why a container is not replicated. */
type Refusal = Pick<RunFailure, 'code' | 'reason'>;

function missing(what: string): Refusal {
  return { code: 'SOURCE_MISSING', reason: `The source has no ${what}` };
}

/** Pages of consecutive nodes, the first of them behind `after`. */
function cutPages(
  nodes: readonly PlannedNode[],
  after: string | undefined,
): Omit<NewPage, 'source' | 'remote'>[] {
  const pages: Omit<NewPage, 'source' | 'remote'>[] = [];
  let before = after;
  for (let start = 0; start < nodes.length; start += PAGE_NODES) {
    const own = nodes.slice(start, start + PAGE_NODES);
    const through = own.at(-1)?.fullPath;
    if (through !== undefined) {
      const bytes = own.reduce((sum, { size }) => sum + size, 0);
      pages.push({ after: before, through, nodes: own.length, bytes });
      before = through;
    }
  }
  return pages;
}
