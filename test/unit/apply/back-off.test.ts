import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backOff, MAX_BACK_OFF } from '../../../functions/shared/apply/back-off.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the back-off', () => {
  it('begins in seconds, passes a minute and ends at a quarter of an hour', () => {
    const ceilings = [1, 2, 5, 6, 10, 20, 100, 150, 1_000].map((deliveries) =>
      backOff({ deliveries, random: 0.999999 }),
    );
    expect(ceilings).toEqual([6, 12, 32, 60, 60, 120, 600, 900, 900]);
  });

  it('stays within half its ceiling and its ceiling, and within what SQS takes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), random, (deliveries, at) => {
        const seconds = backOff({ deliveries, random: at });
        expect(Number.isInteger(seconds)).toBe(true);
        expect(seconds).toBeGreaterThanOrEqual(1);
        expect(seconds).toBeLessThanOrEqual(MAX_BACK_OFF);
        expect(seconds).toBeGreaterThanOrEqual(backOff({ deliveries, random: 0 }));
      }),
    );
  });

  it('outlasts a week before a message has been delivered a thousand times', () => {
    let seconds = 0;
    for (let deliveries = 1; deliveries <= 1_000; deliveries += 1) {
      seconds += backOff({ deliveries, random: 0.5 });
    }
    expect(seconds).toBeGreaterThan(7 * 86_400);
  });

  it('waits at least as long as the remote asks, up to its own bound', () => {
    expect(backOff({ deliveries: 1, retryAfter: 40, random: 0 })).toBe(40);
    expect(backOff({ deliveries: 1, retryAfter: 3_600, random: 0 })).toBe(MAX_BACK_OFF);
  });
});
