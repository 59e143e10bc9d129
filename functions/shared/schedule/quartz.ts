/**
 * Quartz cron expressions, as the documentation of Quartz's `CronExpression` describes them: seconds, minutes, hours,
 * day of month, month, day of week and, optionally, year.
 *
 * croner, which was tried first, reads neither `L-3` nor a range that wraps and takes much that Quartz refuses; with
 * those repaired around it, what was left to it was the easy half.
 */

/** What an expression says of a day: which ones it means of a month. */
export type DayRule =
  | { readonly kind: 'EVERY' }
  | { readonly kind: 'DAYS'; readonly days: ReadonlySet<number> }
  /** `L`, `L-3`: so many days before the last one. `LW`, `L-3W`: the weekday nearest to that day. */
  | { readonly kind: 'FROM_LAST'; readonly before: number; readonly nearestWeekday: boolean }
  /** `15W`: the day from Monday to Friday nearest to it, within its month. */
  | { readonly kind: 'NEAREST_WEEKDAY'; readonly day: number }
  /** Weekdays count as Quartz's do: 1 is Sunday, 7 is Saturday. */
  | { readonly kind: 'WEEKDAYS'; readonly weekdays: ReadonlySet<number> }
  | { readonly kind: 'LAST_WEEKDAY'; readonly weekday: number }
  | { readonly kind: 'NTH_WEEKDAY'; readonly weekday: number; readonly nth: number };

export interface QuartzExpression {
  readonly seconds: ReadonlySet<number>;
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  /** 1 to 12. */
  readonly months: ReadonlySet<number>;
  readonly days: DayRule;
  readonly years: ReadonlySet<number>;
}

/** The last year that Quartz knows. */
export const LAST_YEAR = 2199;

/** Longer than any expression that says something. */
const MAX_LENGTH = 512;
/** Quartz's largest offset from a month's last day. */
const MAX_BEFORE_LAST = 30;

interface Field {
  readonly first: number;
  readonly last: number;
  /** Largest step that Quartz takes. */
  readonly maxStep: number;
  /** Whether a range may begin above its end and go on past the field's last value (`22-2`). */
  readonly wraps: boolean;
  /** Names of the values, from the first one on. */
  readonly names: readonly string[];
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const SECOND: Field = { first: 0, last: 59, maxStep: 59, wraps: true, names: [] };
const MINUTE = SECOND;
const HOUR: Field = { first: 0, last: 23, maxStep: 23, wraps: true, names: [] };
const DAY_OF_MONTH: Field = { first: 1, last: 31, maxStep: 31, wraps: true, names: [] };
const MONTH: Field = { first: 1, last: 12, maxStep: 12, wraps: true, names: MONTHS };
const DAY_OF_WEEK: Field = { first: 1, last: 7, maxStep: 7, wraps: true, names: WEEKDAYS };
const YEAR: Field = { first: 1970, last: LAST_YEAR, maxStep: LAST_YEAR - 1970, wraps: false, names: [] };

/** One part of a list: a value or a range or everything, and a step. */
const PART = /^(?:(?<all>\*)|(?<from>\d+|[A-Z]+)(?:-(?<to>\d+|[A-Z]+))?)?(?:\/(?<step>\d+))?$/;
const FROM_LAST = /^L(?:-(?<before>\d+))?(?<weekday>W)?$/;
const NEAREST_WEEKDAY = /^(?<day>\d+)W$/;
const LAST_OR_NTH = /^(?<weekday>\d+|[A-Z]+?)(?:(?<last>L)|#(?<nth>[1-5]))$/;

/** Whether a text is a Quartz cron expression. It may still be one that never fires (30 February, a year gone by). */
export function isQuartzExpression(expression: string): boolean {
  return readQuartz(expression) !== undefined;
}

/**
 * Read a Quartz cron expression: six or seven fields, and exactly one of the two day fields `?` (Quartz refuses both set
 * and both open). Names are read in either case.
 *
 * @returns undefined for any other text.
 */
export function readQuartz(expression: string): QuartzExpression | undefined {
  const fields = expression.trim().toUpperCase().split(/\s+/);
  if (expression.length > MAX_LENGTH || fields.length < 6 || fields.length > 7) {
    return undefined;
  }
  const [second = '', minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = '', year = '*'] =
    fields;
  const seconds = valuesOf(second, SECOND);
  const minutes = valuesOf(minute, MINUTE);
  const hours = valuesOf(hour, HOUR);
  const days = dayRuleOf(dayOfMonth, dayOfWeek);
  const months = valuesOf(month, MONTH);
  const years = valuesOf(year, YEAR);
  if (!seconds || !minutes || !hours || !days || !months || !years) {
    return undefined;
  }
  return { seconds, minutes, hours, days, months, years };
}

function dayRuleOf(dayOfMonth: string, dayOfWeek: string): DayRule | undefined {
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    return undefined;
  }
  return dayOfWeek === '?' ? dayOfMonthRule(dayOfMonth) : dayOfWeekRule(dayOfWeek);
}

function dayOfMonthRule(text: string): DayRule | undefined {
  if (text === '*') {
    return { kind: 'EVERY' };
  }
  const fromLast = FROM_LAST.exec(text)?.groups;
  if (fromLast !== undefined) {
    const before = Number(fromLast['before'] ?? 0);
    return before > MAX_BEFORE_LAST
      ? undefined
      : { kind: 'FROM_LAST', before, nearestWeekday: fromLast['weekday'] !== undefined };
  }
  const nearest = NEAREST_WEEKDAY.exec(text)?.groups;
  if (nearest !== undefined) {
    const day = fieldValue(nearest['day'] ?? '', DAY_OF_MONTH);
    return day === undefined ? undefined : { kind: 'NEAREST_WEEKDAY', day };
  }
  const days = valuesOf(text, DAY_OF_MONTH);
  return days === undefined ? undefined : { kind: 'DAYS', days };
}

function dayOfWeekRule(text: string): DayRule | undefined {
  if (text === '*') {
    return { kind: 'EVERY' };
  }
  if (text === 'L') {
    return { kind: 'WEEKDAYS', weekdays: new Set([DAY_OF_WEEK.last]) };
  }
  const one = LAST_OR_NTH.exec(text)?.groups;
  if (one !== undefined) {
    const weekday = fieldValue(one['weekday'] ?? '', DAY_OF_WEEK);
    if (weekday === undefined) {
      return undefined;
    }
    return one['nth'] === undefined
      ? { kind: 'LAST_WEEKDAY', weekday }
      : { kind: 'NTH_WEEKDAY', weekday, nth: Number(one['nth']) };
  }
  const weekdays = valuesOf(text, DAY_OF_WEEK);
  return weekdays === undefined ? undefined : { kind: 'WEEKDAYS', weekdays };
}

/** The values that a list means; undefined when a part of it cannot be read. */
function valuesOf(text: string, field: Field): ReadonlySet<number> | undefined {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const ofPart = partValues(part, field);
    if (ofPart === undefined) {
      return undefined;
    }
    for (const value of ofPart) {
      values.add(value);
    }
  }
  return values;
}

