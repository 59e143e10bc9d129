import { beforeEach, describe, expect, it } from 'vitest';
import { applyBatch } from '../../../functions/shared/apply/apply-batch.ts';
import { circuit } from '../../../functions/shared/apply/circuit.ts';
import type { BatchEntry } from '../../../functions/shared/lane/message.ts';
import type { Operation } from '../../../functions/shared/lane/operation.ts';
import { MisnamedNodeError, RemoteRefusalError } from '../../../functions/shared/remote/errors.ts';
import { batch, fileCreate, sha256Of, World } from './world.ts';

let world: World;
let applied: number;

/** When the log says that things happened. */
const THEN = '2026-11-22T00:00:00.000Z';
/** Long before that, and about then. */
const BEFORE = { createdDate: new Date('2026-11-20T00:00:00Z'), lastModifiedDate: new Date('2026-11-20') };
const ABOUT_THEN = {
  createdDate: new Date('2026-11-22T00:00:00.200Z'),
  lastModifiedDate: new Date('2026-11-22T00:00:00.200Z'),
};

beforeEach(() => {
  world = new World();
  world.now = new Date('2026-11-22T00:00:02Z');
  applied = 0;
});

async function apply(operations: readonly Operation[], more: Partial<BatchEntry> = {}): Promise<void> {
  const whole = batch(applied, operations);
  const message = {
    ...whole,
    entries: whole.entries.map((entry) => ({ ...entry, loggedAt: THEN, ...more })),
  };
  applied += operations.length;
  await applyBatch({
    message,
    // The last of an ambiguous answer's chances.
    deliveries: 3,
    circuit: circuit(),
    signal: new AbortController().signal,
    dependencies: world.dependencies,
  });
}

/** A file at the source and, with the same or other content, at the target. */
function both(fullPath: string, content: string, atTarget = content): void {
  world.putFile(fullPath, content, BEFORE);
  world.target.set(fullPath, { folder: false, sha256: sha256Of(atTarget), expires: 0, metadata: {} });
}

function folder(fullPath: string, dates: typeof BEFORE = BEFORE): void {
  world.nodes.set(fullPath, { folder: true, fullPath, createdBy: 'carol', metadata: {}, ...dates });
}

const operator = 'admin';
const rename = (fullPath: string, newFullPath: string): Operation => ({
  kind: 'NODE_RENAME',
  fullPath,
  newFullPath,
  operator,
});
const move = (fullPath: string, destFullPath: string): Operation => ({
  kind: 'NODE_MOVE',
  fullPath,
  destFullPath,
  overwrite: false,
  operator,
});
const copy = (fullPath: string, destFullPath: string, overwrite = false): Operation => ({
  kind: 'NODE_COPY',
  fullPath,
  destFullPath,
  overwrite,
  operator,
});
const contents = () =>
  Object.fromEntries([...world.target].map(([path, node]) => [path, node.folder ? 'folder' : node.sha256]));
/** Calls after the containers were made sure of. */
const calls = () => world.calls.filter((call) => !/^(project|repository) /.test(call));

describe('what the remote can do itself', () => {
  it('is done there, without a byte sent', async () => {
    both('/a', 'a');
    both('/c', 'c');
    world.nodes.delete('/a');
    world.putFile('/b', 'a', BEFORE);
    world.putFile('/d', 'c', BEFORE);
    await apply([rename('/a', '/b'), copy('/c', '/d')]);
    world.nodes.delete('/d');
    world.putFile('/e', 'c', BEFORE);
    await apply([move('/d', '/e')]);
    expect(calls()).toEqual(['rename /a', 'copy /c', 'move /d']);
    expect(contents()).toEqual({ '/b': sha256Of('a'), '/c': sha256Of('c'), '/e': sha256Of('c') });
    expect(world.state()).toMatchObject({ applied: 3, failed: 0 });
  });

  it('expires nodes by what is left of their time, and never again where they do not expire', async () => {
    both('/a', 'a');
    world.putFile('/a', 'a', { ...BEFORE, expireDate: new Date('2026-11-24T12:00:00Z') });
    both('/b', 'b');
    await apply([
      { kind: 'NODE_EXPIRE', fullPath: '/a', expires: 9, operator },
      { kind: 'NODE_EXPIRE', fullPath: '/b', expires: 0, operator },
    ]);
    expect(world.target.get('/a')).toMatchObject({ expires: 3 });
    expect(world.target.get('/b')).toMatchObject({ expires: 0 });
  });

  it('lets nothing expire where the source has a folder by now, which does not', async () => {
    both('/a', 'a');
    folder('/a');
    await apply([{ kind: 'NODE_EXPIRE', fullPath: '/a', expires: 3, operator }]);
    expect(world.target.get('/a')).toMatchObject({ expires: 0 });
  });

  it('makes each key what the source has of it', async () => {
    both('/a', 'a');
    world.putFile('/a', 'a', { ...BEFORE, metadata: { saved: 2, back: 'again' } });
    world.target.set('/a', {
      folder: false,
      sha256: sha256Of('a'),
      expires: 0,
      metadata: { gone: 1, other: 1 },
    });
    await apply([
      { kind: 'METADATA_SAVE', fullPath: '/a', metadata: { saved: 1, gone: 1 }, operator },
      { kind: 'METADATA_DELETE', fullPath: '/a', keys: ['back', 'missing'], operator },
    ]);
    expect(world.target.get('/a')?.metadata).toEqual({ saved: 2, back: 'again', other: 1 });
  });

  it('makes folders by whom and when the source has them', async () => {
    folder('/f');
    await apply([{ kind: 'FOLDER_CREATE', fullPath: '/f', operator, metadata: {} }]);
    expect(world.target.live.get('/f')).toMatchObject({ createdBy: 'carol' });
  });
});

