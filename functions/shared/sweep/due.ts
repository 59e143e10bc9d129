import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { RunQueue } from '../sync/queue.ts';
import type { Task } from '../task/task.ts';
import type { SweepRepository } from './repository.ts';
import { dueSweep, duesAfter, newSweep, type Sweep } from './sweep.ts';

/** Attempts at a beginning that others got in the way of. */
const ATTEMPTS = 4;

/** Longest time until a sweep is looked after again (`process-sweep.ts`); seconds. */
export const LOOK_DELAY = 30;

/** Milliseconds in which somebody has looked after a sweep, or its message is lost: above a message's longest delay and visibility. */
const FORGOTTEN_MS = 1_800_000;

/** The same of one that nobody has begun to work on: its message may not have been sent. */
const UNBEGUN_MS = 60_000;

export interface DueDependencies {
  readonly sweeps: SweepRepository;
  readonly queue: Pick<RunQueue, 'sweep'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'error'>;
}

/**
 * Begin the sweep of a task that is due, if none is going; see to it that one that is going is worked on. May be repeated at
 * any time, by anybody.
 *
 * @returns the sweep that was begun.
 */
export async function beginDue(options: {
  readonly task: Task;
  readonly dependencies: DueDependencies;
}): Promise<Sweep | undefined> {
  const { task, dependencies } = options;
  const { sweeps, queue, clock, logger } = dependencies;
  const { key: taskKey } = task;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const state = await sweeps.state(taskKey);
    const now = clock();
    if (state.activeSweepId !== undefined) {
      const active = await sweeps.get(taskKey, state.activeSweepId);
      if (active?.status === 'RUNNING') {
        const patience = active.epoch === 0 ? UNBEGUN_MS : FORGOTTEN_MS;
        if (now.getTime() - Date.parse(active.touchedAt) > patience) {
          const { sweepId } = active;
          await queue.sweep({ taskKey, sweepId }, { delay: LOOK_DELAY });
          // One message for each time: where they wait for longer than that, each would bring another with it, for ever.
          await sweeps.touch({ taskKey, sweepId, at: now });
        }
        return undefined;
      }
      await sweeps.forget({ taskKey, state });
      continue;
    }
    const repairs = (task.openGaps ?? 0) > 0 ? await sweeps.repairs(taskKey) : [];
    const due = dueSweep({ task, state, repairs, now });
    if (due === undefined) {
      return undefined;
    }
    const sweep = newSweep({ ...due, taskKey, at: now });
    const dues = duesAfter({ task, state, kind: sweep.kind, now });
    if (await sweeps.begin({ sweep, state, dues })) {
      const { sweepId, kind, trigger, window } = sweep;
      await queue.sweep({ taskKey, sweepId });
      logger.info('Began a sweep', { taskKey, sweepId, kind, trigger, window });
      return sweep;
    }
  }
  return undefined;
}

/**
 * Begin every task's sweep that is due. For something that comes back in a few minutes: one task's fault is logged and keeps
 * no other from its sweep.
 *
 * @param options `signal`: aborted when time is nearly up.
 */
export async function startDueSweeps(options: {
  readonly tasks: { list(): Promise<readonly Task[]> };
  readonly signal: AbortSignal;
  readonly dependencies: DueDependencies;
}): Promise<void> {
  const { tasks, signal, dependencies } = options;
  for (const task of await tasks.list()) {
    if (signal.aborted) {
      return;
    }
    if (task.type === 'INCREMENTAL' && task.status === 'REPLICATING') {
      await beginDue({ task, dependencies }).catch((error: unknown) => {
        dependencies.logger.error('The sweeps of a task could not be looked after', {
          taskKey: task.key,
          error: error instanceof Error ? error : String(error),
        });
      });
    }
  }
}
