import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import type { RunRepository } from '../run/repository.ts';
import { changeTask } from './change.ts';
import type { TaskRepository } from './repository.ts';

/**
 * Interrupt what a task is doing: its run, at once and in one transaction; its workers stop at their next nodes. A task
 * that follows the log and has no run is paused.
 *
 * @throws DomainError RESOURCE_NOT_FOUND; TASK_STATUS_INVALID when it is not REPLICATING.
 */
export async function interruptTask(options: {
  readonly taskKey: string;
  readonly by: string;
  readonly tasks: Pick<TaskRepository, 'get' | 'update'>;
  readonly runs: Pick<RunRepository, 'end'>;
  readonly clock: Clock;
}): Promise<void> {
  const { taskKey, by, tasks, runs, clock } = options;
  const task = await tasks.get(taskKey);
  if (task === undefined) {
    throw new DomainError('RESOURCE_NOT_FOUND', [taskKey]);
  }
  const { activeRunId: runId } = task;
  if (runId !== undefined) {
    const errorReason = `Interrupted by ${by}`;
    const outcome = await runs.end({ taskKey, runId, status: 'INTERRUPTED', errorReason, at: clock() });
    if (outcome === 'already') {
      throw new DomainError('TASK_STATUS_INVALID');
    }
    return;
  }
  await changeTask({
    ...options,
    change: (present) => {
      if (present.status !== 'REPLICATING' || present.activeRunId !== undefined) {
        throw new DomainError('TASK_STATUS_INVALID');
      }
      return { ...present, status: 'PAUSED', pausedFrom: 'REPLICATING' };
    },
  });
}