describe.each([
  ['a remote that names its refusals', false],
  ['an era remote', true],
])('at %s, what does not fit', (_name, era) => {
  beforeEach(() => {
    world.era = era;
  });

  it('is settled: a rename whose file comes later in the log', async () => {
    world.putFile('/b', 'a', ABOUT_THEN);
    await apply([rename('/a', '/b'), fileCreate('/a', 'a', { metadata: { k: 'v' } })]);
    expect(contents()).toEqual({ '/b': sha256Of('a') });
    expect(world.state()).toMatchObject({ applied: 2, failed: 0 });
  });

  it('is settled: a rename that is logged before a new version of the file, which went along', async () => {
    both('/a', 'old');
    world.nodes.delete('/a');
    world.putFile('/b', 'new', ABOUT_THEN);
    await apply([rename('/a', '/b'), fileCreate('/a', 'new')]);
    expect(contents()).toEqual({ '/b': sha256Of('new') });
  });

  it('is settled: a folder renamed before what was put into it', async () => {
    both('/d/x', 'x');
    world.nodes.clear();
    folder('/e', ABOUT_THEN);
    world.putFile('/e/x', 'x', BEFORE);
    world.putFile('/e/y', 'y', ABOUT_THEN);
    await apply([rename('/d', '/e'), fileCreate('/d/y', 'y')]);
    expect(contents()).toEqual({ '/e': 'folder', '/e/x': sha256Of('x'), '/e/y': sha256Of('y') });
  });

  it('is settled: metadata saved before its node, or before its new version', async () => {
    world.putFile('/a', 'a', { ...ABOUT_THEN, metadata: { k: 'v' } });
    const save: Operation = { kind: 'METADATA_SAVE', fullPath: '/a', metadata: { k: 'v' }, operator };
    await apply([save, fileCreate('/a', 'a')]);
    expect(world.target.get('/a')?.metadata).toEqual({ k: 'v' });
    world.putFile('/a', 'b', { ...ABOUT_THEN, metadata: { k: 'w' } });
    await apply([{ ...save, metadata: { k: 'w' } }, fileCreate('/a', 'b')]);
    expect(world.target.get('/a')).toMatchObject({ sha256: sha256Of('b'), metadata: { k: 'w' } });
  });

  it('is settled: a file put anew where one was renamed from, and logged before', async () => {
    both('/a', 'old');
    world.putFile('/a', 'new', ABOUT_THEN);
    world.putFile('/b', 'old', BEFORE);
    await apply([fileCreate('/a', 'new'), rename('/a', '/b')]);
    expect(contents()).toEqual({ '/a': sha256Of('new'), '/b': sha256Of('old') });
  });

  it('is settled: a folder moved onto what is there already, with other content', async () => {
    both('/s/x', 'new');
    world.nodes.clear();
    folder('/d');
    world.putFile('/d/x', 'new', BEFORE);
    world.target.set('/d/x', { folder: false, sha256: sha256Of('old'), expires: 0, metadata: {} });
    await apply([rename('/s', '/d')]);
    expect(contents()).toEqual({ '/d': 'folder', '/d/x': sha256Of('new') });
  });

  it('is settled: a node that arrived inside the destination', async () => {
    world.nodes.clear();
    folder('/d');
    world.putFile('/d/a', 'a', ABOUT_THEN);
    await apply([move('/a', '/d')]);
    expect(contents()).toEqual({ '/d': 'folder', '/d/a': sha256Of('a') });
  });

  it('is not carried on: a copy of what is ahead of the log', async () => {
    // The first content was replaced since; the copy has it still.
    world.putFile('/a', 'second', { ...ABOUT_THEN, metadata: { k: 'v' } });
    world.putFile('/copy', 'first', BEFORE);
    await apply([
      { kind: 'METADATA_SAVE', fullPath: '/a', metadata: { k: 'v' }, operator },
      copy('/a', '/copy'),
    ]);
    expect(contents()).toEqual({ '/a': sha256Of('second'), '/copy': sha256Of('first') });
  });
});

