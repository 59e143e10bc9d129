import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import { armNoted, disarmOld, isSyncDue, missedTime, planned, type TaskStarter } from './begin.ts';
import { changeTask, refuseWhileRunning } from './change.ts';
import type { TaskRepository } from './repository.ts';
import type { Task } from './task.ts';

/**
 * Pause a task, or resume one that is paused. A paused task follows no log and starts no run; resumed, it is what it was:
 * it gets what was logged meanwhile, waits for its plan's next time, or begins if its time came while it was paused. One that
 * had failed while it followed the log goes on from where it stood.
 *
 * @param options `timeZone`: zone of cron expressions; `to`: only this way, refused when it is so already.
 * @throws DomainError RESOURCE_NOT_FOUND; TASK_STATUS_INVALID while a run is going.
 */
export async function toggleTask(options: {
  readonly taskKey: string;
  readonly by: string;
  readonly tasks: Pick<TaskRepository, 'get' | 'update'>;
  readonly starter: TaskStarter;
  readonly clock: Clock;
  readonly timeZone: string;
  readonly to?: 'PAUSED' | 'RESUMED' | undefined;
}): Promise<void> {
  const { starter, clock, timeZone, to } = options;
  const now = clock();
  const { before, after } = await changeTask({
    ...options,
    change: async (task) => {
      refuseWhileRunning(task);
      if (to !== undefined && (to === 'PAUSED') === (task.status === 'PAUSED')) {
        throw new DomainError('TASK_STATUS_INVALID');
      }
      const changed = task.status === 'PAUSED' ? resumed(task, now, timeZone) : paused(task);
      await armNoted(changed, starter.schedule);
      return changed;
    },
  });
  await disarmOld({ before, after, schedule: starter.schedule });
  if (before.status === 'PAUSED') {
    await startDue({ task: after, now, queue: starter.queue });
  }
}

function paused(task: Task): Task {
  return { ...task, status: 'PAUSED', pausedFrom: task.status, nextExecution: undefined };
}

function resumed(task: Task, now: Date, timeZone: string): Task {
  const { pausedFrom = 'WAITING', ...rest } = task;
  const back: Task = { ...rest, status: pausedFrom };
  if (task.type === 'INCREMENTAL' && pausedFrom === 'WAITING') {
    // It has not begun: nothing that was logged until it does is its own.
    const { catchUp: _catchUp, startOrdinal: _startOrdinal, ...unbegun } = back;
    return planned(unbegun, now, timeZone);
  }
  const hasStopped = task.type === 'INCREMENTAL' && pausedFrom === 'FAILED' && !isSyncDue(task);
  return planned(hasStopped ? { ...back, status: 'REPLICATING' } : back, now, timeZone);
}

/** Start what should have begun while the task was paused. */
async function startDue(options: {
  readonly task: Task;
  readonly now: Date;
  readonly queue: TaskStarter['queue'];
}): Promise<void> {
  const { task, now, queue } = options;
  const { key: taskKey } = task;
  const missed = missedTime(task, now);
  if (task.status === 'REPLICATING') {
    if (isSyncDue(task)) {
      await queue.start({ taskKey, trigger: 'INITIAL' });
    }
  } else if (task.status === 'WAITING' && missed !== undefined) {
    await queue.start({ taskKey, trigger: 'SCHEDULE', due: missed.toISOString() });
  } else if (task.status === 'WAITING' && task.nextExecution === undefined) {
    await queue.start({ taskKey, trigger: 'EXECUTE' });
  }
}
