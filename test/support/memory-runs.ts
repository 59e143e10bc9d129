import { type RunFailure, runFailureItemOf } from '../../functions/shared/failure/failure.ts';
import type { Container } from '../../functions/shared/lane/message.ts';
import type { ContainerChange, RunRepository } from '../../functions/shared/run/repository.ts';
import {
  containerCountersOf,
  isComplete,
  newRun,
  newRunId,
  type Page,
  type Run,
  type RunContainer,
  skippedRun,
  taskStatusAfter,
} from '../../functions/shared/run/run.ts';
import type { Task } from '../../functions/shared/task/task.ts';

/**
 * Runs over plain memory, for tests of what uses them: the conditions are those that DynamoDB checks; that it does is
 * tested against the local cloud.
 */
export class MemoryRuns {
  /** The tasks, by key: put in what a test has; runs change their status. */
  readonly tasks = new Map<string, Task>();
  readonly runs = new Map<string, Run>();
  /** By run id and number, `<id>/<number>`. */
  readonly pages = new Map<string, Page>();
  /** By run id and source, `<id>/<project>/<repository>`. */
  readonly containers = new Map<string, RunContainer>();
  readonly looks = new Map<string, ReadonlySet<string>>();
  /** By their keys in the table. */
  readonly failures = new Map<string, RunFailure>();

  readonly repository: RunRepository = {
    begin: async ({ task, trigger, runId, due, at }) => {
      const known = [...this.runs.values()].find(
        (run) => run.taskKey === task.key && (run.runId === runId || (due !== undefined && run.due === due)),
      );
      if (known !== undefined && known.skipped === undefined) {
        return { begun: true, run: known };
      }
      const stored = this.tasks.get(task.key);
      const isDealtWith = due !== undefined && stored?.lastDue !== undefined && stored.lastDue >= due;
      if (known !== undefined || stored === undefined || isBusy(stored) || isDealtWith) {
        return { begun: false, active: this.#active(stored) };
      }
      const run = newRun({ task, runId: runId ?? newRunId(at), trigger, due, at });
      this.runs.set(run.runId, run);
      const { startedAt = run.startedAt } = stored.initialSync ?? {};
      this.#change(stored, {
        activeRunId: run.runId,
        status: 'REPLICATING',
        ...(due === undefined ? {} : { lastDue: due }),
        ...(task.type === 'INCREMENTAL' ? { initialSync: { runId: run.runId, startedAt } } : {}),
      });
      return { begun: true, run };
    },

    resume: async ({ task, runId }) => {
      const run = this.runs.get(runId);
      const stored = this.tasks.get(task.key);
      if (run?.status === 'REPLICATING' && stored?.activeRunId === runId) {
        return run;
      }
      const isResumable =
        run?.status === 'INTERRUPTED' &&
        run.skipped === undefined &&
        run.policyVersion === task.policyVersion;
      if (!isResumable || stored === undefined || isBusy(stored)) {
        return undefined;
      }
      const { endedAt: _endedAt, errorReason: _errorReason, containers: _containers, ...rest } = run;
      const resumed: Run = { ...rest, status: 'REPLICATING', revision: run.revision + 1 };
      this.runs.set(runId, resumed);
      this.#change(stored, { activeRunId: runId, status: 'REPLICATING' });
      return resumed;
    },

    recordSkipped: async ({ task, due, at, activeRunId }) => {
      const stored = this.tasks.get(task.key);
      if (stored === undefined || (stored.lastDue !== undefined && stored.lastDue >= due)) {
        return;
      }
      const run = skippedRun({ task, runId: newRunId(at), due, at, activeRunId });
      this.runs.set(run.runId, run);
      this.#change(stored, { lastDue: due });
    },

    get: async (taskKey, runId) => {
      const run = this.runs.get(runId);
      return run?.taskKey === taskKey ? run : undefined;
    },
    latest: async (taskKey) => this.#newestFirst(taskKey).find(({ skipped }) => skipped === undefined),
    list: async (taskKey, { limit, before }) =>
      this.#newestFirst(taskKey)
        .filter(({ runId }) => before === undefined || runId < before)
        .slice(0, limit),
    containers: async (runId) => this.#containersOf(runId),

    addPages: async ({ taskKey, runId, from, pages, containers, cursor, planned, ...rest }) => {
      const run = this.runs.get(runId);
      if (run?.taskKey !== taskKey || run.status !== 'REPLICATING') {
        return 'ended';
      }
      if (run.pages.planned !== from || run.planned) {
        return 'contended';
      }
      pages.forEach((page, index) => {
        const number = from + index + 1;
        const fresh = { runId, page: number, nodesDone: 0, bytesDone: 0, done: false };
        this.pages.set(`${runId}/${number}`, { ...page, ...fresh });
      });
      for (const change of [...containers, ...pages]) {
        this.#changeContainer(runId, change);
      }
      for (const { source } of pages) {
        this.#addToContainer(runId, source, { pagesPlanned: 1 });
      }
      this.#record(rest.failures ?? []);
      this.runs.set(runId, {
        ...run,
        counters: {
          ...run.counters,
          totalNode: run.counters.totalNode + sum(pages.map(({ nodes }) => nodes)),
          totalBytes: run.counters.totalBytes + sum(pages.map(({ bytes }) => bytes)),
        },
        pages: { ...run.pages, planned: from + pages.length },
        cursor,
        planned: planned === true,
        ...(rest.currentRepository === undefined ? {} : { currentRepository: rest.currentRepository }),
        revision: run.revision + 1,
      });
      return 'added';
    },

    recordSent: async ({ runId, sent }) => {
      const run = this.runs.get(runId);
      if (run !== undefined && run.pages.sent < sent) {
        this.runs.set(runId, { ...run, pages: { ...run.pages, sent }, revision: run.revision + 1 });
      }
    },

