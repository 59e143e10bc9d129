import type { RemoteCircuits } from '../apply/remote-circuits.ts';
import type { Remotes } from '../apply/remotes.ts';
import { RemoteOutageError } from '../remote/errors.ts';
import { inParallel } from '../sync/pool.ts';
import type { CatchUpRepository } from '../tail/catch-up-repository.ts';
import { causeToPark, goOnParking, type ParkingDependencies, parkTask } from '../tail/parking.ts';
import type { Task } from '../task/task.ts';
import type { UpkeepStep } from './upkeep.ts';

/** Tasks looked after at once. */
const TASKS_AT_ONCE = 8;

export interface LaneUpkeepDependencies extends ParkingDependencies {
  readonly tasks: { list(): Promise<readonly Task[]> };
  readonly catchUps: ParkingDependencies['catchUps'] & Pick<CatchUpRepository, 'unpark'>;
  readonly remotes: Remotes;
  /** Absent: nobody keeps any. */
  readonly circuits?: Pick<RemoteCircuits, 'end'>;
}

/**
 * The step that looks after lanes that stand still: parks their tasks (`tail/parking.ts`), and lets one whose remote was away
 * catch up when the remote answers again. One task that fails keeps no other from being looked after.
 */
export function laneUpkeep(dependencies: LaneUpkeepDependencies): UpkeepStep {
  const { tasks, catchUps, remotes, circuits, clock, logger } = dependencies;

  async function probe(task: Task): Promise<void> {
    const { key: taskKey, generation = 0 } = task;
    try {
      await (await remotes.clientFor(task)).ping();
    } catch (error) {
      if (error instanceof RemoteOutageError) {
        return;
      }
      throw error;
    }
    // Before the task goes on: what it sends would be put off until the circuit's time has come.
    await circuits?.end(task.setting.remoteClusterInfo.url);
    if (await catchUps.unpark({ taskKey, generation })) {
      logger.info('A remote is back: its task catches up', { taskKey });
    }
  }

  async function lookAfter(task: Task): Promise<void> {
    const parked = task.catchUp?.parked;
    if (parked === undefined) {
      await parkTask({ task, causeOf: (lanes) => causeToPark(task, lanes, clock()), dependencies });
      return;
    }
    const isRewound = parked.isRewound === true || (await goOnParking({ task, dependencies }));
    if (isRewound && parked.reason === 'REMOTE_AWAY' && task.status === 'REPLICATING') {
      await probe(task);
    }
  }

  return {
    name: 'lanes',
    async run(signal) {
      const listed = await tasks.list();
      await inParallel({
        items: listed.filter(({ type }) => type === 'INCREMENTAL'),
        atOnce: TASKS_AT_ONCE,
        maxBytes: Number.POSITIVE_INFINITY,
        bytesOf: () => 0,
        work: async (task) => {
          if (signal.aborted) {
            return;
          }
          await lookAfter(task).catch((error: unknown) => {
            logger.warn('A task could not be looked after', {
              taskKey: task.key,
              error: error instanceof Error ? error : String(error),
            });
          });
        },
      });
    },
  };
}
