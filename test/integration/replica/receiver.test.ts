import { type Db, Double, Int32, Long } from 'mongodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { fileReferenceCollectionOf, nodeCollectionOf } from '../../../functions/shared/mongodb/sharding.ts';
import type { NodeCreation } from '../../../functions/shared/node/node-service.ts';
import { type Receiver, receiverOf } from '../../../functions/shared/receiver.ts';
import type { RepositoryCreation } from '../../../functions/shared/repository/repository-service.ts';
import { openTestDatabase } from '../../support/test-database.ts';

const NOW = new Date('2026-11-22T01:02:03.456Z');
const SHA256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const MD5 = '098f6bcd4621d373cade4e832627b4f6';
const PROJECT = 'harbour';
const REPOSITORY = { projectId: PROJECT, repoName: 'crates' };

let database: Db;
let close: () => Promise<void>;
let receiver: Receiver;

beforeAll(async () => {
  ({ database, close } = await openTestDatabase());
});
afterAll(() => close());
beforeEach(async () => {
  for (const { name } of await database.listCollections().toArray()) {
    await database.collection(name).deleteMany({});
  }
  receiver = receiverOf({ database, clock: () => NOW });
});

function file(fullPath: string, changes: Partial<NodeCreation> = {}): NodeCreation {
  return {
    ...REPOSITORY,
    fullPath,
    folder: false,
    overwrite: false,
    expires: 0,
    size: 4,
    sha256: SHA256,
    md5: MD5,
    metadata: [],
    operator: 'ada',
    createdBy: undefined,
    createdDate: undefined,
    lastModifiedDate: undefined,
    ...changes,
  };
}

function repository(changes: Partial<RepositoryCreation> = {}): RepositoryCreation {
  return {
    projectId: PROJECT,
    name: 'crates',
    type: 'GENERIC',
    category: 'LOCAL',
    public: false,
    description: undefined,
    configuration: undefined,
    storageCredentialsKey: undefined,
    operator: 'ada',
    ...changes,
  };
}

function nodes() {
  return database.collection(nodeCollectionOf(PROJECT));
}

async function livePaths(): Promise<string[]> {
  const found = await nodes().find({ deleted: null }).toArray();
  return found.map((node) => String(node['fullPath'])).sort();
}

async function referenceCounts(): Promise<unknown[]> {
  const found = await database.collection(fileReferenceCollectionOf(SHA256)).find().toArray();
  return found.map((reference) => reference['count']);
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof DomainError ? `${error.code} ${error.args.join()}`.trim() : String(error);
}

