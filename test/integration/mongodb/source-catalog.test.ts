import { afterAll, beforeAll, expect, it } from 'vitest';
import { mongoSourceCatalog } from '../../../functions/shared/apply/mongo-source-catalog.ts';
import { nodeCollectionOf } from '../../../functions/shared/mongodb/sharding.ts';
import { openTestDatabase } from '../../support/test-database.ts';

let test: Awaited<ReturnType<typeof openTestDatabase>>;

beforeAll(async () => {
  test = await openTestDatabase();
});
afterAll(() => test.close());

it('pages through everything under a path and nothing else, in the order of paths', async () => {
  const under = ['/a/ ', '/a/!x', '/a/b', '/a/b/c', '/a/b0', '/a/中', '/a/😀'];
  const elsewhere = ['/a', '/a!', '/a0', '/aa/b', '/b/a', '/A/b'];
  await test.database.collection(nodeCollectionOf('ops')).insertMany([
    ...[...under, ...elsewhere].reverse().map((fullPath) => ({
      projectId: 'ops',
      repoName: 'r',
      fullPath,
      folder: true,
      size: 0,
      createdBy: 'admin',
    })),
    { projectId: 'ops', repoName: 'other', fullPath: '/a/x', folder: true, size: 0, createdBy: 'admin' },
    {
      projectId: 'ops',
      repoName: 'r',
      fullPath: '/a/gone',
      folder: true,
      size: 0,
      createdBy: 'admin',
      deleted: new Date(),
    },
  ]);
  const catalog = mongoSourceCatalog(async () => test.database);
  const all = async (fullPath: string): Promise<string[]> => {
    const found: string[] = [];
    for (;;) {
      const page = await catalog.nodesUnder('ops', 'r', fullPath, { after: found.at(-1), limit: 2 });
      found.push(...page.map((node) => node.fullPath));
      if (page.length < 2) {
        return found;
      }
    }
  };
  expect(await all('/a')).toEqual(under);
  expect(await all('/a/b')).toEqual(['/a/b/c']);
  expect(await all('/')).toHaveLength(under.length + elsewhere.length);
  expect(await all('/none')).toEqual([]);
});
