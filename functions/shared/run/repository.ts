import type { RunFailure } from '../failure/failure.ts';
import type { Container } from '../lane/message.ts';
import type { Task } from '../task/task.ts';
import type { Page, PlanCursor, Run, RunContainer, RunCounters, RunStatus } from './run.ts';

/** What `addPages` and `advance` take at once: DynamoDB's transactions hold 100 items. */
export const MAX_PAGES_AT_ONCE = 20;
export const MAX_CONTAINERS_AT_ONCE = 20;
export const MAX_RUN_FAILURES_AT_ONCE = 50;

/** A page as it is planned; it is numbered by where it is added. */
export type NewPage = Pick<Page, 'source' | 'remote' | 'after' | 'through' | 'nodes' | 'bytes'>;

/** What is new about a container: made, refused, or all planned. */
export type ContainerChange = Pick<RunContainer, 'source' | 'remote'> & {
  readonly error?: string | undefined;
  readonly planned?: true | undefined;
};

export interface PagesAdded {
  readonly taskKey: string;
  readonly runId: string;
  /** Pages that were planned before these. */
  readonly from: number;
  /** At most `MAX_PAGES_AT_ONCE`; numbered from + 1 and so on. Their containers are made when they are not yet there. */
  readonly pages: readonly NewPage[];
  /** At most `MAX_CONTAINERS_AT_ONCE`. */
  readonly containers: readonly ContainerChange[];
  readonly cursor: PlanCursor;
  /** There is nothing more to plan. */
  readonly planned?: true | undefined;
  /** `project/repository` that the planner is in now. */
  readonly currentRepository?: string | undefined;
  /** What could not be made; at most `MAX_CONTAINERS_AT_ONCE`. */
  readonly failures?: readonly RunFailure[] | undefined;
  readonly at: Date;
}

export interface PageAdvance {
  readonly taskKey: string;
  readonly runId: string;
  readonly page: number;
  readonly source: Container;
  /** Where the page stood: its `doneThrough`. */
  readonly from: string | undefined;
  readonly to: string;
  readonly done: boolean;
  /**
   * Added to the run's; the totals are corrections, and may be negative. What was replicated (success, conflicted, failed,
   * doneBytes) is added to the page's `nodesDone` and `bytesDone` too.
   */
  readonly counters: RunCounters;
  /** At most `MAX_RUN_FAILURES_AT_ONCE`. */
  readonly failures: readonly RunFailure[];
}

/** Runs in the one table. Reads are strongly consistent. */
export interface RunRepository {
  /**
   * Begin a run of a task that has none going. Repeating it, by `runId` or `due`, gives the same run, however far that is by
   * now: look at its status. Of an INCREMENTAL task it is the initial sync.
   *
   * @param start `runId`: `newRunId` of the request, where there was one.
   * @returns `begun: false` with the run that is going, or with none when the task is gone or paused, or the due time was
   * dealt with by skipping it.
   */
  begin(start: {
    readonly task: Task;
    readonly trigger: Run['trigger'];
    readonly runId?: string | undefined;
    readonly due?: string | undefined;
    readonly at: Date;
  }): Promise<
    { readonly begun: true; readonly run: Run } | { readonly begun: false; readonly active: Run | undefined }
  >;
  /**
   * Go on with an INTERRUPTED run from where it was.
   *
   * @returns the run, going; undefined when it cannot go on: it is not interrupted, another one is going, the task was
   * changed or paused, or it is too old for its pages to be kept. A new run is to be begun then.
   */
  resume(options: {
    readonly task: Task;
    readonly runId: string;
    readonly at: Date;
  }): Promise<Run | undefined>;
  /** Log a due run that is not begun because another is going. Once for a due time. */
  recordSkipped(skip: {
    readonly task: Task;
    readonly due: string;
    readonly at: Date;
    readonly activeRunId: string;
  }): Promise<void>;
  get(taskKey: string, runId: string): Promise<Run | undefined>;
  /** The newest run that was begun. */
  latest(taskKey: string): Promise<Run | undefined>;
  /** Newest first. @param options `before`: the last id of the list before. */
  list(
    taskKey: string,
    options: { readonly limit: number; readonly before?: string | undefined },
  ): Promise<Run[]>;
  /** Projects and repositories of a run, by name. */
  containers(runId: string): Promise<RunContainer[]>;
  /**
   * Add pages, containers and the totals, and move the planner's cursor, at once or not at all.
   *
   * @returns `contended` when another planner has added pages since, or everything is planned; `ended` when the run is not
   * going any more.
   */
  addPages(added: PagesAdded): Promise<'added' | 'contended' | 'ended'>;
  /** Note that the queue has accepted the pages up to this one. */
  recordSent(sent: {
    readonly taskKey: string;
    readonly runId: string;
    readonly sent: number;
  }): Promise<void>;
  /** Pages in their order, from `fromPage` on, at most `limit`. */
  pages(
    runId: string,
    options: { readonly fromPage: number; readonly limit: number; readonly onlyUndone?: boolean },
  ): Promise<Page[]>;
  page(runId: string, page: number): Promise<Page | undefined>;
  /**
   * Keep which paths of a page the remote did not have before anything was sent: what is there later is the run's own
   * work. (Not those that it had: a path that the source got since was never looked at, and must not pass for its work.)
   * The first call counts.
   *
   * @returns what the first call found. A page that is gone has what this one found.
   */
  firstLook(look: {
    readonly runId: string;
    readonly page: number;
    readonly missing: Iterable<string>;
  }): Promise<{ has(fullPath: string): boolean }>;
  /**
   * Move a page on, with the counts and failures, at once or not at all. It never touches the run's status, so an
   * interruption stays one, and what was done until then counts.
   *
   * @returns `contended` when the page does not stand at `from`, is done, or is gone.
   */
  advance(step: PageAdvance): Promise<'advanced' | 'contended'>;
  /** Record what a remote refused of the permissions; each once in a run. */
  recordPermissionFailures(options: {
    readonly taskKey: string;
    readonly runId: string;
    readonly failures: readonly RunFailure[];
  }): Promise<void>;
  /**
   * End a run and give its task the status that follows, in one transaction.
   *
   * @returns `already` when it is not going any more.
   */
  end(options: {
    readonly taskKey: string;
    readonly runId: string;
    readonly status: Exclude<RunStatus, 'REPLICATING'>;
    readonly errorReason?: string | undefined;
    readonly at: Date;
  }): Promise<'ended' | 'already'>;
}