describe('what is written', () => {
  it('is a file as bk-repo writes one, with a null in `deleted` for the unique index', async () => {
    await receiver.nodes.create(
      file('/a/b.txt', {
        expires: 2,
        metadata: [
          { key: 'build', value: 42 },
          { key: 'bytes', value: 12_345_678_901 },
          { key: 'ratio', value: 1.5 },
          { key: 'a.b', value: { deep: [1, null, { x: 'y' }] } },
          { key: '$ok', value: true },
        ],
      }),
    );
    const node = await nodes().findOne({ fullPath: '/a/b.txt' }, { promoteValues: false });
    expect(Object.keys(node ?? {})).toEqual([
      '_id',
      'createdBy',
      'createdDate',
      'lastModifiedBy',
      'lastModifiedDate',
      'folder',
      'path',
      'name',
      'fullPath',
      'size',
      'expireDate',
      'sha256',
      'md5',
      'metadata',
      'projectId',
      'repoName',
      'deleted',
    ]);
    expect(node).toMatchObject({
      createdBy: 'ada',
      createdDate: NOW,
      lastModifiedBy: 'ada',
      lastModifiedDate: NOW,
      folder: false,
      path: '/a/',
      name: 'b.txt',
      size: Long.fromNumber(4),
      expireDate: new Date('2026-11-24T01:02:03.456Z'),
      sha256: SHA256,
      md5: MD5,
      metadata: [
        { key: 'build', value: new Int32(42) },
        { key: 'bytes', value: Long.fromNumber(12_345_678_901) },
        { key: 'ratio', value: new Double(1.5) },
        { key: 'a.b', value: { deep: [new Int32(1), null, { x: 'y' }] } },
        { key: '$ok', value: true },
      ],
      ...REPOSITORY,
      deleted: null,
    });
  });

  it('is a folder without digests, whatever the request says of them', async () => {
    await receiver.nodes.create(file('/shelf', { folder: true, expires: 3 }));
    const node = await nodes().findOne({ fullPath: '/shelf' }, { promoteValues: false });
    expect(node).toMatchObject({ folder: true, size: Long.ZERO, metadata: [], deleted: null });
    expect(Object.keys(node ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/sha256|md5|expireDate/)]),
    );
    expect(await referenceCounts()).toEqual([]);
  });

  it('takes the creator for the modifier, and dates where they are given', async () => {
    const given = new Date('2021-01-02T03:04:05.678Z');
    await receiver.nodes.create(file('/x', { createdBy: 'carol', createdDate: given }));
    expect(await nodes().findOne({ fullPath: '/x' })).toMatchObject({
      createdBy: 'carol',
      createdDate: given,
      lastModifiedBy: 'carol',
      lastModifiedDate: NOW,
    });
  });

  it('has bk-repo’s indexes by their names', async () => {
    await receiver.projects.create({
      name: PROJECT,
      displayName: 'Harbour',
      description: undefined,
      operator: 'ada',
    });
    await receiver.repositories.create(repository());
    await receiver.nodes.create(file('/x'));
    const names = async (collection: string) =>
      (await database.collection(collection).indexes()).map((index) => index.name).sort();
    expect(await names(nodeCollectionOf(PROJECT))).toEqual([
      '_id_',
      'metadata_idx',
      'projectId_repoName_fullPath_idx',
      'projectId_repoName_path_idx',
    ]);
    expect(await names(fileReferenceCollectionOf(SHA256))).toEqual(['_id_', 'count_idx', 'sha256_idx']);
    expect(await names('project')).toEqual(['_id_', 'name_idx']);
    expect(await names('repository')).toEqual(['_id_', 'projectId_name_idx']);
  });
});

