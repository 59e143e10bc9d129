import { DomainError } from '../errors.ts';

/** A day is longer than any change of a zone's offset, so the offsets on both sides of a change are seen. */
const DAY_MS = 86_400_000;

const LOCAL_DATE_TIME =
  /^(?<date>\d{4}-\d{2}-\d{2})T(?<time>\d{2}:\d{2}(?::\d{2})?)(?:\.(?<fraction>\d{1,9}))?(?<offset>Z|[+-]\d{2}:\d{2})?$/;

/**
 * An instant as the contract writes it: `yyyy-MM-ddTHH:mm:ss` in the server's zone, without a zone, with as many
 * digits of a fraction as needed (none to three: `.48`, not `.480`, as bk-repo writes it).
 *
 * @param timeZone IANA name, the deployment's setting.
 */
export function formatLocalDateTime(date: Date, timeZone: string): string {
  const local = new Date(date.getTime() + offsetAt(date.getTime(), timeZone)).toISOString();
  return local.replace(/\.?0*Z$/, '');
}

/**
 * The instant that a date-time of a request means. Without an offset it is local time of the server's zone; with
 * one, the offset is honoured (bk-repo drops it silently). A fraction of up to nine digits is read to the
 * millisecond. A local time that a change of the clocks skips is moved forward by the gap; one that occurs twice is the first
 * (both as `java.time` resolves them).
 *
 * @throws DomainError REQUEST_CONTENT_INVALID for any other text, a day that does not exist included.
 */
export function parseLocalDateTime(text: string, timeZone: string): Date {
  const groups = LOCAL_DATE_TIME.exec(text)?.groups;
  if (groups === undefined) {
    throw new DomainError('REQUEST_CONTENT_INVALID');
  }
  const { date = '', time = '', fraction = '', offset } = groups;
  const seconds = time.length === 5 ? `${time}:00` : time;
  const written = `${date}T${seconds}`;
  const wall = Date.parse(`${written}.${fraction.slice(0, 3).padEnd(3, '0')}Z`);
  // Date.parse turns 30 February into 2 March: compare with what was written.
  if (Number.isNaN(wall) || !new Date(wall).toISOString().startsWith(written)) {
    throw new DomainError('REQUEST_CONTENT_INVALID');
  }
  if (offset !== undefined) {
    return new Date(wall - offsetMilliseconds(offset));
  }
  const before = offsetAt(wall - DAY_MS, timeZone);
  const after = offsetAt(wall + DAY_MS, timeZone);
  const isAfterChange =
    offsetAt(wall - before, timeZone) !== before && offsetAt(wall - after, timeZone) === after;
  return new Date(wall - (isAfterChange ? after : before));
}

function offsetMilliseconds(offset: string): number {
  if (offset === 'Z') {
    return 0;
  }
  const [hours = 0, minutes = 0] = offset.slice(1).split(':').map(Number);
  // java.time.ZoneOffset's range.
  if (hours > 18 || minutes > 59) {
    throw new DomainError('REQUEST_CONTENT_INVALID');
  }
  return (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

let zoneFormat: { readonly timeZone: string; readonly format: Intl.DateTimeFormat } | undefined;

/** Milliseconds that the zone is ahead of UTC at an instant. */
function offsetAt(instant: number, timeZone: string): number {
  if (timeZone === 'UTC') {
    return 0;
  }
  if (zoneFormat?.timeZone !== timeZone) {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'iso8601',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    zoneFormat = { timeZone, format };
  }
  const parts = Object.fromEntries(
    zoneFormat.format.formatToParts(instant).map((part) => [part.type, Number(part.value)]),
  );
  const wall = Date.UTC(
    parts['year'] ?? 0,
    (parts['month'] ?? 1) - 1,
    parts['day'] ?? 1,
    parts['hour'] ?? 0,
    parts['minute'] ?? 0,
    parts['second'] ?? 0,
  );
  return wall - Math.floor(instant / 1000) * 1000;
}
