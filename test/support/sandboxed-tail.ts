import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../../functions/shared/clock.ts';
import { inspectLog } from '../../functions/shared/operate-log/ring.ts';
import { gapRepairs } from '../../functions/shared/sweep/gap.ts';
import type { RunQueue } from '../../functions/shared/sync/queue.ts';
import type { TailDependencies, TailSettings } from '../../functions/shared/tail/tail.ts';
import { SANDBOX_LOG, type Sandbox } from './sandbox.ts';

/** What the tailer needs, over a sandbox's stores. `runs`: the queue that sweeps are asked for on; nobody's, if left out. */
export function sandboxedTail(
  sandbox: Sandbox,
  runs: Pick<RunQueue, 'sweep'> = { sweep: async () => undefined },
): TailDependencies {
  return {
    slots: sandbox.slots,
    tasks: sandbox.tasks,
    catchUps: sandbox.catchUps,
    log: sandbox.log,
    inspect: () => inspectLog({ database: sandbox.database, collection: SANDBOX_LOG }),
    archive: sandbox.archive,
    lanes: sandbox.lanes,
    queue: sandbox.queue,
    repairs: gapRepairs({
      sweeps: sandbox.sweeps,
      queue: runs,
      clock: systemClock,
    }),
    clock: systemClock,
    logger: { info: () => undefined, warn: () => undefined },
    observe: async () => undefined,
    wait: (milliseconds) => wait(milliseconds),
  };
}

export function burst(owner: string, fields: Partial<TailSettings> = {}): TailSettings {
  return {
    mode: 'burst',
    owner,
    deadline: Date.now() + 60_000,
    readLimit: 1_000,
    leaseMs: 30_000,
    pollMs: 100,
    ...fields,
  };
}