function partValues(part: string, field: Field): readonly number[] | undefined {
  const groups = PART.exec(part)?.groups;
  if (part === '' || groups === undefined) {
    return undefined;
  }
  const step = groups['step'] === undefined ? undefined : Number(groups['step']);
  if (step !== undefined && (step < 1 || step > field.maxStep)) {
    return undefined;
  }
  const range = rangeOf(groups, field, step !== undefined);
  return range === undefined ? undefined : stepped(range, field, step ?? 1);
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** `*` and nothing before a step are the whole field; a single value with a step goes on to the field's end. */
function rangeOf(
  groups: Record<string, string | undefined>,
  field: Field,
  hasStep: boolean,
): Range | undefined {
  if (groups['from'] === undefined) {
    return { from: field.first, to: field.last };
  }
  const from = fieldValue(groups['from'], field);
  const to = groups['to'] === undefined ? (hasStep ? field.last : from) : fieldValue(groups['to'], field);
  if (from === undefined || to === undefined || (to < from && !field.wraps)) {
    return undefined;
  }
  return { from, to };
}

function stepped({ from, to }: Range, field: Field, step: number): readonly number[] {
  const size = field.last - field.first + 1;
  const end = to < from ? to + size : to;
  const values: number[] = [];
  for (let value = from; value <= end; value += step) {
    values.push(value > field.last ? value - size : value);
  }
  return values;
}

function fieldValue(text: string, field: Field): number | undefined {
  const named = field.names.indexOf(text);
  if (named >= 0) {
    return field.first + named;
  }
  const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return value >= field.first && value <= field.last ? value : undefined;
}

/**
 * The days of a month that a rule means, in order.
 *
 * A month without the day is passed over: 31, `31W` and `L-30` have none in June, a fifth Friday not every month has.
 *
 * @param month 1 to 12.
 */
export function daysOf(rule: DayRule, year: number, month: number): readonly number[] {
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const all = Array.from({ length: last }, (_, index) => index + 1);
  const weekdayOf = (day: number): number => new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 1;
  const nearest = (day: number): number[] => {
    if (day < 1 || day > last) {
      return [];
    }
    if (weekdayOf(day) === 7) {
      return [day === 1 ? 3 : day - 1];
    }
    if (weekdayOf(day) === 1) {
      return [day === last ? last - 2 : day + 1];
    }
    return [day];
  };
  switch (rule.kind) {
    case 'EVERY':
      return all;
    case 'DAYS':
      return all.filter((day) => rule.days.has(day));
    case 'FROM_LAST': {
      const day = last - rule.before;
      return rule.nearestWeekday ? nearest(day) : all.filter((each) => each === day);
    }
    case 'NEAREST_WEEKDAY':
      return nearest(rule.day);
    case 'WEEKDAYS':
      return all.filter((day) => rule.weekdays.has(weekdayOf(day)));
    case 'LAST_WEEKDAY':
      return all.filter((day) => weekdayOf(day) === rule.weekday).slice(-1);
    case 'NTH_WEEKDAY':
      return all.filter((day) => weekdayOf(day) === rule.weekday).slice(rule.nth - 1, rule.nth);
  }
}
