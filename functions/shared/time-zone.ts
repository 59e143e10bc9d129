/** A day is longer than any change of a zone's offset, so the offsets on both sides of a change are seen. */
export const DAY_MS = 86_400_000;

let zoneFormat: { readonly timeZone: string; readonly format: Intl.DateTimeFormat } | undefined;

/**
 * Milliseconds that a zone is ahead of UTC at an instant.
 *
 * @param instant milliseconds of Unix time.
 * @param timeZone IANA name.
 */
export function offsetAt(instant: number, timeZone: string): number {
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

/**
 * The instants at which a zone's clocks show a local time, the first one first: none where a change of the clocks skips
 * it, two where it occurs twice.
 *
 * @param wall the local time as if it were UTC, in milliseconds.
 */
export function instantsAt(wall: number, timeZone: string): readonly number[] {
  const offsets = new Set([offsetAt(wall - DAY_MS, timeZone), offsetAt(wall + DAY_MS, timeZone)]);
  return [...offsets]
    .map((offset) => ({ instant: wall - offset, offset }))
    .filter(({ instant, offset }) => offsetAt(instant, timeZone) === offset)
    .map(({ instant }) => instant)
    .sort((left, right) => left - right);
}

/**
 * The one instant that a local time means: one that a change of the clocks skips is moved forward by the gap, one that
 * occurs twice is the first (both as `java.time` resolves them).
 */
export function instantOf(wall: number, timeZone: string): number {
  return instantsAt(wall, timeZone)[0] ?? wall - offsetAt(wall - DAY_MS, timeZone);
}