    pages: async (runId, { fromPage, limit, onlyUndone = false }) =>
      [...this.pages.values()]
        .filter((page) => page.runId === runId && page.page >= fromPage && !(onlyUndone && page.done))
        .sort((left, right) => left.page - right.page)
        .slice(0, limit),
    page: async (runId, page) => this.pages.get(`${runId}/${page}`),

    firstLook: async ({ runId, page, missing }) => {
      const key = `${runId}/${page}`;
      const look = this.looks.get(key) ?? new Set(missing);
      this.looks.set(key, look);
      return look;
    },

    advance: async ({ taskKey, runId, page: number, source, from, to, done, counters, failures }) => {
      const page = this.pages.get(`${runId}/${number}`);
      const run = this.runs.get(runId);
      if (run?.taskKey !== taskKey || page === undefined || page.done || page.doneThrough !== from) {
        return 'contended';
      }
      const added = done ? 1 : 0;
      const { successNode, conflictedNode, failedNode, doneBytes } = counters;
      this.pages.set(`${runId}/${number}`, {
        ...page,
        doneThrough: to,
        nodesDone: page.nodesDone + successNode + conflictedNode + failedNode,
        bytesDone: page.bytesDone + doneBytes,
        done,
      });
      this.#addToContainer(runId, source, { failedNodes: counters.failedNode, pagesDone: added });
      this.#record(failures);
      this.runs.set(runId, {
        ...run,
        counters: {
          totalNode: run.counters.totalNode + counters.totalNode,
          successNode: run.counters.successNode + counters.successNode,
          conflictedNode: run.counters.conflictedNode + counters.conflictedNode,
          failedNode: run.counters.failedNode + counters.failedNode,
          totalBytes: run.counters.totalBytes + counters.totalBytes,
          doneBytes: run.counters.doneBytes + counters.doneBytes,
        },
        pages: { ...run.pages, done: run.pages.done + added },
        revision: run.revision + 1,
      });
      return 'advanced';
    },

    recordPermissionFailures: async ({ runId, failures }) => {
      for (const failure of failures) {
        const run = this.runs.get(runId);
        if (run !== undefined && this.#record([failure]) > 0) {
          const { permissionFailures = 0, revision } = run;
          const changed = { permissionFailures: permissionFailures + 1, revision: revision + 1 };
          this.runs.set(runId, { ...run, ...changed });
        }
      }
    },

    end: async ({ taskKey, runId, status, errorReason, at }) => {
      const run = this.runs.get(runId);
      const task = this.tasks.get(taskKey);
      if (run?.status !== 'REPLICATING' || task?.activeRunId !== runId) {
        return 'already';
      }
      this.runs.set(runId, {
        ...run,
        status,
        endedAt: at.toISOString(),
        ...(errorReason === undefined ? {} : { errorReason }),
        containers: containerCountersOf(this.#containersOf(runId), run.planned),
        revision: run.revision + 1,
      });
      const { activeRunId: _, ...idle } = task;
      const isSynced = task.type === 'INCREMENTAL' && status !== 'INTERRUPTED' && isComplete(run);
      this.#change(idle, {
        status: taskStatusAfter(task, run, status),
        ...(isSynced ? { initialSync: { ...task.initialSync, endedAt: at.toISOString() } } : {}),
      });
      return 'ended';
    },
  };

  #active(task: Task | undefined): Run | undefined {
    return task?.activeRunId === undefined ? undefined : this.runs.get(task.activeRunId);
  }

  #change(task: Task, changes: Partial<Task>): void {
    this.tasks.set(task.key, { ...task, ...changes, revision: task.revision + 1 });
  }

  #newestFirst(taskKey: string): Run[] {
    return [...this.runs.values()]
      .filter((run) => run.taskKey === taskKey)
      .sort((left, right) => (left.runId < right.runId ? 1 : -1));
  }

  #containersOf(runId: string): RunContainer[] {
    return [...this.containers].filter(([key]) => key.startsWith(`${runId}/`)).map(([, value]) => value);
  }

  #changeContainer(runId: string, change: ContainerChange): void {
    const { source, remote, error, planned } = change;
    const key = `${runId}/${source.projectId}/${source.repoName}`;
    const known = this.containers.get(key);
    this.containers.set(key, {
      pagesPlanned: 0,
      pagesDone: 0,
      failedNodes: 0,
      planned: false,
      ...known,
      kind: source.repoName === '' ? 'PROJECT' : 'REPOSITORY',
      source,
      remote,
      ...(error === undefined ? {} : { error }),
      ...(planned === undefined ? {} : { planned }),
    });
  }

  #addToContainer(
    runId: string,
    source: Container,
    added: Partial<Record<'pagesPlanned' | 'pagesDone' | 'failedNodes', number>>,
  ): void {
    const key = `${runId}/${source.projectId}/${source.repoName}`;
    const container = this.containers.get(key);
    if (container !== undefined) {
      this.containers.set(key, {
        ...container,
        pagesPlanned: container.pagesPlanned + (added.pagesPlanned ?? 0),
        pagesDone: container.pagesDone + (added.pagesDone ?? 0),
        failedNodes: container.failedNodes + (added.failedNodes ?? 0),
      });
    }
  }

  /** @returns how many were not yet recorded. */
  #record(failures: readonly RunFailure[]): number {
    const before = this.failures.size;
    for (const failure of failures) {
      const { pk, sk } = runFailureItemOf(failure);
      this.failures.set(`${pk} ${sk}`, failure);
    }
    return this.failures.size - before;
  }
}

function isBusy(task: Task): boolean {
  return task.activeRunId !== undefined || task.status === 'PAUSED';
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
