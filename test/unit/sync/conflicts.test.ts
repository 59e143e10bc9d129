import { describe, expect, it } from 'vitest';
import type { Task } from '../../../functions/shared/task/task.ts';
import { storedTask } from '../../support/tasks.ts';
import { sha256Of } from '../apply/world.ts';
import { SyncWorld } from './world.ts';

const NAME = 'alpha/files';

function worldWith(
  contract: string,
  conflictStrategy: Task['setting']['conflictStrategy'],
  more: Partial<Task> = {},
): SyncWorld {
  const world = new SyncWorld({ setting: { ...storedTask().setting, conflictStrategy }, ...more });
  if (contract === 'digests') {
    world.world.announcement = { clusterId: 'c'.repeat(32), extensions: new Set(['digests', 'blob']) };
  }
  world.addRepository('alpha', 'files');
  world.file(NAME, '/equal', 'same');
  world.remoteFile(NAME, '/equal', 'same');
  world.file(NAME, '/different', 'new');
  world.remoteFile(NAME, '/different', 'old');
  world.file(NAME, '/file-not-folder', 'new');
  world.remoteFolder(NAME, '/file-not-folder');
  world.remoteFile(NAME, '/file-not-folder/within', 'old');
  world.folder(NAME, '/folder-not-file', { of: 'folder' });
  world.file(NAME, '/folder-not-file/within', 'new');
  world.remoteFile(NAME, '/folder-not-file', 'old');
  world.folder(NAME, '/folder', { a: 1 });
  world.remoteFolder(NAME, '/folder', { b: 2 });
  world.file(NAME, '/missing', 'missing');
  return world;
}

async function ran(world: SyncWorld): Promise<SyncWorld> {
  world.start();
  await world.drain();
  return world;
}

describe.each(['base', 'digests'])('conflicts at a remote of the %s contract', (contract) => {
  it('stay as they are under SKIP, and are counted', async () => {
    const world = await ran(worldWith(contract, 'SKIP'));
    expect(world.remoteTree(NAME)).toEqual({
      '/equal': sha256Of('same'),
      '/different': sha256Of('old'),
      '/file-not-folder': 'folder',
      '/file-not-folder/within': sha256Of('old'),
      '/folder-not-file': sha256Of('old'),
      '/folder-not-file/within': sha256Of('new'),
      '/folder': 'folder',
      '/missing': sha256Of('missing'),
    });
    expect(world.remote(NAME).get('/folder')?.metadata).toEqual({ b: 2 });
    // The base contract tells neither an equal file from another nor a file from a folder.
    expect(world.run).toMatchObject({
      status: 'SUCCESS',
      counters: { totalNode: 7, successNode: 4, conflictedNode: 3, failedNode: 0 },
    });
    expect([...world.sent.keys()].sort()).toEqual(['/folder-not-file/within', '/missing']);
  });

  it('give way under OVERWRITE, with what is equal left alone where it is known', async () => {
    const world = await ran(worldWith(contract, 'OVERWRITE'));
    expect(world.run).toMatchObject({
      status: 'SUCCESS',
      counters: { totalNode: 7, successNode: 7, conflictedNode: 0, failedNode: 0 },
    });
    expect(world.remote(NAME).get('/folder')?.metadata).toEqual({ a: 1, b: 2 });
    if (contract === 'digests') {
      expect(world.remoteTree(NAME)).toEqual(world.sourceTree(NAME));
      expect(world.remote(NAME).get('/folder-not-file')?.metadata).toEqual({ of: 'folder' });
      expect(world.sent.has('/equal')).toBe(false);
    } else {
      // That a file stands in the folder's place cannot be seen: its metadata is saved there.
      expect(world.remoteTree(NAME)).toEqual({
        ...world.sourceTree(NAME),
        '/folder-not-file': sha256Of('old'),
      });
    }
  });

  it('end the run under FAST_FAIL, with the path named and nothing sent', async () => {
    const world = await ran(worldWith(contract, 'FAST_FAIL'));
    expect(world.run.status).toBe('FAILED');
    expect(world.run.errorReason).toMatch(/^Conflict: alpha\/files\/(different|equal) exists at the remote$/);
    expect(world.sent.size).toBe(0);
    expect(world.task).toMatchObject({ status: 'FAILED' });
    expect(world.task).not.toHaveProperty('activeRunId');
  });
});

