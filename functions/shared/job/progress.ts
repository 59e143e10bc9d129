import type { Clock } from '../clock.ts';
import type { RunRepository } from '../run/repository.ts';
import type { SlotRepository } from '../slot/repository.ts';
import { accountOf, type LaneCounts } from '../task/account.ts';
import type { TaskRepository } from '../task/repository.ts';
import type { Task } from '../task/task.ts';
import type { JobProgress } from './answers.ts';
import { taskOfJob } from './batch.ts';
import { jobStateOf } from './state.ts';

interface ProgressSources {
  readonly tasks: Pick<TaskRepository, 'get'>;
  readonly runs: Pick<RunRepository, 'latest'>;
  readonly lanes: { list(taskKey: string): Promise<readonly LaneCounts[]> };
  readonly slots: Pick<SlotRepository, 'get'>;
  readonly clock: Clock;
}

/**
 * How far a job is.
 *
 * @throws DomainError RESOURCE_NOT_FOUND
 */
export async function progressOfJob(
  options: ProgressSources & { readonly taskKey: string; readonly projectId: string | undefined },
): Promise<JobProgress> {
  const { taskKey, runs, clock } = options;
  const task = await taskOfJob(options);
  const isFollowing = jobStateOf(task) === 'INCRE_TRANSFER_STARTED';
  return {
    task,
    run: await runs.latest(taskKey),
    delayMs: isFollowing ? await delayOf(task, options) : undefined,
    now: clock(),
  };
}

/** None when everything that was read is done; else as long ago as the last event that was read was logged. */
async function delayOf(task: Task, sources: ProgressSources): Promise<number> {
  const { lanes, slots, clock } = sources;
  const laneStates = await lanes.list(task.key);
  const slot = await slots.get(task.slotName);
  const loggedAt = slot?.position.lastLoggedAt ?? undefined;
  if (loggedAt === undefined || accountOf({ slot, task, lanes: laneStates }).pending === 0) {
    return 0;
  }
  return Math.max(0, clock().getTime() - Date.parse(loggedAt));
}
