import { z } from 'zod';
import type { LogPosition } from '../operate-log/reader.ts';
import type { LogRing, LogSize } from '../operate-log/ring.ts';

/** Seconds between two starts of the tailer: a log must hold at least what is written meanwhile. */
export const TAIL_PERIOD = 60;

/** Older measures count less, by half after seven minutes; seconds. */
const SMOOTHING = 600;
/** Less than this much measured time says nothing of a rate; seconds. */
const LEAST_MEASURED = 30;
/** A log that gets less than an event a day is taken for one that gets none; events per second. */
const LEAST_RATE = 1 / 86_400;
/** How often at most it is written down that nothing was new; milliseconds. */
const NOTE_PERIOD = 30_000;

/**
 * What a slot has measured of how fast the log is written. Between two moments at which it had read everything, as many
 * events were written as it read, by its own clock: no writer's clock counts, and how fast it reads neither.
 */
export const writingSchema = z.object({
  /** When the log was last found drained, ISO 8601 UTC. */
  drainedAt: z.iso.datetime().optional(),
  /** Events that were read since. */
  unmeasured: z.number().int().nonnegative(),
  /** Events, and the seconds in which they were written; both fade alike. */
  events: z.number().nonnegative(),
  seconds: z.number().nonnegative(),
});
export type Writing = z.infer<typeof writingSchema>;

/**
 * What is known after a read.
 *
 * @param read `at`: just before the log was asked; `isDrained`: nothing more was there then.
 */
export function afterRead(
  writing: Writing | undefined,
  read: { readonly events: number; readonly at: Date; readonly isDrained: boolean },
): Writing {
  const before = writing ?? { unmeasured: 0, events: 0, seconds: 0 };
  const unmeasured = before.unmeasured + read.events;
  if (!read.isDrained) {
    return { ...before, unmeasured };
  }
  const drainedAt = read.at.toISOString();
  if (before.drainedAt === undefined) {
    // Since when these were written is not known.
    return { ...before, drainedAt, unmeasured: 0 };
  }
  const elapsed = (read.at.getTime() - Date.parse(before.drainedAt)) / 1_000;
  if (elapsed <= 0) {
    return { ...before, unmeasured };
  }
  const fade = Math.exp(-elapsed / SMOOTHING);
  return {
    drainedAt,
    unmeasured: 0,
    events: rounded(before.events * fade + unmeasured),
    seconds: rounded(before.seconds * fade + elapsed),
  };
}

/** Down to a millionth, and so to 0 in the end: DynamoDB refuses numbers below 1e-130, which two idle days would bring about. */
function rounded(measure: number): number {
  return Math.floor(measure * 1e6) / 1e6;
}

/** Whether it is time to write down that the log was found drained at an instant. */
export function isNoteDue(writing: Writing | undefined, at: Date): boolean {
  return writing?.drainedAt === undefined || at.getTime() - Date.parse(writing.drainedAt) >= NOTE_PERIOD;
}

/** Events that are written to the log in a second; null while that is not known. */
export function eventsPerSecond(writing: Writing | undefined): number | null {
  return writing === undefined || writing.seconds < LEAST_MEASURED ? null : writing.events / writing.seconds;
}

/** How far a slot is behind the log's end. */
export interface Lag {
  /**
   * Entries that are not read. Exact up to the window of `ring.newest`; beyond it, the share of the log's entries that
   * the dates of its ends and of the position suggest.
   */
  readonly events: number;
  /** Age of the oldest of them; beyond the window, of the entry that was read last. 0 when all is read. */
  readonly seconds: number;
}

/** @returns null of a log that is not capped: it has no order to be behind in. */
export function lagOf(options: {
  readonly ring: LogRing;
  readonly position: LogPosition;
  readonly now: Date;
}): Lag | null {
  const { ring, position, now } = options;
  if (ring.kind !== 'CAPPED') {
    return null;
  }
  const ageOf = (instant: string | null | undefined): number =>
    typeof instant === 'string' ? Math.max(0, (now.getTime() - Date.parse(instant)) / 1_000) : 0;
  const read = ring.newest.findIndex(({ lastId }) => lastId === position.lastId);
  if (read !== -1) {
    return { events: read, seconds: read === 0 ? 0 : ageOf(ring.newest[read - 1]?.lastLoggedAt) };
  }
  const { oldestLoggedAt } = ring;
  const newestLoggedAt = ring.newest[0]?.lastLoggedAt;
  const { lastLoggedAt } = position;
  if (
    ring.newest.length >= ring.events ||
    typeof lastLoggedAt !== 'string' ||
    typeof oldestLoggedAt !== 'string' ||
    typeof newestLoggedAt !== 'string' ||
    lastLoggedAt <= oldestLoggedAt
  ) {
    // The position is not in the log: it was overtaken, or nothing was ever read.
    return { events: ring.events, seconds: ageOf(oldestLoggedAt) };
  }
  const end = Date.parse(newestLoggedAt);
  const share = (end - Date.parse(lastLoggedAt)) / (end - Date.parse(oldestLoggedAt));
  return {
    // At least what was looked at, for the position is not among it; and clocks may contradict each other.
    events: Math.min(ring.events, Math.max(ring.newest.length, Math.round(ring.events * share))),
    seconds: ageOf(lastLoggedAt),
  };
}

/** Entries of a usual size that the log holds before it overwrites; null when it does not. */
export function capacityOf(ring: LogSize, averageBytes: number | null = ring.averageBytes): number | null {
  if (ring.maxBytes === null || averageBytes === null || averageBytes <= 0) {
    return null;
  }
  return Math.min(ring.maxBytes / averageBytes, ring.maxEvents ?? Number.POSITIVE_INFINITY);
}

/**
 * Whole seconds until the oldest unread entry is overwritten, when the log goes on being written as fast as it was and
 * nothing is read: what still fits before the ring is round, by the rate. 0 when it was overtaken.
 *
 * @returns null when nothing is ever overwritten, or the rate is not known or next to nothing.
 */
export function headroomOf(options: {
  readonly ring: LogRing;
  readonly unread: number;
  /** Events per second. */
  readonly rate: number | null;
}): number | null {
  const { ring, unread, rate } = options;
  const capacity = capacityOf(ring);
  if (capacity === null || rate === null || rate < LEAST_RATE) {
    return null;
  }
  return Math.floor(Math.max(0, capacity - unread) / rate);
}
