import { z } from 'zod';
import { newRunId } from '../run/run.ts';
import { isSyncDue } from '../task/begin.ts';
import type { Task } from '../task/task.ts';

/**
 * A sweep: one pass of an INCREMENTAL task over what the log may not have told. A finder compares the source with the
 * remote; what differs is put right by the lanes' workers, in parts.
 */

/**
 * CHANGED: what was changed or deleted since the last sweep. FULL: everything. GAP: what was changed or deleted while the log
 * overtook the slot.
 */
const SWEEP_KINDS = ['CHANGED', 'FULL', 'GAP'] as const;
export type SweepKind = (typeof SWEEP_KINDS)[number];

const SWEEP_TRIGGERS = ['PERIOD', 'REQUESTED', 'GAP'] as const;

/**
 * SUCCESS: everything found is put right. FAILED: something could not be. GUARDED: deletions wait for somebody's agreement.
 * INTERRUPTED: the task was paused, or stopped.
 */
const SWEEP_STATUSES = ['RUNNING', 'SUCCESS', 'FAILED', 'GUARDED', 'INTERRUPTED'] as const;
export type SweepStatus = (typeof SWEEP_STATUSES)[number];

const count = z.number().int().nonnegative();

/** What a sweep has found, in nodes. */
export const foundCountsSchema = z.object({
  compared: count.default(0),
  missing: count.default(0),
  different: count.default(0),
  /** At the remote and not at the source, the deleted ones among them. */
  extra: count.default(0),
  deleted: count.default(0),
  /** Repositories that the remote refused to compare. */
  refused: count.default(0),
  partsSent: count.default(0),
});
export type FoundCounts = z.infer<typeof foundCountsSchema>;

/** What has come of it: added by the lanes' workers, with each part that is done. */
const repairCountsSchema = z.object({
  partsDone: count.default(0),
  checked: count.default(0),
  repaired: count.default(0),
  removed: count.default(0),
  unchanged: count.default(0),
  conflicted: count.default(0),
  failed: count.default(0),
});

/** Where the finder goes on; absent names: before the first repository. */
const sweepCursorSchema = z.object({
  projectId: z.string().optional(),
  repoName: z.string().optional(),
  /** COMPARE: first pass over the repository. DELETE: second one, for deletions alone. DONE: behind it. */
  phase: z.enum(['COMPARE', 'DELETE', 'DONE']).optional(),
  /** Path behind which the pass goes on. */
  after: z.string().optional(),
  /** Deletions of the repository that were found, and agreed to in phase DELETE. */
  deletions: count.optional(),
  /** Those that were sent. */
  deleted: count.optional(),
});
export type SweepCursor = z.infer<typeof sweepCursorSchema>;

/** A repository whose deletions wait for agreement. */
const guardedSchema = z.object({
  projectId: z.string(),
  repoName: z.string(),
  deletions: count,
  /** Of what the repository had, from 0 to 1. */
  share: z.number(),
});
export type Guarded = z.infer<typeof guardedSchema>;

/** When nodes were changed or deleted that a sweep looks at; ISO 8601 UTC. `to` absent: until now. */
const sweepWindowSchema = z.object({ from: z.iso.datetime(), to: z.iso.datetime().optional() });
export type SweepWindow = z.infer<typeof sweepWindowSchema>;

/** A gap by its slot, and the ordinal of the first event behind it. */
const gapNameSchema = z.object({ slotName: z.string(), ordinal: z.number().int().positive() });
export type GapName = z.infer<typeof gapNameSchema>;

