import { type LogRead, positionBehind } from '../operate-log/reader.ts';
import type { LogRing } from '../operate-log/ring.ts';
import { capacityOf } from '../slot/headroom.ts';
import type { Slot } from '../slot/slot.ts';

/** Share of the log's entries beyond which it may have gone round. */
const FULL = 0.5;

/**
 * A read as it is to be committed: a slot that was opened on an empty log has no document to look for in its first one, so that
 * nothing shows where the log has gone round before. A log that is half full by then counts as overtaken since the slot was
 * made: comparing what was changed meanwhile costs little, a missed gap costs data.
 *
 * @param options `inspect`: looks at the log, after the read; undefined where it cannot be looked at.
 */
export async function withFirstGap(options: {
  readonly slot: Pick<Slot, 'position' | 'createdDate'>;
  readonly read: LogRead;
  readonly inspect: () => Promise<LogRing | undefined>;
}): Promise<LogRead> {
  const { slot, read, inspect } = options;
  const [oldest] = read.documents;
  if (slot.position.lastId !== null || oldest === undefined) {
    return read;
  }
  const ring = await inspect();
  const capacity = ring === undefined ? 0 : capacityOf(ring);
  if (capacity === null || (ring?.events ?? 0) < FULL * capacity) {
    return read;
  }
  const after = { lastId: null, lastLoggedAt: slot.createdDate };
  return { ...read, gap: { after, before: positionBehind(oldest) } };
}
