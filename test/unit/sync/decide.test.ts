import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SourceNode } from '../../../functions/shared/apply/source-catalog.ts';
import { metadataDigest } from '../../../functions/shared/node/metadata-digest.ts';
import { type Decision, decide, type Presence } from '../../../functions/shared/sync/decide.ts';

const SHA = 'a'.repeat(64);
const file: Extract<SourceNode, { folder: false }> = {
  folder: false,
  fullPath: '/a',
  createdBy: 'admin',
  size: 3,
  sha256: SHA,
  md5: 'm',
  metadata: { key: 'value' },
};
const folder: SourceNode = { folder: true, fullPath: '/a', createdBy: 'admin', metadata: { key: 'value' } };

const known = (digest: Partial<Extract<Presence, { kind: 'KNOWN' }>['digest']> = {}): Presence => ({
  kind: 'KNOWN',
  digest: {
    fullPath: '/a',
    folder: false,
    size: 3,
    sha256: SHA,
    metadata: metadataDigest({ key: 'value' }),
    ...digest,
  },
});
const knownFolder = (metadata: Record<string, unknown>): Presence =>
  known({ folder: true, size: 0, sha256: undefined, metadata: metadataDigest(metadata) });
const UNKNOWN: Presence = { kind: 'UNKNOWN' };
const MISSING: Presence = { kind: 'MISSING' };
const DAY = 86_400_000;

const question = {
  isOurs: false,
  isChanged: false,
  strategy: 'SKIP',
  includeMetadata: true,
} as const;

