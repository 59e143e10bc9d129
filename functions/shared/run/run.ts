import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { containerSchema } from '../lane/message.ts';
import { RUN_TRIGGERS } from '../sync/message.ts';
import type { Task } from '../task/task.ts';

/**
 * A run: one execution of a FULL task, or the initial sync of an INCREMENTAL one. A planner finds what there is and cuts
 * it into pages; workers replicate the pages, each on its own.
 */

const RUN_STATUSES = ['REPLICATING', 'SUCCESS', 'FAILED', 'INTERRUPTED'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

const count = z.number().int().nonnegative();

/** Counts of nodes and bytes. What was replicated is success + conflicted + failed, and is nowhere stored. */
export const runCountersSchema = z.object({
  totalNode: z.number().int(),
  successNode: count,
  conflictedNode: count,
  failedNode: count,
  totalBytes: z.number().int(),
  doneBytes: count,
});
export type RunCounters = z.infer<typeof runCountersSchema>;

/** Counts of projects and repositories, as the contract's progress names them. */
const containerCountersSchema = z.object({
  totalProject: count,
  replicatedProject: count,
  successProject: count,
  failedProject: count,
  totalRepo: count,
  replicatedRepo: count,
  successRepo: count,
  failedRepo: count,
});
export type ContainerCounters = z.infer<typeof containerCountersSchema>;

/** Where the planner goes on; nobody else reads it. */
const planCursorSchema = z.object({
  project: z.string().optional(),
  repository: z.string().optional(),
  after: z.string().optional(),
});
export type PlanCursor = z.infer<typeof planCursorSchema>;

/** A run as it is stored. Instants are ISO 8601 UTC. */
export const runSchema = z.object({
  taskKey: z.string(),
  /** 24 hex digits that sort by the time of the start. */
  runId: z.string(),
  /** CONFLICT: no run, but the log's entry for a task that stopped at a conflict while it followed its source's log. */
  trigger: z.enum([...RUN_TRIGGERS, 'CONFLICT']),
  /** Scheduled time that it was begun for. */
  due: z.iso.datetime().optional(),
  status: z.enum(RUN_STATUSES),
  /** It was due and not begun, for another run was still going. */
  skipped: z.literal(true).optional(),
  /** Version of the task that it was begun under: what was planned for another one is not gone on with. */
  policyVersion: z.number().int(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  /** For people; holds no secret. */
  errorReason: z.string().optional(),
  counters: runCountersSchema,
  /** Set when the run ends; until then derived from its containers. */
  containers: containerCountersSchema.optional(),
  pages: z.object({ planned: count, sent: count, done: count }),
  cursor: planCursorSchema,
  /** The planner has found everything. */
  planned: z.boolean(),
  /** `project/repository` that the planner is in. */
  currentRepository: z.string().optional(),
  /** Roles, permissions and users that the remote refused; the run is none the worse for them. */
  permissionFailures: count.optional(),
  /** Counts the item's writes. */
  revision: z.number().int(),
});
export type Run = z.infer<typeof runSchema>;

/** A project (empty `repoName`) or repository that a run covers, and how far it is. */
export const runContainerSchema = z.object({
  kind: z.enum(['PROJECT', 'REPOSITORY']),
  source: containerSchema,
  remote: containerSchema,
  /** Why it could not be made at the remote; nothing in it is replicated then. */
  error: z.string().optional(),
  pagesPlanned: count.default(0),
  pagesDone: count.default(0),
  failedNodes: count.default(0),
  /** All its pages, or all its repositories, are planned. */
  planned: z.boolean().default(false),
});
export type RunContainer = z.infer<typeof runContainerSchema>;

/** Consecutive nodes of one repository: those whose paths are behind `after` (absent: all) up to `through`. */
export const pageSchema = z.object({
  runId: z.string(),
  /** From 1. */
  page: z.number().int().positive(),
  source: containerSchema,
  remote: containerSchema,
  after: z.string().optional(),
  through: z.string(),
  /** Nodes and bytes that it had when it was planned. */
  nodes: count,
  bytes: count,
  /** Path up to which its nodes are replicated or accounted for otherwise. */
  doneThrough: z.string().optional(),
  /** Nodes and bytes that were accounted for up to there: the source may have more or less by now than was planned. */
  nodesDone: count.default(0),
  bytesDone: count.default(0),
  done: z.boolean(),
});
export type Page = z.infer<typeof pageSchema>;

/** Id of a run that begins now: 24 hex digits that sort by time, as the ids of bk-repo's documents do. */
export function newRunId(now: Date): string {
  const seconds = Math.floor(now.getTime() / 1_000);
  return seconds.toString(16).padStart(8, '0') + randomBytes(8).toString('hex');
}

/** A run before its first step. */
export function newRun(start: {
  readonly task: Pick<Task, 'key' | 'policyVersion'>;
  readonly runId: string;
  readonly trigger: Run['trigger'];
  readonly due?: string | undefined;
  readonly at: Date;
}): Run {
  const { task, runId, trigger, due, at } = start;
  return {
    taskKey: task.key,
    runId,
    trigger,
    ...(due === undefined ? {} : { due }),
    status: 'REPLICATING',
    policyVersion: task.policyVersion,
    startedAt: at.toISOString(),
    counters: {
      totalNode: 0,
      successNode: 0,
      conflictedNode: 0,
      failedNode: 0,
      totalBytes: 0,
      doneBytes: 0,
    },
    pages: { planned: 0, sent: 0, done: 0 },
    cursor: {},
    planned: false,
    revision: 1,
  };
}

/** The log's entry for a due run that was not begun. */
export function skippedRun(skip: {
  readonly task: Pick<Task, 'key' | 'policyVersion'>;
  readonly runId: string;
  readonly due: string;
  readonly at: Date;
  readonly activeRunId: string;
}): Run {
  const { activeRunId, at } = skip;
  return {
    ...newRun({ ...skip, trigger: 'SCHEDULE' }),
    status: 'INTERRUPTED',
    skipped: true,
    endedAt: at.toISOString(),
    errorReason: `skipped: run ${activeRunId} was still going`,
  };
}

/** The log's entry for a task that stopped at a conflict while it followed its source's log. */
export function stoppedRun(stop: {
  readonly task: Pick<Task, 'key' | 'policyVersion'>;
  readonly errorReason: string;
  readonly at: Date;
}): Run {
  const { errorReason, at } = stop;
  return {
    ...newRun({ ...stop, runId: newRunId(at), trigger: 'CONFLICT' }),
    status: 'FAILED',
    endedAt: at.toISOString(),
    errorReason,
    planned: true,
  };
}

/** Everything is planned and done: what may still be missing has its failure record. */
export function isComplete(run: Pick<Run, 'planned' | 'pages'>): boolean {
  return run.planned && run.pages.done === run.pages.planned;
}

/**
 * What a task is when its run has ended. One with a cron expression waits for its next time; an INCREMENTAL one whose
 * initial sync has looked at everything follows the log, failures or not.
 */
export function taskStatusAfter(
  task: Pick<Task, 'type' | 'setting'>,
  run: Pick<Run, 'planned' | 'pages'>,
  status: Exclude<RunStatus, 'REPLICATING'>,
): Task['status'] {
  if (task.type === 'INCREMENTAL') {
    return status !== 'INTERRUPTED' && isComplete(run) ? 'REPLICATING' : status;
  }
  return task.setting.executionPlan.cronExpression === undefined ? status : 'WAITING';
}

/**
 * Counts of projects and repositories. A repository is replicated when all its pages are done, a project when all its
 * repositories are; what could not be made at the remote is both replicated and failed.
 *
 * @param isPlanned the planner has found everything.
 */
export function containerCountersOf(
  containers: readonly RunContainer[],
  isPlanned: boolean,
): ContainerCounters {
  const repositories = containers.filter(({ kind }) => kind === 'REPOSITORY');
  const projects = containers.filter(({ kind }) => kind === 'PROJECT');
  const projectStates = projects.map((project) => {
    const own = repositories.filter(({ source }) => source.projectId === project.source.projectId);
    return {
      isDone: project.error !== undefined || ((project.planned || isPlanned) && own.every(isContainerDone)),
      isFailed: isContainerFailed(project) || own.some(isContainerFailed),
    };
  });
  const repositoryStates = repositories.map((repository) => ({
    isDone: isContainerDone(repository),
    isFailed: isContainerFailed(repository),
  }));
  const project = stateCounts(projectStates);
  const repository = stateCounts(repositoryStates);
  return {
    totalProject: project.total,
    replicatedProject: project.replicated,
    successProject: project.success,
    failedProject: project.failed,
    totalRepo: repository.total,
    replicatedRepo: repository.replicated,
    successRepo: repository.success,
    failedRepo: repository.failed,
  };
}

function stateCounts(states: readonly { readonly isDone: boolean; readonly isFailed: boolean }[]) {
  const done = states.filter(({ isDone }) => isDone);
  const failed = done.filter(({ isFailed }) => isFailed).length;
  return { total: states.length, replicated: done.length, success: done.length - failed, failed };
}

function isContainerDone({ error, planned, pagesPlanned, pagesDone }: RunContainer): boolean {
  return error !== undefined || (planned && pagesDone === pagesPlanned);
}

function isContainerFailed({ error, failedNodes }: RunContainer): boolean {
  return error !== undefined || failedNodes > 0;
}
