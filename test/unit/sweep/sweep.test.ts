import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { compareTask } from '../../../functions/shared/sweep/dry-run.ts';
import { startDueSweeps } from '../../../functions/shared/sweep/due.ts';
import { gapRepairs, windowOf } from '../../../functions/shared/sweep/gap.ts';
import { requestSweep, type SweepRequest } from '../../../functions/shared/sweep/request.ts';
import { CLOCK_TOLERANCE_MS } from '../../../functions/shared/sweep/sweep.ts';
import { MAX_FRUITLESS_DELIVERIES } from '../../../functions/shared/sync/give-up.ts';
import { Killed, randomOf } from '../../support/mortal.ts';
import { SweepWorld } from './world.ts';

const HOUR = 3_600_000;

function worldOf(task: ConstructorParameters<typeof SweepWorld>[0] = {}): SweepWorld {
  const world = new SweepWorld(task);
  for (const name of ['alpha/one', 'alpha/two', 'beta/three']) {
    for (let node = 0; node < 7; node += 1) {
      world.put(name, `/${node}`, `${name} ${node}`, world.now - 48 * HOUR);
      world.repository(name).remote.set(`/${node}`, `${name} ${node}`);
    }
  }
  return world;
}

const DAY_BEGUN = Date.parse('2026-11-22T00:00:00.000Z');

/** A world in which nothing is due by itself. */
function quietWorld(): SweepWorld {
  const world = worldOf();
  world.task = { ...world.task, setting: { ...world.task.setting, sweepPeriod: 0, comparePeriod: 0 } };
  return world;
}

const requested = (world: SweepWorld, fields: Partial<SweepRequest> = {}) => {
  const { tasks, sweeps, queue, clock } = world.dependencies();
  const request = { taskKey: world.task.key, kind: undefined, allowDeletions: false, deleteExtra: false };
  return requestSweep({
    request: { ...request, ...fields },
    tasks: { get: tasks.get },
    sweeps,
    queue,
    clock,
  });
};

const due = (world: SweepWorld) =>
  startDueSweeps({
    tasks: { list: async () => [...world.tasks.values()] },
    signal: new AbortController().signal,
    dependencies: world.dependencies(),
  });

function deleteMany(world: SweepWorld, name: string, count: number): void {
  for (let node = 0; node < count; node += 1) {
    world.repository(name).remote.set(`/gone/${node}`, 'old');
    world.put(name, `/gone/${node}`, undefined);
  }
}

