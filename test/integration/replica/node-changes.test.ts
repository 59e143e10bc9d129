import { type Db, Long } from 'mongodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { fileReferenceCollectionOf, nodeCollectionOf } from '../../../functions/shared/mongodb/sharding.ts';
import type { NodeCreation } from '../../../functions/shared/node/node-service.ts';
import type { NodeTransfer } from '../../../functions/shared/node/transfer.ts';
import { type Receiver, receiverOf } from '../../../functions/shared/receiver.ts';
import { Crash, doomedDatabase } from '../../support/doomed-database.ts';
import { openTestDatabase } from '../../support/test-database.ts';

const CREATED = new Date('2021-01-02T03:04:05.678Z');
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
  await empty();
  receiver = receiverOf({ database, clock: () => NOW });
  await makeRepositories(receiver);
});

async function empty(): Promise<void> {
  for (const { name } of await database.listCollections().toArray()) {
    await database.collection(name).deleteMany({});
  }
}

async function makeRepositories({ projects, repositories }: Receiver): Promise<void> {
  await projects.create({
    name: PROJECT,
    displayName: 'Harbour',
    description: undefined,
    operator: 'ada',
  });
  for (const [name, category] of [
    ['crates', 'LOCAL'],
    ['depot', 'COMPOSITE'],
    ['front', 'VIRTUAL'],
    ['far', 'REMOTE'],
  ] as const) {
    await repositories.create({
      projectId: PROJECT,
      name,
      type: 'GENERIC',
      category,
      public: false,
      description: undefined,
      configuration: undefined,
      storageCredentialsKey: undefined,
      operator: 'ada',
    });
  }
}

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
    metadata: [{ key: 'of', value: fullPath }],
    operator: 'ada',
    createdBy: undefined,
    createdDate: CREATED,
    lastModifiedDate: CREATED,
    ...changes,
  };
}

const folder = (fullPath: string, changes: Partial<NodeCreation> = {}) =>
  file(fullPath, { folder: true, ...changes });

async function make(...creations: (NodeCreation | string)[]): Promise<void> {
  for (const creation of creations) {
    await receiver.nodes.create(typeof creation === 'string' ? file(creation) : creation);
  }
}

const rename = (fullPath: string, newFullPath: string) =>
  receiver.nodes.rename({ ...REPOSITORY, fullPath, newFullPath, operator: 'bob' });

function transfer(
  srcFullPath: string,
  destFullPath: string,
  changes: Partial<NodeTransfer> = {},
): NodeTransfer {
  return {
    srcProjectId: PROJECT,
    srcRepoName: 'crates',
    srcFullPath,
    destProjectId: undefined,
    destRepoName: undefined,
    destFullPath,
    overwrite: false,
    operator: 'bob',
    ...changes,
  };
}

const nodes = () => database.collection(nodeCollectionOf(PROJECT));

/** Removes the document of a folder alone, which leaves orphans. */
const orphan = (fullPath: string) => nodes().deleteOne({ ...REPOSITORY, fullPath });

async function live(repoName = 'crates'): Promise<string[]> {
  const found = await nodes().find({ repoName, deleted: null }).toArray();
  return found.map(({ fullPath, folder: isFolder }) => `${fullPath}${isFolder ? '/' : ''}`).sort();
}

async function node(fullPath: string, repoName = 'crates'): Promise<Readonly<Record<string, unknown>>> {
  return (await nodes().findOne({ repoName, fullPath, deleted: null })) ?? {};
}

async function tombstones(): Promise<string[]> {
  const found = await nodes()
    .find({ deleted: { $ne: null } })
    .toArray();
  return found.map((found) => String(found['fullPath'])).sort();
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof DomainError ? `${error.code} ${error.args.join()}`.trim() : String(error);
}

/** Holds that a call is refused with a code, and that nothing at all has changed. */
async function refused(call: () => Promise<unknown>, code: string): Promise<void> {
  const before = await nodes().find().sort({ _id: 1 }).toArray();
  expect(await codeOf(call())).toBe(code);
  expect(await nodes().find().sort({ _id: 1 }).toArray()).toEqual(before);
}

