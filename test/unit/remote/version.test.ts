import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXTENSIONS, formatVersion, parseVersion } from '../../../functions/shared/remote/version.ts';

const CLUSTER_ID = '0123456789abcdef0123456789abcdef';

describe('version of a cluster', () => {
  it('is the contract’s, with the cluster and its extensions as build metadata', () => {
    expect(formatVersion({ clusterId: CLUSTER_ID, extensions: ['blob', 'presigned'] })).toBe(
      `1.0.0+logferry.${CLUSTER_ID}.blob.presigned`,
    );
  });

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[0-9a-f]{32}$/),
        fc.uniqueArray(fc.constantFrom(...EXTENSIONS)),
        (clusterId, extensions) => {
          expect(parseVersion(formatVersion({ clusterId, extensions }))).toEqual({
            clusterId,
            extensions: new Set(extensions),
          });
        },
      ),
    );
  });

  it('leaves out extensions of a later version', () => {
    expect(parseVersion(`2.1.0-rc.1+logferry.${CLUSTER_ID}.blob.parts-2`)).toEqual({
      clusterId: CLUSTER_ID,
      extensions: new Set(['blob']),
    });
  });

  it.each([
    '',
    '1.0.0',
    'v1.9.2-beta+20260801',
    `1.0.0+other.${CLUSTER_ID}.blob`,
    '1.0.0+logferry',
    '1.0.0+logferry.blob',
    `1.0.0+logferry.${CLUSTER_ID.toUpperCase()}.blob`,
    `1.0.0+logferry.${CLUSTER_ID}.blob extra`,
    `1.0.0+logferry.${CLUSTER_ID}+blob`,
    `1.0.0+logferry.${CLUSTER_ID}${'.blob'.repeat(1_000)}`,
  ])('announces nothing in %j', (text) => {
    expect(parseVersion(text)).toEqual({ extensions: new Set() });
  });

  it('takes any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseVersion(text).extensions).toBeInstanceOf(Set);
      }),
    );
  });
});
