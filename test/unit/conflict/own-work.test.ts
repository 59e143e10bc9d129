import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ownWork, ownWorkSchema } from '../../../functions/shared/conflict/own-work.ts';

const LOGGED_AT = '2026-11-22T00:00:00.000Z';
const later = (milliseconds: number) => new Date(Date.parse(LOGGED_AT) + milliseconds);
const path = fc.constantFrom('/a', '/a/b', '/b', '/ab');
const content = fc.constantFrom({ folder: true }, { folder: false, sha256: 'aa' }, { sha256: 'bb' }, {});

describe("a lane's own work", () => {
  it('is what was added, by path and content, and the same after it was stored', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(path, content)), path, content, (added, fullPath, known) => {
        const own = ownWork(undefined, LOGGED_AT);
        const isThere = (all: typeof added) =>
          all.some(
            ([at, what]) => JSON.stringify([at, told(what)]) === JSON.stringify([fullPath, told(known)]),
          );
        for (const [index, [at, what]] of added.entries()) {
          const before = added.slice(0, index);
          const isNew = !before.some(([other, it]) => other === at && told(it) === told(what));
          expect(own.add(at, what)).toBe(isNew);
        }
        expect(own.has(fullPath, known, LOGGED_AT)).toBe(isThere(added));
        const stored = own.stored(later(1));
        expect(stored === undefined).toBe(added.length === 0);
        const again = ownWork(stored && ownWorkSchema.parse(stored), LOGGED_AT);
        expect(again.has(fullPath, known, LOGGED_AT)).toBe(isThere(added));
      }),
    );
  });

  it('is everything at and under a landing, for as long as the order of the log is in doubt', () => {
    const own = ownWork(undefined, LOGGED_AT);
    own.addLanding('/to', LOGGED_AT);
    expect(own.has('/to', { sha256: 'x' }, later(2_000).toISOString())).toBe(true);
    expect(own.has('/to/x', {}, LOGGED_AT)).toBe(true);
    expect(own.has('/tox', {}, LOGGED_AT)).toBe(false);
    expect(own.has('/to', { sha256: 'x' }, later(2_001).toISOString())).toBe(false);
  });

  it('is forgotten when the log has passed it, but for the last of it', () => {
    const own = ownWork(undefined, LOGGED_AT);
    for (let index = 0; index <= 256; index += 1) {
      own.add(`/${index}`, {});
    }
    const stored = own.stored(later(2_000));
    const at = (milliseconds: number) => ownWork(stored, later(milliseconds).toISOString());
    expect(at(2_000).has('/0', {}, LOGGED_AT)).toBe(true);
    expect(at(2_001).has('/0', {}, LOGGED_AT)).toBe(false);
    expect(at(2_001).has('/1', {}, LOGGED_AT)).toBe(true);
    expect(at(2_001).stored(later(9))?.contents).toHaveLength(2_048);
  });

  it('fits into an item: the oldest is forgotten first', () => {
    const own = ownWork(undefined, LOGGED_AT);
    for (let index = 0; index <= 8_000; index += 1) {
      own.add(`/${index}`, {});
    }
    expect(own.stored(later(0))?.contents).toHaveLength(64_000);
    expect(own.has('/0', {}, LOGGED_AT)).toBe(false);
    expect(own.has('/8000', {}, LOGGED_AT)).toBe(true);
  });
});

function told({ folder, sha256 }: { readonly folder?: boolean; readonly sha256?: string }): string {
  return folder === true ? 'folder' : (sha256 ?? '');
}
