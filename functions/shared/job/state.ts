import { isSyncDue } from '../task/begin.ts';
import type { Task } from '../task/task.ts';

/**
 * State of a task in the service's published names. What was interrupted can be gone on with, so it is called as what is paused
 * (`PAUSING` means that there); an INCREMENTAL task is in its full transfer while its initial sync is to be done.
 */
export type JobState =
  | 'WAITING_FOR_START'
  | 'PAUSING'
  | 'FULL_TRANSFER_STARTED'
  | 'FULL_TRANSFER_FAILED'
  | 'FULL_TRANSFER_COMPLETE'
  | 'INCRE_TRANSFER_STARTED'
  | 'INCRE_TRANSFER_FAILED';

export function jobStateOf(task: Pick<Task, 'type' | 'status' | 'initialSync'>): JobState {
  const isFull = task.type === 'FULL' || isSyncDue(task);
  switch (task.status) {
    case 'WAITING':
      return 'WAITING_FOR_START';
    case 'PAUSED':
    case 'INTERRUPTED':
      return 'PAUSING';
    case 'REPLICATING':
      return isFull ? 'FULL_TRANSFER_STARTED' : 'INCRE_TRANSFER_STARTED';
    case 'FAILED':
      return isFull ? 'FULL_TRANSFER_FAILED' : 'INCRE_TRANSFER_FAILED';
    case 'SUCCESS':
      return 'FULL_TRANSFER_COMPLETE';
  }
}

/**
 * Whether a job has ended for good: a FULL task's run has, and no other is planned. An INCREMENTAL task that failed goes on
 * from there when it is started again.
 */
export function hasEnded(task: Pick<Task, 'type' | 'status' | 'setting'>): boolean {
  const isOver = task.status === 'SUCCESS' || task.status === 'FAILED' || task.status === 'INTERRUPTED';
  return isOver && task.type === 'FULL' && task.setting.executionPlan.cronExpression === undefined;
}

/** Transfer that a job is for, in the service's names. */
export function taskModeOf(task: Pick<Task, 'type' | 'initialSync'>): string {
  if (task.type === 'FULL') {
    return 'FULL_TRANS';
  }
  return task.initialSync === undefined ? 'INCR_TRANS' : 'FULL_INCR_TRANS';
}
