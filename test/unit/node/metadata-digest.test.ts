import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { ObjectId } from 'mongodb';
import { describe, expect, it } from 'vitest';
import { metadataDigest } from '../../../functions/shared/node/metadata-digest.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** The same value with the keys of all its objects in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(reordered);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const entries = Object.entries(value).map(([key, member]): [string, unknown] => [key, reordered(member)]);
  return Object.fromEntries(entries.reverse());
}

/** Values that metadata may have on its top level. */
const json = fc.jsonValue({ maxDepth: 3 });
const metadata = fc.dictionary(
  fc.string({ unit: 'binary' }),
  json.filter((value) => value !== null),
);

describe('digest of metadata', () => {
  it('is that of its canonical JSON', () => {
    expect(metadataDigest({})).toBe(sha256('{}'));
    expect(metadataDigest({ tags: ['x', 'y'], build: 7, a: { c: 1.5, b: null }, 'é"': '\n' })).toBe(
      sha256('{"a":{"b":null,"c":1.5},"build":7,"tags":["x","y"],"é\\"":"\\n"}'),
    );
    // RFC 8785, section 3.2.3: the order is that of UTF-16 code units.
    const sorted = ['\r', '1', '\u0080', 'ö', '€', '😀', '\ufb33'];
    const text = sorted.map((key) => `${JSON.stringify(key)}:1`).join(',');
    expect(metadataDigest(Object.fromEntries(sorted.toReversed().map((key) => [key, 1])))).toBe(
      sha256(`{${text}}`),
    );
  });

  it('does not look at the order of keys', () => {
    fc.assert(
      fc.property(metadata, (value) => {
        expect(metadataDigest(Object(reordered(value)))).toBe(metadataDigest(value));
      }),
    );
  });

  it('is the same at both ends of a way through JSON', () => {
    fc.assert(
      fc.property(metadata, (value) => {
        expect(metadataDigest(JSON.parse(JSON.stringify(value)))).toBe(metadataDigest(value));
      }),
    );
  });

  it('is the same for equal metadata and for no other', () => {
    // Few keys and values, so that both cases come up.
    const leaf = fc.constantFrom<unknown>(1, '1', true, 'true', null, '', 'a');
    const { value: few } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 2 },
        leaf,
        fc.array(tie('value'), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom('a', 'b'), tie('value'), { maxKeys: 2, noNullPrototype: true }),
      ),
    }));
    const small = fc.dictionary(
      fc.constantFrom('a', 'b'),
      few.filter((value) => value !== null),
      { maxKeys: 2, noNullPrototype: true },
    );
    fc.assert(
      fc.property(small, small, (one, other) => {
        expect(metadataDigest(one) === metadataDigest(other)).toBe(
          isDeepStrictEqual({ ...one }, { ...other }),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    [{ a: 1 }, { a: '1' }],
    [{ a: true }, { a: 'true' }],
    [{ a: [] }, { a: {} }],
    [{ a: ['x'] }, { a: 'x' }],
    [{ a: ['x', 'y'] }, { a: ['y', 'x'] }],
    [{ a: { b: 1 } }, { 'a.b': 1 }],
    [{ a: '' }, {}],
    [{ a: [null] }, { a: [] }],
    [JSON.parse('{"__proto__": 1}'), {}],
  ])('tells %j from %j', (one, other) => {
    expect(metadataDigest(one)).not.toBe(metadataDigest(other));
  });

  it('leaves out what is left out of what is sent', () => {
    expect(metadataDigest({ a: null, b: undefined, c: 1 })).toBe(metadataDigest({ c: 1 }));
  });

  it('takes values of the database for what they become on their way', () => {
    const id = '65a1b2c3d4e5f60718293a4b';
    expect(metadataDigest({ at: new Date(0), id: new ObjectId(id) })).toBe(
      metadataDigest({ at: '1970-01-01T00:00:00.000Z', id }),
    );
  });
});
