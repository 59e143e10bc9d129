/**
 * Quartz cron expressions a second time, written from Quartz's documentation and by brute force: each moment is asked
 * whether the expression means it. Nothing here is shared with the product.
 */

const MONTHS = 'JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC'.split(' ');
const WEEKDAYS = 'SUN MON TUE WED THU FRI SAT'.split(' ');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** More than the clocks are ever put forward or back. */
const AROUND_CHANGE = 3 * HOUR;

interface Limits {
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly names?: readonly string[];
  readonly straight?: true;
}

const SECONDS: Limits = { min: 0, max: 59, step: 59 };
const HOURS: Limits = { min: 0, max: 23, step: 23 };
const DAYS: Limits = { min: 1, max: 31, step: 31 };
const MONTH: Limits = { min: 1, max: 12, step: 12, names: MONTHS };
const WEEKDAY: Limits = { min: 1, max: 7, step: 7, names: WEEKDAYS };
const YEARS: Limits = { min: 1970, max: 2199, step: 229, straight: true };

/** Whether Quartz's documentation lets an expression pass. */
export function isValidQuartz(text: string): boolean {
  const fields = text.trim().split(/\s+/);
  const [second = '', minute = '', hour = '', dom = '', month = '', dow = '', year = '*'] = fields;
  return (
    fields.length >= 6 &&
    fields.length <= 7 &&
    [dom, dow].filter((field) => field === '?').length === 1 &&
    isList(second, SECONDS) &&
    isList(minute, SECONDS) &&
    isList(hour, HOURS) &&
    (dom === '?' || isSpecialDay(dom) || isList(dom, DAYS)) &&
    isList(month, MONTH) &&
    (dow === '?' || isSpecialWeekday(dow) || isList(dow, WEEKDAY)) &&
    isList(year, YEARS)
  );
}

function isSpecialDay(text: string): boolean {
  if (/^\d+W$/i.test(text)) {
    return number(text.slice(0, -1), DAYS) !== undefined;
  }
  const core = text.toUpperCase().replace(/W$/, '');
  return core === 'L' || (/^L-\d+$/.test(core) && Number(core.slice(2)) <= 30);
}