describe('a sweep', () => {
  it('brings over what was changed, deletes what was deleted, and moves what the next one begins from', async () => {
    const world = worldOf();
    world.put('alpha/two', '/3', 'changed');
    world.put('alpha/two', '/new', 'new');
    world.put('beta/three', '/0', undefined);
    await requested(world);
    const { startedAt } = world.sweep;
    await world.drain();
    expect(world.sweep).toMatchObject({
      status: 'SUCCESS',
      kind: 'CHANGED',
      compared: 3,
      missing: 1,
      different: 1,
      extra: 1,
      deleted: 1,
      partsSent: 2,
      partsDone: 2,
      checked: 3,
    });
    for (const name of world.source.keys()) {
      expect(world.target(name)).toEqual(world.live(name));
    }
    expect(world.store.states.get(world.task.key)).toMatchObject({ changedSince: startedAt });
    expect(world.store.states.get(world.task.key)).not.toHaveProperty('activeSweepId');
  });

  it('that finds nothing asks once for each repository, and sends nothing', async () => {
    const world = worldOf();
    world.task = { ...world.task, createdDate: new Date(world.now - HOUR).toISOString() };
    await requested(world);
    await world.drain();
    expect(world.sweep).toMatchObject({ status: 'SUCCESS', compared: 0, partsSent: 0 });
    expect(world.compared).toEqual(['changed one', 'changed two', 'changed three']);
  });

  it('covers what its task covers, and no more', async () => {
    const world = worldOf({ includeAllProject: false, localProjectId: 'alpha', localRepoName: 'two' });
    await requested(world, { kind: 'FULL' });
    await world.drain();
    expect(new Set(world.compared)).toEqual(new Set(['all two']));
  });

  it('leaves a repository alone that the source has no more', async () => {
    const world = worldOf({ includeAllProject: false, localProjectId: 'alpha', localRepoName: 'gone' });
    world.remote.set('alpha/gone', new Map([['/a', 'kept']]));
    await requested(world, { kind: 'FULL' });
    await world.drain();
    expect(world.sweep).toMatchObject({ status: 'SUCCESS', compared: 0 });
  });

  it('of everything finds what nobody has changed at the source, and leaves what is others’', async () => {
    const world = worldOf();
    world.repository('alpha/one').remote.set('/3', 'other');
    world.repository('alpha/one').remote.set('/theirs', 'theirs');
    await requested(world);
    await world.drain();
    expect(world.target('alpha/one')['/3']).toBe('other');
    await requested(world, { kind: 'FULL' });
    await world.drain();
    expect(world.sweep).toMatchObject({ status: 'SUCCESS', different: 1, extra: 1, deleted: 0 });
    expect(world.target('alpha/one')).toEqual({ ...world.live('alpha/one'), '/theirs': 'theirs' });
    await requested(world, { kind: 'FULL', deleteExtra: true });
    await world.drain();
    expect(world.target('alpha/one')).toEqual(world.live('alpha/one'));
  });

  it('compares the paths of failures, whenever they were changed', async () => {
    const world = worldOf();
    world.repository('beta/three').remote.delete('/2');
    world.failedPaths = { 'beta/three': ['/2', '/nowhere'] };
    await requested(world);
    await world.drain();
    expect(world.target('beta/three')).toEqual(world.live('beta/three'));
  });

  it('that could not put everything right has failed, and the next one begins where it began', async () => {
    const world = worldOf();
    world.put('alpha/one', '/bad', 'bad');
    world.refused.add('/bad');
    await requested(world);
    await world.drain();
    expect(world.sweep).toMatchObject({ status: 'FAILED', reason: '1 nodes could not be put right' });
    expect(world.store.states.get(world.task.key)).not.toHaveProperty('changedSince');
    world.refused.clear();
    await requested(world);
    await world.drain();
    expect(world.sweep.status).toBe('SUCCESS');
    expect(world.target('alpha/one')).toEqual(world.live('alpha/one'));
  });

  it('sends many paths in parts of at most a hundred', async () => {
    const world = worldOf();
    world.pageSize = 70;
    for (let node = 0; node < 250; node += 1) {
      world.put('alpha/one', `/many/${node}`, 'x');
    }
    await requested(world);
    await world.drain();
    expect([...world.parts.values()].map(({ fullPaths }) => fullPaths.length)).toEqual([100, 100, 50]);
    expect(world.target('alpha/one')).toEqual(world.live('alpha/one'));
  });

  describe('of definitions', () => {
    /** `project/repository` of the parts that bring a definition, and how many paths each has. */
    const defined = (world: SweepWorld) =>
      [...world.parts.values()].flatMap(({ definition, source, fullPaths }) =>
        definition === true ? [[`${source.projectId}/${source.repoName}`, fullPaths.length]] : [],
      );

    it('brings all of them with everything, once each, with the repository’s first paths', async () => {
      const world = worldOf();
      world.put('alpha/two', '/new', 'new');
      world.pageSize = 1;
      await requested(world, { kind: 'FULL' });
      await world.drain();
      expect(defined(world)).toEqual([
        ['alpha/', 0],
        ['alpha/one', 0],
        ['alpha/two', 1],
        ['beta/', 0],
        ['beta/three', 0],
      ]);
      expect(world.sweep).toMatchObject({ status: 'SUCCESS', partsSent: 5, partsDone: 5, compared: 22 });
    });

    it('brings those that were changed since the last one, of a project without repositories too', async () => {
      const world = worldOf();
      world.inventory.projects = async ({ after = '' }) =>
        ['alpha', 'beta', 'empty'].filter((name) => name > after);
      world.definedAt.set('empty', world.now);
      world.definedAt.set('beta/three', world.now);
      await requested(world);
      await world.drain();
      expect(defined(world)).toEqual([
        ['beta/three', 0],
        ['empty/', 0],
      ]);
      expect(world.compared).toEqual(['changed one', 'changed two', 'changed three']);
    });

    it('brings none where containers are not replayed, and no project for a task of one repository', async () => {
      const world = worldOf({ policy: { ddlTrans: false } });
      await requested(world, { kind: 'FULL' });
      await world.drain();
      expect(world.parts.size).toBe(0);
      const narrow = worldOf({ includeAllProject: false, localProjectId: 'alpha', localRepoName: 'two' });
      await requested(narrow, { kind: 'FULL' });
      await narrow.drain();
      expect(defined(narrow)).toEqual([['alpha/two', 0]]);
    });
  });

  it('waits for a remote that is away, however long', async () => {
    const world = worldOf();
    world.put('alpha/one', '/new', 'new');
    await requested(world);
    world.isRemoteAway = true;
    const { sweepId } = world.sweep;
    const body = { taskKey: world.task.key, sweepId };
    world.messages.length = 0;
    expect(await world.deliver(body)).toMatchObject({ kind: 'BACK' });
    expect(await world.deliver(body, { deliveries: MAX_FRUITLESS_DELIVERIES })).toEqual({ kind: 'DONE' });
    expect(world.messages).toMatchObject([{ body }]);
    world.isRemoteAway = false;
    await world.drain();
    expect(world.sweep.status).toBe('SUCCESS');
  });

  it('is interrupted by its task’s pause', async () => {
    const world = worldOf();
    await requested(world);
    world.task = { ...world.task, status: 'PAUSED' };
    await world.drain();
    expect(world.sweep).toMatchObject({ status: 'INTERRUPTED', endedAt: expect.any(String) });
  });

  it('is looked after in one way only, and has parts sent again that nobody does', async () => {
    const world = worldOf();
    world.put('alpha/one', '/new', 'new');
    await requested(world);
    const body = { taskKey: world.task.key, sweepId: world.sweep.sweepId };
    world.messages.length = 0;
    await world.deliver(body);
    await world.deliver(body);
    expect(world.messages).toHaveLength(1);
    const delays: number[] = [];
    while (delays.length < 50) {
      const [message, ...more] = world.messages.splice(0);
      expect(more).toEqual([]);
      delays.push(message?.delay ?? Number.NaN);
      world.now += (message?.delay ?? 0) * 1_000;
      await world.deliver(body);
      await world.deliver(body);
    }
    expect(world.sweep.stalled?.resends).toBe(2);
    expect(delays).toEqual(delays.toSorted((one, other) => one - other));
    expect([delays[0], delays.at(-1)]).toEqual([3, 30]);
  });
});

