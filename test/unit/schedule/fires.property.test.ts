import { Cron } from 'croner';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextFires, roundedUp } from '../../../functions/shared/schedule/fires.ts';
import { isQuartzExpression } from '../../../functions/shared/schedule/quartz.ts';
import { firesByForce, isValidQuartz } from '../../oracle/quartz.ts';

const DAY_MS = 86_400_000;
/** As far as the brute force looks. */
const HORIZON_MS = 12 * 366 * DAY_MS;

const ZONES = [
  'UTC',
  'Asia/Shanghai',
  'Asia/Kathmandu',
  'Europe/Berlin',
  'America/New_York',
  // Half an hour forward and back.
  'Australia/Lord_Howe',
  // Midnight is skipped, or occurs twice.
  'Africa/Cairo',
  'America/Santiago',
  'Atlantic/Azores',
  'America/Nuuk',
];

const value = (min: number, max: number, names: readonly string[] = []): fc.Arbitrary<string> => {
  const plain = fc.integer({ min, max }).map(String);
  return names.length === 0
    ? plain
    : fc.oneof(plain, fc.constantFrom(...names, ...names.map((name) => name.toLowerCase())));
};
const part = (min: number, max: number, names?: readonly string[]): fc.Arbitrary<string> => {
  const one = value(min, max, names);
  const step = fc.integer({ min: 1, max: Math.min(max, 59) }).map(String);
  return fc.oneof(
    { weight: 4, arbitrary: one },
    { weight: 2, arbitrary: fc.constant('*') },
    fc.tuple(one, one).map(([from, to]) => `${from}-${to}`),
    fc.tuple(one, one, step).map(([from, to, by]) => `${from}-${to}/${by}`),
    fc.tuple(fc.oneof(fc.constantFrom('*', ''), one), step).map(([from, by]) => `${from}/${by}`),
  );
};
const list = (min: number, max: number, names?: readonly string[]): fc.Arbitrary<string> =>
  fc.array(part(min, max, names), { minLength: 1, maxLength: 3 }).map((parts) => parts.join(','));

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const dayOfMonth = fc.oneof(
  list(1, 31),
  fc.constantFrom('*', 'L', 'l', 'LW'),
  fc.integer({ min: 0, max: 30 }).map((before) => `L-${before}`),
  fc.integer({ min: 0, max: 30 }).map((before) => `L-${before}W`),
  fc.integer({ min: 1, max: 31 }).map((day) => `${day}W`),
);
const dayOfWeek = fc.oneof(
  list(1, 7, WEEKDAYS),
  fc.constantFrom('*', 'L'),
  value(1, 7, WEEKDAYS).map((weekday) => `${weekday}L`),
  fc
    .tuple(value(1, 7, WEEKDAYS), fc.integer({ min: 1, max: 5 }))
    .map(([weekday, nth]) => `${weekday}#${nth}`),
);
const days = fc.oneof(
  dayOfMonth.map((day) => ({ day, weekday: '?' })),
  dayOfWeek.map((weekday) => ({ day: '?', weekday })),
);
const year = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('', '*') },
  fc.constantFrom('2027', '2026-2030', '2026/2', '2025,2028', '1970'),
);
const expressions = fc
  .record({
    second: fc.oneof({ weight: 3, arbitrary: fc.constant('0') }, list(0, 59)),
    minute: list(0, 59),
    hour: list(0, 23),
    days,
    month: fc.oneof({ weight: 3, arbitrary: fc.constant('*') }, list(1, 12, MONTHS)),
    year,
  })
  .map(({ second, minute, hour, days: { day, weekday }, month, year: years }) =>
    `${second} ${minute} ${hour} ${day} ${month} ${weekday} ${years}`.trim(),
  );

