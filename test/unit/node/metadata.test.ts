import fc from 'fast-check';
import { BSON, Long } from 'mongodb';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import {
  jsonMetadata,
  mergeMetadata,
  metadataObject,
  metadataRequest,
  storedMetadata,
} from '../../../functions/shared/node/metadata.ts';
import { metadataDigest } from '../../../functions/shared/node/metadata-digest.ts';

/** Through BSON and back, as a server would return it. */
function roundTrip(value: unknown): unknown {
  return BSON.deserialize(BSON.serialize({ value }))['value'];
}

function refused(value: unknown): string {
  try {
    storedMetadata([{ key: 'k', value }]);
  } catch (error) {
    if (error instanceof DomainError) {
      return `${error.code} ${error.args.join()}`;
    }
    throw error;
  }
  return 'taken';
}

describe('metadata of a request', () => {
  it('may be missing or null, and then is none', () => {
    expect(metadataRequest.parse(undefined)).toEqual([]);
    expect(metadataRequest.parse(null)).toEqual([]);
  });

  it('keeps every key, those too that mean something to JavaScript or MongoDB', () => {
    const keys = ['__proto__', 'constructor', 'a.b', '$set', '', '中'];
    const given: unknown = JSON.parse(`{${keys.map((key) => `${JSON.stringify(key)}:1`).join()}}`);
    expect(metadataRequest.parse(given).map(({ key }) => key)).toEqual(keys);
    expect(JSON.parse(JSON.stringify(metadataObject(metadataRequest.parse(given))))).toEqual(given);
  });

  it.for([[[]], ['text'], [1], [true]])('is refused when it is no object: %j', ([value]) => {
    expect(metadataRequest.safeParse(value).success).toBe(false);
  });
});

describe('metadata as it is stored', () => {
  it('is what was given, for every JSON value', () => {
    const key = fc
      .string()
      .filter((text) => !text.includes('.') && !text.startsWith('$') && !text.includes('\0'));
    const { tree: json } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constant(null),
        fc.boolean(),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
        fc.string({ unit: 'grapheme' }),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 3, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(
        json.filter((value) => value !== null),
        (value) => {
          const [entry] = storedMetadata([{ key: 'k', value }]);
          expect(roundTrip(entry?.value)).toEqual(value);
        },
      ),
    );
  });

  it('has the integer widths that Java chooses', () => {
    const widths = storedMetadata(
      [2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 1.5, 1e30].map((value) => ({ key: 'k', value })),
    ).map(({ value }) => (value instanceof Long ? 'long' : Number.isInteger(value) ? 'number' : 'fraction'));
    expect(widths).toEqual(['number', 'long', 'number', 'long', 'fraction', 'number']);
  });

  it('is refused where bk-repo could not have stored it', () => {
    expect(refused(null)).toBe('PARAMETER_INVALID metadata');
    expect(refused({ 'a.b': 1 })).toBe('PARAMETER_INVALID metadata');
    expect(refused([{ $a: 1 }])).toBe('PARAMETER_INVALID metadata');
    expect(refused({ 'a\0': 1 })).toBe('PARAMETER_INVALID metadata');
    expect(refused({ a: null })).toBe('taken');
    const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));
    expect(refused(nested(80))).toBe('taken');
    expect(refused(nested(5_000))).toBe('PARAMETER_INVALID metadata');
  });
});

describe('mergeMetadata', () => {
  it('replaces in place and adds at the end', () => {
    const existing = [
      { key: 'a', value: 1 },
      { key: 'b', value: 2 },
    ];
    const saved = [
      { key: 'c', value: 3 },
      { key: 'a', value: 4 },
    ];
    expect(mergeMetadata(existing, saved)).toEqual([
      { key: 'a', value: 4 },
      { key: 'b', value: 2 },
      { key: 'c', value: 3 },
    ]);
  });

  it('done twice changes nothing more, and leaves each key once', () => {
    const entries = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), value: fc.nat() }));
    fc.assert(
      fc.property(entries, entries, (existing, saved) => {
        const merged = mergeMetadata(existing, saved);
        expect(mergeMetadata(merged, saved)).toEqual(merged);
        const keys = merged.map(({ key }) => key);
        expect(new Set(keys).size).toBe(keys.length);
        expect(metadataObject(merged)).toEqual({ ...metadataObject(existing), ...metadataObject(saved) });
      }),
    );
  });
});

describe('metadata on its way into JSON', () => {
  it('keeps the digits of longs, wherever they stand, and the types of everything else', () => {
    const values = {
      long: Long.fromString('9007199254740993'),
      least: Long.MIN_VALUE,
      safe: Long.fromNumber(2 ** 40),
      nested: [{ deep: Long.MAX_VALUE, text: '1' }],
      date: new Date(0),
      fraction: 1.5,
    };
    const entries = Object.entries(values).map(([key, value]) => ({ key, value: roundTrip(value) }));
    expect(JSON.stringify(jsonMetadata(entries))).toBe(
      '{"long":9007199254740993,"least":-9223372036854775808,"safe":1099511627776,' +
        '"nested":[{"deep":9223372036854775807,"text":"1"}],"date":"1970-01-01T00:00:00.000Z","fraction":1.5}',
    );
  });

  it('has the digest of what a receiver that rounds such a long makes of it', () => {
    const exact = jsonMetadata([{ key: 'k', value: Long.fromString('9007199254740993') }]);
    expect(metadataDigest(exact)).toBe(metadataDigest({ k: 2 ** 53 }));
    expect(metadataDigest(exact)).not.toBe(metadataDigest({ k: 2 ** 53 - 1 }));
  });
});
