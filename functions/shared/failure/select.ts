import { DomainError } from '../errors.ts';
import { MAX_RETRIES_AT_ONCE } from '../sync/message.ts';
import type { RunQueue } from '../sync/queue.ts';
import type { TaskRepository } from '../task/repository.ts';
import type { FailureRepository } from './repository.ts';
import type { FailureSelection } from './requests.ts';

/** Failures that one request for all of them reaches; it may be made again for the rest. */
const MAX_SELECTED = 10_000;

interface Options {
  readonly selection: FailureSelection;
  readonly tasks: Pick<TaskRepository, 'get'>;
}

/**
 * Ask for failures to be retried, from what the source has now: those named, or all. What is put right loses its record.
 *
 * @throws DomainError RESOURCE_NOT_FOUND for an unknown task.
 */
export async function retryFailures(
  options: Options & {
    readonly failures: Pick<FailureRepository, 'ids'>;
    readonly queue: Pick<RunQueue, 'retry'>;
  },
): Promise<void> {
  const { selection, queue } = options;
  const ids = await selectedIds(options);
  for (let start = 0; start < ids.length; start += MAX_RETRIES_AT_ONCE) {
    await queue.retry({
      taskKey: selection.taskKey,
      failures: ids.slice(start, start + MAX_RETRIES_AT_ONCE),
    });
  }
}

/**
 * Remove the records of failures: those named, or all.
 *
 * @throws DomainError RESOURCE_NOT_FOUND for an unknown task.
 */
export async function dismissFailures(
  options: Options & { readonly failures: Pick<FailureRepository, 'ids' | 'remove'> },
): Promise<void> {
  await options.failures.remove(options.selection.taskKey, await selectedIds(options));
}

async function selectedIds(
  options: Options & { readonly failures: Pick<FailureRepository, 'ids'> },
): Promise<readonly string[]> {
  const { selection, tasks, failures } = options;
  const { taskKey, ids } = selection;
  if ((await tasks.get(taskKey)) === undefined) {
    throw new DomainError('RESOURCE_NOT_FOUND', [taskKey]);
  }
  return ids?.filter((id) => id !== '') ?? failures.ids(taskKey, MAX_SELECTED);
}