describe('the deletion guard of a sweep', () => {
  it('leaves a repository of which much would go, does the others, and goes on when somebody agrees', async () => {
    const world = worldOf();
    world.pageSize = 50;
    deleteMany(world, 'alpha/two', 150);
    world.put('alpha/two', '/new', 'new');
    world.put('beta/three', '/0', undefined);
    await requested(world);
    const { startedAt, sweepId } = world.sweep;
    await world.drain();
    expect(world.sweep).toMatchObject({
      status: 'GUARDED',
      reason: 'alpha/two: 150 nodes (94 %) would be deleted',
      guarded: [{ projectId: 'alpha', repoName: 'two', deletions: 150 }],
    });
    expect(Object.keys(world.target('alpha/two'))).toHaveLength(158);
    expect(world.target('beta/three')).toEqual(world.live('beta/three'));
    expect(world.store.states.get(world.task.key)).not.toHaveProperty('changedSince');

    world.compared.length = 0;
    await requested(world, { allowDeletions: true });
    await world.drain();
    expect(world.sweep).toMatchObject({ sweepId, status: 'SUCCESS', deleted: 151 });
    expect(new Set(world.compared)).toEqual(new Set(['changed two']));
    expect(world.target('alpha/two')).toEqual(world.live('alpha/two'));
    expect(world.store.states.get(world.task.key)).toMatchObject({ changedSince: startedAt });
  });

  it('does not ask where much stays, or the task allows it', async () => {
    for (const [stays, maxDeletionShare] of [
      [200, undefined],
      [0, 1],
    ] as const) {
      const world = worldOf();
      world.pageSize = 50;
      world.task = { ...world.task, setting: { ...world.task.setting, maxDeletionShare } };
      for (let node = 0; node < stays; node += 1) {
        world.put('alpha/two', `/stays/${node}`, 'x', 0);
        world.repository('alpha/two').remote.set(`/stays/${node}`, 'x');
      }
      deleteMany(world, 'alpha/two', 150);
      await requested(world);
      await world.drain();
      expect(world.sweep.status).toBe('SUCCESS');
      expect(world.target('alpha/two')).toEqual(world.live('alpha/two'));
    }
  });

  it('begins a new one, agreed, where none waits for it', async () => {
    const world = worldOf();
    deleteMany(world, 'alpha/two', 150);
    await requested(world, { allowDeletions: true });
    await world.drain();
    expect(world.sweep).toMatchObject({ status: 'SUCCESS', allowDeletions: true });
  });
});

