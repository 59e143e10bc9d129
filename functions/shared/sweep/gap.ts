import type { ArchiveObject } from '../archive/archive.ts';
import type { Clock } from '../clock.ts';
import type { RunQueue } from '../sync/queue.ts';
import type { SweepRepository } from './repository.ts';
import { CLOCK_TOLERANCE_MS, type SweepWindow } from './sweep.ts';

/** Has tasks repaired after gaps of the log. */
export interface GapRepairs {
  /**
   * Have each task's nodes compared that were changed while the log overtook the slot, behind what was read before. Does
   * nothing for a read without a gap. Repeating it changes nothing.
   */
  request(request: { readonly read: GapRead; readonly taskKeys: readonly string[] }): Promise<void>;
}

/** What is needed of a committed read. */
export type GapRead = Pick<ArchiveObject, 'slotName' | 'firstOrdinal' | 'readDate' | 'gap'>;

export function gapRepairs(options: {
  readonly sweeps: Pick<SweepRepository, 'requestRepair'>;
  readonly queue: Pick<RunQueue, 'sweep'>;
  readonly clock: Clock;
}): GapRepairs {
  const { sweeps, queue, clock } = options;
  return {
    async request({ read, taskKeys }) {
      const window = windowOf(read);
      if (window === undefined) {
        return;
      }
      const gap = { slotName: read.slotName, ordinal: read.firstOrdinal };
      for (const taskKey of taskKeys) {
        await sweeps.requestRepair({ taskKey, gap, window, at: clock() });
        await queue.sweep({ taskKey });
      }
    },
  };
}

/**
 * When the entries were written that a gap may have lost: between the last one read and the first one left. Writers' clocks
 * may be apart; an entry without a date counts as written in 1970, so that the read's own time bounds it.
 */
export function windowOf({ gap, readDate }: GapRead): SweepWindow | undefined {
  if (gap === undefined) {
    return undefined;
  }
  const after = Date.parse(gap.after.lastLoggedAt ?? new Date(0).toISOString());
  const before = Date.parse(gap.before.lastLoggedAt ?? readDate);
  const end = before <= after ? Math.max(after, Date.parse(readDate)) : before;
  return {
    from: new Date(Math.max(0, after - CLOCK_TOLERANCE_MS)).toISOString(),
    to: new Date(end + CLOCK_TOLERANCE_MS).toISOString(),
  };
}
