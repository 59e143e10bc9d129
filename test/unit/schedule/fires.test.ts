import { describe, expect, it, test } from 'vitest';
import { nextFires } from '../../../functions/shared/schedule/fires.ts';

const fires = (expression: string, timeZone: string, from: string, count = 3): string[] =>
  nextFires({ expression, timeZone, from: new Date(from), count }).map((fire) =>
    fire.toISOString().replace(':00.000Z', 'Z'),
  );

describe('seconds', () => {
  it('are rounded up to the full minute', () => {
    expect(fires('30 0 3 * * ?', 'UTC', '2026-11-22T00:00:00Z', 1)).toEqual(['2026-11-22T03:01Z']);
    expect(fires('0 0 3 * * ?', 'UTC', '2026-11-22T00:00:00Z', 1)).toEqual(['2026-11-22T03:00Z']);
    expect(fires('59 59 23 31 12 ?', 'UTC', '2026-11-22T00:00:00Z', 1)).toEqual(['2027-01-01T00:00Z']);
  });

  it('of one minute are one time', () => {
    const each = fires('0/10 * * * * ?', 'UTC', '2026-11-22T00:00:00Z');
    expect(each).toEqual(['2026-11-22T00:01Z', '2026-11-22T00:02Z', '2026-11-22T00:03Z']);
  });

  it('do not make a start that comes a little late miss the next time', () => {
    const next = fires('5 * * * * ?', 'UTC', '2026-11-22T00:01:07Z', 1);
    expect(next).toEqual(['2026-11-22T00:02Z']);
  });
});

test.each([
  ['0 0 12 L-3 * ?', '2026-02-01T00:00:00Z', ['2026-02-25T12:00Z', '2026-03-28T12:00Z', '2026-04-27T12:00Z']],
  ['0 0 12 LW * ?', '2026-02-01T00:00:00Z', ['2026-02-27T12:00Z', '2026-03-31T12:00Z', '2026-04-30T12:00Z']],
  // 1 August 2026 is a Saturday, 31 May and 31 January 2027 are Sundays.
  ['0 0 12 1W 8 ?', '2026-08-01T00:00:00Z', ['2026-08-03T12:00Z', '2027-08-02T12:00Z', '2028-08-01T12:00Z']],
  ['0 0 12 31W * ?', '2026-05-01T00:00:00Z', ['2026-05-29T12:00Z', '2026-07-31T12:00Z', '2026-08-31T12:00Z']],
  ['0 0 12 ? * 6#5', '2026-11-01T00:00:00Z', ['2027-01-29T12:00Z', '2027-04-30T12:00Z', '2027-07-30T12:00Z']],
  [
    '0 0 12 ? * FRIL',
    '2026-11-22T00:00:00Z',
    ['2026-11-27T12:00Z', '2026-12-25T12:00Z', '2027-01-29T12:00Z'],
  ],
  [
    '0 0 12 ? * SAT-SUN',
    '2026-11-22T00:00:00Z',
    ['2026-11-22T12:00Z', '2026-11-28T12:00Z', '2026-11-29T12:00Z'],
  ],
  [
    '0 0 22-2/2 1 * ?',
    '2026-12-01T00:00:00Z',
    ['2026-12-01T02:00Z', '2026-12-01T22:00Z', '2027-01-01T00:00Z'],
  ],
  ['0 0 0 29 2 ?', '2026-01-01T00:00:00Z', ['2028-02-29T00:00Z', '2032-02-29T00:00Z', '2036-02-29T00:00Z']],
  ['0 0 0 30 2 ?', '2026-01-01T00:00:00Z', []],
  ['0 0 0 1 1 ? 2026', '2026-01-01T00:00:00Z', []],
  ['0 0 0 1 1 ? 2199', '2026-01-01T00:00:00Z', ['2199-01-01T00:00Z']],
])('%s after %s', (expression, from, expected) => {
  expect(fires(expression, 'UTC', from)).toEqual(expected);
});

describe('where the clocks go forward', () => {
  // Berlin, 29 March 2026: 02:00 is 03:00.
  it('a time of the day that is skipped is as much later', () => {
    expect(fires('0 30 2 * * ?', 'Europe/Berlin', '2026-03-28T00:00:00Z')).toEqual([
      '2026-03-28T01:30Z',
      '2026-03-29T01:30Z',
      '2026-03-30T00:30Z',
    ]);
  });

  it('what falls together is one time', () => {
    expect(fires('0 30 2,3 * * ?', 'Europe/Berlin', '2026-03-29T00:00:00Z', 2)).toEqual([
      '2026-03-29T01:30Z',
      '2026-03-30T00:30Z',
    ]);
  });

  it('an expression of every hour has nothing in the hour that is skipped', () => {
    expect(fires('0 30 * * * ?', 'Europe/Berlin', '2026-03-29T00:00:00Z')).toEqual([
      '2026-03-29T00:30Z',
      '2026-03-29T01:30Z',
      '2026-03-29T02:30Z',
    ]);
  });

  // Cairo, 24 April 2026: midnight is 01:00.
  it('midnight is skipped in some places', () => {
    expect(fires('0 0 0 * * ?', 'Africa/Cairo', '2026-04-23T00:00:00Z', 2)).toEqual([
      '2026-04-23T22:00Z',
      '2026-04-24T21:00Z',
    ]);
  });
});

// Nuuk, 28 March 2026: 23:00 is midnight.
it('a time that is moved past midnight is found on the day that it is moved to', () => {
  for (const from of ['2026-03-28T00:00:00Z', '2026-03-29T01:10:00Z']) {
    expect(fires('0 30 23 28 3 ? 2026', 'America/Nuuk', from)).toEqual(['2026-03-29T01:30Z']);
  }
  expect(fires('0 30 0,23 * * ?', 'America/Nuuk', '2026-03-28T03:00:00Z')).toEqual([
    '2026-03-29T01:30Z',
    '2026-03-30T00:30Z',
    '2026-03-30T01:30Z',
  ]);
});

// Apia, 30 December 2011: the whole day is skipped.
it('a day that is skipped is the next one', () => {
  expect(fires('0 0 6,18 30 12 ?', 'Pacific/Apia', '2011-12-29T00:00:00Z')).toEqual([
    '2011-12-30T16:00Z',
    '2011-12-31T04:00Z',
    '2012-12-29T16:00Z',
  ]);
});

describe('where the clocks go back', () => {
  // Berlin, 25 October 2026: 03:00 is 02:00 again.
  it('a time of the day that occurs twice is the first', () => {
    expect(fires('0 30 2 * * ?', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-26T01:30Z',
    ]);
  });

  it('an expression of every hour goes on', () => {
    expect(fires('0 0/30 * * * ?', 'Europe/Berlin', '2026-10-25T00:00:00Z', 4)).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-25T01:00Z',
      '2026-10-25T01:30Z',
      '2026-10-25T02:00Z',
    ]);
  });
});

it('refuses what is no expression', () => {
  expect(() => fires('0 3 * * *', 'UTC', '2026-11-22T00:00:00Z')).toThrow(RangeError);
});
