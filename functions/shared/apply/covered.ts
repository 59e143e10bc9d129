import { type AheadPath, CLOCK_TOLERANCE } from '../lane/ahead.ts';
import type { Operation } from '../lane/operation.ts';
import { ROOT } from '../node/path.ts';
import type { Task } from '../task/task.ts';

/*
 * A task that copied first what there was gets the log from a position that was taken before. So the log repeats what the
 * copy holds already: of what was logged before it began, all; of what was logged while it ran, nobody knows.
 */

/**
 * Whether an event is in the task's first synchronization: it was logged before that began, by more than clocks may differ.
 * A node that it changed was read afterwards.
 *
 * @param loggedAt ISO 8601 UTC.
 */
export function isCovered(task: Pick<Task, 'initialSync'>, loggedAt: string): boolean {
  const { startedAt, endedAt } = task.initialSync ?? {};
  return (
    startedAt !== undefined &&
    endedAt !== undefined &&
    Date.parse(loggedAt) < Date.parse(startedAt) - CLOCK_TOLERANCE
  );
}

/** What a lane in which nothing was applied yet has to take for ahead of the log: what was copied until the copy ended. */
export function aheadAtFirst(task: Pick<Task, 'initialSync'>): AheadPath[] {
  const { endedAt } = task.initialSync ?? {};
  return endedAt === undefined ? [] : [{ fullPath: ROOT, until: endedAt }];
}

/**
 * The path that an operation has left without a node: the copy has what came to be, but a target that was not empty may
 * still have what went.
 */
export function vacatedBy(operation: Operation): string | undefined {
  switch (operation.kind) {
    case 'NODE_DELETE':
    case 'NODE_RENAME':
    case 'NODE_MOVE':
      return operation.fullPath;
    default:
      return undefined;
  }
}
