import { expect, it } from 'vitest';
import { upkeep } from '../../../functions/shared/upkeep/upkeep.ts';

it('runs every step, whatever becomes of the others, and says which one failed', async () => {
  const ran: string[] = [];
  const errors: unknown[] = [];
  const { promise: lastHasRun, resolve } = Promise.withResolvers<void>();
  const { signal } = new AbortController();
  await upkeep({
    steps: [
      { name: 'throws', run: () => Promise.reject(new Error('broken')) },
      // It waits for one that comes after it.
      { name: 'slow', run: () => lastHasRun },
      {
        name: 'last',
        run: async (given) => {
          ran.push(given === signal ? 'last' : 'another signal');
          resolve();
        },
      },
    ],
    signal,
    logger: { error: (...said) => errors.push(said[1]) },
  });
  expect(ran).toEqual(['last']);
  expect(errors).toMatchObject([{ step: 'throws', error: { message: 'broken' } }]);
});
