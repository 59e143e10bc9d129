import type { Clock } from '../clock.ts';
import type { TaskRepository } from '../task/repository.ts';
import type { Task } from '../task/task.ts';
import { executionsAfter, isPlanned } from './plan.ts';
import type { TaskSchedule } from './task-schedule.ts';

/** Attempts at noting the next time while others change the task. */
const ATTEMPTS = 5;

export type ScheduledStart =
  | { readonly kind: 'IGNORE'; readonly reason: 'NO_TASK' | 'PAUSED' | 'OVERTAKEN' | 'NOT_PLANNED' }
  /** Begin again, which gives the same run: its message came twice. What follows is armed already. */
  | { readonly kind: 'REPEAT' }
  /** Arm `next`, when there is one, and begin. */
  | { readonly kind: 'BEGIN'; readonly next: Date | undefined };

/**
 * What a scheduled start does, by the task as it is now.
 *
 * It counts when its time is one of the task's present plan and later than the last that was dealt with (`lastDue`: begun,
 * or skipped and logged): so a schedule that an earlier plan left behind starts nothing, and a start that was interrupted
 * before its run began is not lost. Times that were missed meanwhile are not made up for one by one.
 */
export function scheduledStart(options: {
  readonly task: Task | undefined;
  readonly due: Date;
  readonly now: Date;
  /** Zone of cron expressions. */
  readonly timeZone: string;
}): ScheduledStart {
  const { task, due, now, timeZone } = options;
  if (task === undefined) {
    return { kind: 'IGNORE', reason: 'NO_TASK' };
  }
  const lastDue = task.lastDue === undefined ? Number.NEGATIVE_INFINITY : Date.parse(task.lastDue);
  if (lastDue >= due.getTime()) {
    return lastDue === due.getTime() ? { kind: 'REPEAT' } : { kind: 'IGNORE', reason: 'OVERTAKEN' };
  }
  if (task.status === 'PAUSED') {
    return { kind: 'IGNORE', reason: 'PAUSED' };
  }
  if (!isPlanned({ task, due, timeZone })) {
    return { kind: 'IGNORE', reason: 'NOT_PLANNED' };
  }
  if (task.type === 'INCREMENTAL') {
    return { kind: 'BEGIN', next: undefined };
  }
  const after = due > now ? due : now;
  return { kind: 'BEGIN', next: executionsAfter({ task, after, timeZone, count: 1 })[0] };
}

/**
 * Take a scheduled start: note and arm the task's next time, before anything else can fail. To be repeated as a whole with
 * its message when anything behind it fails: until a run is begun or skipped for `due`, it gives the same answer.
 *
 * @returns the task for which a run is to be begun (or, where one is going, logged as skipped); undefined when the start
 *   is to be ignored.
 * @throws Error when the task was changed by others each time.
 */
export async function onScheduledStart(options: {
  readonly taskKey: string;
  readonly due: Date;
  readonly tasks: Pick<TaskRepository, 'get' | 'update'>;
  readonly schedule: Pick<TaskSchedule, 'arm'>;
  readonly clock: Clock;
  readonly timeZone: string;
}): Promise<Task | undefined> {
  const { taskKey, due, tasks, schedule, clock, timeZone } = options;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const task = await tasks.get(taskKey);
    const start = scheduledStart({ task, due, now: clock(), timeZone });
    if (task === undefined || start.kind === 'IGNORE') {
      return undefined;
    }
    if (start.kind === 'REPEAT') {
      return task;
    }
    const { next } = start;
    const nextExecution = next?.toISOString();
    const isNoted =
      task.nextExecution === nextExecution ||
      (await tasks.update({ ...task, nextExecution }, { revision: task.revision })) === 'updated';
    if (isNoted) {
      if (next !== undefined) {
        await schedule.arm({ taskKey, due: next });
      }
      return tasks.get(taskKey);
    }
  }
  throw new Error(`Task ${taskKey} was changed by others ${ATTEMPTS} times while its next time was noted`);
}
