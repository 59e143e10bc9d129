import { DomainError } from '../errors.ts';
import { isSyncDue, type TaskStarter } from './begin.ts';
import { refuseWhileRunning } from './change.ts';
import type { TaskRepository } from './repository.ts';

/**
 * Run a task now, whatever its plan says. A run that was interrupted goes on; an INCREMENTAL task that waits begins to
 * follow the log.
 *
 * @throws DomainError RESOURCE_NOT_FOUND; TASK_STATUS_INVALID while it runs, follows the log, or is paused.
 */
export async function executeTask(options: {
  readonly taskKey: string;
  readonly tasks: Pick<TaskRepository, 'get'>;
  readonly queue: TaskStarter['queue'];
}): Promise<void> {
  const { taskKey, tasks, queue } = options;
  const task = await tasks.get(taskKey);
  if (task === undefined) {
    throw new DomainError('RESOURCE_NOT_FOUND', [taskKey]);
  }
  refuseWhileRunning(task);
  const isFollowing = task.status === 'REPLICATING' && !isSyncDue(task);
  if (isFollowing || task.status === 'PAUSED') {
    throw new DomainError('TASK_STATUS_INVALID');
  }
  await queue.start({ taskKey, trigger: 'EXECUTE' });
}