describe('creating', () => {
  it('makes the folders above, once', async () => {
    await receiver.nodes.create(file('/a/b/c.txt'));
    await receiver.nodes.create(file('/a/b/d.txt'));
    expect(await livePaths()).toEqual(['/a', '/a/b', '/a/b/c.txt', '/a/b/d.txt']);
  });

  it('of many siblings at once makes each folder above once', async () => {
    const paths = Array.from({ length: 24 }, (_, index) => `/one/two/three/${index}.txt`);
    await Promise.all(paths.map((path) => receiver.nodes.create(file(path))));
    expect(await livePaths()).toEqual(['/one', '/one/two', '/one/two/three', ...paths].sort());
  });

  it('of one path at once succeeds once', async () => {
    const results = await Promise.all(
      Array.from({ length: 8 }, () => codeOf(receiver.nodes.create(file('/same')))),
    );
    expect(results.filter((code) => code === 'undefined')).toHaveLength(1);
    expect(results.filter((code) => code === 'NODE_EXISTED /same')).toHaveLength(7);
    expect(await livePaths()).toEqual(['/same']);
  });

  it('of one path at once with overwrite leaves one live node and loses no tombstone', async () => {
    const sizes = [1, 2, 3, 4];
    await Promise.all(sizes.map((size) => receiver.nodes.create(file('/same', { size, overwrite: true }))));
    const found = await nodes().find({ fullPath: '/same' }).toArray();
    expect(found.filter((node) => node['deleted'] === null)).toHaveLength(1);
    expect(found.map((node) => Number(node['size'])).sort()).toEqual(sizes);
  });

  it('over a file tombstones it with what lies under it', async () => {
    await receiver.nodes.create(file('/f'));
    await receiver.nodes.create(file('/f/child'));
    await receiver.nodes.create(file('/f2'));
    await receiver.nodes.create(file('/f', { overwrite: true, size: 5, operator: 'bob' }));
    expect(await livePaths()).toEqual(['/f', '/f2']);
    const tombstones = await nodes().find({ deleted: NOW }).toArray();
    expect(tombstones).toHaveLength(2);
    expect(tombstones).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ fullPath: '/f', sha256: SHA256, lastModifiedBy: 'bob', createdBy: 'ada' }),
        expect.objectContaining({ fullPath: '/f/child' }),
      ]),
    );
  });

  it('counts a reference for each file that was created, and none for one that was refused', async () => {
    await receiver.nodes.create(file('/f'));
    await receiver.nodes.create(file('/g'));
    await receiver.nodes.create(file('/g', { overwrite: true }));
    await codeOf(receiver.nodes.create(file('/g')));
    expect(await referenceCounts()).toEqual([3]);
  });

  it('keeps counting on a reference that bk-repo began', async () => {
    await database
      .collection(fileReferenceCollectionOf(SHA256))
      .insertOne({ sha256: SHA256, credentialsKey: null, count: 7 });
    await receiver.nodes.create(file('/f'));
    expect(await referenceCounts()).toEqual([8]);
  });

  it('refuses without having changed anything', async () => {
    await receiver.nodes.create(file('/f'));
    await receiver.nodes.create(file('/d', { folder: true }));
    const before = await nodes().find().toArray();
    expect(await codeOf(receiver.nodes.create(file('/')))).toBe('PARAMETER_INVALID fullPath');
    expect(await codeOf(receiver.nodes.create(file('/q/x', { sha256: ' ' })))).toBe(
      'PARAMETER_INVALID sha256',
    );
    expect(await codeOf(receiver.nodes.create(file('/q/x', { md5: undefined })))).toBe(
      'PARAMETER_INVALID md5',
    );
    expect(await codeOf(receiver.nodes.create(file('/q/x', { metadata: [{ key: 'n', value: null }] })))).toBe(
      'PARAMETER_INVALID metadata',
    );
    expect(await codeOf(receiver.nodes.create(file('/q/a\0b')))).toBe('NODE_PATH_INVALID a\0b');
    expect(await codeOf(receiver.nodes.create(file('/d', { overwrite: true })))).toBe('NODE_CONFLICT /d');
    expect(await codeOf(receiver.nodes.create(file('/f', { overwrite: true, folder: true })))).toBe(
      'NODE_CONFLICT /f',
    );
    expect(await nodes().find().toArray()).toEqual(before);
  });

  it('meets a live node of bk-repo, which has no `deleted` field', async () => {
    await receiver.nodes.create(file('/f'));
    await nodes().updateOne({ fullPath: '/f' }, { $unset: { deleted: '' } });
    expect(await receiver.nodes.exists({ ...REPOSITORY, fullPath: '/f' })).toBe(true);
    expect(await codeOf(receiver.nodes.create(file('/f')))).toBe('NODE_EXISTED /f');
    await receiver.nodes.create(file('/f', { overwrite: true }));
    expect(await livePaths()).toEqual(['/f']);
  });
});

describe('deleting', () => {
  it('goes by the literal path, whatever the names hold', async () => {
    const kept = ['/a', '/a!', '/a+/x', '/a?0', '/a?.', '/a?0x', '/ab', '/ab/c', '/b', '/b/a?', '/b/a?/x'];
    for (const path of [...kept, '/a?', '/a?/x', '/a?/.*', '/a?/é/中\n文']) {
      await receiver.nodes.create(file(path));
    }
    await receiver.nodes.delete({ ...REPOSITORY, fullPath: 'a?/', operator: 'bob' });
    expect(await livePaths()).toEqual([...kept, '/a+'].sort());
  });

  it('marks the tombstone with who and when, and keeps its content', async () => {
    await receiver.nodes.create(file('/f', { metadata: [{ key: 'k', value: 'v' }] }));
    await receiver.nodes.delete({ ...REPOSITORY, fullPath: '/f', operator: 'bob' });
    expect(await nodes().findOne({ fullPath: '/f' })).toMatchObject({
      createdBy: 'ada',
      lastModifiedBy: 'bob',
      lastModifiedDate: NOW,
      deleted: NOW,
      sha256: SHA256,
      metadata: [{ key: 'k', value: 'v' }],
    });
  });

  it('of the same path twice within one instant makes two tombstones', async () => {
    for (let round = 0; round < 3; round += 1) {
      await receiver.nodes.create(file('/d/f'));
      await receiver.nodes.delete({ ...REPOSITORY, fullPath: '/d', operator: 'bob' });
    }
    expect(await livePaths()).toEqual([]);
    const tombstones = await nodes().find({ fullPath: '/d/f' }).toArray();
    expect(new Set(tombstones.map((node) => Number(node['deleted']))).size).toBe(3);
  });

  it('of the root empties the repository and nothing beside it', async () => {
    await receiver.nodes.create(file('/a/b'));
    await receiver.nodes.create(file('/c', { repoName: 'other' }));
    await receiver.nodes.delete({ ...REPOSITORY, fullPath: '/', operator: 'bob' });
    expect(await livePaths()).toEqual(['/c']);
  });

  it('of what is not there succeeds', async () => {
    await expect(
      receiver.nodes.delete({ projectId: 'no', repoName: 'no', fullPath: '/no', operator: 'bob' }),
    ).resolves.toBeUndefined();
  });
});

