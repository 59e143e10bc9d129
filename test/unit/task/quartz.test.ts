import { expect, test } from 'vitest';
import { isQuartzExpression } from '../../../functions/shared/task/quartz.ts';

/** The examples of Quartz's cron trigger tutorial, and those of the captured exchanges. */
test.each([
  '0 0 3 1 1 ? 2099',
  '0 0 12 * * ?',
  '0 15 10 ? * *',
  '0 15 10 * * ?',
  '0 15 10 * * ? *',
  '0 15 10 * * ? 2027',
  '0 * 14 * * ?',
  '0 0/5 14 * * ?',
  '0 0/5 14,18 * * ?',
  '0 0-5 14 * * ?',
  '0 10,44 14 ? 3 WED',
  '0 15 10 ? * MON-FRI',
  '0 15 10 15 * ?',
  '0 15 10 L * ?',
  '0 15 10 LW * ?',
  '0 15 10 15W * ?',
  '0 15 10 ? * 6L',
  '0 15 10 ? * FRIL',
  '0 15 10 ? * 6L 2027-2030',
  '0 15 10 ? * 6#3',
  '0 15 10 ? * 2-6',
  '0 0 12 1/5 * ?',
  '0 11 11 11 11 ?',
  ' 0  0 12 * JAN-MAR ? ',
])('%s is Quartz', (expression) => {
  expect(isQuartzExpression(expression)).toBe(true);
});

test.each([
  ['', 'nothing'],
  ['garbage', 'no expression'],
  ['* * *', 'three fields'],
  ['0 3 * * *', 'five fields'],
  ['0 0 3 1 1 ? 2099 1', 'eight fields'],
  ['@daily', 'a name of other crons'],
  ['0 0 99 * * ?', 'hour 99'],
  ['0 60 0 * * ?', 'minute 60'],
  ['60 0 0 * * ?', 'second 60'],
  ['0 0 3 32 * ?', 'day 32'],
  ['0 0 3 0 * ?', 'day 0'],
  ['0 0 3 1 13 ?', 'month 13'],
  ['0 0 3 ? * 0', 'weekday 0'],
  ['0 0 3 ? * 8', 'weekday 8'],
  ['0 0 3 ? * FOO', 'no weekday'],
  ['0 0 3 ? * 2#6', 'the sixth of a weekday'],
  ['0 0 3 1 * 2', 'both day fields set'],
  ['0 0 3 * * *', 'both day fields set, to all'],
  ['0 0 3 ? * ?', 'neither day field set'],
  ['? 0 3 1 * ?', 'a question mark elsewhere'],
  ['0 0/0 3 1 * ?', 'a step of nothing'],
  ['0 0 3 1 * +2', 'a sign of another cron'],
  [`0 0 3 ${'1,'.repeat(500)}1 * ?`, 'longer than an expression'],
])('%s is not: %s', (expression) => {
  expect(isQuartzExpression(expression)).toBe(false);
});