describe('renaming', () => {
  it('gives a file its new path, and makes no folders for it', async () => {
    await make('/a/f');
    const { _id } = await node('/a/f');
    await rename('a//f', '/x/./y/g');
    expect(await live()).toEqual(['/a/', '/x/y/g']);
    expect(await node('/x/y/g')).toMatchObject({
      _id,
      path: '/x/y/',
      name: 'g',
      createdBy: 'ada',
      createdDate: CREATED,
      lastModifiedBy: 'bob',
      lastModifiedDate: NOW,
      metadata: [{ key: 'of', value: '/a/f' }],
    });
  });

  it('makes a folder anew, with what is directly in it, and removes the old one', async () => {
    await make(folder('/a'), folder('/a/b'), '/a/b/f', '/a/g');
    const old = await node('/a');
    await rename('/a', '/n/m');
    expect(await live()).toEqual(['/n/', '/n/m/', '/n/m/b/', '/n/m/b/f', '/n/m/g']);
    expect(await tombstones()).toEqual([]);
    const made = await node('/n/m');
    expect(made).toMatchObject({ createdBy: 'bob', createdDate: NOW, metadata: [] });
    expect(made['_id']).not.toEqual(old['_id']);
    expect((await node('/n/m/b/f'))['metadata']).toEqual([{ key: 'of', value: '/a/b/f' }]);
  });

  it('leaves behind what has no folder of its own', async () => {
    await make(folder('/a'), '/a/lost/f', '/a/g', '/a/g/child');
    await orphan('/a/lost');
    await rename('/a', '/n');
    expect(await live()).toEqual(['/a/g/child', '/a/lost/f', '/n/', '/n/g']);
  });

  it('refuses in this order: no source, a target, into itself', async () => {
    await make('/a/f', '/b', '/n/a/f');
    await orphan('/n/a');
    await orphan('/n');
    await refused(() => rename('/none', '/b'), 'NODE_NOT_FOUND /none');
    await refused(() => rename('/a', '/b'), 'NODE_EXISTED /b');
    await refused(() => rename('/b', '/b'), 'NODE_EXISTED /b');
    await refused(() => rename('/b', '/'), 'NODE_EXISTED /');
    await refused(() => rename('/a', '/a/f'), 'NODE_EXISTED /a/f');
    await refused(() => rename('/a', '/a/x'), 'PARAMETER_INVALID newFullPath');
    await refused(() => rename('/', '/x'), 'PARAMETER_INVALID newFullPath');
    // An orphan below the new path.
    await refused(() => rename('/a', '/n/a'), 'NODE_EXISTED /n/a/f');
  });

  it('lets a file go under itself', async () => {
    await make('/f');
    await rename('/f', '/f/g');
    expect(await live()).toEqual(['/f/g']);
  });
});

