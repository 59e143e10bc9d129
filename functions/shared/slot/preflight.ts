import type { Logger } from '../logger.ts';
import { inspectIfPossible, type LogSize } from '../operate-log/ring.ts';
import { capacityOf, eventsPerSecond, TAIL_PERIOD } from './headroom.ts';
import type { SlotRepository } from './repository.ts';

/** Why a log cannot be followed without losing something sooner or later. */
export interface LogWarning {
  readonly code: 'LOG_MISSING' | 'LOG_NOT_CAPPED' | 'LOG_TOO_SMALL';
  /** For the text's `{0}`, `{1}` …, in http/warning-catalogue.ts. */
  readonly args: readonly string[];
}

/** Events per second that a log must bear, however little is written to it now: a build that uploads its results. */
const USUAL_PEAK = 20;
/** Bytes of an entry where there is none to look at: bk-repo's own are of 300 to 600. */
const USUAL_BYTES = 500;

/**
 * Whether a log can be followed: it exists, is capped, and holds at least what is written between two starts of the
 * tailer. The 10,000 bytes of bk-repo's documentation hold some twenty entries.
 *
 * @param options `rate`: events per second that were measured; null when none were.
 */
export function preflight(options: {
  readonly ring: LogSize;
  readonly collection: string;
  readonly rate: number | null;
}): readonly LogWarning[] {
  const { ring, collection, rate } = options;
  if (ring.kind === 'MISSING') {
    return [{ code: 'LOG_MISSING', args: [collection] }];
  }
  if (ring.kind === 'UNCAPPED') {
    return [{ code: 'LOG_NOT_CAPPED', args: [collection] }];
  }
  const capacity = capacityOf(ring, ring.averageBytes ?? USUAL_BYTES);
  const needed = Math.ceil(TAIL_PERIOD * Math.max(rate ?? 0, USUAL_PEAK));
  return capacity === null || capacity >= needed
    ? []
    : [
        {
          code: 'LOG_TOO_SMALL',
          args: [collection, String(ring.maxBytes), String(Math.floor(capacity)), String(needed)],
        },
      ];
}

/**
 * What a task that follows the log by a slot is to be warned of; nothing where the log cannot be looked at.
 */
export async function preflightOfSlot(options: {
  readonly slotName: string;
  readonly slots: Pick<SlotRepository, 'get'>;
  readonly inspect: () => Promise<LogSize>;
  readonly collection: string;
  readonly logger: Pick<Logger, 'warn'>;
}): Promise<readonly LogWarning[]> {
  const { slotName, slots, inspect, collection, logger } = options;
  const ring = await inspectIfPossible({ inspect, logger });
  if (ring === undefined) {
    return [];
  }
  const slot = await slots.get(slotName);
  return preflight({ ring, collection, rate: eventsPerSecond(slot?.writing) });
}
