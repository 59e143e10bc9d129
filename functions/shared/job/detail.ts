import type { RunRepository } from '../run/repository.ts';
import type { TaskRepository } from '../task/repository.ts';
import type { Task } from '../task/task.ts';
import { taskOfJob } from './batch.ts';

/** What the details of a job are told from. */
export interface JobDetail {
  readonly task: Task;
  /** Why it has failed, where its log says so; holds no secret. */
  readonly failedReason?: string | undefined;
}

/**
 * A job with what its details need; its log is read only where it has failed.
 *
 * @throws DomainError RESOURCE_NOT_FOUND
 */
export async function detailOfJob(options: {
  readonly taskKey: string;
  readonly projectId: string | undefined;
  readonly tasks: Pick<TaskRepository, 'get'>;
  readonly runs: Pick<RunRepository, 'latest'>;
}): Promise<JobDetail> {
  const task = await taskOfJob(options);
  const run = task.status === 'FAILED' ? await options.runs.latest(task.key) : undefined;
  return { task, failedReason: run?.status === 'FAILED' ? run.errorReason : undefined };
}
