import { formatLocalDateTime } from '../http/local-date-time.ts';
import type { Slot } from './slot.ts';

/** A slot as the API answers it; dates local to `timeZone`. */
export function slotAnswer(slot: Slot, timeZone: string) {
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
    createdDate: local(slot.createdDate),
    lastReadDate: localOrNull(slot.lastReadDate),
  };
}