describe('asking which paths are there', () => {
  it('answers normalised paths, each once, without the root', async () => {
    await receiver.nodes.create(file('/a/b.txt'));
    await receiver.nodes.create(file('/gone'));
    await receiver.nodes.delete({ ...REPOSITORY, fullPath: '/gone', operator: 'bob' });
    const fullPathList = ['a//b.txt', '/a/b.txt', '/a', '/', '/gone', '/none'];
    const found = await receiver.nodes.existingPaths({ ...REPOSITORY, fullPathList });
    expect(found.sort()).toEqual(['/a', '/a/b.txt']);
  });
});

describe('saving metadata', () => {
  const save = (fullPath: string, metadata: Record<string, unknown>) =>
    receiver.nodes.saveMetadata({
      ...REPOSITORY,
      fullPath,
      metadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    });
  const stored = async (fullPath: string) =>
    (await nodes().findOne({ fullPath, deleted: null }, { promoteValues: false }))?.['metadata'];

  it('merges, keeps the types of what it does not touch, and leaves the modification date', async () => {
    await receiver.nodes.create(
      file('/f', {
        lastModifiedDate: new Date(0),
        metadata: [
          { key: 'long', value: 12_345_678_901 },
          { key: 'k', value: 'old' },
        ],
      }),
    );
    await save('/f', { k: 'new', n: 2 ** 31, 'a.b': [true] });
    expect(await stored('/f')).toEqual([
      { key: 'long', value: Long.fromNumber(12_345_678_901) },
      { key: 'k', value: 'new' },
      { key: 'n', value: Long.fromNumber(2 ** 31) },
      { key: 'a.b', value: [true] },
    ]);
    await save('/f', { k: 1 });
    expect(await stored('/f')).toMatchObject([
      { value: Long.fromNumber(12_345_678_901) },
      { value: new Int32(1) },
      { value: Long.fromNumber(2 ** 31) },
      { value: [true] },
    ]);
    expect((await nodes().findOne({ fullPath: '/f' }))?.['lastModifiedDate']).toEqual(new Date(0));
  });

  it('works on nodes that have no metadata field, as copies of bk-repo', async () => {
    await receiver.nodes.create(file('/f'));
    await nodes().updateOne({ fullPath: '/f' }, { $unset: { metadata: '' } });
    await save('/f', { k: 'v' });
    expect(await stored('/f')).toEqual([{ key: 'k', value: 'v' }]);
  });

  it('on the root makes a document of it, which nothing else needs', async () => {
    await save('/', { k: 'v' });
    await save('//', { l: 'w' });
    expect(await nodes().find().toArray()).toMatchObject([
      {
        fullPath: '/',
        path: '/',
        name: '',
        folder: true,
        createdBy: '',
        metadata: [{ key: 'k' }, { key: 'l' }],
      },
    ]);
  });

  it('on a missing or deleted node is refused, unless there is nothing to save', async () => {
    await receiver.nodes.create(file('/f'));
    await receiver.nodes.delete({ ...REPOSITORY, fullPath: '/f', operator: 'bob' });
    expect(await codeOf(save('/f', { k: 'v' }))).toBe('NODE_NOT_FOUND /f');
    expect(await codeOf(save('/f', {}))).toBe('undefined');
    expect(await codeOf(save('/f', { k: null }))).toBe('PARAMETER_INVALID metadata');
  });
});

