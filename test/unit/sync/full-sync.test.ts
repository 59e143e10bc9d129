import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Fate, randomOf } from '../../support/mortal.ts';
import { SyncWorld } from './world.ts';

/** Three repositories of two projects, 1,300 nodes with folders, one of them empty and with metadata. */
function filled(world: SyncWorld): readonly string[] {
  const repositories = ['alpha/files', 'alpha/few', 'beta/none'];
  for (const name of repositories) {
    const [project = '', repository = ''] = name.split('/');
    world.addRepository(project, repository);
  }
  world.folder('alpha/files', '/empty', { why: 'kept' });
  for (let folder = 0; folder < 12; folder += 1) {
    world.folder('alpha/files', `/f${folder}`, { number: folder });
    for (let file = 0; file < 100; file += 1) {
      world.file('alpha/files', `/f${folder}/${file}.bin`);
    }
  }
  world.folder('alpha/few', '/d', {});
  world.file('alpha/few', '/d/one', 'one', { metadata: { key: 'value' } });
  world.file('alpha/few', '/two', 'two');
  return repositories;
}

function expectReplicated(world: SyncWorld, repositories: readonly string[]): void {
  for (const name of repositories) {
    expect(world.remoteTree(name)).toEqual(world.sourceTree(name));
    for (const [path, node] of world.nodes.get(name) ?? []) {
      expect(world.remote(name).get(path)?.metadata, path).toEqual(node.metadata);
    }
  }
  const nodes = repositories.flatMap((name) => [...(world.nodes.get(name)?.values() ?? [])]);
  const bytes = nodes.reduce((sum, node) => sum + (node.folder ? 0 : node.size), 0);
  expect(world.run).toMatchObject({
    status: 'SUCCESS',
    counters: {
      totalNode: nodes.length,
      successNode: nodes.length,
      conflictedNode: 0,
      failedNode: 0,
      totalBytes: bytes,
      doneBytes: bytes,
    },
    containers: { totalProject: 2, successProject: 2, totalRepo: 3, successRepo: 3 },
  });
  expect(world.task).not.toHaveProperty('activeRunId');
  expect(world.task.status).toBe('SUCCESS');
}

/** Kills once, at the given call (counted from 0), before or after it. */
function killAt(index: number, when: 'before' | 'after'): Fate & { readonly calls: number } {
  let calls = 0;
  return {
    get calls() {
      return calls;
    },
    before: () => {
      const isIt = when === 'before' && calls === index;
      if (when === 'before') {
        calls += 1;
      }
      return isIt;
    },
    after: () => {
      const isIt = when === 'after' && calls === index;
      if (when === 'after') {
        calls += 1;
      }
      return isIt;
    },
  };
}

/** The histories are long, and the machine may be busy; milliseconds. */
const PATIENCE = 60_000;

describe.each(['base', 'digests'])('a full synchronization to a remote of the %s contract', (contract) => {
  const made = (task = {}) => {
    const world = new SyncWorld(task);
    if (contract === 'digests') {
      world.world.announcement = { clusterId: 'c'.repeat(32), extensions: new Set(['digests', 'blob']) };
    }
    return world;
  };

  it('brings everything over, each file once', async () => {
    const world = made();
    const repositories = filled(world);
    world.start();
    await world.drain();
    expectReplicated(world, repositories);
    expect(new Set(world.sent.values())).toEqual(new Set([1]));
  });

  it('has the same result with its workers killed at random thirty times', {
    timeout: PATIENCE,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 2 ** 31 }), async (seed) => {
        const random = randomOf(seed);
        const world = made();
        const repositories = filled(world);
        let kills = 0;
        const strikes = (): boolean => {
          const isNow = kills < 30 && random() < 0.02;
          kills += isNow ? 1 : 0;
          return isNow;
        };
        world.start();
        await world.drain({ before: strikes, after: strikes }, (count) => Math.floor(random() * count));
        expect(kills).toBe(30);
        expectReplicated(world, repositories);
        // What the killed worker had just sent is seen at the remote, and not sent again.
        expect(new Set(world.sent.values())).toEqual(new Set([1]));
      }),
      { numRuns: 5 },
    );
  });

  it('has the same result when a worker is killed at any step', { timeout: PATIENCE }, async () => {
    for (const when of ['before', 'after'] as const) {
      let index = 0;
      let isStruck = true;
      while (isStruck) {
        const world = made();
        const name = 'alpha/few';
        world.addRepository('alpha', 'few');
        world.addRepository('beta', 'none');
        world.folder(name, '/d', { a: 1 });
        world.file(name, '/d/one', 'one', { metadata: { key: 'value' } });
        world.file(name, '/two', 'two');
        world.start();
        const fate = killAt(index, when);
        await world.drain(fate);
        isStruck = fate.calls > index;
        expect(world.run, `${when} ${index}`).toMatchObject({
          status: 'SUCCESS',
          counters: { totalNode: 3, successNode: 3, totalBytes: 6, doneBytes: 6 },
        });
        expect(world.remoteTree(name)).toEqual(world.sourceTree(name));
        expect(world.remote(name).get('/d')?.metadata).toEqual({ a: 1 });
        expect(world.sent).toEqual(
          new Map([
            ['/d/one', 1],
            ['/two', 1],
          ]),
        );
        index += 1;
      }
      expect(index).toBeGreaterThan(30);
    }
  });

  it('sends nothing when there is nothing to do', async () => {
    const world = made({
      setting: { ...made().task.setting, conflictStrategy: contract === 'digests' ? 'OVERWRITE' : 'SKIP' },
    });
    const repositories = filled(world);
    world.start();
    await world.drain();
    const before = world.world.calls.length;
    world.start();
    await world.drain();
    const calls = world.world.calls.slice(before).map((call) => call.split(' ')[0]);
    expect(new Set(calls)).toEqual(
      new Set(['version', 'project', 'repository', contract === 'digests' ? 'digests' : 'existing']),
    );
    const total = repositories.reduce((sum, name) => sum + (world.nodes.get(name)?.size ?? 0), 0);
    const { successNode, conflictedNode } = world.run.counters;
    expect(successNode + conflictedNode).toBe(total);
    expect(world.run.status).toBe('SUCCESS');
  });
});
