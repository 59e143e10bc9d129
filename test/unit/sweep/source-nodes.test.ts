import { Long, ObjectId } from 'mongodb';
import { expect, it } from 'vitest';
import { mongoSourceNodes, type NodeLister } from '../../../functions/shared/sweep/source-nodes.ts';

const REPOSITORY = { projectId: 'ops', repoName: 'r' };
const FROM = new Date('2026-11-22T01:00:00.250Z');
const TO = new Date('2026-11-22T01:00:09.750Z');

/** A database that answers one question after the other with these documents. */
function holding(...answers: (readonly unknown[])[]) {
  const asked: unknown[] = [];
  const answer = () => [...(answers.shift() ?? [])];
  const lister: NodeLister = {
    collection: (name) => ({
      find: (filter, options) => {
        asked.push([name, filter, options]);
        return { toArray: async () => answer() };
      },
    }),
  };
  return { nodes: mongoSourceNodes(async () => lister), asked };
}

const paths = (...fullPaths: string[]) => fullPaths.map((fullPath) => ({ fullPath }));

it('reads live nodes from the last one on, and of each what is compared', async () => {
  const { nodes, asked } = holding([
    { fullPath: '/d', folder: true, size: 0, metadata: [{ key: 'k', value: Long.fromNumber(1) }] },
    { fullPath: '/f', folder: false, size: 3, sha256: 'aa', expireDate: FROM },
    { fullPath: '/g', folder: false, size: 0, sha256: null, expireDate: null, metadata: null },
  ]);
  expect(await nodes.live({ ...REPOSITORY, after: '/a', limit: 3 })).toEqual([
    { folder: true, fullPath: '/d', metadata: { k: 1 } },
    { folder: false, fullPath: '/f', size: 3, sha256: 'aa', expireDate: FROM, metadata: {} },
    { folder: false, fullPath: '/g', size: 0, sha256: '', expireDate: undefined, metadata: {} },
  ]);
  const compared = { fullPath: 1, folder: 1, size: 1, sha256: 1, expireDate: 1, metadata: 1 };
  expect(asked).toEqual([
    [
      'node_178',
      { ...REPOSITORY, fullPath: { $gt: '/a', $lt: '0' }, deleted: null },
      { projection: { _id: 0, ...compared }, sort: { fullPath: 1 }, limit: 3, maxTimeMS: 20_000 },
    ],
  ]);
});

it('looks for what was touched in 20,000 documents at a time', async () => {
  const { nodes, asked } = holding(paths('/m'), paths('/b', '/b', '/c'), [], paths('/z'));
  const window = { from: FROM, to: TO };
  expect(await nodes.touched({ ...REPOSITORY, window, limit: 4 })).toEqual({
    fullPaths: ['/b', '/c'],
    next: '/m',
  });
  expect(await nodes.touched({ ...REPOSITORY, window: { from: FROM }, after: '/m', limit: 4 })).toEqual({
    fullPaths: ['/z'],
    next: undefined,
  });
  const look = { projection: { _id: 0, fullPath: 1 }, sort: { fullPath: 1 }, maxTimeMS: 20_000 };
  const dates = { $gte: FROM, $lte: TO };
  const second = (text: string) => ObjectId.createFromTime(Date.parse(text) / 1_000);
  const ids = { $gte: second('2026-11-22T01:00:00Z'), $lt: second('2026-11-22T01:00:10Z') };
  expect(asked).toEqual([
    ['node_178', { ...REPOSITORY, fullPath: { $gt: '/', $lt: '0' } }, { ...look, skip: 19_999, limit: 1 }],
    [
      'node_178',
      {
        ...REPOSITORY,
        fullPath: { $gt: '/', $lt: '0', $lte: '/m' },
        $or: [{ lastModifiedDate: dates }, { deleted: dates }, { _id: ids }],
      },
      { ...look, limit: 4 },
    ],
    ['node_178', { ...REPOSITORY, fullPath: { $gt: '/m', $lt: '0' } }, { ...look, skip: 19_999, limit: 1 }],
    [
      'node_178',
      {
        ...REPOSITORY,
        fullPath: { $gt: '/m', $lt: '0' },
        $or: [{ lastModifiedDate: { $gte: FROM } }, { deleted: { $gte: FROM } }, { _id: { $gte: ids.$gte } }],
      },
      { ...look, limit: 4 },
    ],
  ]);
});

it('goes on behind the last path of a full page, however often that one was overwritten', async () => {
  const { nodes, asked } = holding(paths('/m'), paths('/a', '/b', '/b'));
  const window = { from: FROM };
  expect(await nodes.touched({ ...REPOSITORY, window, limit: 3 })).toEqual({
    fullPaths: ['/a', '/b'],
    next: '/b',
  });
  expect(asked).toHaveLength(2);
});

it('takes every document for touched where there is no window', async () => {
  const { nodes, asked } = holding(paths('/a', '/b'));
  expect(await nodes.touched({ ...REPOSITORY, limit: 3 })).toEqual({
    fullPaths: ['/a', '/b'],
    next: undefined,
  });
  expect(asked).toHaveLength(1);
});

it('looks for tombstones until it has seen each path, however many one of them has', async () => {
  const { nodes, asked } = holding(paths('/a', ...Array.from({ length: 999 }, () => '/b')), paths('/\uffff'));
  const fullPaths = ['/\u{10000}', '/\uffff', '/b', '/a'];
  expect(await nodes.tombstonesAt({ ...REPOSITORY, fullPaths })).toEqual(new Set(['/a', '/b', '/\uffff']));
  const look = {
    projection: { _id: 0, fullPath: 1 },
    sort: { fullPath: 1 },
    limit: 1_000,
    maxTimeMS: 20_000,
  };
  const tombstones = { ...REPOSITORY, deleted: { $ne: null } };
  expect(asked).toEqual([
    ['node_178', { ...tombstones, fullPath: { $in: fullPaths } }, look],
    ['node_178', { ...tombstones, fullPath: { $in: ['/\u{10000}', '/\uffff'] } }, look],
  ]);
});