describe('projects and repositories', () => {
  beforeEach(async () => {
    await receiver.projects.create({
      name: PROJECT,
      displayName: 'Harbour',
      description: undefined,
      operator: 'ada',
    });
  });

  it('are stored as bk-repo stores them', async () => {
    await receiver.repositories.create(repository({ description: 'boxes' }));
    const { _id, ...project } = (await database.collection('project').findOne()) ?? {};
    expect(Object.entries(project)).toEqual([
      ['createdBy', 'ada'],
      ['createdDate', NOW],
      ['lastModifiedBy', 'ada'],
      ['lastModifiedDate', NOW],
      ['name', PROJECT],
      ['displayName', 'Harbour'],
      ['description', ''],
    ]);
    const { _id: id, ...document } = (await database.collection('repository').findOne()) ?? {};
    expect(Object.entries(document)).toEqual([
      ['createdBy', 'ada'],
      ['createdDate', NOW],
      ['lastModifiedBy', 'ada'],
      ['lastModifiedDate', NOW],
      ['name', 'crates'],
      ['type', 'GENERIC'],
      ['category', 'LOCAL'],
      ['public', false],
      ['description', 'boxes'],
      [
        'configuration',
        '{\n  "type" : "rpm-local",\n  "webHook" : {\n    "webHookList" : [ ]\n  },\n  "settings" : { }\n}',
      ],
      ['display', true],
      ['projectId', PROJECT],
    ]);
  });

  it('created at once by many exist once, and everybody is told of the same one', async () => {
    const projects = await Promise.all(
      ['ada', 'bob', 'eve'].map((operator) =>
        receiver.projects.create({
          name: 'race',
          displayName: 'Race',
          description: undefined,
          operator,
        }),
      ),
    );
    expect(new Set(projects.map((project) => project.createdBy)).size).toBe(1);
    const repositories = await Promise.all(
      ['ada', 'bob', 'eve'].map((operator) => receiver.repositories.create(repository({ operator }))),
    );
    expect(new Set(repositories.map((found) => found.createdBy)).size).toBe(1);
    expect(await database.collection('repository').countDocuments()).toBe(1);
  });

  it('gives each private channel of a composite repository a hidden one beside it', async () => {
    const channel = {
      public: false,
      channelId: null,
      credentialKey: null,
      username: null,
      password: null,
    };
    await receiver.repositories.create(
      repository({
        name: 'mixed',
        type: 'MAVEN',
        category: 'COMPOSITE',
        configuration: {
          type: 'composite',
          proxy: { channelList: [{ ...channel, name: 'central', url: 'http://upstream.test/' }] },
          settings: {},
          webHook: { webHookList: [] },
        },
      }),
    );
    expect(await database.collection('repository').findOne({ name: 'mixed-central' })).toMatchObject({
      type: 'MAVEN',
      category: 'REMOTE',
      public: false,
      display: false,
      projectId: PROJECT,
    });
  });

  it('refuses what bk-repo refuses', async () => {
    const refused = (changes: Partial<RepositoryCreation>) =>
      codeOf(receiver.repositories.create(repository(changes)));
    const composite = (channels: readonly Record<string, unknown>[]): Partial<RepositoryCreation> => ({
      category: 'COMPOSITE',
      configuration: {
        type: 'composite',
        proxy: {
          channelList: channels.map((given) => ({
            public: false,
            channelId: null,
            name: null,
            url: null,
            credentialKey: null,
            username: null,
            password: null,
            ...given,
          })),
        },
        settings: {},
        webHook: { webHookList: [] },
      },
    });
    expect(await refused({ name: '1st' })).toBe('PARAMETER_INVALID name');
    expect(await refused({ description: 'x'.repeat(201) })).toBe('PARAMETER_INVALID description');
    expect(await refused({ projectId: 'nowhere' })).toBe('PROJECT_NOT_FOUND crates');
    expect(await refused({ storageCredentialsKey: 'cold' })).toBe('RESOURCE_NOT_FOUND cold');
    expect(await refused(composite([{ url: 'http://a.test/' }]))).toBe('PARAMETER_MISSING name');
    expect(await refused(composite([{ name: 'a', url: ' ' }]))).toBe('PARAMETER_MISSING url');
    const twice = { name: 'a', url: 'http://a.test/' };
    expect(await refused(composite([twice, twice]))).toBe('PARAMETER_INVALID channelList');
    expect(await refused(composite([{ public: true, channelId: 'x' }]))).toBe('PARAMETER_INVALID channelId');
    expect(await database.collection('repository').countDocuments()).toBe(0);
  });
});
