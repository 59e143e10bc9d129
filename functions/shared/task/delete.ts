import { disarmOld, type TaskStarter } from './begin.ts';
import type { TaskRepository } from './repository.ts';

/**
 * Delete a task with all that is kept for it, its armed time included.
 *
 * @throws DomainError RESOURCE_NOT_FOUND
 */
export async function deleteTask(options: {
  readonly taskKey: string;
  readonly tasks: Pick<TaskRepository, 'get' | 'delete'>;
  readonly schedule: Pick<TaskStarter['schedule'], 'disarm'>;
}): Promise<void> {
  const { taskKey, tasks, schedule } = options;
  const task = await tasks.get(taskKey);
  if (task !== undefined) {
    await disarmOld({ before: task, schedule });
  }
  await tasks.delete(taskKey);
}