/** A sweep as it is stored. Instants are ISO 8601 UTC. */
export const sweepSchema = z.object({
  taskKey: z.string(),
  /** 24 hex digits that sort by the time of the start. */
  sweepId: z.string(),
  kind: z.enum(SWEEP_KINDS),
  trigger: z.enum(SWEEP_TRIGGERS),
  status: z.enum(SWEEP_STATUSES),
  /** Absent: everything (FULL). */
  window: sweepWindowSchema.optional(),
  /** Of a GAP. */
  gap: gapNameSchema.optional(),
  /** Somebody has agreed to its deletions. */
  allowDeletions: z.boolean(),
  /** What only the remote has, and nobody has deleted at the source, is removed, too. */
  deleteExtra: z.boolean(),
  cursor: sweepCursorSchema,
  /** The finder has found everything. */
  planned: z.boolean(),
  guarded: z.array(guardedSchema),
  /** Of one that goes on after somebody has agreed: the guarded repositories that are still to be done, and nothing else. */
  agreed: z.array(guardedSchema).optional(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().optional(),
  /** For people; holds no secret. */
  reason: z.string().optional(),
  /** Counts the deliveries that have worked on it: only the newest one's progress counts. */
  epoch: z.number().int().nonnegative(),
  /** When somebody last worked on it, or looked after it. */
  touchedAt: z.iso.datetime(),
  /** Since when no part was done, and how often the undone ones were sent again since. */
  stalled: z.object({ partsDone: count, since: z.iso.datetime(), resends: count }).optional(),
  ...foundCountsSchema.shape,
  ...repairCountsSchema.shape,
});
export type Sweep = z.infer<typeof sweepSchema>;

/** A sweep that is asked for while another one runs. */
const requestedSweepSchema = z.object({
  kind: z.enum(['CHANGED', 'FULL']),
  allowDeletions: z.boolean(),
  deleteExtra: z.boolean(),
});
export type RequestedSweep = z.infer<typeof requestedSweepSchema>;

/** What a task's sweeps have to know of each other. */
export const sweepStateSchema = z.object({
  /** The sweep that is going; a task has one at a time. */
  activeSweepId: z.string().optional(),
  requested: requestedSweepSchema.optional(),
  /** Start of the last CHANGED or FULL sweep that has put everything right. */
  changedSince: z.iso.datetime().optional(),
  /** When the next CHANGED or FULL sweep of the period is due. */
  nextDue: z.iso.datetime().optional(),
  fullDue: z.iso.datetime().optional(),
  /** Counts the item's writes; 0 before the first. */
  revision: z.number().int().nonnegative(),
});
export type SweepState = z.infer<typeof sweepStateSchema>;

/** A gap that a task is to be repaired after. */
export const repairSchema = z.object({
  gap: gapNameSchema,
  window: sweepWindowSchema,
  requestedAt: z.iso.datetime(),
  /** The last sweep that was begun for it. */
  sweepId: z.string().optional(),
  /** Not before: the last sweep for it has failed on the way. */
  notBefore: z.iso.datetime().optional(),
});
export type Repair = z.infer<typeof repairSchema>;

/** Milliseconds that the clocks of those who write the log and the nodes may be apart. */
export const CLOCK_TOLERANCE_MS = 600_000;

/** Minutes between two CHANGED sweeps, and hours between two FULL ones of a task with an initial sync, where it says nothing. */
const DEFAULT_SWEEP_PERIOD = 60;
const DEFAULT_COMPARE_PERIOD = 24;

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Whether a sweep of the task may go on. */
export function isSweepable(task: Task): boolean {
  return task.type === 'INCREMENTAL' && task.status === 'REPLICATING' && !isSyncDue(task);
}

/** What a new sweep is. */
export type NewSweep = Pick<Sweep, 'kind' | 'trigger'> &
  Partial<Pick<Sweep, 'window' | 'gap' | 'allowDeletions' | 'deleteExtra'>>;

/** A sweep before its first step. */
export function newSweep(start: NewSweep & { readonly taskKey: string; readonly at: Date }): Sweep {
  const { taskKey, at, kind, trigger, window, gap, allowDeletions = false, deleteExtra = false } = start;
  const now = at.toISOString();
  return {
    taskKey,
    sweepId: newRunId(at),
    kind,
    trigger,
    status: 'RUNNING',
    ...(window === undefined ? {} : { window }),
    ...(gap === undefined ? {} : { gap }),
    allowDeletions,
    deleteExtra,
    cursor: {},
    planned: false,
    guarded: [],
    startedAt: now,
    epoch: 0,
    touchedAt: now,
    ...foundCountsSchema.parse({}),
    ...repairCountsSchema.parse({}),
  };
}

/**
 * The sweep that a task is to begin now, if any: for a gap first, then what was asked for, then what is due.
 *
 * A task that is behind the log differs from its source because of that: it waits until it has caught up.
 */
export function dueSweep(options: {
  readonly task: Task;
  readonly state: SweepState;
  /** Gaps that the task is still to be repaired after, the oldest first. */
  readonly repairs: readonly Repair[];
  readonly now: Date;
}): NewSweep | undefined {
  const { task, state, repairs, now } = options;
  if (!isSweepable(task) || task.catchUp !== undefined) {
    return undefined;
  }
  const repair = repairs.find(
    ({ notBefore }) => notBefore === undefined || Date.parse(notBefore) <= now.getTime(),
  );
  if (repair !== undefined) {
    return { kind: 'GAP', trigger: 'GAP', window: repair.window, gap: repair.gap };
  }
  const isDue = (due: string | undefined): boolean => due !== undefined && Date.parse(due) <= now.getTime();
  if (state.requested !== undefined) {
    return { trigger: 'REQUESTED', ...windowed(state.requested.kind, task, state), ...state.requested };
  }
  const { nextDue, fullDue } = duesOf(task, state);
  const kind = isDue(fullDue) ? 'FULL' : isDue(nextDue) ? 'CHANGED' : undefined;
  return kind === undefined ? undefined : { kind, trigger: 'PERIOD', ...windowed(kind, task, state) };
}

function windowed(kind: SweepKind, task: Task, state: SweepState): Pick<NewSweep, 'window'> {
  return kind === 'FULL' ? {} : { window: changedWindow(task, state) };
}

/** What a CHANGED sweep that begins now has to look at: since the last one that put everything right, or the task's start. */
export function changedWindow(task: Task, state: SweepState): SweepWindow {
  const since = Date.parse(state.changedSince ?? beginningOf(task));
  return { from: new Date(since - CLOCK_TOLERANCE_MS).toISOString() };
}

/** A task without an initial sync has asked for the log alone: a FULL sweep would bring over what was there before. */
function periodsOf({ setting, initialSync }: Task): {
  readonly sweepPeriod: number;
  readonly comparePeriod: number;
} {
  return {
    sweepPeriod: setting.sweepPeriod ?? DEFAULT_SWEEP_PERIOD,
    comparePeriod: setting.comparePeriod ?? (initialSync === undefined ? 0 : DEFAULT_COMPARE_PERIOD),
  };
}

/** When sweeps are due by the task's periods; undefined: never. */
function duesOf(task: Task, state: SweepState): Pick<SweepState, 'nextDue' | 'fullDue'> {
  const { sweepPeriod, comparePeriod } = periodsOf(task);
  const begun = new Date(task.initialSync?.endedAt ?? task.createdDate);
  return {
    nextDue: sweepPeriod === 0 ? undefined : (state.nextDue ?? after(begun, sweepPeriod * MINUTE_MS)),
    fullDue: comparePeriod === 0 ? undefined : (state.fullDue ?? after(begun, comparePeriod * HOUR_MS)),
  };
}

/** The dues of a task that begins a sweep now. A FULL sweep is a CHANGED one, too; a GAP's is neither. */
export function duesAfter(options: {
  readonly task: Task;
  readonly state: SweepState;
  readonly kind: SweepKind;
  readonly now: Date;
}): Pick<SweepState, 'nextDue' | 'fullDue'> {
  const { task, state, kind, now } = options;
  const { sweepPeriod, comparePeriod } = periodsOf(task);
  const { nextDue, fullDue } = state;
  return {
    nextDue: kind === 'GAP' ? nextDue : after(now, sweepPeriod * MINUTE_MS),
    fullDue: kind === 'FULL' ? after(now, comparePeriod * HOUR_MS) : fullDue,
  };
}

function beginningOf(task: Task): string {
  return task.initialSync?.startedAt ?? task.createdDate;
}

function after(instant: Date, milliseconds: number): string {
  return new Date(instant.getTime() + milliseconds).toISOString();
}