describe('moving and copying', () => {
  it('copies a file with its metadata, types kept, its expiry, creator and creation date', async () => {
    await make(file('/f', { expires: 3, metadata: [{ key: 'long', value: 12_345_678_901 }] }));
    expect(await receiver.nodes.copy(transfer('/f', '/x/g'))).toBe(true);
    expect(await live()).toEqual(['/f', '/x/', '/x/g']);
    const copy = await nodes().findOne({ fullPath: '/x/g' }, { promoteValues: false });
    expect(copy).toMatchObject({
      createdBy: 'ada',
      createdDate: CREATED,
      lastModifiedBy: 'bob',
      lastModifiedDate: NOW,
      expireDate: new Date(NOW.getTime() + 3 * 86_400_000),
      size: Long.fromNumber(4),
      sha256: SHA256,
      md5: MD5,
      metadata: [{ key: 'long', value: Long.fromNumber(12_345_678_901) }],
      deleted: null,
    });
    expect(await node('/x')).toMatchObject({ createdBy: 'bob', folder: true });
    const references = await database.collection(fileReferenceCollectionOf(SHA256)).find().toArray();
    expect(references.map(({ count }) => count)).toEqual([2]);
  });

  it('moves a file: operator and now, and a tombstone behind it', async () => {
    await make('/f');
    await receiver.nodes.move(transfer('/f', '/g'));
    expect(await live()).toEqual(['/g']);
    expect(await node('/g')).toMatchObject({
      createdBy: 'bob',
      createdDate: NOW,
      lastModifiedBy: 'bob',
      metadata: [{ key: 'of', value: '/f' }],
    });
    expect(await nodes().findOne({ fullPath: '/f' })).toMatchObject({
      deleted: NOW,
      lastModifiedBy: 'bob',
      sha256: SHA256,
    });
  });

  it('takes along what is below, orphans and children of files too, without metadata', async () => {
    await make(folder('/a'), '/a/lost/f', '/a/g', '/a/g/child');
    await orphan('/a/lost');
    await receiver.nodes.copy(transfer('/a', '/n', { destRepoName: 'depot' }));
    expect(await live('depot')).toEqual(['/n/', '/n/g', '/n/g/child', '/n/lost/f']);
    expect((await node('/n', 'depot'))['metadata']).toEqual([{ key: 'of', value: '/a' }]);
    expect((await node('/n/g', 'depot'))['metadata']).toEqual([]);
    await receiver.nodes.move(transfer('/a', '/m'));
    expect(await live()).toEqual(['/m/', '/m/g', '/m/g/child', '/m/lost/f']);
  });

  it('lands in an existing folder, and merges there; a move leaves the folders that met one', async () => {
    await make(folder('/a/b'), '/a/b/f', '/a/c/g', '/d/a/b/old');
    await receiver.nodes.move(transfer('/a', '/d'));
    expect(await live()).toEqual([
      '/a/',
      '/a/b/',
      '/d/',
      '/d/a/',
      '/d/a/b/',
      '/d/a/b/f',
      '/d/a/b/old',
      '/d/a/c/',
      '/d/a/c/g',
    ]);
    await make('/f');
    await receiver.nodes.copy(transfer('/f', '/d'));
    expect(await live()).toContain('/d/f');
  });

  it('overwrites files where that is asked for, with what is under them', async () => {
    await make('/s/f', '/d/f', '/d/f/child', '/d/f2');
    await refused(() => receiver.nodes.copy(transfer('/s/f', '/d/f')), 'NODE_CONFLICT /d/f');
    await receiver.nodes.copy(transfer('/s/f', '/d/f', { overwrite: true }));
    expect(await live()).toEqual(['/d/', '/d/f', '/d/f2', '/s/', '/s/f']);
    expect((await node('/d/f'))['metadata']).toEqual([{ key: 'of', value: '/s/f' }]);
    expect(await tombstones()).toEqual(['/d/f', '/d/f/child']);
  });

  it('onto itself, or into the folder where it is, changes nothing', async () => {
    await make('/a/f', '/g');
    for (const [from, to] of [
      ['/a/f', 'a/f'],
      ['/a/f', '/a'],
      ['/a', '/a'],
      ['/a', '/'],
      ['/g', '/'],
      ['/', '/'],
    ] as const) {
      expect(await receiver.nodes.move(transfer(from, to))).toBe(false);
      expect(await receiver.nodes.copy(transfer(from, to))).toBe(false);
    }
    expect(await live()).toEqual(['/a/', '/a/f', '/g']);
    expect(await tombstones()).toEqual([]);
  });

  it('refuses what would be endless, or meets what it may not replace, and changes nothing', async () => {
    await make('/a/b/f', '/a/g', '/file', '/d/a/b', '/e/a/g/x', '/lone');
    const move = (...given: Parameters<typeof transfer>) => receiver.nodes.move(transfer(...given));
    await refused(() => move('/none', '/x', { srcRepoName: 'gone' }), 'REPOSITORY_NOT_FOUND gone');
    await refused(() => move('/none', '/x', { destRepoName: 'gone' }), 'REPOSITORY_NOT_FOUND gone');
    await refused(() => move('/none', '/x', { destRepoName: 'front' }), 'OPERATION_UNSUPPORTED');
    await refused(() => move('/none', '/x', { srcRepoName: 'far' }), 'OPERATION_UNSUPPORTED');
    await refused(() => move('/none', '/x'), 'NODE_NOT_FOUND /none');
    await refused(() => move('/a', '/a/x'), 'PARAMETER_INVALID destFullPath');
    await refused(() => move('/a', '/a/b'), 'PARAMETER_INVALID destFullPath');
    await refused(() => receiver.nodes.copy(transfer('/', '/x')), 'PARAMETER_INVALID destFullPath');
    await refused(() => move('/a', '/file'), 'NODE_CONFLICT /file');
    await refused(() => move('/a', '/file', { overwrite: true }), 'NODE_CONFLICT /file');
    // A folder below that meets a file, and a file below that meets a folder.
    await refused(() => move('/a', '/d', { overwrite: true }), 'NODE_CONFLICT /d/a/b');
    await refused(() => move('/a', '/e', { overwrite: true }), 'NODE_CONFLICT /e/a/g');
  });

  it('leaves out of a copy the file that meets a folder', async () => {
    await make('/a/g', '/a/h', '/e/a/g/x');
    await receiver.nodes.copy(transfer('/a', '/e'));
    expect(await live()).toEqual(['/a/', '/a/g', '/a/h', '/e/', '/e/a/', '/e/a/g/', '/e/a/g/x', '/e/a/h']);
  });

  it('copies a whole repository into another one', async () => {
    await make('/a/f');
    await receiver.nodes.copy(transfer('/', '/', { destRepoName: 'depot' }));
    expect(await live('depot')).toEqual(['/a/', '/a/f']);
    await receiver.nodes.move(transfer('/', '/all', { destRepoName: 'depot' }));
    expect(await live('depot')).toEqual(['/a/', '/a/f', '/all/', '/all/a/', '/all/a/f']);
    expect((await node('/all', 'depot'))['createdBy']).toBe('bob');
    expect(await live()).toEqual([]);
  });
});