describe('what is to be done about a node', () => {
  const expiring = { ...file, expireDate: new Date(10 * DAY) };
  it.each<[string, SourceNode, Presence, Record<'SKIP' | 'OVERWRITE' | 'FAST_FAIL' | 'ours', Decision>]>([
    ['nothing there', file, MISSING, { SKIP: 'PUT', OVERWRITE: 'PUT', FAST_FAIL: 'PUT', ours: 'PUT' }],
    ['the same file', file, known(), { SKIP: 'DONE', OVERWRITE: 'DONE', FAST_FAIL: 'DONE', ours: 'DONE' }],
    [
      'the same content in other letters',
      file,
      known({ sha256: SHA.toUpperCase() }),
      { SKIP: 'DONE', OVERWRITE: 'DONE', FAST_FAIL: 'DONE', ours: 'DONE' },
    ],
    [
      'other content',
      file,
      known({ sha256: 'b'.repeat(64) }),
      { SKIP: 'CONFLICT', OVERWRITE: 'REPLACE', FAST_FAIL: 'STOP', ours: 'REPLACE' },
    ],
    [
      'content that claims the digest with another size',
      file,
      known({ size: 4 }),
      { SKIP: 'CONFLICT', OVERWRITE: 'REPLACE', FAST_FAIL: 'STOP', ours: 'REPLACE' },
    ],
    [
      'other metadata',
      file,
      known({ metadata: metadataDigest({}) }),
      { SKIP: 'CONFLICT', OVERWRITE: 'RENEW', FAST_FAIL: 'STOP', ours: 'RENEW' },
    ],
    [
      'an expiry that the file has not',
      file,
      known({ expireDate: new Date(10 * DAY) }),
      { SKIP: 'CONFLICT', OVERWRITE: 'RENEW', FAST_FAIL: 'STOP', ours: 'RENEW' },
    ],
    [
      'an expiry that was rounded up to whole days on its way',
      expiring,
      known({ expireDate: new Date(11 * DAY) }),
      { SKIP: 'DONE', OVERWRITE: 'DONE', FAST_FAIL: 'DONE', ours: 'DONE' },
    ],
    [
      'a later expiry',
      expiring,
      known({ expireDate: new Date(12 * DAY) }),
      { SKIP: 'CONFLICT', OVERWRITE: 'RENEW', FAST_FAIL: 'STOP', ours: 'RENEW' },
    ],
    [
      'a folder in a file’s place',
      file,
      knownFolder({}),
      { SKIP: 'CONFLICT', OVERWRITE: 'REPLACE', FAST_FAIL: 'STOP', ours: 'REPLACE' },
    ],
    [
      'something in a file’s place',
      file,
      UNKNOWN,
      { SKIP: 'CONFLICT', OVERWRITE: 'REPLACE', FAST_FAIL: 'STOP', ours: 'DONE' },
    ],
    [
      'a file in a folder’s place',
      folder,
      known(),
      { SKIP: 'CONFLICT', OVERWRITE: 'VACATE', FAST_FAIL: 'STOP', ours: 'VACATE' },
    ],
    [
      'the same folder',
      folder,
      knownFolder({ key: 'value' }),
      { SKIP: 'DONE', OVERWRITE: 'DONE', FAST_FAIL: 'DONE', ours: 'DONE' },
    ],
    [
      'a folder with other metadata',
      folder,
      knownFolder({}),
      { SKIP: 'DONE', OVERWRITE: 'SAVE_METADATA', FAST_FAIL: 'DONE', ours: 'SAVE_METADATA' },
    ],
    [
      'something in a folder’s place',
      folder,
      UNKNOWN,
      { SKIP: 'DONE', OVERWRITE: 'SAVE_METADATA', FAST_FAIL: 'DONE', ours: 'SAVE_METADATA' },
    ],
    [
      'something in the place of a folder without metadata',
      { ...folder, metadata: {} },
      UNKNOWN,
      { SKIP: 'DONE', OVERWRITE: 'DONE', FAST_FAIL: 'DONE', ours: 'DONE' },
    ],
  ])('%s', (_name, node, presence, expected) => {
    for (const strategy of ['SKIP', 'OVERWRITE', 'FAST_FAIL'] as const) {
      expect(decide({ ...question, node, presence, strategy }), strategy).toBe(expected[strategy]);
      expect(decide({ ...question, node, presence, strategy, isOurs: true }), `ours, ${strategy}`).toBe(
        expected.ours,
      );
    }
  });

  it.each<[string, Record<string, unknown>, boolean, Decision]>([
    ['what its form has carried', { key: 'value' }, true, 'DONE'],
    ['a number, which is saved after it', { key: 'value', count: 56 }, true, 'SAVE_METADATA'],
    ['a key that no form carries', { 'a"b': 'value' }, true, 'SAVE_METADATA'],
    ['a number that is not replicated', { count: 56 }, false, 'DONE'],
  ])(
    'an upload of this run that may have been cut off, with %s',
    (_, metadata, includeMetadata, expected) => {
      const node = { ...file, metadata };
      expect(decide({ ...question, node, presence: UNKNOWN, isOurs: true, includeMetadata })).toBe(expected);
    },
  );

  it('sends what it sent before the source changed it', () => {
    const ours = { ...question, node: file, presence: UNKNOWN, isOurs: true };
    expect(decide({ ...ours, isChanged: true })).toBe('REPLACE');
  });

  it('looks at no metadata that it does not replicate', () => {
    const plain = { ...question, includeMetadata: false, strategy: 'OVERWRITE' } as const;
    expect(decide({ ...plain, node: file, presence: known({ metadata: metadataDigest({}) }) })).toBe('DONE');
    expect(decide({ ...plain, node: folder, presence: knownFolder({}) })).toBe('DONE');
  });

  const nodes = fc.constantFrom<SourceNode>(file, folder, expiring, { ...folder, metadata: {} });
  const presences = fc.oneof(
    fc.constantFrom(MISSING, UNKNOWN),
    fc.record({
      kind: fc.constant('KNOWN' as const),
      digest: fc.record({
        fullPath: fc.constant('/a'),
        folder: fc.boolean(),
        size: fc.constantFrom(0, 3),
        sha256: fc.constantFrom(SHA, 'b'.repeat(64), undefined),
        expireDate: fc.constantFrom(undefined, new Date(10 * DAY)),
        metadata: fc.constantFrom(metadataDigest({}), metadataDigest({ key: 'value' })),
      }),
    }),
  );
  const given = fc.record({
    node: nodes,
    presence: presences,
    isOurs: fc.boolean(),
    isChanged: fc.boolean(),
    strategy: fc.constantFrom('SKIP' as const, 'OVERWRITE' as const, 'FAST_FAIL' as const),
    includeMetadata: fc.boolean(),
  });

  it('touches nothing of others unless it is to overwrite, and never its own work’s end', () => {
    fc.assert(
      fc.property(given, (asked) => {
        const decision = decide(asked);
        const isForeign = !asked.isOurs && asked.presence.kind !== 'MISSING';
        if (isForeign && asked.strategy !== 'OVERWRITE') {
          expect(['DONE', 'CONFLICT', 'STOP']).toContain(decision);
        }
        if (asked.isOurs || asked.strategy === 'OVERWRITE') {
          expect(['CONFLICT', 'STOP']).not.toContain(decision);
        }
        if (decision === 'STOP') {
          expect(asked.strategy).toBe('FAST_FAIL');
        }
        expect(decision === 'PUT').toBe(asked.presence.kind === 'MISSING');
      }),
    );
  });
});