describe('what is due', () => {
  const begun = new Date(DAY_BEGUN).toISOString();
  it.each([
    ['with an initial sync, daily', { initialSync: { startedAt: begun, endedAt: begun } }, {}, 1],
    ['that asked for the log alone, never', {}, {}, 0],
    ['that says how often, then', {}, { comparePeriod: 6 }, 4],
    [
      'with an initial sync that says never, never',
      { initialSync: { startedAt: begun, endedAt: begun } },
      { comparePeriod: 0 },
      0,
    ],
  ])('is swept hourly, and as a whole, of a task %s', async (_, fields, setting, fullSweeps) => {
    const world = worldOf();
    world.now = DAY_BEGUN;
    world.task = {
      ...world.task,
      ...fields,
      createdDate: begun,
      setting: { ...world.task.setting, ...setting },
    };
    await due(world);
    expect(world.store.sweeps.size).toBe(0);
    const kinds: string[] = [];
    for (let hour = 1; hour <= 25; hour += 1) {
      world.now = DAY_BEGUN + hour * (HOUR + 60_000);
      await due(world);
      await world.drain();
      kinds.push(world.sweep.kind);
    }
    expect(kinds.filter((kind) => kind === 'FULL')).toHaveLength(fullSweeps);
    expect(world.store.sweeps.size).toBe(25);
    expect([...world.store.sweeps.values()].every(({ status }) => status === 'SUCCESS')).toBe(true);
  });

  it('is nothing for periods of 0', async () => {
    const world = quietWorld();
    world.now += 100 * HOUR;
    await due(world);
    expect(world.store.sweeps.size).toBe(0);
  });

  it('waits while the task is behind the log, and until a sweep that goes has ended', async () => {
    const world = worldOf();
    world.now += 2 * HOUR;
    world.task = { ...world.task, catchUp: { nextOrdinal: 3 } };
    await due(world);
    expect(world.store.sweeps.size).toBe(0);
    expect(await requested(world)).toMatchObject({ waiting: { kind: 'CHANGED' } });
    const { catchUp: _, ...caughtUp } = world.task;
    world.task = caughtUp;
    await due(world);
    expect(world.sweep.trigger).toBe('REQUESTED');
    expect(await requested(world, { kind: 'FULL' })).toMatchObject({ waiting: { kind: 'FULL' } });
    await due(world);
    expect(world.store.sweeps.size).toBe(1);
    await world.drain();
    expect([...world.store.sweeps.values()].map(({ kind, status }) => [kind, status])).toEqual([
      ['CHANGED', 'SUCCESS'],
      ['FULL', 'SUCCESS'],
    ]);
  });

  it('is worked on though its message was lost', async () => {
    const world = worldOf();
    await requested(world);
    world.messages.length = 0;
    await due(world);
    expect(world.messages).toHaveLength(0);
    world.now += 120_000;
    await due(world);
    await world.drain();
    expect(world.sweep.status).toBe('SUCCESS');
  });
});