it.each([rename('/a', '/b'), move('/a', '/b'), copy('/a', '/b')])(
  'is recorded before the next operation is begun: $kind',
  async (operation) => {
    world.putFile('/b', 'a', BEFORE);
    world.target.set('/a', { folder: false, sha256: sha256Of('a'), expires: 0, metadata: {} });
    world.putFile('/c', 'c');
    const recorded: number[] = [];
    world.beforeCall = (name) => {
      if (name === 'upload') {
        recorded.push(world.state()?.appliedOrdinal ?? 0);
      }
    };
    await apply([operation, fileCreate('/c', 'c')]);
    expect(calls().slice(-2)).toEqual([`${operation.kind.slice(5).toLowerCase()} /a`, 'upload /c']);
    expect(recorded).toEqual([1]);
  },
);

describe('a copy', () => {
  it('is recorded before anything that could change what it copies', async () => {
    both('/a', 'first');
    world.putFile('/a', 'second', {
      createdDate: new Date('2026-11-22T01:00:00Z'),
      lastModifiedDate: new Date('2026-11-22T01:00:00Z'),
    });
    world.putFile('/copy', 'first', BEFORE);
    let records = 0;
    world.aroundRecord = (moment) => {
      records += moment === 'before' ? 1 : 0;
      if (records === 2) {
        throw new Error('killed');
      }
    };
    const operations = [copy('/a', '/copy', true), fileCreate('/a', 'second')];
    await expect(apply(operations)).rejects.toThrow('killed');
    world.aroundRecord = () => {};
    applied = 0;
    await apply(operations);
    expect(contents()).toEqual({ '/a': sha256Of('second'), '/copy': sha256Of('first') });
  });

  it('of a folder that is there already is not made into itself', async () => {
    for (const path of ['/s/x', '/d/x']) {
      both(path, 'x');
    }
    folder('/s');
    folder('/d');
    await apply([copy('/s', '/d')]);
    expect(Object.keys(contents())).toEqual(['/s', '/s/x', '/d', '/d/x']);
    expect(calls()).not.toContain('copy /s');
  });
});

describe('a copy of a folder', () => {
  it('logged behind the rename that took something out of it is settled', async () => {
    folder('/a');
    world.target.set('/a/y', { folder: false, sha256: sha256Of('y'), expires: 0, metadata: {} });
    folder('/b', ABOUT_THEN);
    folder('/b/y', ABOUT_THEN);
    world.putFile('/b/y/y', 'y', ABOUT_THEN);
    world.putFile('/b/x', 'y', ABOUT_THEN);
    await apply([rename('/a/y', '/b/x'), copy('/a', '/b/y')]);
    expect(Object.keys(contents()).sort()).toEqual(['/a', '/b', '/b/x', '/b/y', '/b/y/y']);
  });
});

it('a move logged behind the copy of a folder that it had left takes the node from the copy, too', async () => {
  world.target.set('/a/x/z', { folder: false, sha256: sha256Of('z'), expires: 0, metadata: {} });
  folder('/a');
  folder('/a/x');
  folder('/x', ABOUT_THEN);
  folder('/b', ABOUT_THEN);
  world.putFile('/b/x', 'z', ABOUT_THEN);
  await apply([copy('/a/x', '/'), move('/a/x/z', '/b/x')]);
  expect(Object.keys(contents()).sort()).toEqual(['/a', '/a/x', '/b', '/b/x', '/x']);
});