describe('changing when a node expires, and its metadata', () => {
  it('counts days from now, and takes the date away with 0', async () => {
    await make('/f');
    const update = (expires: number, fullPath = '/f') =>
      receiver.nodes.update({ ...REPOSITORY, fullPath, expires, operator: 'bob' });
    await update(2);
    expect(await node('/f')).toMatchObject({
      expireDate: new Date(NOW.getTime() + 2 * 86_400_000),
      lastModifiedBy: 'bob',
      lastModifiedDate: NOW,
      createdBy: 'ada',
    });
    await update(0);
    expect((await node('/f'))['expireDate'] ?? null).toBeNull();
    expect(await codeOf(update(1, '/none'))).toBe('NODE_NOT_FOUND /none');
    expect(await codeOf(update(1e15))).toBe('PARAMETER_INVALID expires');
  });

  it('takes out keys, whatever is in them, and keeps the types of the others', async () => {
    await make(
      file('/f', {
        metadata: [
          { key: 'a.b', value: 'x' },
          { key: 'long', value: 12_345_678_901 },
          { key: 'k', value: 'v' },
        ],
      }),
    );
    const drop = (fullPath: string, ...keyList: string[]) =>
      receiver.nodes.deleteMetadata({ ...REPOSITORY, fullPath, keyList });
    await drop('/f', 'a.b', 'k', 'none');
    const found = await nodes().findOne({ fullPath: '/f' }, { promoteValues: false });
    expect(found).toMatchObject({
      metadata: [{ key: 'long', value: Long.fromNumber(12_345_678_901) }],
      lastModifiedDate: CREATED,
    });
    await drop('/none', 'k');
    await drop('/');
  });
});

describe('changing and deleting repositories', () => {
  const CHANNEL = { public: false, channelId: null, credentialKey: null, username: null, password: null };
  const composite = (...names: string[]) => ({
    type: 'composite' as const,
    proxy: { channelList: names.map((name) => ({ ...CHANNEL, name, url: 'http://upstream.test/' })) },
    settings: {},
    webHook: { webHookList: [] },
  });
  const names = async () =>
    (await database.collection('repository').find().toArray()).map((found) => String(found['name'])).sort();
  const update = (changes: Partial<Parameters<Receiver['repositories']['update']>[0]>) =>
    receiver.repositories.update({
      projectId: PROJECT,
      name: 'crates',
      public: undefined,
      description: undefined,
      configuration: undefined,
      operator: 'bob',
      ...changes,
    });
  const drop = (name: string, forced = false) =>
    receiver.repositories.delete({ projectId: PROJECT, name, forced, operator: 'bob' });

  it('change what is given and nothing else', async () => {
    await update({ description: 'boxes' });
    await update({ public: true });
    await update({ configuration: { type: 'rpm-local', webHook: { webHookList: [] }, settings: { z: 9 } } });
    expect(await database.collection('repository').findOne({ name: 'crates' })).toMatchObject({
      public: true,
      description: 'boxes',
      configuration:
        '{\n  "type" : "rpm-local",\n  "webHook" : {\n    "webHookList" : [ ]\n  },\n  "settings" : {\n    "z" : 9\n  }\n}',
      createdBy: 'ada',
      lastModifiedBy: 'bob',
    });
    expect(await codeOf(update({ configuration: composite() }))).toBe('PARAMETER_INVALID configuration type');
    expect(await codeOf(update({ description: 'x'.repeat(200) }))).toBe('PARAMETER_INVALID description');
    expect(await codeOf(update({ name: 'none' }))).toBe('REPOSITORY_NOT_FOUND none');
  });

  it('keep the hidden repositories of private channels in step', async () => {
    await update({ name: 'depot', configuration: composite('one', 'two') });
    expect(await names()).toEqual(['crates', 'depot', 'depot-one', 'depot-two', 'far', 'front']);
    await update({ name: 'depot', configuration: composite('two', 'three') });
    expect(await names()).toEqual(['crates', 'depot', 'depot-three', 'depot-two', 'far', 'front']);
    await drop('depot');
    expect(await names()).toEqual(['crates', 'far', 'front']);
  });

  it('take their nodes along, files only when that is forced', async () => {
    await make('/a/f');
    expect(await codeOf(drop('crates'))).toBe('REPOSITORY_CONTAINS_FILE');
    expect(await live()).toEqual(['/a/', '/a/f']);
    await drop('crates', true);
    expect(await live()).toEqual([]);
    expect(await tombstones()).toEqual(['/a', '/a/f']);
    expect(await codeOf(drop('crates', true))).toBe('REPOSITORY_NOT_FOUND crates');
    await receiver.nodes.create(folder('/b', { repoName: 'depot' }));
    await drop('depot');
    expect(await live('depot')).toEqual([]);
  });
});

