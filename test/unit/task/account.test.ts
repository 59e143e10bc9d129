import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accountOf } from '../../../functions/shared/task/account.ts';

const none = { dispatched: 0, applied: 0, superseded: 0, conflicted: 0, failed: 0, filtered: 0 };

describe('the account', () => {
  test('adds up lanes and slot', () => {
    const account = accountOf({
      slot: { nextOrdinal: 121 },
      task: { startOrdinal: 21 },
      lanes: [
        { dispatched: 40, applied: 28, superseded: 2, conflicted: 1, failed: 3, filtered: 2 },
        { ...none, dispatched: 10, applied: 10 },
      ],
    });
    expect(account).toEqual({
      read: 100,
      applied: 38,
      superseded: 2,
      filtered: 52,
      conflicted: 1,
      failed: 3,
      pending: 4,
    });
  });

  test.each([
    ['of a task that no tailer has seen', { slot: { nextOrdinal: 9 }, task: {}, lanes: [] }],
    ['without its slot', { slot: undefined, task: { startOrdinal: 1 }, lanes: [none] }],
    ['before the first event', { slot: { nextOrdinal: 9 }, task: { startOrdinal: 9 }, lanes: [] }],
  ])('%s is all nothing', (_case, facts) => {
    expect(accountOf(facts)).toEqual({ ...none, dispatched: undefined, read: 0, filtered: 0, pending: 0 });
  });

  test('takes what a task has still to get from the archive for pending', () => {
    const lanes = [{ ...none, dispatched: 40, applied: 28 }];
    const behind = { startOrdinal: 21, catchUp: { nextOrdinal: 101 } };
    expect(accountOf({ slot: { nextOrdinal: 121 }, task: behind, lanes })).toMatchObject({
      read: 100,
      filtered: 40,
      pending: 32,
    });
    // Sent already, and the task's position not yet moved.
    const sent = [{ ...none, dispatched: 90, applied: 28 }];
    expect(accountOf({ slot: { nextOrdinal: 121 }, task: behind, lanes: sent })).toMatchObject({
      read: 100,
      filtered: 0,
      pending: 72,
    });
  });

  test('goes on from what another slot has read, and owes nothing from before the place it joined at', () => {
    const lanes = [{ ...none, dispatched: 40, applied: 40 }];
    const slot = { nextOrdinal: 21 };
    const joined = { startOrdinal: 21, ordinalOffset: 100 };
    expect(accountOf({ slot, task: joined, lanes })).toMatchObject({ read: 100, filtered: 60, pending: 0 });
    const catchUp = { nextOrdinal: 11, notBefore: 19 };
    expect(accountOf({ slot, task: { ...joined, catchUp }, lanes })).toMatchObject({
      read: 100,
      filtered: 58,
      pending: 2,
    });
  });

  test('counts what was applied as sent, and what was sent as read, whichever was noted first', () => {
    const account = accountOf({
      slot: { nextOrdinal: 1 },
      task: { startOrdinal: 1 },
      lanes: [{ ...none, applied: 3 }],
    });
    expect(account).toMatchObject({ read: 3, applied: 3, pending: 0, filtered: 0 });
  });

  test('closes and is never negative, whatever was stored when', () => {
    const count = fc.nat({ max: 1_000 });
    const lane = fc.record({
      dispatched: count,
      applied: count,
      superseded: count,
      conflicted: count,
      failed: count,
      filtered: count,
    });
    fc.assert(
      fc.property(
        count,
        count,
        fc.option(count),
        fc.array(lane, { maxLength: 5 }),
        (nextOrdinal, startOrdinal, behind, lanes) => {
          const task = { startOrdinal, ...(behind === null ? {} : { catchUp: { nextOrdinal: behind } }) };
          const account = accountOf({ slot: { nextOrdinal }, task, lanes });
          const { read, ...parts } = account;
          expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBe(read);
          expect(Math.min(...Object.values(account))).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});
