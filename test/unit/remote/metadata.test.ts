import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partMetadata } from '../../../functions/shared/remote/metadata.ts';

describe('metadata on its way to a remote', () => {
  it('puts plain strings into the form', () => {
    const metadata = {
      build: '42',
      名称: '中文 值',
      'a.b': 'dot',
      'sp ace': 'x y',
      $d: 'x',
      'semi;c=1&': '%"',
    };
    expect(partMetadata(metadata)).toEqual({ form: Object.entries(metadata), json: {} });
  });

  it.each(['a"b', "a'b", 'a[b', 'a]b', 'a\\b', 'a\nb', 'a\rb', 'a\u0000b', '', ' a', 'a ', '\ud800'])(
    'sends the key %j by metadata/save',
    (key) => {
      expect(partMetadata({ [key]: 'v' })).toEqual({ form: [], json: { [key]: 'v' } });
    },
  );

  it.each([1, true, false, 0, 1.5, ['a'], { a: null }, '', '\udc00'])(
    'sends the value %j by metadata/save',
    (value) => {
      expect(partMetadata({ key: value })).toEqual({ form: [], json: { key: value } });
    },
  );

  it('leaves out null values, which no bk-repo can hold', () => {
    expect(partMetadata({ gone: null, kept: 'x' })).toEqual({ form: [['kept', 'x']], json: {} });
  });

  it('loses and invents nothing else', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), (metadata) => {
        const { form, json } = partMetadata(metadata);
        const kept = Object.entries(metadata).filter(([, value]) => value !== null);
        expect(new Map<string, unknown>([...form, ...Object.entries(json)])).toEqual(new Map(kept));
        expect(form.length + Object.keys(json).length).toBe(kept.length);
      }),
    );
  });
});
