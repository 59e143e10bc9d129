import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import type { RunRepository } from '../run/repository.ts';
import type { TaskStarter } from '../task/begin.ts';
import { deleteTask } from '../task/delete.ts';
import { executeTask } from '../task/execute.ts';
import { interruptTask } from '../task/interrupt.ts';
import type { TaskRepository } from '../task/repository.ts';
import { toggleTask } from '../task/toggle.ts';
import { taskOfJob } from './batch.ts';

interface JobAction {
  readonly taskKey: string;
  readonly projectId: string | undefined;
  readonly by: string;
  readonly tasks: Pick<TaskRepository, 'get' | 'update'>;
  readonly starter: TaskStarter;
  readonly clock: Clock;
  /** Zone of cron expressions. */
  readonly timeZone: string;
}

/**
 * Pause a job: a run is interrupted, to be gone on with by a retry; what follows the log, or waits for its time, is paused.
 *
 * @throws DomainError RESOURCE_NOT_FOUND; TASK_STATUS_INVALID when it is paused or has ended; TASK_CONTENDED.
 */
export async function pauseJob(
  options: JobAction & { readonly runs: Pick<RunRepository, 'end'> },
): Promise<void> {
  const { status } = await taskOfJob(options);
  if (status === 'REPLICATING') {
    await uncontended(interruptTask(options));
  } else if (status === 'WAITING') {
    await uncontended(toggleTask({ ...options, to: 'PAUSED' }));
  } else {
    throw new DomainError('TASK_STATUS_INVALID');
  }
}

/**
 * Start a job again: what is paused is what it was, what was interrupted or has failed goes on.
 *
 * @throws DomainError RESOURCE_NOT_FOUND; TASK_STATUS_INVALID when it goes, waits for its time, or is complete; TASK_CONTENDED.
 */
export async function retryJob(options: JobAction): Promise<void> {
  const { status } = await taskOfJob(options);
  if (status === 'PAUSED') {
    await uncontended(toggleTask({ ...options, to: 'RESUMED' }));
  } else if (status === 'FAILED' || status === 'INTERRUPTED') {
    await executeTask({ ...options, queue: options.starter.queue });
  } else {
    throw new DomainError('TASK_STATUS_INVALID');
  }
}

/**
 * Delete a job, whatever it is doing.
 *
 * @throws DomainError RESOURCE_NOT_FOUND
 */
export async function deleteJob(options: {
  readonly taskKey: string;
  readonly projectId: string | undefined;
  readonly tasks: Pick<TaskRepository, 'get' | 'delete'>;
  readonly schedule: Pick<TaskStarter['schedule'], 'disarm'>;
}): Promise<void> {
  await taskOfJob(options);
  await deleteTask(options);
}

/** A change that others got in the way of each time has a code of its own here. */
async function uncontended(change: Promise<void>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (error instanceof DomainError && error.code === 'SYSTEM_BUSY') {
      throw new DomainError('TASK_CONTENDED', [], { cause: error });
    }
    throw error;
  }
}
