import fc from 'fast-check';
import { expect, it } from 'vitest';
import { heldBlobs } from '../../../functions/shared/blob/held-blobs.ts';

it('those that are there are told in their order with their sizes, each asked for once and few at a time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { maxLength: 80 }),
      fc.integer({ min: 0, max: 3 }),
      async (digests, rest) => {
        const sizeOf = (digest: string) => (digest.length % 3 === rest ? undefined : digest.length);
        const asked: string[] = [];
        let open = 0;
        let most = 0;
        const size = async (digest: string) => {
          asked.push(digest);
          open += 1;
          most = Math.max(most, open);
          await Promise.resolve();
          open -= 1;
          return sizeOf(digest);
        };
        expect(await heldBlobs({ blobs: { size }, sha256List: digests })).toEqual(
          digests.flatMap((sha256) => {
            const held = sizeOf(sha256);
            return held === undefined ? [] : [{ sha256, size: held }];
          }),
        );
        expect(asked.sort()).toEqual([...digests].sort());
        expect(most).toBeLessThanOrEqual(32);
      },
    ),
  );
});

it('a fault of the store is not taken for a missing blob', async () => {
  const fault = new Error('slow down');
  await expect(heldBlobs({ blobs: { size: () => Promise.reject(fault) }, sha256List: ['a'] })).rejects.toBe(
    fault,
  );
});
