import { roundedUp } from '../schedule/fires.ts';
import { executionsAfter } from '../schedule/plan.ts';
import type { TaskSchedule } from '../schedule/task-schedule.ts';
import type { RunQueue } from '../sync/queue.ts';
import type { Task } from './task.ts';

/** What makes a task begin: the queue of starts, and the schedules of later ones. */
export interface TaskStarter {
  readonly queue: Pick<RunQueue, 'start'>;
  readonly schedule: TaskSchedule;
}

/** Whether a plan begins at once: it says so, or names a time that is past. */
export function beginsAt(plan: Task['setting']['executionPlan'], now: Date): boolean {
  const { executeImmediately, executeTime } = plan;
  return executeImmediately || (executeTime !== undefined && new Date(executeTime) <= now);
}

/**
 * A task with the time noted that is to be armed for it: the next of its plan.
 *
 * @param timeZone zone of cron expressions.
 */
export function planned(task: Task, now: Date, timeZone: string): Task {
  const isFollowing = task.type === 'INCREMENTAL' && task.status === 'REPLICATING';
  const [next] = isFollowing ? [] : executionsAfter({ task, after: now, timeZone, count: 1 });
  return { ...task, nextExecution: next?.toISOString() };
}

/** A task that follows the log from a position of its slot on, after its initial sync where it asked for one. */
export function following(task: Task, slot: { readonly nextOrdinal: number }): Task {
  return {
    ...task,
    status: 'REPLICATING',
    ...(isSyncDue(task) && task.catchUp === undefined
      ? {
          catchUp: { nextOrdinal: slot.nextOrdinal },
          startOrdinal: slot.nextOrdinal + (task.ordinalOffset ?? 0),
        }
      : {}),
  };
}

/** Whether a task's initial sync is still to be done. */
export function isSyncDue(task: Pick<Task, 'initialSync'>): boolean {
  return task.initialSync !== undefined && task.initialSync.endedAt === undefined;
}

/**
 * Arm the time that a task has noted. Before the task is stored: a start whose task does not know of its time does nothing,
 * a task whose time is not armed would wait for ever.
 */
export async function armNoted(task: Task, schedule: Pick<TaskSchedule, 'arm'>): Promise<void> {
  if (task.nextExecution !== undefined) {
    await schedule.arm({ taskKey: task.key, due: new Date(task.nextExecution) });
  }
}

/** Take back the time that a task had noted and has no more. */
export async function disarmOld(options: {
  readonly before: Task;
  readonly after?: Task;
  readonly schedule: Pick<TaskSchedule, 'disarm'>;
}): Promise<void> {
  const { before, after, schedule } = options;
  const { nextExecution } = before;
  if (nextExecution !== undefined && nextExecution !== after?.nextExecution) {
    await schedule.disarm({ taskKey: before.key, due: new Date(nextExecution) });
  }
}

/**
 * The time of a plan that has passed without a run, up to the full minute that it is started at; a start for it still
 * counts. What has not passed is armed (`planned`), so that a time is one or the other at every moment.
 */
export function missedTime(task: Task, now: Date): Date | undefined {
  const { executeImmediately, executeTime } = task.setting.executionPlan;
  if (executeImmediately || executeTime === undefined) {
    return undefined;
  }
  const due = roundedUp(new Date(executeTime));
  const isDealtWith = task.lastDue !== undefined && Date.parse(task.lastDue) >= due.getTime();
  return beginsAt(task.setting.executionPlan, now) && !isDealtWith ? due : undefined;
}