function isSpecialWeekday(text: string): boolean {
  if (text.toUpperCase() === 'L') {
    return true;
  }
  const weekday = text.replace(/(?:L|#[1-5])$/i, '');
  return weekday !== text && number(weekday, WEEKDAY) !== undefined;
}

function isList(text: string, limits: Limits): boolean {
  return text.split(',').every((part) => {
    const [range = '', step, ...more] = part.split('/');
    if (more.length > 0 || (step === undefined && range === '')) {
      return false;
    }
    if (step !== undefined && !(/^\d+$/.test(step) && Number(step) >= 1 && Number(step) <= limits.step)) {
      return false;
    }
    if (range === '*' || range === '') {
      return true;
    }
    const ends = range.split('-').map((end) => number(end, limits));
    const [from, to = from] = ends;
    return (
      ends.length <= 2 &&
      from !== undefined &&
      to !== undefined &&
      !ends.includes(undefined) &&
      (limits.straight === undefined || from <= to)
    );
  });
}

function number(text: string, { min, max, names }: Limits): number | undefined {
  const named = names?.indexOf(text.toUpperCase()) ?? -1;
  if (named >= 0) {
    return named + 1;
  }
  return /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : undefined;
}

/** Whether a list means a value: how far the value is behind a range's start, round the field's end, decides. */
function means(text: string, value: number, limits: Limits): boolean {
  const size = limits.max - limits.min + 1;
  return text.split(',').some((part) => {
    const [range = '', step] = part.split('/');
    const [first = '', second] =
      range === '*' || range === '' ? [String(limits.min), String(limits.max)] : range.split('-');
    const from = number(first, limits) ?? Number.NaN;
    const alone = step === undefined ? from : limits.max;
    const to = second === undefined ? alone : (number(second, limits) ?? Number.NaN);
    const distance = (value - from + size) % size;
    return distance <= (to - from + size) % size && distance % Number(step ?? 1) === 0;
  });
}

function meansDay(dom: string, dow: string, date: Date): boolean {
  const day = date.getUTCDate();
  const inMonth = daysOfMonth(date);
  const weekday = date.getUTCDay() + 1;
  if (dom === '?') {
    const name = dow.toUpperCase();
    if (name === 'L') {
      return weekday === 7;
    }
    if (isSpecialWeekday(dow)) {
      const meant = number(name.replace(/(?:L|#\d)$/, ''), WEEKDAY);
      const isCounted = name.endsWith('L')
        ? day + 7 > inMonth.length
        : Math.ceil(day / 7) === Number(name.at(-1));
      return weekday === meant && isCounted;
    }
    return means(dow, weekday, WEEKDAY);
  }
  const text = dom.toUpperCase();
  if (!isSpecialDay(text)) {
    return means(dom, day, DAYS);
  }
  const core = text.replace(/W$/, '');
  const target = core.startsWith('L') ? inMonth.length - Number(core.slice(2) || 0) : Number(core);
  if (!text.endsWith('W')) {
    return day === target;
  }
  if (target < 1 || target > inMonth.length) {
    return false;
  }
  const working = inMonth.filter((each) => each.weekday >= 2 && each.weekday <= 6);
  const least = Math.min(...working.map((each) => Math.abs(each.day - target)));
  return working.some((each) => each.day === day && Math.abs(day - target) === least);
}

function daysOfMonth(date: Date): { readonly day: number; readonly weekday: number }[] {
  const days = [];
  const each = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1));
  while (each.getUTCMonth() === date.getUTCMonth()) {
    days.push({ day: each.getUTCDate(), weekday: each.getUTCDay() + 1 });
    each.setUTCDate(each.getUTCDate() + 1);
  }
  return days;
}

const offsets = new Map<string, number>();
const formats = new Map<string, Intl.DateTimeFormat>();

/** Milliseconds that a zone is ahead of UTC: no zone changes its clocks but at a quarter of an hour. */
function offsetOf(instant: number, timeZone: string): number {
  const quarter = Math.floor(instant / (15 * MINUTE));
  const key = `${timeZone} ${quarter}`;
  const known = offsets.get(key);
  if (known !== undefined) {
    return known;
  }
  const format =
    formats.get(timeZone) ?? new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  formats.set(timeZone, format);
  const text = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(format.format(quarter * 15 * MINUTE));
  const size = (Number(text?.[2] ?? 0) * 60 + Number(text?.[3] ?? 0)) * MINUTE;
  const offset = text?.[1] === '-' ? -size : size;
  offsets.set(key, offset);
  return offset;
}

/** Every full minute in (from, until] that ends a minute in which the expression fires; at most `count`. */
export function firesByForce(options: {
  readonly expression: string;
  readonly timeZone: string;
  readonly from: Date;
  readonly until: Date;
  readonly count: number;
}): Date[] {
  const { expression, timeZone, from, until, count } = options;
  const [second = '', minute = '', hour = '', dom = '', month = '', dow = '', year = '*'] = expression
    .trim()
    .split(/\s+/);
  const range = (size: number): number[] => Array.from({ length: size }, (_, index) => index);
  const everyHour = range(24).every((value) => means(hour, value, HOURS));
  const secondsMeant = range(60).filter((value) => means(second, value, SECONDS));
  const minutesMeant = range(60).map((value) => means(minute, value, SECONDS));
  const hoursMeant = range(24).map((value) => means(hour, value, HOURS));
  const days = new Map<number, boolean>();
  const isDay = (wall: number): boolean => {
    const day = Math.floor(wall / DAY);
    const known = days.get(day);
    if (known !== undefined) {
      return known;
    }
    const date = new Date(day * DAY);
    const meant =
      means(year, date.getUTCFullYear(), YEARS) &&
      means(month, date.getUTCMonth() + 1, MONTH) &&
      meansDay(dom, dow, date);
    days.set(day, meant);
    return meant;
  };
  const isMeant = (wall: number): boolean =>
    isDay(wall) &&
    hoursMeant[Math.floor(wall / HOUR) % 24] === true &&
    minutesMeant[Math.floor(wall / MINUTE) % 60] === true;

  /** Whether it fires in the minute that begins at an instant. */
  const firesIn = (instant: number): boolean => {
    const offset = offsetOf(instant, timeZone);
    const change = offset - offsetOf(instant - AROUND_CHANGE, timeZone);
    if (!everyHour && change !== 0) {
      // Just behind a change: the second showing of a local time, or the place of one that was left out.
      const isBehind = offsetOf(instant - Math.abs(change), timeZone) !== offset;
      if (isBehind && change < 0) {
        return false;
      }
      if (isBehind && isMeant(instant + offset - change)) {
        return true;
      }
    }
    return isMeant(instant + offset);
  };

  const fires: Date[] = [];
  for (let day = Math.floor(from.getTime() / DAY) * DAY; day <= until.getTime(); day += DAY) {
    if (![-2, -1, 0, 1, 2].some((away) => isDay(day + away * DAY))) {
      continue;
    }
    for (let at = day; at < day + DAY; at += MINUTE) {
      const onTheMinute = secondsMeant.includes(0) && firesIn(at);
      const before = secondsMeant.some((value) => value > 0) && firesIn(at - MINUTE);
      if (at > from.getTime() && at <= until.getTime() && (onTheMinute || before)) {
        fires.push(new Date(at));
        if (fires.length === count) {
          return fires;
        }
      }
    }
  }
  return fires;
}
