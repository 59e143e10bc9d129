import type { Remotes } from '../apply/remotes.ts';
import type { SourceCatalog } from '../apply/source-catalog.ts';
import type { Clock } from '../clock.ts';
import type { Container } from '../lane/message.ts';
import type { Logger } from '../logger.ts';
import type { RemoteClient } from '../remote/client.ts';
import { RemoteRefusalError } from '../remote/errors.ts';
import { isPackageIndex } from '../repository/package-index.ts';
import { remoteNamesOf, routeOf } from '../route/route.ts';
import type { SourceInventory } from '../sync/source-inventory.ts';
import { syncPolicyOf } from '../task/sync-policy.ts';
import type { Task } from '../task/task.ts';
import type { ComparedPage, Comparison, Difference } from './compare.ts';
import { coveredRepositories } from './covered.ts';
import type { FailedPaths } from './failed-paths.ts';
import { DEFAULT_MAX_DELETION_SHARE, deletionShare, liveNodesNeeded } from './guard.ts';
import type { LiveNodes } from './live-nodes.ts';
import { pathsByPart, type SweepParts } from './parts.ts';
import type { SweepRepository } from './repository.ts';
import {
  type FoundCounts,
  foundCountsSchema,
  type Guarded,
  isSweepable,
  type Sweep,
  type SweepCursor,
} from './sweep.ts';

/** Source nodes of one page. */
export const PAGE_NODES = 500;

/** What is found is noted after so many pages, or milliseconds: what a finder that dies has to do again. */
const SAVE_PAGES = 20;
const SAVE_MS = 10_000;

/** Parts that are handed over at once. */
const PARTS_AT_ONCE = 50;

/**
 * Numbers of parts that each epoch has: what a finder sends that loses the sweep, or dies before it has noted it, has numbers
 * that nobody else uses.
 */
const PARTS_PER_EPOCH = 1_000_000;

/** Failed paths that are compared at once. */
const PATHS_AT_ONCE = 500;

/** Live nodes that are counted at most. */
const MAX_COUNTED = 10_000_000;

/** Guarded repositories that a sweep can name; beyond them it stops. */
const MAX_GUARDED = 100;

/** The comparison of a task's source with its remote (`compare.ts`). */
export type ComparisonOf = (options: {
  readonly client: RemoteClient;
  readonly includeMetadata: boolean;
  readonly isLeftOut?: ((fullPath: string) => boolean) | undefined;
}) => Comparison;

export interface FindDependencies {
  readonly tasks: { get(taskKey: string): Promise<Task | undefined> };
  readonly sweeps: Pick<SweepRepository, 'save'>;
  readonly parts: Pick<SweepParts, 'send'>;
  readonly inventory: Pick<SourceInventory, 'projects' | 'repositories'>;
  readonly catalog: SourceCatalog;
  readonly liveNodes: LiveNodes;
  readonly remotes: Remotes;
  readonly comparison: ComparisonOf;
  readonly failedPaths: (taskKey: string) => Promise<FailedPaths>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
}

/** The sweep was taken over by another delivery, or has ended. */
export class SweepLostError extends Error {
  constructor(sweepId: string) {
    super(`Sweep ${sweepId} is another's, or has ended`);
    this.name = 'SweepLostError';
  }
}

/** The task was paused, or has stopped, since its sweep was begun. */
export class TaskStoppedError extends Error {
  constructor(taskKey: string) {
    super(`Task ${taskKey} is not replicating any more`);
    this.name = 'TaskStoppedError';
  }
}

/** A repository as a pass over it needs it. */
interface Place {
  readonly source: Container;
  readonly remote: Container;
  readonly comparison: Comparison;
  /** Whether the definition may have been changed without the log's telling. */
  readonly isDefinitionDue: boolean;
}

/** What is to be put right of a place, and is not sent yet. */
interface Pending {
  readonly place: Place;
  readonly definition: boolean;
  readonly fullPaths: readonly string[];
}

