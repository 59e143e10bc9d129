import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aheadPaths } from '../../../functions/shared/lane/ahead.ts';

const NOW = new Date('2026-11-22T00:00:00.000Z');
const at = (milliseconds: number) => new Date(NOW.getTime() + milliseconds).toISOString();

describe('what is ahead of the log', () => {
  it('is met at its path, above it and under it, and nowhere else', () => {
    const ahead = aheadPaths([]);
    ahead.add('/a/b', NOW);
    const met = ['/a/b', '/a', '/', '/a/b/c', '/a/bc', '/b'].map((path) => ahead.meets(path, at(0)));
    expect(met).toEqual([true, true, true, true, false, false]);
  });

  it('counts for events that may have been logged before it, clocks being what they are', () => {
    const ahead = aheadPaths([{ fullPath: '/a', until: NOW.toISOString() }]);
    expect(ahead.meets('/a', at(-86_400_000))).toBe(true);
    expect(ahead.meets('/a', at(10_000))).toBe(true);
    expect(ahead.meets('/a', at(10_001))).toBe(false);
    expect(ahead.from(at(10_000))).toHaveLength(1);
    expect(ahead.from(at(10_001))).toEqual([]);
  });
});

describe('where something went', () => {
  it('is known for as long as the order of two entries is in doubt', () => {
    const ahead = aheadPaths([]);
    ahead.addTransfer('/a', ['/b', '/b/a'], at(0));
    expect(ahead.counterparts('/a/x', at(2_000))).toEqual(['/b/x', '/b/a/x']);
    expect(ahead.counterparts('/a', at(0))).toEqual(['/b', '/b/a']);
    expect(ahead.counterparts('/a', at(2_001))).toBeUndefined();
    expect(ahead.counterparts('/ab', at(0))).toBeUndefined();
    expect(ahead.meets('/a', at(0))).toBe(false);
  });

  it('may be nowhere', () => {
    const ahead = aheadPaths([]);
    ahead.addTransfer('/a/x', [], at(0));
    expect(ahead.counterparts('/a/x', at(0))).toEqual([]);
    expect(ahead.isHollow('/a', at(0))).toBe(true);
    expect(ahead.isHollow('/a/x', at(0))).toBe(false);
    expect(ahead.isHollow('/a', at(2_001))).toBe(false);
  });

  it('leaves what is above hollow, wherever it went', () => {
    const ahead = aheadPaths([]);
    ahead.add('/b/x', NOW);
    ahead.addTransfer('/a/x', ['/b/x'], at(0));
    expect(['/a', '/a/x', '/b'].map((path) => ahead.isHollow(path, at(0)))).toEqual([true, false, false]);
  });
});

it('never grows beyond what a lane’s record holds, and forgets nothing that is ahead', () => {
  const path = fc.array(fc.constantFrom('a', 'b', 'c'.repeat(900)), { minLength: 1, maxLength: 4 });
  const addition = fc.record({ path: path.map((names) => `/${names.join('/')}`), transfer: fc.boolean() });
  fc.assert(
    fc.property(fc.array(addition, { maxLength: 40 }), (additions) => {
      const ahead = aheadPaths([]);
      for (const { path, transfer } of additions) {
        if (transfer) {
          ahead.addTransfer(path, [`${path}-moved`], at(0));
        } else {
          ahead.add(path, NOW);
        }
      }
      const kept = ahead.from(at(0));
      expect(JSON.stringify(kept).length).toBeLessThan(20_000);
      const restored = aheadPaths(kept);
      for (const { path, transfer } of additions) {
        if (!transfer) {
          expect(restored.meets(path, at(0))).toBe(true);
        }
      }
    }),
  );
});
