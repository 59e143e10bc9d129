import { Long } from 'mongodb';
import { expect, it } from 'vitest';
import { mongoSourceCatalog } from '../../../functions/shared/apply/mongo-source-catalog.ts';

/** A database that holds one document, whatever is asked, and remembers what was. */
function holding(document: unknown) {
  const asked: unknown[] = [];
  const catalog = mongoSourceCatalog(async () => ({
    collection: (name) => ({
      findOne: async (filter, options) => {
        asked.push([name, filter, options]);
        return document;
      },
      find: (filter, options) => {
        asked.push([name, filter, options]);
        return { toArray: async () => [document] };
      },
    }),
  }));
  return { catalog, asked };
}

const options = { maxTimeMS: 10_000 };
const dates = { createdDate: new Date(0), lastModifiedBy: 'admin', lastModifiedDate: new Date(0) };

it('finds nothing', async () => {
  const { catalog } = holding(null);
  expect(await catalog.project('ops')).toBeUndefined();
  expect(await catalog.repository('ops', 'r')).toBeUndefined();
  expect(await catalog.node('ops', 'r', '/a')).toBeUndefined();
});

it('reads a project', async () => {
  const { catalog, asked } = holding({
    name: 'ops',
    displayName: 'ops_display',
    createdBy: 'admin',
    description: '',
    ...dates,
  });
  expect(await catalog.project('ops')).toEqual({
    displayName: 'ops_display',
    description: '',
    createdBy: 'admin',
    lastModifiedDate: new Date(0),
  });
  expect(asked).toEqual([['project', { name: 'ops' }, options]]);
});

it('reads a repository, and its configuration out of its text', async () => {
  const document = {
    projectId: 'ops',
    name: 'npm-virtual',
    type: 'NPM',
    category: 'VIRTUAL',
    public: false,
    configuration: '{\n  "type" : "virtual",\n  "repositoryList" : [ ],\n  "settings" : { }\n}',
    display: true,
    createdBy: 'admin',
    ...dates,
  };
  const { catalog, asked } = holding(document);
  expect(await catalog.repository('ops', 'npm-virtual')).toEqual({
    type: 'NPM',
    category: 'VIRTUAL',
    public: false,
    description: undefined,
    configuration: { type: 'virtual', repositoryList: [], settings: {} },
    createdBy: 'admin',
    createdDate: new Date(0),
    lastModifiedDate: new Date(0),
  });
  expect(asked).toEqual([['repository', { projectId: 'ops', name: 'npm-virtual' }, options]]);
  for (const configuration of ['no JSON', '[]', null, undefined]) {
    const found = await holding({ ...document, configuration }).catalog.repository('ops', 'npm-virtual');
    expect(found?.configuration).toBeUndefined();
  }
});

it('reads live nodes of the collection that the project is in', async () => {
  const base = { projectId: 'ops', repoName: 'r', path: '/', createdBy: 'admin', ...dates };
  const expireDate = new Date('2026-12-01T00:00:00Z');
  const file = {
    ...base,
    folder: false,
    name: 'a',
    fullPath: '/a',
    size: 2,
    sha256: 'aa',
    md5: 'bb',
    expireDate,
    metadata: [
      { key: 'k', value: 'v' },
      { key: 'n', value: 1 },
    ],
  };
  const { catalog, asked } = holding(file);
  expect(await catalog.node('ops', 'r', '/a')).toEqual({
    folder: false,
    fullPath: '/a',
    createdBy: 'admin',
    createdDate: new Date(0),
    lastModifiedDate: new Date(0),
    size: 2,
    sha256: 'aa',
    md5: 'bb',
    expireDate,
    metadata: { k: 'v', n: 1 },
  });
  expect(asked).toEqual([
    ['node_178', { projectId: 'ops', repoName: 'r', fullPath: '/a', deleted: null }, options],
  ]);
  const folder = { ...base, folder: true, name: 'f', fullPath: '/f', size: 0 };
  expect(await holding(folder).catalog.node('ops', 'r', '/f')).toEqual({
    folder: true,
    fullPath: '/f',
    createdBy: 'admin',
    createdDate: new Date(0),
    lastModifiedDate: new Date(0),
    metadata: {},
  });
});

it('takes no document of another shape', async () => {
  await expect(holding({ displayName: 7 }).catalog.project('ops')).rejects.toThrow();
  await expect(holding({ folder: 'yes' }).catalog.node('ops', 'r', '/a')).rejects.toThrow();
});

it('pages through what lies under a path, by the index of full paths', async () => {
  const folder = { fullPath: '/f/a', folder: true, size: 0, createdBy: 'admin' };
  const { catalog, asked } = holding(folder);
  expect(await catalog.nodesUnder('ops', 'r', '/f', { limit: 2 })).toMatchObject([{ fullPath: '/f/a' }]);
  await catalog.nodesUnder('ops', 'r', '/f', { after: '/f/a', limit: 2 });
  await catalog.nodesUnder('ops', 'r', '/', { limit: 2 });
  const where = (fullPath: unknown) => ({ projectId: 'ops', repoName: 'r', fullPath, deleted: null });
  const page = { sort: { fullPath: 1 }, limit: 2, maxTimeMS: 10_000 };
  expect(asked).toEqual([
    ['node_178', where({ $gt: '/f/', $lt: '/f0' }), page],
    ['node_178', where({ $gt: '/f/a', $lt: '/f0' }), page],
    ['node_178', where({ $gt: '/', $lt: '0' }), page],
  ]);
});

it('reads a long in metadata with all its digits', async () => {
  const { catalog } = holding({
    fullPath: '/a',
    folder: true,
    size: 0,
    createdBy: 'admin',
    metadata: [{ key: 'long', value: Long.fromString('9007199254740993') }],
  });
  const node = await catalog.node('ops', 'r', '/a');
  expect(JSON.stringify(node?.metadata)).toBe('{"long":9007199254740993}');
});