/**
 * Find what differs between what a task covers and its remote, from where the sweep's cursor stands, and hand it to the lanes
 * in parts. May be interrupted and repeated at any point: what was sent and not noted is found, and sent, once more.
 *
 * What only the remote has is sent in a second pass over its repository, once the deletion guard or somebody has agreed. A
 * guarded repository is left as it is, and the sweep goes on behind it.
 *
 * @param options `sweep`: as it was claimed. `advanced`: called with each step that is noted.
 * @throws SweepLostError, TaskStoppedError, RemoteOutageError, the signal's reason, and faults of the source's database.
 */
export async function findDifferences(options: {
  readonly task: Task;
  readonly sweep: Sweep;
  /** Aborted when time is nearly up. */
  readonly signal: AbortSignal;
  readonly advanced: () => void;
  readonly dependencies: FindDependencies;
}): Promise<void> {
  const { task, sweep, signal, advanced, dependencies } = options;
  const { sweeps, parts, inventory, catalog, liveNodes, clock, logger } = dependencies;
  const { taskKey, sweepId, epoch, kind, window } = sweep;
  const route = routeOf(task);
  const policy = syncPolicyOf(task);
  const maxShare = task.setting.maxDeletionShare ?? DEFAULT_MAX_DELETION_SHARE;
  const repositories = coveredRepositories({
    route,
    inventory,
    catalog,
    signal,
    withProjects: policy.ddlTrans,
  });
  const client = await dependencies.remotes.clientFor(task);

  let cursor: SweepCursor = sweep.cursor;
  let guarded: readonly Guarded[] = sweep.guarded;
  let agreed: readonly Guarded[] | undefined = sweep.agreed;
  let found: FoundCounts = foundCountsSchema.parse({});
  let pending: Pending | undefined;
  let sent = 0;
  let pages = 0;
  let savedAt = clock().getTime();
  let failed: FailedPaths | undefined;
  let current: Place | undefined;

  let isLast = false;
  while (!isLast) {
    try {
      isLast = !(await step());
    } catch (error) {
      if (pages > 0 && !(error instanceof SweepLostError)) {
        // What was found before is not to be found again; the error is what counts.
        await save(false).catch(() => undefined);
      }
      throw error;
    }
    const isDue = pages >= SAVE_PAGES || clock().getTime() - savedAt >= SAVE_MS;
    if (isLast || isDue || signal.aborted) {
      await save(isLast);
    }
    if (isDue && !isLast) {
      await checkTask();
    }
    if (!isLast) {
      signal.throwIfAborted();
    }
  }

  async function checkTask(): Promise<void> {
    const present = await dependencies.tasks.get(taskKey);
    if (present === undefined || !isSweepable(present)) {
      throw new TaskStoppedError(taskKey);
    }
  }

  /** @returns false when there is nothing more to find. */
  async function step(): Promise<boolean> {
    const { projectId, repoName, phase } = cursor;
    if (projectId === undefined || repoName === undefined || phase === undefined || phase === 'DONE') {
      return enter();
    }
    try {
      const place = await placeOf({ projectId, repoName });
      if (phase === 'COMPARE' && cursor.after === undefined && place.isDefinitionDue) {
        pending = { place, definition: true, fullPaths: [] };
      }
      if (repoName === '') {
        cursor = { projectId, repoName, phase: 'DONE' };
        // One that needs nothing is no step that is worth noting.
        pages += place.isDefinitionDue ? 1 : 0;
        return true;
      }
      await (phase === 'COMPARE' ? comparePage(place) : deletePage(place));
    } catch (error) {
      if (!(error instanceof RemoteRefusalError)) {
        throw error;
      }
      logger.warn('A repository could not be compared', { taskKey, sweepId, projectId, repoName, error });
      count({ refused: 1 });
      cursor = { projectId, repoName, phase: 'DONE' };
    }
    pages += 1;
    return true;
  }

  async function enter(): Promise<boolean> {
    if (agreed !== undefined) {
      const [next, ...rest] = agreed;
      agreed = rest;
      if (next !== undefined) {
        const { projectId, repoName, deletions } = next;
        cursor = { projectId, repoName, phase: 'DELETE', deletions };
      }
      return next !== undefined;
    }
    const next = guarded.length >= MAX_GUARDED ? undefined : await repositories.after(cursor);
    if (next === undefined) {
      return false;
    }
    cursor = { ...next, phase: 'COMPARE' };
    return true;
  }

  async function placeOf(source: Container): Promise<Place> {
    if (current?.source.projectId === source.projectId && current.source.repoName === source.repoName) {
      return current;
    }
    await sendPending();
    const remote = remoteNamesOf(route, source);
    const isProject = source.repoName === '';
    const project = isProject ? await catalog.project(source.projectId) : undefined;
    const isAnyLeftOut = !policy.indexTrans;
    const repository =
      !isProject && (isAnyLeftOut || policy.ddlTrans)
        ? await catalog.repository(source.projectId, source.repoName)
        : undefined;
    const { type } = repository ?? {};
    const defined = project ?? repository;
    current = {
      source,
      remote,
      isDefinitionDue: policy.ddlTrans && defined !== undefined && isTouched(defined),
      comparison: dependencies.comparison({
        client,
        includeMetadata: task.setting.includeMetadata,
        ...(isAnyLeftOut && type !== undefined
          ? { isLeftOut: (fullPath: string) => isPackageIndex(type, fullPath) }
          : {}),
      }),
    };
    return current;
  }

  /**
   * Whether a definition was changed since the window began: one that was changed behind it may have been changed within
   * it, too, and an entry of the log need not name all that there is.
   */
  function isTouched({ lastModifiedDate }: { readonly lastModifiedDate?: Date | undefined }): boolean {
    return (
      window === undefined || lastModifiedDate === undefined || lastModifiedDate >= new Date(window.from)
    );
  }

  /** A page of what the sweep looks at, with the paths of failures beside the first one. */
  async function pageOf({ source, remote, comparison }: Place): Promise<ComparedPage> {
    const range = { source, remote, after: cursor.after, limit: PAGE_NODES };
    const page =
      window === undefined
        ? await comparison.all(range)
        : await comparison.changed({
            ...range,
            window: {
              from: new Date(window.from),
              ...(window.to === undefined ? {} : { to: new Date(window.to) }),
            },
          });
    if (kind !== 'CHANGED' || cursor.after !== undefined) {
      return page;
    }
    failed ??= await dependencies.failedPaths(taskKey);
    const known = new Set(page.differences.map(({ fullPath }) => fullPath));
    const fullPaths = failed(source).filter((fullPath) => !known.has(fullPath));
    const more: Difference[] = [];
    for (let start = 0; start < fullPaths.length; start += PATHS_AT_ONCE) {
      more.push(
        ...(await comparison.paths({
          source,
          remote,
          fullPaths: fullPaths.slice(start, start + PATHS_AT_ONCE),
        })),
      );
    }
    return {
      ...page,
      compared: page.compared + fullPaths.length,
      differences: [...page.differences, ...more],
    };
  }

  async function comparePage(place: Place): Promise<void> {
    const { source } = place;
    const page = await pageOf(place);
    const of = (kind: Difference['kind']) => page.differences.filter((each) => each.kind === kind);
    const removable = await removableOf(place, page.differences);
    const deletions = (cursor.deletions ?? 0) + removable.length;
    const question = page.next === undefined ? await guardQuestion(source, deletions) : undefined;

    count({
      compared: page.compared,
      missing: of('MISSING').length,
      different: of('DIFFERENT').length,
      extra: of('EXTRA').length,
      deleted: of('EXTRA').filter(({ isDeleted }) => isDeleted).length,
    });
    if (page.next !== undefined) {
      cursor = { ...source, phase: 'COMPARE', after: page.next, deletions };
    } else if (question !== undefined) {
      guarded = [...guarded, question];
      cursor = { ...source, phase: 'DONE' };
    } else {
      cursor = deletions === 0 ? { ...source, phase: 'DONE' } : { ...source, phase: 'DELETE', deletions };
    }
    await want(
      place,
      page.differences.filter((each) => each.kind !== 'EXTRA').map(({ fullPath }) => fullPath),
    );
  }

  async function deletePage(place: Place): Promise<void> {
    const { source } = place;
    const page = await pageOf(place);
    const removable = await removableOf(place, page.differences);
    const deleted = (cursor.deleted ?? 0) + removable.length;
    const allowed = cursor.deletions ?? 0;
    // More than was found by the first pass has been deleted since: the guard looks once more.
    const question = deleted > allowed ? await guardQuestion(source, deleted) : undefined;
    if (question !== undefined) {
      guarded = [...guarded, question];
      cursor = { ...source, phase: 'DONE' };
      return;
    }
    const deletions = Math.max(deleted, allowed);
    cursor =
      page.next === undefined
        ? { ...source, phase: 'DONE' }
        : { ...source, phase: 'DELETE', after: page.next, deletions, deleted };
    await want(
      place,
      removable.map(({ fullPath }) => fullPath),
    );
  }

  /** What the remote has, and is to have no longer. */
  async function removableOf(place: Place, differences: readonly Difference[]): Promise<Difference[]> {
    const removable: Difference[] = [];
    for (const difference of differences.filter((each) => each.kind === 'EXTRA')) {
      if (difference.isDeleted || (sweep.deleteExtra && (await isBare(place, difference)))) {
        removable.push(difference);
      }
    }
    return removable;
  }

  /** Whether the source has nothing below a path, either: above what it has, remotes make folders of their own. */
  async function isBare({ source }: Place, { fullPath }: Difference): Promise<boolean> {
    const under = await catalog.nodesUnder(source.projectId, source.repoName, fullPath, { limit: 1 });
    return under.length === 0;
  }

  /** Why a repository's deletions need agreement; undefined when they need none, or have it. */
  async function guardQuestion(source: Container, deletions: number): Promise<Guarded | undefined> {
    const needed = sweep.allowDeletions ? 0 : liveNodesNeeded({ deletions, maxShare });
    if (needed === 0) {
      return undefined;
    }
    const live = await liveNodes(source, Math.min(needed, MAX_COUNTED));
    return live >= needed
      ? undefined
      : { ...source, deletions, share: deletionShare({ deletions, liveNodes: live }) };
  }

  function count(more: Partial<FoundCounts>): void {
    const names = foundCountsSchema.keyof().options;
    const sum = (name: (typeof names)[number]): number => found[name] + (more[name] ?? 0);
    found = {
      compared: sum('compared'),
      missing: sum('missing'),
      different: sum('different'),
      extra: sum('extra'),
      deleted: sum('deleted'),
      refused: sum('refused'),
      partsSent: sum('partsSent'),
    };
  }

  /** Have paths put right; what makes whole parts is sent at once. */
  async function want(place: Place, fullPaths: readonly string[]): Promise<void> {
    const definition = pending?.definition ?? false;
    pending = { place, definition, fullPaths: [...(pending?.fullPaths ?? []), ...fullPaths] };
    const cut = pathsByPart(pending.fullPaths);
    const last = cut.at(-1) ?? [];
    if (cut.length > 1) {
      await send(pending, cut.slice(0, -1));
      pending = { place, definition: false, fullPaths: last };
    }
  }

  async function sendPending(): Promise<void> {
    if (pending !== undefined && (pending.definition || pending.fullPaths.length > 0)) {
      const cut = pathsByPart(pending.fullPaths);
      await send(pending, cut.length === 0 ? [[]] : cut);
    }
    pending = undefined;
  }

  /** The definition goes with the first part. */
  async function send({ place, definition }: Pending, cut: readonly (readonly string[])[]): Promise<void> {
    const { source, remote } = place;
    const { slotName, policyVersion } = task;
    const { deleteExtra } = sweep;
    for (let start = 0; start < cut.length; start += PARTS_AT_ONCE) {
      const made = cut.slice(start, start + PARTS_AT_ONCE).map((fullPaths, index) => {
        const part = epoch * PARTS_PER_EPOCH + sent + index + 1;
        return {
          taskKey,
          sweepId,
          part,
          slotName,
          policyVersion,
          policy,
          source,
          remote,
          fullPaths,
          deleteExtra,
          ...(definition && start + index === 0 ? { definition: true as const } : {}),
        };
      });
      await parts.send(made);
      sent += made.length;
      count({ partsSent: made.length });
    }
  }

  async function save(planned: boolean): Promise<void> {
    await sendPending();
    const at = clock();
    if (!(await sweeps.save({ taskKey, sweepId, epoch, cursor, planned, guarded, agreed, found, at }))) {
      throw new SweepLostError(sweepId);
    }
    found = foundCountsSchema.parse({});
    pages = 0;
    savedAt = at.getTime();
    advanced();
  }
}