const anyTime = fc.date({ min: new Date('2024-01-01'), max: new Date('2031-01-01'), noInvalidDate: true });
/** The hours before the clocks change, somewhere. */
const nearChange = fc
  .tuple(
    fc.constantFrom(
      '2026-03-28',
      '2026-03-29',
      '2026-10-24',
      '2026-10-25',
      '2026-03-07',
      '2026-03-08',
      '2026-10-31',
      '2026-11-01',
      '2026-04-04',
      '2026-04-05',
      '2026-10-03',
      '2026-10-04',
      '2026-04-23',
      '2026-04-24',
      '2026-10-29',
      '2026-09-05',
    ),
    fc.integer({ min: 0, max: DAY_MS }),
  )
  .map(([day, milliseconds]) => new Date(Date.parse(day) + milliseconds));

const texts = (fires: readonly Date[]): string[] => fires.map((fire) => fire.toISOString());

describe('the next five times of an expression', () => {
  it('are those that asking every minute finds', () => {
    fc.assert(
      fc.property(
        expressions,
        fc.constantFrom(...ZONES),
        fc.oneof(anyTime, nearChange),
        (expression, timeZone, from) => {
          const until = new Date(from.getTime() + HORIZON_MS);
          const found = nextFires({ expression, timeZone, from, count: 5 }).filter((fire) => fire <= until);
          expect(texts(found)).toEqual(texts(firesByForce({ expression, timeZone, from, until, count: 5 })));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('are those that croner finds, where it reads the expression', () => {
    const plainHours = fc.oneof(fc.constant('*'), value(0, 23), fc.constantFrom('0/6', '8-17', '1,13'));
    const plain = fc
      .record({
        second: value(0, 59),
        minute: fc.oneof(value(0, 59), fc.constantFrom('*', '0/7', '10-20')),
        hour: plainHours,
        days: fc.oneof(
          fc.constantFrom('*', '1', '15', '31', '1/5', '10-12').map((day) => ({ day, weekday: '?' })),
          fc
            .constantFrom('*', 'MON', '2-6', '1,7', 'FRI#3', '6#5', '1#1')
            .map((weekday) => ({ day: '?', weekday })),
        ),
        month: fc.constantFrom('*', '2', 'JAN-MAR', '4/3'),
      })
      .map(
        ({ second, minute, hour, days: { day, weekday }, month }) =>
          `${second} ${minute} ${hour} ${day} ${month} ${weekday}`,
      );
    fc.assert(
      fc.property(plain, anyTime, (expression, from) => {
        const cron = new Cron(expression, { alternativeWeekdays: true, sloppyRanges: true, timezone: 'UTC' });
        const minute = new Date(Math.floor(from.getTime() / 60_000) * 60_000);
        expect(texts(nextFires({ expression, timeZone: 'UTC', from, count: 5 }))).toEqual(
          texts(cron.nextRuns(5, minute).map(roundedUp)),
        );
      }),
    );
  });

  it('go on from each of them as from the first', () => {
    fc.assert(
      fc.property(expressions, fc.constantFrom(...ZONES), nearChange, (expression, timeZone, from) => {
        const all = nextFires({ expression, timeZone, from, count: 6 });
        const [first] = all;
        if (first !== undefined) {
          expect(texts(nextFires({ expression, timeZone, from: first, count: 5 }))).toEqual(
            texts(all.slice(1)),
          );
        }
      }),
    );
  });
});

it('reads the expressions that the documentation describes, and no others', () => {
  const anyField = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.oneof(
        dayOfMonth,
        dayOfWeek,
        list(0, 59),
        list(0, 23),
        list(0, 13, MONTHS),
        fc.constant('?'),
      ),
    },
    fc
      .string({ unit: fc.constantFrom(...'0123456789*/-,?LW#MONFRI'), maxLength: 6 })
      .filter((text) => text !== ''),
  );
  const nearlyExpressions = fc.oneof(
    expressions,
    fc.array(anyField, { minLength: 5, maxLength: 8 }).map((fields) => fields.join(' ')),
    fc.tuple(expressions, fc.nat({ max: 6 }), anyField).map(([expression, index, field]) => {
      const fields = expression.split(' ');
      fields[index] = field;
      return fields.join(' ');
    }),
  );
  fc.assert(
    fc.property(nearlyExpressions, (expression) => {
      expect(isQuartzExpression(expression)).toBe(isValidQuartz(expression));
    }),
    { numRuns: 2_000 },
  );
});
