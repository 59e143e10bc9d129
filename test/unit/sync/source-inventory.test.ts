import { expect, it } from 'vitest';
import { mongoSourceInventory } from '../../../functions/shared/sync/source-inventory.ts';

function holding(documents: readonly unknown[]) {
  const asked: unknown[] = [];
  const inventory = mongoSourceInventory(async () => ({
    collection: (name) => ({
      find: (filter, options) => {
        asked.push([name, filter, options]);
        return { toArray: async () => [...documents] };
      },
    }),
  }));
  return { inventory, asked };
}

const byName = { projection: { _id: 0, name: 1 }, sort: { name: 1 }, maxTimeMS: 20_000 };

it('lists projects and repositories by name, from the last one on', async () => {
  const { inventory, asked } = holding([{ name: 'b' }]);
  expect(await inventory.projects({ limit: 1 })).toEqual(['b']);
  await inventory.projects({ after: 'a', limit: 2 });
  await inventory.repositories('ops', { after: 'a', limit: 3 });
  expect(asked).toEqual([
    ['project', {}, { ...byName, limit: 1 }],
    ['project', { name: { $gt: 'a' } }, { ...byName, limit: 2 }],
    ['repository', { projectId: 'ops', name: { $gt: 'a' } }, { ...byName, limit: 3 }],
  ]);
});

it('lists live nodes behind the root, paths and sizes alone', async () => {
  const { inventory, asked } = holding([
    { fullPath: '/d', folder: true, size: 7 },
    { fullPath: '/f', folder: false, size: 7 },
  ]);
  expect(await inventory.plannedNodes({ projectId: 'ops', repoName: 'r', limit: 2 })).toEqual([
    { fullPath: '/d', size: 0 },
    { fullPath: '/f', size: 7 },
  ]);
  expect(asked).toEqual([
    [
      'node_178',
      { projectId: 'ops', repoName: 'r', fullPath: { $gt: '/' }, deleted: null },
      {
        projection: { _id: 0, fullPath: 1, folder: 1, size: 1 },
        sort: { fullPath: 1 },
        limit: 2,
        maxTimeMS: 20_000,
      },
    ],
  ]);
});
