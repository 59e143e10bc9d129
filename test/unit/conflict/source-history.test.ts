import { describe, expect, it } from 'vitest';
import { mongoSourceHistory } from '../../../functions/shared/conflict/source-history.ts';
import { nodeCollectionOf } from '../../../functions/shared/mongodb/sharding.ts';

const asked: unknown[] = [];
let found: unknown = null;
const history = mongoSourceHistory(async () => ({
  collection: (name) => ({
    findOne: async (filter, options) => {
      asked.push({ name, filter, ...options });
      return found;
    },
  }),
}));

describe('what the source has had', () => {
  it.each([null, { _id: 1 }])('is asked of its nodes, tombstones among them: %j', async (document) => {
    found = document;
    asked.length = 0;
    const answer = await history.had('ops', 'r', { fullPath: '/a', folder: false, sha256: 'AB' });
    expect(answer).toBe(document !== null);
    expect(asked).toEqual([
      {
        name: nodeCollectionOf('ops'),
        filter: { projectId: 'ops', repoName: 'r', fullPath: '/a', folder: false, sha256: 'ab' },
        maxTimeMS: 10_000,
        projection: { _id: 1 },
      },
    ]);
  });

  it('before an instant is its tombstones, and nodes that were there', async () => {
    asked.length = 0;
    const before = new Date('2026-11-22T00:00:00Z');
    await history.had('ops', 'r', { fullPath: '/a', before });
    expect(asked).toMatchObject([
      {
        filter: {
          projectId: 'ops',
          repoName: 'r',
          fullPath: '/a',
          $or: [{ deleted: { $ne: null } }, { lastModifiedDate: { $lt: before } }],
        },
      },
    ]);
  });
});
