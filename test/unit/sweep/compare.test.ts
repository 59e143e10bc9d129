import { expect, it } from 'vitest';
import { RemoteOutageError } from '../../../functions/shared/remote/errors.ts';
import { comparison } from '../../../functions/shared/sweep/compare.ts';
import { type Content, everyPage, REMOTE, SOURCE, TwoSides } from './two-sides.ts';

const FILE: Content = { folder: false, size: 3, sha256: 'a'.repeat(64), metadata: {} };
const paths = (count: number) =>
  Array.from({ length: count }, (_, index) => `/${String(index).padStart(5, '0')}`);

it.each([
  ['with metadata', true],
  ['but for metadata that is not replicated', false],
])('asks once for 500 nodes of a repository that is equal %s, and learns none', async (_name, isCounted) => {
  const sides = new TwoSides(['digests', 'ranges']);
  for (const path of paths(1_200)) {
    sides.source.set(path, { ...FILE, metadata: { label: 1 } });
    sides.remote.set(path, { ...FILE, metadata: { label: isCounted ? 1 : 2 } });
  }
  const client: typeof sides.client = {
    ...sides.client,
    digestRange: async (question) => {
      const answer = await sides.client.digestRange(question);
      expect(answer.nodes).toBeUndefined();
      return answer;
    },
  };
  const compare = comparison({ ...sides, client, includeMetadata: isCounted });
  expect(await everyPage({ compare, limit: 5_000 })).toEqual({ compared: 1_200, differences: [], pages: 3 });
  expect(sides.calls).toEqual(['range', 'range', 'range']);
});

it('sees a thousand extras behind one node, by bounded answers', async () => {
  const sides = new TwoSides(['digests', 'ranges']);
  sides.source.set('/00000', FILE);
  for (const path of paths(1_200)) {
    sides.remote.set(path, FILE);
  }
  const compare = comparison({ ...sides, includeMetadata: true });
  const { differences, pages } = await everyPage({ compare, limit: 500 });
  expect(differences).toHaveLength(1_199);
  expect(pages).toBe(3);
});

it('never names the root, nor an extra by a path that is no name', async () => {
  const sides = new TwoSides(['digests', 'ranges']);
  const extras = ['/a//b', '/a/../c', '/b ', '/e/\0', '/ok'];
  for (const path of ['/', ...extras]) {
    sides.remote.set(path, { folder: true, metadata: { k: 'v' } });
  }
  const compare = comparison({ ...sides, includeMetadata: true });
  const { differences } = await everyPage({ compare, limit: 500 });
  expect(differences).toEqual([{ fullPath: '/ok', kind: 'EXTRA', isDeleted: false }]);
  expect(await compare.paths({ source: SOURCE, remote: REMOTE, fullPaths: ['/'] })).toEqual([]);
});

it('says that the remote is away, and takes nothing for missing', async () => {
  const sides = new TwoSides(['digests', 'ranges']);
  sides.source.set('/a', FILE);
  sides.beforeReading = () => {
    throw new RemoteOutageError('TIMED_OUT');
  };
  const compare = comparison({ ...sides, includeMetadata: true });
  await expect(everyPage({ compare, limit: 500 })).rejects.toMatchObject({ reason: 'TIMED_OUT' });
});
