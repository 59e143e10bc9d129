import { DAY_MS, instantOf, instantsAt, offsetAt } from '../time-zone.ts';
import { daysOf, LAST_YEAR, type QuartzExpression, readQuartz } from './quartz.ts';

export const MINUTE_MS = 60_000;

const HOURS_OF_DAY = 24;

/** A planned time as it is kept: rounded up to the full minute, for a schedule knows no seconds and nothing starts early. */
export function roundedUp(time: Date): Date {
  return new Date(Math.ceil(time.getTime() / MINUTE_MS) * MINUTE_MS);
}

/**
 * The next times of a Quartz expression after `from`, each rounded up to the full minute, in order and each once: a
 * minute is named when the expression fires within the 60 seconds that end with it.
 *
 * Where the clocks change, an expression of every hour follows the hours that really pass: it goes on through both
 * passes of an hour that occurs twice, and has nothing in one that is skipped. Any other means a time of the day: it
 * fires in the first of two passes only, and a time that is skipped is moved forward by the gap, as an `executeTime` is.
 * (Quartz itself loses such a time, or fires twice.)
 *
 * @param timeZone IANA name of the zone that the expression's fields are in.
 * @returns at most `count` times; fewer when the expression has no more of them.
 * @throws RangeError when the expression is none: it is checked where it comes in.
 */
export function nextFires(options: {
  readonly expression: string;
  readonly timeZone: string;
  readonly from: Date;
  readonly count: number;
}): readonly Date[] {
  const { timeZone, count } = options;
  const expression = readQuartz(options.expression);
  if (expression === undefined) {
    throw new RangeError('This is no Quartz expression');
  }
  const from = options.from.getTime();
  const minutes = minutesOfDay(expression);
  const found = new Set<number>();
  // A change of the clocks around midnight may have moved times of the day before into this one. No such change mixes the
  // times of two days: what is moved falls together with the later day's own times, or comes before them.
  const firstDay = startOfDay(from + offsetAt(from, timeZone)) - DAY_MS;
  for (const day of daysFrom(firstDay, expression)) {
    if (found.size >= count) {
      break;
    }
    for (const minute of firesOfDay({
      day,
      minutes,
      timeZone,
      everyHour: expression.hours.size === HOURS_OF_DAY,
    })) {
      if (minute > from) {
        found.add(minute);
      }
    }
  }
  return [...found]
    .sort((left, right) => left - right)
    .slice(0, count)
    .map((minute) => new Date(minute));
}

interface MinuteOfDay {
  /** Milliseconds from midnight to the minute that the expression fires in. */
  readonly start: number;
  /** The full minutes, in milliseconds from `start`, to which its seconds are rounded up. */
  readonly roundedTo: readonly number[];
}

function minutesOfDay({ seconds, minutes, hours }: QuartzExpression): readonly MinuteOfDay[] {
  const roundedTo = [...new Set([...seconds].map((second) => (second === 0 ? 0 : MINUTE_MS)))];
  return [...hours].flatMap((hour) =>
    [...minutes].map((minute) => ({ start: (hour * 60 + minute) * MINUTE_MS, roundedTo })),
  );
}

function firesOfDay(options: {
  readonly day: number;
  readonly minutes: readonly MinuteOfDay[];
  readonly timeZone: string;
  readonly everyHour: boolean;
}): number[] {
  const { day, minutes, timeZone, everyHour } = options;
  const offset = offsetAt(day - DAY_MS, timeZone);
  const isPlain = offset === offsetAt(day + 2 * DAY_MS, timeZone);
  const instants = (wall: number): readonly number[] => {
    if (isPlain) {
      return [wall - offset];
    }
    return everyHour ? instantsAt(wall, timeZone) : [instantOf(wall, timeZone)];
  };
  return minutes.flatMap(({ start, roundedTo }) =>
    instants(day + start).flatMap((instant) => roundedTo.map((rounding) => instant + rounding)),
  );
}

/** The days of an expression, each as its midnight in UTC's milliseconds, from `first` on. */
function* daysFrom(first: number, { months, days, years }: QuartzExpression): Generator<number> {
  const start = new Date(first);
  for (let year = start.getUTCFullYear(); year <= LAST_YEAR; year += 1) {
    for (let month = 1; years.has(year) && month <= 12; month += 1) {
      for (const date of months.has(month) ? daysOf(days, year, month) : []) {
        const day = Date.UTC(year, month - 1, date);
        if (day >= first) {
          yield day;
        }
      }
    }
  }
}

function startOfDay(wall: number): number {
  return Math.floor(wall / DAY_MS) * DAY_MS;
}
