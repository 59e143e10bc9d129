import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fileCreated,
  folderCreated,
  nodeTransferred,
  projectCreated,
} from '../../../bin/simulator/log-entries.ts';
import { batchMessageSchema } from '../../../functions/shared/lane/message.ts';
import { MAX_MESSAGE_BYTES } from '../../../functions/shared/lane/pack.ts';
import { eventsPerSecond } from '../../../functions/shared/slot/headroom.ts';
import { openSlot } from '../../../functions/shared/slot/open.ts';
import { type TailDependencies, tail } from '../../../functions/shared/tail/tail.ts';
import { interrupted, TAIL_STEPS } from '../../support/interruption.ts';
import { MemoryWorld } from '../../support/memory-ports.ts';
import { memoryTail, memoryTailSettings } from '../../support/memory-tail.ts';
import { storedTask } from '../../support/tasks.ts';

async function followed(...tasks: Parameters<typeof storedTask>): Promise<MemoryWorld> {
  const world = new MemoryWorld();
  await openSlot({ slotName: 'default', slots: world.slotRepository, log: world.operateLog });
  for (const fields of tasks.length === 0 ? [{}] : tasks) {
    const task = storedTask(fields);
    world.tasks.set(task.key, task);
  }
  return world;
}

/** The lanes' operations as workers will see them, checked to be unbroken chains. */
function deliveredChains(world: MemoryWorld): Map<string, { ordinals: number[]; events: string[] }> {
  const lanes = new Map<string, { ordinals: number[]; events: string[] }>();
  for (const { body } of world.messages) {
    const message = batchMessageSchema.parse(JSON.parse(body));
    const id = `${message.taskKey}/${message.source.projectId}/${message.source.repoName}`;
    const lane = lanes.get(id) ?? { ordinals: [], events: [] };
    lanes.set(id, lane);
    expect(message.previousOrdinal).toBe(lane.ordinals.at(-1) ?? 0);
    for (const entry of message.entries) {
      expect(entry.ordinal).toBeGreaterThan(lane.ordinals.at(-1) ?? 0);
      lane.ordinals.push(entry.ordinal);
      lane.events.push(entry.eventId);
    }
  }
  return lanes;
}

const file = (projectId: string, repoName: string, fullPath: string) =>
  fileCreated({ projectId, repoName, fullPath, size: 1, sha256: 'ab', md5: 'cd' });

