import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toDomainError } from '../../../functions/shared/http/validation.ts';
import { nodeDigestRangeRequest, rangeAnswer } from '../../../functions/shared/node/digest-range.ts';
import type { AnsweredDigest } from '../../../functions/shared/node/digests.ts';
import { comparePaths } from '../../../functions/shared/node/path.ts';
import { type RangeNode, rangeDigest } from '../../../functions/shared/node/range-digest.ts';

const SHA = 'a'.repeat(64);
const METADATA = 'b'.repeat(64);
const file: RangeNode = {
  fullPath: '/a/ü',
  folder: false,
  size: 3,
  sha256: SHA,
  expires: true,
  metadata: METADATA,
};
const folder: RangeNode = { fullPath: '/a', folder: true, size: 0, expires: false, metadata: METADATA };

describe('the digest of a range', () => {
  it('is over the lines that the contract names', () => {
    const lines = `["/a",true,0,null,false,"${METADATA}"]\n["/a/ü",false,3,"${SHA}",true,"${METADATA}"]\n`;
    expect(rangeDigest([folder, file])).toBe(createHash('sha256').update(lines).digest('hex'));
    expect(rangeDigest([])).toBe(createHash('sha256').digest('hex'));
  });

  it.each<[string, RangeNode]>([
    ['another path', { ...file, fullPath: '/a/u' }],
    ['another kind', { ...file, folder: true }],
    ['another size', { ...file, size: 4 }],
    ['other content', { ...file, sha256: 'c'.repeat(64) }],
    ['no expiry', { ...file, expires: false }],
    ['other metadata', { ...file, metadata: 'c'.repeat(64) }],
    ['metadata that does not count', { ...file, metadata: null }],
  ])('tells %s', (_name, other) => {
    expect(rangeDigest([other])).not.toBe(rangeDigest([file]));
  });

  it('does not tell how a digest is written, nor what a folder cannot have', () => {
    expect(rangeDigest([{ ...file, sha256: SHA.toUpperCase() }])).toBe(rangeDigest([file]));
    expect(rangeDigest([{ ...folder, size: 9, sha256: SHA, expires: true }])).toBe(rangeDigest([folder]));
  });

  it('tells nodes apart whatever their names hold', () => {
    const path = fc.string({ unit: fc.constantFrom('/', 'a', '"', ',', '\n', ']', '\u{10000}', '0') });
    const nodes = fc.array(path, { maxLength: 3 });
    fc.assert(
      fc.property(nodes, nodes, (some, others) => {
        const of = (paths: readonly string[]) =>
          rangeDigest(paths.map((fullPath) => ({ ...file, fullPath })));
        expect(of(some) === of(others)).toBe(JSON.stringify(some) === JSON.stringify(others));
      }),
    );
  });
});

describe('what is answered of a range', () => {
  const answered = (fullPath: string, expireDate: string | null = null): AnsweredDigest => ({
    fullPath,
    folder: false,
    size: 3,
    sha256: SHA,
    md5: 'm',
    expireDate,
    metadata: METADATA,
  });
  const expiry = '2026-11-22T06:00:00.000Z';
  const found = [answered('/a'), answered('/b', expiry), { ...answered('/c', expiry), folder: true }];
  const digest = rangeDigest(found.map((node) => ({ ...node, expires: node.expireDate !== null })));

  it('is no node where the digest is the one that was asked for', () => {
    const question = { limit: 3, digest: digest.toUpperCase(), metadata: true };
    expect(rangeAnswer({ found, question })).toEqual({ count: 3, digest, expireDates: [expiry] });
    const one = rangeAnswer({ found: found.slice(0, 1), question: { ...question, digest: undefined } });
    expect(
      rangeAnswer({ found: found.slice(0, 1), question: { ...question, digest: one.digest } }),
    ).not.toHaveProperty('expireDates');
  });

  it('is every node where it is not', () => {
    expect(rangeAnswer({ found, question: { limit: 3, digest: SHA, metadata: true } })).toEqual({
      count: 3,
      digest,
      nodes: found,
    });
  });

  it('is every node where more follow, and where they do', () => {
    const first = found.slice(0, 2);
    const { digest: own } = rangeAnswer({
      found: first,
      question: { limit: 2, digest: undefined, metadata: true },
    });
    expect(rangeAnswer({ found, question: { limit: 2, digest: own, metadata: true } })).toEqual({
      count: 2,
      digest: own,
      nodes: first,
      next: '/b',
    });
  });

  it('leaves metadata out of account where that was asked', () => {
    const other = found.map((node) => ({ ...node, metadata: SHA }));
    const without = (nodes: readonly AnsweredDigest[], metadata: boolean) =>
      rangeAnswer({ found: nodes, question: { limit: 3, digest: undefined, metadata } }).digest;
    expect(without(other, false)).toBe(without(found, false));
    expect(without(other, true)).not.toBe(without(found, true));
  });
});

describe('a question for a range', () => {
  const question = { projectId: 'p', repoName: 'r', limit: 1 };

  it('counts metadata, and is open to both sides, unless it says otherwise', () => {
    expect(nodeDigestRangeRequest.parse(question)).toEqual({ ...question, metadata: true });
    expect(
      nodeDigestRangeRequest.parse({ ...question, after: null, until: null, metadata: false }),
    ).toMatchObject({ after: undefined, until: undefined, metadata: false });
  });

  it.each([
    [0, 'PARAMETER_INVALID'],
    [-1, 'PARAMETER_INVALID'],
    [501, 'NODE_LIST_TOO_LARGE'],
    ['many', 'REQUEST_CONTENT_INVALID'],
    [undefined, 'REQUEST_CONTENT_INVALID'],
  ])('for %s nodes is refused', (limit, code) => {
    const { error } = nodeDigestRangeRequest.safeParse({ ...question, limit });
    expect(error === undefined ? undefined : toDomainError(error).code).toBe(code);
  });
});

it('orders paths by their bytes, as the database does', () => {
  const path = fc.string({ unit: fc.constantFrom('/', '0', 'a', 'é', '\ue000', '\uffff', '\u{10000}') });
  fc.assert(
    fc.property(path, path, (one, other) => {
      const points = [one, other].map((text) => [...text].map((point) => point.codePointAt(0) ?? 0));
      // The order of UTF-8's bytes is that of code points.
      const [left = [], right = []] = points;
      const at = left.findIndex((point, index) => point !== right[index]);
      const expected =
        at === -1 ? Math.sign(left.length - right.length) : Math.sign((left[at] ?? -1) - (right[at] ?? -1));
      expect(Math.sign(comparePaths(one, other))).toBe(expected);
    }),
  );
  expect(comparePaths('/\uffff', '/\u{10000}')).toBeLessThan(0);
});
