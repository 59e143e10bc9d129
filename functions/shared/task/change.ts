import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import type { TaskRepository } from './repository.ts';
import type { Task } from './task.ts';

/** Attempts at a change that others get in the way of: a run that begins, or a tailer that notes a position. */
const ATTEMPTS = 8;

/** A task before and after it was changed. */
export interface TaskChange {
  readonly before: Task;
  readonly after: Task;
}

/**
 * Change a stored task for a user, from what it is at that moment: the change is worked out again when others were first.
 *
 * @param options `change`: throws what makes it impossible.
 * @throws DomainError RESOURCE_NOT_FOUND; SYSTEM_BUSY when others were first each time.
 */
export async function changeTask(options: {
  readonly taskKey: string;
  readonly by: string;
  readonly tasks: Pick<TaskRepository, 'get' | 'update'>;
  readonly clock: Clock;
  readonly change: (task: Task) => Task | Promise<Task>;
}): Promise<TaskChange> {
  const { taskKey, by, tasks, clock, change } = options;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const before = await tasks.get(taskKey);
    if (before === undefined) {
      throw new DomainError('RESOURCE_NOT_FOUND', [taskKey]);
    }
    const after: Task = {
      ...(await change(before)),
      lastModifiedBy: by,
      lastModifiedDate: clock().toISOString(),
    };
    if ((await tasks.update(after, { revision: before.revision })) === 'updated') {
      return { before, after };
    }
  }
  throw new DomainError('SYSTEM_BUSY');
}

/** @throws DomainError TASK_STATUS_INVALID while a run of the task is going. */
export function refuseWhileRunning(task: Task): void {
  if (task.activeRunId !== undefined) {
    throw new DomainError('TASK_STATUS_INVALID');
  }
}