describe('tail', () => {
  it('sends what was written after the slot was opened, in lanes, and moves the position', async () => {
    const world = new MemoryWorld();
    world.write(projectCreated('old'));
    await openSlot({ slotName: 'default', slots: world.slotRepository, log: world.operateLog });
    const task = storedTask();
    world.tasks.set(task.key, task);
    const events = [
      world.write(projectCreated('p')),
      world.write(folderCreated('p', 'r', '/a')),
      world.write(file('p', 's', '/b')),
      world.write(file('p', 'r', '/a/c')),
    ];

    const outcome = await tail(memoryTail(world), memoryTailSettings(world));

    expect(outcome).toEqual([{ slotName: 'default', end: 'drained', events: 4 }]);
    expect(Object.fromEntries(deliveredChains(world))).toEqual({
      [`${task.key}/p/`]: { ordinals: [1], events: [events[0]] },
      [`${task.key}/p/r`]: { ordinals: [2, 4], events: [events[1], events[3]] },
      [`${task.key}/p/s`]: { ordinals: [3], events: [events[2]] },
    });
    expect(world.slots.get('default')).toMatchObject({
      nextOrdinal: 5,
      position: { lastId: events[3] },
    });
    expect(world.slots.get('default')).not.toHaveProperty('lease');
    expect(world.tasks.get(task.key)?.startOrdinal).toBe(1);
  });

  it('routes only what a task covers, under the names that it gives', async () => {
    const world = await followed({
      includeAllProject: false,
      localProjectId: 'p',
      localRepoName: 'r',
      remoteProjectId: 'q',
      remoteRepoName: 't',
    });
    world.write(projectCreated('p'));
    world.write(file('p', 'other', '/x'));
    world.write(file('p', 'r', '/x'));
    world.write(
      nodeTransferred(
        'MOVE',
        { projectId: 'p', repoName: 'other', fullPath: '/x' },
        { projectId: 'p', repoName: 'r', fullPath: '/y' },
      ),
    );

    await tail(memoryTail(world), memoryTailSettings(world));

    const messages = world.messages.map(({ body }) => batchMessageSchema.parse(JSON.parse(body)));
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatchObject({
      source: { projectId: 'p', repoName: 'r' },
      remote: { projectId: 'q', repoName: 't' },
      previousOrdinal: 0,
      entries: [
        { ordinal: 3, operation: { kind: 'FILE_CREATE', fullPath: '/x' } },
        { ordinal: 4, operation: { kind: 'NODE_CONVERGE', fullPath: '/y' } },
      ],
    });
  });

  it('counts a move between two lanes of a task once', async () => {
    const world = await followed();
    world.write(
      nodeTransferred(
        'MOVE',
        { projectId: 'p', repoName: 'a', fullPath: '/x' },
        { projectId: 'p', repoName: 'b', fullPath: '/y' },
      ),
    );
    await tail(memoryTail(world), memoryTailSettings(world));
    const key = storedTask().key;
    expect(Object.fromEntries(world.dispatched)).toEqual({ [`${key}/p/a`]: 1, [`${key}/p/b`]: 0 });
    expect(Object.fromEntries(world.sentOrdinals)).toEqual({ [`${key}/p/a`]: 1, [`${key}/p/b`]: 1 });
  });

  it('sends a read under the policies with which it was committed, whatever they are by then', async () => {
    const world = await followed({ policy: { filterDdl: 'drop_database', indexTrans: false } });
    world.write(file('p', 'r', '/x'));
    const killed = interrupted(memoryTail(world), 'queue.send', 'before', () =>
      Promise.reject(new Error('killed')),
    );
    await tail(killed, memoryTailSettings(world)).catch(() => undefined);
    const { setting, ...task } = storedTask({ policy: { ddlTrans: false }, policyVersion: 2 });
    world.tasks.set(task.key, { ...task, setting: { ...setting, conflictStrategy: 'FAST_FAIL' } });
    world.now += 60_000;
    await tail(memoryTail(world), memoryTailSettings(world, { owner: 'two' }));
    world.write(file('p', 'r', '/y'));
    await tail(memoryTail(world), memoryTailSettings(world));

    const messages = world.messages.map(({ body }) => batchMessageSchema.parse(JSON.parse(body)));
    expect(messages.map(({ policyVersion, policy }) => [policyVersion, policy])).toEqual([
      [1, { conflictStrategy: 'SKIP', filterDdl: 'drop_database', ddlTrans: true, indexTrans: false }],
      [2, { conflictStrategy: 'FAST_FAIL', ddlTrans: false, indexTrans: true }],
    ]);
  });

  it('leaves a slot whose lease another holds', async () => {
    const world = await followed();
    world.write(projectCreated('p'));
    await world.slotRepository.acquire('default', 'other', 30_000);
    const before = structuredClone(world.slots.get('default'));
    expect(await tail(memoryTail(world), memoryTailSettings(world))).toEqual([
      { slotName: 'default', end: 'held', events: 0 },
    ]);
    expect(world.slots.get('default')).toEqual(before);
    expect(world.objects.size).toBe(0);
  });

  it.each(['tasks.list', 'lanes.heads'])(
    'archives and moves nothing once its lease was taken over at %s',
    async (step) => {
      const world = await followed();
      world.write(projectCreated('p'));
      const dependencies = interrupted(memoryTail(world), step, 'before', () => {
        world.now += 60_000;
        return world.slotRepository.acquire('default', 'other', 30_000);
      });
      const [outcome] = await tail(dependencies, memoryTailSettings(world));
      expect(outcome).toEqual({ slotName: 'default', end: 'lost', events: 0 });
      expect(world.objects.size).toBe(0);
      expect(world.slots.get('default')).toMatchObject({ nextOrdinal: 1, lease: { owner: 'other' } });
    },
  );

  it('does not move the position once its lease was taken over behind the commit', async () => {
    const world = await followed();
    world.write(projectCreated('p'));
    const dependencies = interrupted(memoryTail(world), 'queue.send', 'after', () => {
      world.now += 60_000;
      return world.slotRepository.acquire('default', 'other', 30_000);
    });
    const [outcome] = await tail(dependencies, memoryTailSettings(world));
    expect(outcome).toMatchObject({ end: 'lost' });
    expect(world.slots.get('default')).toMatchObject({ nextOrdinal: 1 });
  });

  it('goes on behind a read that another committed at its ordinal', async () => {
    const world = await followed();
    world.write(projectCreated('p'));
    const other = { ...memoryTail(world) };
    let begun = false;
    // The other tailer commits and stops between this one's last look at its lease and its commit.
    const dependencies = interrupted(memoryTail(world), 'archive.create', 'before', async () => {
      if (!begun) {
        begun = true;
        world.now += 60_000;
        const stopped = interrupted(other, 'queue.send', 'before', () => Promise.reject(new Error('killed')));
        await tail(stopped, memoryTailSettings(world, { owner: 'two' })).catch(() => undefined);
        await world.slotRepository.acquire('default', 'one', 30_000);
      }
    });
    await tail(dependencies, memoryTailSettings(world)).catch(() => undefined);
    world.now += 60_000;
    world.write(projectCreated('q'));
    await tail(other, memoryTailSettings(world, { owner: 'three' }));
    expect([...deliveredChains(world).values()].map((lane) => lane.ordinals)).toEqual([[1], [2]]);
  });

  it('keeps what it cannot read, counts it, and goes on', async () => {
    const world = await followed();
    world.write({ resourceType: 'NODE', operateType: 'EXPLODE', description: {} });
    world.write(projectCreated('p'));
    await tail(memoryTail(world), memoryTailSettings(world));
    expect(world.slots.get('default')).toMatchObject({ unreadable: 1, nextOrdinal: 3 });
    expect([...world.unreadable.keys()]).toEqual([1]);
    expect(world.objects.get('default/1')?.documents).toHaveLength(2);
    expect(world.messages).toHaveLength(1);
  });

  it('counts a gap with its window when the log overtook the position', async () => {
    const world = await followed();
    const last = world.write(projectCreated('p'));
    await tail(memoryTail(world), memoryTailSettings(world));
    world.write(projectCreated('lost'));
    const kept = world.write(projectCreated('kept'));
    world.log.splice(0, 2);
    await tail(memoryTail(world), memoryTailSettings(world));
    expect(world.slots.get('default')).toMatchObject({ gaps: 1, nextOrdinal: 3 });
    expect(world.gaps).toEqual([
      { after: expect.objectContaining({ lastId: last }), before: expect.objectContaining({ lastId: kept }) },
    ]);
    expect([...world.repairs]).toEqual([`${[...world.tasks.keys()][0]}/default/2`]);
  });

  it('puts an operation that fits no message into the archive and names it', async () => {
    const world = await followed();
    const metadata = { big: 'x'.repeat(MAX_MESSAGE_BYTES) };
    world.write(
      fileCreated({
        projectId: 'p',
        repoName: 'r',
        fullPath: '/a',
        size: 1,
        sha256: 'ab',
        md5: 'cd',
        metadata,
      }),
    );
    await tail(memoryTail(world), memoryTailSettings(world));
    const [message] = world.messages.map(({ body }) => batchMessageSchema.parse(JSON.parse(body)));
    const operation = message?.entries[0]?.operation;
    expect(operation?.kind).toBe('ARCHIVED');
    const objectKey = operation?.kind === 'ARCHIVED' ? operation.objectKey : '';
    expect(world.operations.get(objectKey)).toMatchObject({ kind: 'FILE_CREATE', metadata });
  });

  it('follows the log until its deadline in continuous mode, renewing its lease', async () => {
    const world = await followed();
    let waits = 0;
    const dependencies: TailDependencies = {
      ...memoryTail(world),
      wait: async (milliseconds) => {
        world.now += milliseconds;
        waits += 1;
        if (waits === 45) {
          world.write(projectCreated('late'));
        }
      },
    };
    const [outcome] = await tail(dependencies, memoryTailSettings(world, { mode: 'continuous' }));
    expect(outcome).toEqual({ slotName: 'default', end: 'deadline', events: 1 });
    expect(waits).toBe(60);
  });

  it('moves on past what no task wants, and notes when it found the log drained', async () => {
    const world = await followed({ includeAllProject: false, localProjectId: 'p' });
    const [, , last] = ['q', 'r', 's'].map((project) => world.write(projectCreated(project)));
    await tail(memoryTail(world), memoryTailSettings(world, { readLimit: 2 }));
    expect(world.messages).toEqual([]);
    expect(world.slots.get('default')).toMatchObject({
      nextOrdinal: 4,
      position: { lastId: last },
      writing: { drainedAt: world.clock().toISOString(), unmeasured: 0 },
    });
  });

  it('measures how fast the log is written, and keeps it twice a minute while nothing comes', async () => {
    const world = await followed();
    const kept: number[] = [];
    const memory = memoryTail(world);
    let waits = 0;
    const dependencies: TailDependencies = {
      ...memory,
      slots: {
        ...memory.slots,
        renew: async (name, epoch, leaseMs, writing) => {
          await memory.slots.renew(name, epoch, leaseMs, writing);
          if (writing !== undefined) {
            kept.push(waits);
          }
        },
      },
      wait: async (milliseconds) => {
        world.now += milliseconds;
        waits += 1;
        if (waits > 60) {
          for (let event = 0; event < 5; event += 1) {
            world.write(projectCreated(`p${waits}_${event}`));
          }
        }
      },
    };
    const settings = { mode: 'continuous' as const, deadline: world.now + 59_500, owner: 'one' };
    await tail(dependencies, memoryTailSettings(world, settings));
    expect(kept).toEqual([0, 30]);
    await tail(dependencies, memoryTailSettings(world, { ...settings, deadline: world.now + 180_000 }));
    // Nothing for a minute, then five a second for three, faded over ten.
    const rate = eventsPerSecond(world.slots.get('default')?.writing);
    expect(rate).toBeGreaterThan(3.85);
    expect(rate).toBeLessThan(3.98);
  });

  it('looks at the slots as it finds them, whatever it does with them', async () => {
    const world = await followed();
    world.write(projectCreated('p'));
    const seen: unknown[] = [];
    const observe = async (slots: readonly unknown[]) => {
      seen.push(structuredClone(slots));
    };
    await tail({ ...memoryTail(world), observe }, memoryTailSettings(world));
    expect(seen).toEqual([[expect.objectContaining({ name: 'default', nextOrdinal: 1 })]]);
  });

  it('names what went wrong first, whether the lease can then be given back or not', async () => {
    const world = await followed();
    world.write(projectCreated('p'));
    const dependencies = memoryTail(world);
    const failing = (text: string) => () => Promise.reject(new Error(text));
    const broken = {
      ...dependencies,
      archive: { ...dependencies.archive, create: failing('no archive') },
      slots: { ...dependencies.slots, release: failing('no table') },
    };
    await expect(tail(broken, memoryTailSettings(world))).rejects.toThrow('no archive');
    const unreleased = { ...dependencies, slots: broken.slots };
    await expect(tail(unreleased, memoryTailSettings(world))).rejects.toThrow('no table');
  });

  it('loses nothing, repeats nothing and keeps its ordinals wherever it is killed', async () => {
    const writes = fc.array(
      fc.record({
        project: fc.constantFrom('p', 'q'),
        repo: fc.constantFrom('r', 's', 't'),
        tail: fc.boolean(),
      }),
      { minLength: 1, maxLength: 40 },
    );
    const kills = fc.array(
      fc.record({
        step: fc.constantFrom(...TAIL_STEPS),
        when: fc.constantFrom('before', 'after'),
        skip: fc.nat(3),
      }),
      {
        maxLength: 8,
      },
    );
    await fc.assert(
      fc.asyncProperty(writes, kills, fc.integer({ min: 1, max: 7 }), async (entries, planned, readLimit) => {
        const world = await followed();
        const written: string[] = [];
        const pending = [...planned];
        for (const [index, { project, repo, tail: tailNow }] of entries.entries()) {
          written.push(world.write(file(project, repo, `/${index}`)));
          if (tailNow) {
            const kill = pending.shift();
            const dependencies =
              kill === undefined
                ? memoryTail(world)
                : interrupted(
                    memoryTail(world),
                    kill.step,
                    kill.when,
                    () => Promise.reject(new Error('killed')),
                    kill.skip,
                  );
            await tail(dependencies, memoryTailSettings(world, { owner: `t${index}`, readLimit })).catch(
              () => undefined,
            );
            // A killed holder does not give its lease back: the next one waits for its expiry.
            world.now += 31_000;
          }
        }
        await tail(memoryTail(world), memoryTailSettings(world, { owner: 'last', readLimit }));

        const byOrdinal = [...world.objects.values()]
          .sort((a, b) => a.firstOrdinal - b.firstOrdinal)
          .flatMap((object) =>
            object.documents.map(({ id }, index) => ({ ordinal: object.firstOrdinal + index, id })),
          );
        expect(byOrdinal).toEqual(written.map((id, index) => ({ ordinal: index + 1, id })));
        const delivered = [...deliveredChains(world).values()].flatMap(({ ordinals, events }) =>
          ordinals.map((ordinal, index) => ({ ordinal, id: events[index] })),
        );
        expect(delivered.sort((a, b) => a.ordinal - b.ordinal)).toEqual(byOrdinal);
        expect([...world.dispatched.values()].reduce((sum, count) => sum + count, 0)).toBe(written.length);
      }),
      { numRuns: 300 },
    );
  });
});