it('leaves a folder in a file’s place to a remote that does not say what it refuses', async () => {
  const world = worldWith('base', 'OVERWRITE');
  world.world.era = true;
  await ran(world);
  expect(world.remoteTree(NAME)).toMatchObject({ '/file-not-folder': 'folder' });
  expect(world.run).toMatchObject({ status: 'FAILED', errorReason: 'Could not replicate 1 nodes' });
  expect([...world.runs.failures.values()]).toEqual([
    expect.objectContaining({ fullPath: '/file-not-folder', kind: 'NODE', code: 'REMOTE_REFUSED' }),
  ]);
});

it('renews what is said of a file without sending its content', async () => {
  const world = new SyncWorld({ setting: { ...storedTask().setting, conflictStrategy: 'OVERWRITE' } });
  world.world.announcement = { clusterId: 'c'.repeat(32), extensions: new Set(['digests', 'blob']) };
  world.addRepository('alpha', 'files');
  world.file(NAME, '/f', 'same', { metadata: { new: 1 } });
  world.remoteFile(NAME, '/f', 'same', { old: 1 });
  world.world.held.add(sha256Of('same'));
  await ran(world);
  expect(world.remote(NAME).get('/f')?.metadata).toEqual({ new: 1 });
  expect(world.sent.size).toBe(0);
  expect(world.world.calls).toContain('file /f');
});

it('takes nothing for its own work that came to the source after its first look', async () => {
  const world = new SyncWorld();
  world.addRepository('alpha', 'files');
  world.file(NAME, '/a', 'a');
  world.file(NAME, '/z', 'z');
  world.start();
  await world.deliver();
  await world.deliver();
  // The page's worker dies when it has looked and sent.
  let uploads = 0;
  await world.deliver({
    before: () => false,
    after: (call) => call === 'remote.uploadFile' && ++uploads === 1,
  });
  world.file(NAME, '/m', 'the source’s');
  world.remoteFile(NAME, '/m', 'the target’s');
  await world.drain();
  expect(world.remote(NAME).get('/m')?.sha256).toBe(sha256Of('the target’s'));
  expect(world.run).toMatchObject({
    status: 'SUCCESS',
    counters: { totalNode: 3, successNode: 2, conflictedNode: 1 },
  });
});

it.each([1, 2, 3])(
  'sends no more twice than a dead worker had under way where digests cannot be told (%i)',
  async (seed) => {
    const world = new SyncWorld({ setting: { ...storedTask().setting, conflictStrategy: 'OVERWRITE' } });
    world.addRepository('alpha', 'files');
    for (let index = 0; index < 600; index += 1) {
      const path = `/f${String(index).padStart(3, '0')}`;
      world.file(NAME, path, `new ${index}`);
      world.remoteFile(NAME, path, `old ${index}`);
    }
    world.start();
    let [calls, kills, next] = [0, 0, 40];
    await world.drain({
      before: () => false,
      after: (call) => {
        calls += 1;
        const isNow = kills < 30 && calls > next && call === 'remote.uploadFile';
        if (isNow) {
          kills += 1;
          next = calls + 40 + ((calls * seed * 7_919) % 90);
        }
        return isNow;
      },
    });
    expect(kills).toBeGreaterThan(8);
    expect(world.remoteTree(NAME)).toEqual(world.sourceTree(NAME));
    expect(world.run).toMatchObject({
      status: 'SUCCESS',
      counters: { totalNode: 600, successNode: 600, failedNode: 0 },
    });
    const uploads = [...world.sent.values()].reduce((sum, times) => sum + times, 0);
    expect(uploads).toBeLessThanOrEqual(600 + 8 * kills);
  },
);

it('overwrites what stands under no folder of the source on its own, between the others', async () => {
  const world = new SyncWorld({ setting: { ...storedTask().setting, conflictStrategy: 'OVERWRITE' } });
  world.addRepository('alpha', 'files');
  for (const path of ['/a', '/b/apart', '/b/beside', '/c']) {
    world.file(NAME, path, 'new');
  }
  world.remoteFile(NAME, '/c', 'old');
  await ran(world);
  expect(world.remoteTree(NAME)).toEqual(world.sourceTree(NAME));
  expect(world.run).toMatchObject({ status: 'SUCCESS', counters: { totalNode: 4, successNode: 4 } });
});