describe('a gap', () => {
  const read = (world: SweepWorld, ordinal = 9) => ({
    slotName: 'default',
    firstOrdinal: ordinal,
    readDate: new Date(world.now).toISOString(),
    gap: {
      after: { lastId: 'a', lastLoggedAt: new Date(world.now - 5 * HOUR).toISOString() },
      before: { lastId: 'b', lastLoggedAt: new Date(world.now - 4 * HOUR).toISOString() },
    },
  });
  const asked = (world: SweepWorld, ordinal?: number) => {
    const { sweeps, queue, clock } = world.dependencies();
    return gapRepairs({ sweeps, queue, clock }).request({
      read: read(world, ordinal),
      taskKeys: [world.task.key, 'unknown'],
    });
  };

  it('is repaired once, within its window, and the task says so until then', async () => {
    const world = quietWorld();
    world.put('alpha/one', '/within', 'x', world.now - 4.5 * HOUR);
    world.put('alpha/one', '/deleted', undefined, world.now - 4.5 * HOUR);
    world.repository('alpha/one').remote.set('/deleted', 'old');
    world.put('alpha/one', '/outside', 'x', world.now - 2 * HOUR);
    await asked(world);
    expect(world.task.openGaps).toBe(1);
    await asked(world);
    expect(world.task.openGaps).toBe(1);
    await world.drain();
    expect(world.sweep).toMatchObject({
      kind: 'GAP',
      status: 'SUCCESS',
      compared: 2,
      missing: 1,
      deleted: 1,
    });
    expect(world.store.sweeps.size).toBe(1);
    expect(world.task.openGaps).toBe(0);
    expect(Object.keys(world.target('alpha/one'))).not.toContain('/outside');
    expect(world.store.states.get(world.task.key)).not.toHaveProperty('changedSince');
    await asked(world);
    await world.drain();
    expect(world.store.sweeps.size).toBe(1);
  });

  it('stays open while its sweep is interrupted, and is swept when the task goes on', async () => {
    const world = quietWorld();
    await asked(world);
    await asked(world, 20);
    await world.deliver({ taskKey: world.task.key });
    world.task = { ...world.task, status: 'PAUSED' };
    await world.drain();
    expect(world.task.openGaps).toBe(2);
    world.task = { ...world.task, status: 'REPLICATING' };
    await due(world);
    await world.drain();
    expect(world.task.openGaps).toBe(0);
    expect([...world.store.sweeps.values()].map(({ status }) => status)).toEqual([
      'INTERRUPTED',
      'SUCCESS',
      'SUCCESS',
    ]);
  });

  it('without dates ends at the read', () => {
    const readDate = '2026-11-22T10:00:00.000Z';
    const gap = {
      after: { lastId: 'a', lastLoggedAt: '2026-11-22T09:00:00.000Z' },
      before: { lastId: 'b', lastLoggedAt: new Date(0).toISOString() },
    };
    expect(windowOf({ slotName: 's', firstOrdinal: 1, readDate, gap })).toEqual({
      from: new Date(Date.parse('2026-11-22T09:00:00Z') - CLOCK_TOLERANCE_MS).toISOString(),
      to: new Date(Date.parse(readDate) + CLOCK_TOLERANCE_MS).toISOString(),
    });
  });
});

describe('a request', () => {
  it.each([
    [{ type: 'FULL' as const }, 'TASK_STATUS_INVALID'],
    [{ status: 'PAUSED' as const }, 'TASK_STATUS_INVALID'],
    [{ initialSync: {} }, 'TASK_STATUS_INVALID'],
  ])('is refused for %j', async (fields, code) => {
    await expect(requested(worldOf(fields))).rejects.toThrow(expect.objectContaining({ code }));
  });

  it('is refused for a task that is not there', async () => {
    await expect(requested(worldOf(), { taskKey: 'none' })).rejects.toThrow(
      new DomainError('RESOURCE_NOT_FOUND', ['none']),
    );
  });
});

