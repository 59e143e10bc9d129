import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { formatLocalDateTime, parseLocalDateTime } from '../../../functions/shared/http/local-date-time.ts';

describe('format', () => {
  test.each([
    ['2026-11-22T01:13:46.480Z', 'UTC', '2026-11-22T01:13:46.48'],
    ['2026-11-22T01:13:46.000Z', 'UTC', '2026-11-22T01:13:46'],
    ['2026-11-22T00:00:00.000Z', 'UTC', '2026-11-22T00:00:00'],
    ['2026-11-22T01:13:46.004Z', 'UTC', '2026-11-22T01:13:46.004'],
    ['2026-11-21T16:30:00.000Z', 'Asia/Shanghai', '2026-11-22T00:30:00'],
    ['2026-07-01T10:00:00.000Z', 'Europe/Berlin', '2026-07-01T12:00:00'],
    ['2026-11-22T00:00:00.120Z', 'Asia/Kathmandu', '2026-11-22T05:45:00.12'],
  ])('%s in %s is %s', (instant, timeZone, text) => {
    expect(formatLocalDateTime(new Date(instant), timeZone)).toBe(text);
  });
});

describe('parse', () => {
  test.each([
    ['2099-01-01T00:00:00', 'UTC', '2099-01-01T00:00:00.000Z'],
    ['2099-01-01T00:00:00', 'Asia/Shanghai', '2098-12-31T16:00:00.000Z'],
    ['2099-01-01T00:00', 'UTC', '2099-01-01T00:00:00.000Z'],
    ['2099-01-01T00:00:00.123456789', 'UTC', '2099-01-01T00:00:00.123Z'],
    ['2099-01-01T00:00:00.5', 'UTC', '2099-01-01T00:00:00.500Z'],
    ['2099-01-01T00:00:00+08:00', 'Europe/Berlin', '2098-12-31T16:00:00.000Z'],
    ['2099-01-01T00:00:00-03:30', 'UTC', '2099-01-01T03:30:00.000Z'],
    ['2099-01-01T00:00:00Z', 'Asia/Shanghai', '2099-01-01T00:00:00.000Z'],
    // Clocks go forward at 02:00: half past two does not exist and is an hour later.
    ['2026-03-29T02:30:00', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
    // Clocks go back at 03:00: half past two is there twice, and the first one is meant.
    ['2026-10-25T02:30:00', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'],
    ['2026-10-25T03:30:00', 'Europe/Berlin', '2026-10-25T02:30:00.000Z'],
  ])('%s in %s is %s', (text, timeZone, instant) => {
    expect(parseLocalDateTime(text, timeZone).toISOString()).toBe(instant);
  });

  test.each([
    '',
    'garbage',
    '2099-01-01',
    '2099-01-01 00:00:00',
    '2099-02-30T00:00:00',
    '2099-13-01T00:00:00',
    '2099-01-01T24:00:00',
    '2099-01-01T00:60:00',
    '2099-01-01T00:00:00.',
    '2099-01-01T00:00:00.1234567890',
    '2099-01-01T00:00:00+0800',
    '2099-01-01T00:00:00+19:00',
    ' 2099-01-01T00:00:00',
  ])('%s is 250104', (text) => {
    expect(() => parseLocalDateTime(text, 'UTC')).toThrow(new DomainError('REQUEST_CONTENT_INVALID'));
  });

  test('reads back what was formatted, in every zone without a change of clocks', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1971-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }),
        fc.constantFrom('UTC', 'Asia/Kolkata', 'Asia/Tokyo', 'America/Phoenix'),
        (date, timeZone) => {
          const text = formatLocalDateTime(date, timeZone);
          expect(parseLocalDateTime(text, timeZone)).toEqual(date);
        },
      ),
    );
  });
});
