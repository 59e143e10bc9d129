import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { inTime, LateAnswerError } from '../../../functions/shared/mongodb/in-time.ts';

const taking = (milliseconds: number) => async () => {
  vi.advanceTimersByTime(milliseconds);
  return ['/a'];
};

describe('an answer of the database', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is asked for with the time limit', async () => {
    await expect(inTime(5_000, async (limited) => limited)).resolves.toEqual({ maxTimeMS: 5_000 });
  });

  it('counts when it is there in time', async () => {
    await expect(inTime(5_000, taking(4_999))).resolves.toEqual(['/a']);
  });

  it.each([5_000, 60_000])(
    'does not when it may be cut short: after %d of 5,000 ms',
    async (milliseconds) => {
      await expect(inTime(5_000, taking(milliseconds))).rejects.toThrow(LateAnswerError);
    },
  );

  it('keeps the error of one that fails', async () => {
    const failing = async () => {
      throw new Error('no connection');
    };
    await expect(inTime(5_000, failing)).rejects.toThrow('no connection');
  });
});