describe('a dry run', () => {
  it('tells everything that differs, call by call, and changes nothing', async () => {
    const world = worldOf();
    world.put('alpha/two', '/new', 'new');
    world.repository('alpha/one').remote.set('/3', 'other');
    world.repository('beta/three').remote.set('/theirs', 'theirs');
    const before = JSON.stringify([...world.remote].map(([name, nodes]) => [name, [...nodes]]));
    const found: unknown[] = [];
    let next: { projectId?: string; repoName?: string; after?: string | undefined } = {};
    for (let call = 0; call < 30; call += 1) {
      const { tasks, inventory, catalog, remotes, comparison, clock } = world.dependencies();
      const answer = await compareTask({
        request: {
          taskKey: world.task.key,
          projectId: next.projectId,
          repoName: next.repoName,
          after: next.after,
          limit: 5,
        },
        tasks,
        inventory,
        catalog,
        remotes,
        comparison,
        clock,
      });
      found.push(...answer.paths.map(({ repoName, fullPath, kind }) => `${kind} ${repoName}${fullPath}`));
      if (answer.next === null) {
        break;
      }
      next = { ...answer.next, after: answer.next.after ?? undefined };
    }
    expect(found).toEqual(['DIFFERENT one/3', 'MISSING two/new', 'EXTRA three/theirs']);
    expect(JSON.stringify([...world.remote].map(([name, nodes]) => [name, [...nodes]]))).toBe(before);
    expect(world.store.sweeps.size).toBe(0);
  });
});

describe('a sweep, whatever happens', () => {
  it('misses nothing and ends, wherever its deliveries are killed or repeated', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1 }), fc.integer({ min: 0, max: 25 }), async (seed, percent) => {
        const random = randomOf(seed);
        const world = quietWorld();
        world.pageSize = 1 + Math.floor(random() * 3);
        for (const name of world.source.keys()) {
          for (let node = 0; node < 12; node += 1) {
            const path = `/${node}`;
            const what = random();
            if (what < 0.4) {
              world.put(name, path, what < 0.1 ? undefined : `new ${what}`);
            } else if (what < 0.6) {
              world.repository(name).remote.set(path, 'other');
            } else if (what < 0.7) {
              world.repository(name).remote.delete(path);
            }
          }
        }
        await requested(world, { kind: 'FULL' });
        const { startedAt } = world.sweep;
        const strikes = () => random() * 100 < percent / 5;
        for (let step = 0; step < 2_000 && world.sweep.status === 'RUNNING'; step += 1) {
          const [message] = world.messages.splice(Math.floor(random() * world.messages.length), 1);
          if (message === undefined) {
            // Every message was lost with its deliveries: the upkeep finds the sweep.
            world.now += HOUR / 2 + 60_000;
            await due(world);
          } else {
            world.now += message.delay * 1_000;
            const verdict = await world
              .deliver(message.body, { fate: { before: strikes, after: strikes } })
              .catch((error: unknown) => {
                expect(error).toBeInstanceOf(Killed);
                return undefined;
              });
            if (verdict?.kind === 'BACK' || (verdict === undefined && random() < 0.9)) {
              world.messages.push(message);
            } else if (random() * 100 < percent) {
              world.messages.push(message, message);
            }
          }
          if (random() < 0.5) {
            world.work();
          }
        }
        expect(world.sweep.status).toBe('SUCCESS');
        expect([...world.parts.values()].every(({ status }) => status === 'DONE')).toBe(true);
        for (const name of world.source.keys()) {
          const others = Object.entries(world.target(name)).filter(
            ([path]) => !world.repository(name).source.has(path),
          );
          expect(world.target(name)).toEqual({ ...world.live(name), ...Object.fromEntries(others) });
        }
        expect(world.store.states.get(world.task.key)).toMatchObject({ changedSince: startedAt });
      }),
      { numRuns: 150 },
    );
  });
});