describe('what came from another repository', () => {
  const arrival: Operation = { kind: 'NODE_CONVERGE', fullPath: '/d', name: 'n', operator };

  it('is made what the source has, folders first', async () => {
    folder('/d', ABOUT_THEN);
    folder('/d/empty', ABOUT_THEN);
    world.putFile('/d/x', 'x', { ...ABOUT_THEN, metadata: { k: 'v' } });
    await apply([arrival]);
    expect(contents()).toEqual({ '/d': 'folder', '/d/empty': 'folder', '/d/x': sha256Of('x') });
    expect(world.target.get('/d/x')?.metadata).toEqual({ k: 'v' });
  });

  it('lies inside a folder that existed before, which is not sent again', async () => {
    folder('/d');
    world.putFile('/d/old', 'old', BEFORE);
    world.putFile('/d/n', 'n', ABOUT_THEN);
    await apply([arrival]);
    expect(contents()).toEqual({ '/d': 'folder', '/d/n': sha256Of('n') });
  });

  it('of many nodes is sent as far as it is missing', async () => {
    folder('/d', ABOUT_THEN);
    for (let count = 0; count < 600; count += 1) {
      world.putFile(`/d/${count}`, String(count % 7), ABOUT_THEN);
      if (count % 3 > 0) {
        const sha256 = sha256Of(String(count % 7));
        world.target.set(`/d/${count}`, { folder: false, sha256, expires: 0, metadata: {} });
      }
    }
    await apply([arrival]);
    expect(calls().filter((call) => call.startsWith('upload '))).toHaveLength(200);
    expect(calls().filter((call) => call === 'existing')).toHaveLength(2);
    expect(Object.keys(contents())).toHaveLength(601);
  });

  it('is done as far as it goes where one node is refused', async () => {
    folder('/d', ABOUT_THEN);
    world.putFile('/d/big', 'big', ABOUT_THEN);
    world.putFile('/d/small', 'small', ABOUT_THEN);
    world.beforeCall = (name, path) => {
      if (name === 'upload' && path === '/d/big') {
        throw new RemoteRefusalError({ status: 413, text: 'too large' });
      }
    };
    await apply([arrival]);
    expect(world.target.has('/d/small')).toBe(true);
    expect([...world.failures.values()]).toMatchObject([
      { code: 'REMOTE_REFUSED', fullPath: '/d', reason: '/d/big: HTTP 413: too large' },
    ]);
  });
});

it.each([
  ['rename', rename],
  ['move', move],
  ['copy', copy],
])('a %s that fails is recorded with both its paths', async (_kind, transfer) => {
  world.putFile('/b', 'b', BEFORE);
  world.beforeCall = (_name, path) => {
    if (path !== '') {
      throw new RemoteRefusalError({ status: 400, code: 250107, text: 'too late' });
    }
  };
  await apply([transfer('/a', '/b')]);
  expect([...world.failures.values()]).toMatchObject([{ fullPath: '/a', destFullPath: '/b' }]);
});

it('a copy does not carry along what was put into its folder at about that time, though that was changed again', async () => {
  folder('/b');
  world.target.set('/b', { folder: true, metadata: {} });
  world.target.set('/b/z', { folder: false, sha256: sha256Of('z'), expires: 0, metadata: {} });
  world.putFile('/b/z', 'z', { ...ABOUT_THEN, lastModifiedDate: new Date('2026-11-22T00:00:09Z') });
  folder('/c', ABOUT_THEN);
  await apply([copy('/b', '/c')]);
  expect(contents()).toEqual({ '/b': 'folder', '/b/z': sha256Of('z'), '/c': 'folder' });
});

