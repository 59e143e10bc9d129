import { DomainError } from '../errors.ts';
import { instantOf, offsetAt } from '../time-zone.ts';

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
 * millisecond. What a change of the clocks skips or repeats is resolved as `instantOf` says.
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
  return new Date(instantOf(wall, timeZone));
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
