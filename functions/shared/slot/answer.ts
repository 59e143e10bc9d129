import { formatLocalDateTime } from '../http/local-date-time.ts';
import type { Task } from '../task/task.ts';
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