describe('a repository', () => {
  const update: Operation = {
    kind: 'REPOSITORY_UPDATE',
    description: 'new',
    configuration: { settings: { z: 9 } },
    operator,
  };
  const remove: Operation = { kind: 'REPOSITORY_DELETE', forced: true, operator };
  const NAME = 'ops-copy/generic-remote';

  it('is changed, its configuration with the type that the log has lost', async () => {
    const source = { type: 'GENERIC', category: 'LOCAL', public: false, createdBy: 'admin' };
    world.repositories.set('ops/generic-local', {
      ...source,
      configuration: { type: 'rpm-local', settings: { z: 9 } },
    });
    await apply([update]);
    expect(world.targetRepositories.get(NAME)).toMatchObject({
      public: false,
      description: 'new',
      configuration: { type: 'rpm-local', settings: { z: 9 } },
    });
    world.repositories.set('ops/generic-local', {
      ...source,
      configuration: { type: 'virtual', repositoryList: [] },
    });
    await apply([{ ...update, configuration: { repositoryList: [] } }]);
    expect([...world.failures.values()]).toMatchObject([
      { code: 'REMOTE_REFUSED', reason: 'HTTP 400, code 250103: Invalid parameter configuration type' },
    ]);
  });

  it('is deleted as it was at the source, once or again', async () => {
    both('/a', 'a');
    world.targetProjects.set('ops-copy', { displayName: '', operator });
    world.targetRepositories.set(NAME, { type: '', category: '', public: false, operator });
    world.repositories.clear();
    await apply([remove, remove]);
    expect(calls()).toEqual([
      'delete-repository-forced generic-remote',
      'delete-repository-forced generic-remote',
    ]);
    expect(contents()).toEqual({});
    expect(world.state()).toMatchObject({ applied: 2, failed: 0, containersEnsured: false });
  });

  it('that an era remote has not is deleted all the same', async () => {
    world.era = true;
    world.repositories.clear();
    await apply([remove]);
    expect(world.state()).toMatchObject({ applied: 1, failed: 0 });
    expect(world.targetRepositories.size).toBe(0);
  });

  it('that exists again is kept, and made what it is now', async () => {
    both('/old', 'old');
    world.nodes.delete('/old');
    world.putFile('/new', 'new', ABOUT_THEN);
    world.targetProjects.set('ops-copy', { displayName: '', operator });
    world.targetRepositories.set(NAME, {
      type: '',
      category: '',
      public: false,
      description: 'old',
      operator,
    });
    const configuration = { type: 'rpm-local', settings: { z: 9 } };
    const present = { type: 'GENERIC', category: 'LOCAL', public: true, description: 'new', configuration };
    world.repositories.set('ops/generic-local', { ...present, createdBy: 'admin', ...ABOUT_THEN });
    const { type, category, description } = present;
    const create = { type, category, description, operator, configuration: { settings: { z: 9 } } };
    await apply([remove, { kind: 'REPOSITORY_CREATE', ...create, public: true }]);
    expect(world.targetRepositories.get(NAME)).toMatchObject({
      public: true,
      description: 'new',
      configuration,
    });
    expect(contents()).toEqual({ '/new': sha256Of('new') });
    expect(calls()).not.toContain('delete-repository-forced generic-remote');
    expect(world.state()).toMatchObject({ applied: 1, superseded: 1, containersEnsured: true });
  });

  it('that exists again is kept, unless it was made anew long after', async () => {
    await apply([remove]);
    expect(world.state()).toMatchObject({ applied: 0, superseded: 1 });
    world.calls.length = 0;
    const source = { type: 'GENERIC', category: 'LOCAL', public: false, createdBy: 'admin' };
    world.repositories.set('ops/generic-local', { ...source, createdDate: new Date('2026-11-23') });
    await apply([remove]);
    expect(calls()).toEqual(['delete-repository-forced generic-remote']);
    expect(world.state()).toMatchObject({ applied: 1 });
  });
});

describe('where changes come from', () => {
  const here = 'a'.repeat(32);
  const there = 'b'.repeat(32);
  const deletion: Operation = { kind: 'NODE_DELETE', fullPath: '/x', operator };

  it('is passed on with each of them', async () => {
    await apply([deletion], { origin: [here] });
    await apply([deletion]);
    expect(world.origins).toEqual([[here], [here], [here], []]);
    expect(world.calls).toEqual([
      'version',
      'project ops-copy',
      'repository generic-remote',
      'delete /x',
      'delete /x',
    ]);
  });

  it('keeps them from going back there', async () => {
    world.announcement = { clusterId: there, extensions: new Set() };
    await apply([deletion], { origin: [here, there] });
    expect(world.calls).toEqual(['version']);
    expect(world.state()).toMatchObject({ appliedOrdinal: 1, applied: 0, filtered: 1 });
  });
});

it('a name that the remote takes for another one is a failure, and that other one is put right', async () => {
  world.putFile('/s;v=1', 'x', ABOUT_THEN);
  world.putFile('/s', 'mine', BEFORE);
  both('/s', 'mine');
  const cutting = {
    ...world.client,
    uploadFile: async (...[file, open]: Parameters<typeof world.client.uploadFile>) => {
      const fullPath = file.fullPath.replace(/;.*/, '');
      await world.client.uploadFile({ ...file, fullPath }, open);
      if (fullPath !== file.fullPath) {
        throw new MisnamedNodeError(fullPath);
      }
    },
  };
  world.dependencies.remotes.clientFor = async () => cutting;
  await apply([fileCreate('/s;v=1', 'x')]);
  expect(contents()).toEqual({ '/s': sha256Of('mine') });
  expect([...world.failures.values()]).toMatchObject([{ code: 'PATH_UNSENDABLE', fullPath: '/s;v=1' }]);
});
