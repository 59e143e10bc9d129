import { Cron } from 'croner';

/** Longer than any expression that says something. */
const MAX_LENGTH = 512;

/**
 * What croner takes although Quartz does not, by field: seconds, minutes, hours, day of month, month, day of week,
 * year. Names of months and days are left to croner.
 */
const TIME_FIELD = /^[\d*,/-]+$/;
const MONTH_FIELD = /^[\dA-Z*,/-]+$/i;
const YEAR_FIELD = /^[\d*,/-]+$/;
const DAY_OF_MONTH_FIELD = /^(?:\?|LW|L|\d{1,2}W|[\d*,/-]+)$/i;
/** 1 is Sunday, 7 is Saturday; `L` and `#` stand with a single day. */
const DAY_OF_WEEK_FIELD = /^(?:\?|(?:[1-7]|[A-Z]{3})(?:L|#[1-5])|(?:[1-7]|[A-Z]{3}|[*,/-])+(?:\/\d+)?)$/i;
const FIELDS = [
  TIME_FIELD,
  TIME_FIELD,
  TIME_FIELD,
  DAY_OF_MONTH_FIELD,
  MONTH_FIELD,
  DAY_OF_WEEK_FIELD,
  YEAR_FIELD,
];

/**
 * Whether a text is a Quartz cron expression: six or seven fields, seconds first, and exactly one of the two day
 * fields `?` (Quartz refuses both set and both open).
 *
 * croner 11 reads Quartz in its alternative weekday mode, but neither `L-3` nor a range that wraps (`FRI-MON`,
 * `22-2`): such an expression is refused, not misread.
 */
export function isQuartzExpression(expression: string): boolean {
  const fields = expression.trim().split(/\s+/);
  const hasShape =
    expression.length <= MAX_LENGTH &&
    (fields.length === 6 || fields.length === 7) &&
    fields.every((field, index) => FIELDS[index]?.test(field) === true) &&
    (fields[3] === '?') !== (fields[5] === '?');
  return hasShape && isReadable(fields.join(' '));
}

function isReadable(expression: string): boolean {
  try {
    // Without a function croner arms no timer: the constructor only parses.
    new Cron(expression, { alternativeWeekdays: true, sloppyRanges: true, timezone: 'UTC' });
    return true;
  } catch {
    return false;
  }
}