describe('a change that is cut off at any write and then repeated', () => {
  const TREE = [
    folder('/s', { metadata: [{ key: 'k', value: 'v' }] }),
    folder('/s/e'),
    '/s/f',
    '/s/f/child',
    '/s/sub/deep/g',
    '/s/sub/lost/h',
    '/d/old',
    folder('/m/s/sub'),
    '/m/s/f',
  ];

  const changes: Readonly<Record<string, (nodes: Receiver['nodes']) => Promise<unknown>>> = {
    'a renamed folder': (nodes) =>
      nodes.rename({ ...REPOSITORY, fullPath: '/s', newFullPath: '/x/t', operator: 'bob' }),
    'a folder moved to a new path': (nodes) => nodes.move(transfer('/s', '/x/t')),
    'a folder moved into a folder': (nodes) => nodes.move(transfer('/s', '/d')),
    'a folder moved onto another one': (nodes) => nodes.move(transfer('/s', '/m', { overwrite: true })),
    'a folder moved to another repository': (nodes) =>
      nodes.move(transfer('/s', '/x', { destRepoName: 'depot' })),
    'a moved file': (nodes) => nodes.move(transfer('/s/f', '/d/g')),
    'an overwriting file': (nodes) => nodes.move(transfer('/s/f', '/d/old', { overwrite: true })),
    'a folder copied to a new path': (nodes) => nodes.copy(transfer('/s', '/x/t')),
    'a folder copied into a folder': (nodes) => nodes.copy(transfer('/s', '/d')),
    'a folder copied onto another one': (nodes) => nodes.copy(transfer('/s', '/m', { overwrite: true })),
    'a repository moved into another one': (nodes) =>
      nodes.move(transfer('/', '/all', { destRepoName: 'depot' })),
    'a repository copied into another one': (nodes) =>
      nodes.copy(transfer('/', '/all', { destRepoName: 'depot' })),
  };

  /** Everything but the ids, which copies choose anew. */
  async function state(): Promise<unknown[]> {
    const documents = await nodes().find().toArray();
    return documents
      .map(({ _id, ...document }) => document)
      .sort((one, other) => keyOf(one).localeCompare(keyOf(other)));
  }
  const keyOf = (document: Readonly<Record<string, unknown>>) =>
    `${document['repoName']} ${document['fullPath']} ${document['deleted']}`;

  async function prepare(): Promise<void> {
    await nodes().deleteMany({});
    await make(...TREE);
    await orphan('/s/sub/lost');
  }

  /** How a repeat may be refused: the change was complete before, and only its answer was lost. */
  const COMPLETE = /^(?:NODE_NOT_FOUND|NODE_CONFLICT|NODE_EXISTED)/;

  it.for(Object.entries(changes))('ends as if it had run once: %s', async ([, change]) => {
    await prepare();
    const whole = doomedDatabase(database, 10_000);
    await change(receiverOf({ database: whole.database, clock: () => NOW }).nodes);
    const expected = await state();
    const writes = 10_000 - whole.left();
    expect(writes).toBeGreaterThan(2);

    for (let cut = 0; cut < writes; cut += 1) {
      await prepare();
      const doomed = doomedDatabase(database, cut);
      await expect(
        change(receiverOf({ database: doomed.database, clock: () => NOW }).nodes),
      ).rejects.toBeInstanceOf(Crash);
      const code = await codeOf(change(receiver.nodes));
      expect(code).toSatisfy((found: string) => found === 'undefined' || COMPLETE.test(found));
      expect(await state()).toEqual(expected);
    }
  });
});
