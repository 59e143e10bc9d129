import type { Language } from '../http/language.ts';
import { formatLocalDateTime } from '../http/local-date-time.ts';
import { warningsAnswer } from '../http/warning-catalogue.ts';
import type { LogRing } from '../operate-log/ring.ts';
import type { Task } from '../task/task.ts';
import { eventsPerSecond, headroomOf, lagOf } from './headroom.ts';
import { preflight } from './preflight.ts';
import type { Slot } from './slot.ts';

/**
 * A slot as the API answers it, with the tasks that have still to get a part of what was read from it, and those that are to
 * leave it; dates local to `timeZone`.
 *
 * @param tasks of any slot, read before the slot was.
 */
export function slotAnswer(
  slot: Slot,
  tasks: readonly Pick<Task, 'key' | 'slotName' | 'requestedSlotName' | 'catchUp'>[],
  timeZone: string,
) {
  const local = (instant: string | number): string => formatLocalDateTime(new Date(instant), timeZone);
  const localOrNull = (instant: string | null | undefined): string | null =>
    instant === null || instant === undefined ? null : local(instant);
  return {
    name: slot.name,
    nextOrdinal: slot.nextOrdinal,
    /** The resume token: the log document that was read last. */
    token: { lastId: slot.position.lastId, lastLoggedDate: localOrNull(slot.position.lastLoggedAt) },
    gaps: slot.gaps,
    unreadable: slot.unreadable,
    epoch: slot.epoch,
    lease:
      slot.lease === undefined ? null : { owner: slot.lease.owner, expiresDate: local(slot.lease.expiresAt) },
    /** Each with the next ordinal that it gets from the archive, and the events from there to the slot's own. */
    catchUps: tasks.flatMap(({ key, slotName, catchUp }) =>
      catchUp === undefined || slotName !== slot.name
        ? []
        : [
            {
              taskKey: key,
              nextOrdinal: catchUp.nextOrdinal,
              events: Math.max(0, slot.nextOrdinal - Math.max(catchUp.nextOrdinal, catchUp.notBefore ?? 0)),
            },
          ],
    ),
    /** Each on its way to another slot, and since when it gets nothing of this one's; null while it still does. */
    departures: tasks.flatMap(({ key, slotName, requestedSlotName, catchUp }) =>
      requestedSlotName === undefined || slotName !== slot.name
        ? []
        : [
            {
              taskKey: key,
              requestedSlotName,
              leftDate: localOrNull(catchUp?.leaving?.since),
            },
          ],
    ),
    createdDate: local(slot.createdDate),
    lastReadDate: localOrNull(slot.lastReadDate),
  };
}

/**
 * Where a slot stands in its log: the log's end, how far the slot is behind it, in how many seconds the oldest entry that it has
 * not read is overwritten, and what is wrong with the log. Nulls where that is not known.
 *
 * @param options `ring`: read after the slot was; undefined when the log could not be looked at.
 */
export function slotLogAnswer(options: {
  readonly slot: Slot;
  readonly ring: LogRing | undefined;
  readonly collection: string;
  readonly now: Date;
  readonly timeZone: string;
  readonly language: Language;
}) {
  const { slot, ring, collection, now, timeZone, language } = options;
  if (ring === undefined) {
    return { head: null, lag: null, headroom: null, warnings: [] };
  }
  const { lastId = null, lastLoggedAt = null } = ring.newest[0] ?? {};
  const lastLoggedDate = lastLoggedAt === null ? null : formatLocalDateTime(new Date(lastLoggedAt), timeZone);
  const lag = lagOf({ ring, position: slot.position, now });
  const rate = eventsPerSecond(slot.writing);
  return {
    /** The log document that was written last. */
    head: { lastId, lastLoggedDate },
    lag: lag === null ? null : { events: lag.events, seconds: Math.round(lag.seconds) },
    headroom: lag === null ? null : headroomOf({ ring, unread: lag.events, rate }),
    warnings: warningsAnswer(preflight({ ring, collection, rate }), language),
  };
}
