import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fileCreated,
  nodeTransferred,
  projectCreated,
  repositoryCreated,
} from '../../../bin/simulator/log-entries.ts';
import { type BatchEntry, batchMessageSchema } from '../../../functions/shared/lane/message.ts';
import { laneId } from '../../../functions/shared/lane/repository.ts';
import { routeOf } from '../../../functions/shared/route/route.ts';
import { openSlot } from '../../../functions/shared/slot/open.ts';
import { routeRead } from '../../../functions/shared/tail/dispatch.ts';
import { tail } from '../../../functions/shared/tail/tail.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import {
  CATCH_UP_STEPS,
  interrupted,
  SLOT_SWITCH_STEPS,
  surrounded,
  TAIL_STEPS,
} from '../../support/interruption.ts';
import { MemoryWorld } from '../../support/memory-ports.ts';
import { appliedLanes, memoryTail, memoryTailSettings } from '../../support/memory-tail.ts';
import { storedTask } from '../../support/tasks.ts';

const KEY = storedTask().key;
const LANE = `${KEY}/p/r`;

async function followed(fields: Partial<Task> = {}): Promise<MemoryWorld> {
  const world = new MemoryWorld();
  await openSlot({ slotName: 'default', slots: world.slotRepository, log: world.operateLog });
  world.tasks.set(KEY, storedTask(fields));
  return world;
}

function change(world: MemoryWorld, fields: Partial<Task>, key = KEY): void {
  const task = world.tasks.get(key);
  if (task !== undefined) {
    world.tasks.set(key, { ...task, ...fields, revision: task.revision + 1 });
  }
}

const write = (world: MemoryWorld, fullPath: string): string =>
  world.write(fileCreated({ projectId: 'p', repoName: 'r', fullPath, size: 1, sha256: 'ab', md5: 'cd' }));

const drained = (world: MemoryWorld) => tail(memoryTail(world), memoryTailSettings(world));

const killed = () => Promise.reject(new Error('killed'));

describe('catching up', () => {
  it('replays what was read while a task was paused, and then follows', async () => {
    const world = await followed();
    const events = [write(world, '/1')];
    await drained(world);
    change(world, { status: 'PAUSED', pausedFrom: 'REPLICATING' });
    events.push(write(world, '/2'));
    await drained(world);
    events.push(write(world, '/3'));
    await drained(world);
    expect(world.messages).toHaveLength(1);
    expect(world.tasks.get(KEY)?.catchUp).toEqual({ nextOrdinal: 2 });

    change(world, { status: 'REPLICATING' });
    events.push(write(world, '/4'));
    await drained(world);

    expect(world.tasks.get(KEY)).not.toHaveProperty('catchUp');
    expect(Object.fromEntries(appliedLanes(world))).toEqual({
      [LANE]: { ordinals: [1, 2, 3, 4], events, dropped: 0 },
    });
    expect(world.dispatched.get(LANE)).toBe(4);
  });

  it('has a task repaired after a gap that a read left it out of', async () => {
    const world = await followed();
    write(world, '/1');
    await drained(world);
    change(world, { status: 'PAUSED', pausedFrom: 'REPLICATING' });
    write(world, '/lost');
    write(world, '/2');
    world.log.splice(0, 2);
    await drained(world);
    expect(world.repairs.size).toBe(0);
    change(world, { status: 'REPLICATING' });
    await drained(world);
    expect([...world.repairs]).toEqual([`${KEY}/default/2`]);
  });

  it('brings a task that was resumed back though nothing new is logged', async () => {
    const world = await followed({ status: 'PAUSED', pausedFrom: 'REPLICATING' });
    write(world, '/1');
    await drained(world);
    expect(world.tasks.get(KEY)).toMatchObject({ startOrdinal: 1, catchUp: { nextOrdinal: 1 } });
    change(world, { status: 'REPLICATING' });
    await drained(world);
    expect(world.tasks.get(KEY)).not.toHaveProperty('catchUp');
    expect(appliedLanes(world).get(LANE)?.ordinals).toEqual([1]);
  });

  it('repeats a stretch under the policies that it was begun with, and the next under those of now', async () => {
    const world = await followed({ status: 'PAUSED', pausedFrom: 'REPLICATING' });
    write(world, '/1');
    world.write(repositoryCreated('p', 'r', { type: 'GENERIC' }));
    await drained(world);
    change(world, { status: 'REPLICATING' });
    const dying = interrupted(memoryTail(world), 'queue.send', 'after', killed);
    await tail(dying, memoryTailSettings(world)).catch(() => undefined);
    expect(world.sentOrdinals).toEqual(new Map());

    change(world, { policy: { ddlTrans: false }, policyVersion: 2 });
    world.write(repositoryCreated('p', 'r', { type: 'GENERIC' }));
    world.now += 31_000;
    // The slot has read on without the task: that read is no part of the stretch.
    const reading = interrupted(memoryTail(world), 'catchUps.move', 'before', killed);
    await tail(reading, memoryTailSettings(world, { owner: 'two' })).catch(() => undefined);
    world.now += 31_000;
    write(world, '/4');
    await tail(memoryTail(world), memoryTailSettings(world, { owner: 'three' }));

    expect(appliedLanes(world).get(LANE)?.ordinals).toEqual([1, 2, 4]);
    const messages = world.messages.map(({ body }) => batchMessageSchema.parse(JSON.parse(body)));
    expect(messages.map(({ policyVersion, policy }) => [policyVersion, policy?.ddlTrans])).toEqual([
      [1, true],
      [2, false],
    ]);
    expect(world.dispatched.get(LANE)).toBe(3);
    expect(world.tasks.get(KEY)).not.toHaveProperty('catchUp');
  });

  it('leaves a task that was paused and resumed between two reads in them', async () => {
    const world = await followed();
    write(world, '/1');
    await drained(world);
    change(world, { status: 'PAUSED', pausedFrom: 'REPLICATING' });
    await drained(world);
    change(world, { status: 'REPLICATING' });
    write(world, '/2');
    await drained(world);
    expect(world.objects.get('default/2')?.routes).toHaveLength(1);
    expect(appliedLanes(world).get(LANE)?.ordinals).toEqual([1, 2]);
  });

  it.each<Partial<Task>>([
    { status: 'WAITING' },
    { status: 'PAUSED', pausedFrom: 'WAITING' },
    { status: 'WAITING', type: 'FULL' },
  ])('does not take a task for left out that has yet to begin: %o', async (fields) => {
    const world = await followed(fields);
    write(world, '/1');
    await drained(world);
    expect(world.tasks.get(KEY)).toEqual(storedTask(fields));
  });

  it('replays nothing until the first synchronization has ended, then all from where it began', async () => {
    const world = await followed({ catchUp: { nextOrdinal: 1 }, initialSync: {} });
    write(world, '/1');
    await drained(world);
    change(world, { initialSync: { runId: 'a', startedAt: world.clock().toISOString() } });
    write(world, '/2');
    await drained(world);
    expect(world.messages).toEqual([]);
    change(world, { initialSync: { endedAt: world.clock().toISOString() } });
    await drained(world);
    expect(appliedLanes(world).get(LANE)?.ordinals).toEqual([1, 2]);
    expect(world.tasks.get(KEY)).toMatchObject({ startOrdinal: 1 });
    expect(world.tasks.get(KEY)).not.toHaveProperty('catchUp');
  });

  it('drops what a lane has, though the archive has it for the task again', async () => {
    const world = await followed();
    write(world, '/1');
    write(world, '/2');
    await drained(world);
    change(world, { catchUp: { nextOrdinal: 1 } });
    write(world, '/3');
    await drained(world);
    expect(appliedLanes(world).get(LANE)).toMatchObject({ ordinals: [1, 2, 3], dropped: 0 });
  });

  it('goes on following for the others when the archive has lost what a task needs', async () => {
    const world = await followed();
    const other = storedTask({ key: 'f'.repeat(32), id: 'f'.repeat(24) });
    world.tasks.set(other.key, other);
    change(world, { status: 'PAUSED', pausedFrom: 'REPLICATING' });
    write(world, '/1');
    await drained(world);
    change(world, { status: 'REPLICATING' });
    world.objects.delete('default/1');
    write(world, '/2');
    const [outcome] = await drained(world);
    expect(outcome).toMatchObject({ end: 'drained', events: 1 });
    expect(appliedLanes(world).get(`${other.key}/p/r`)?.ordinals).toEqual([1, 2]);
    expect(world.tasks.get(KEY)?.catchUp).toEqual({ nextOrdinal: 1 });
  });

  it('reads on between stretches, so that a long way to catch up holds nobody up', async () => {
    const world = await followed();
    const other = storedTask({ key: 'f'.repeat(32), id: 'f'.repeat(24) });
    world.tasks.set(other.key, other);
    change(world, { status: 'PAUSED', pausedFrom: 'REPLICATING' });
    for (let index = 0; index < 100; index += 1) {
      write(world, `/${index}`);
      await tail(memoryTail(world), memoryTailSettings(world, { readLimit: 1 }));
    }
    change(world, { status: 'REPLICATING' });
    write(world, '/live');
    await drained(world);
    const order = world.messages.slice(100).map(({ body }) => JSON.parse(body).taskKey);
    // A stretch of twenty objects, the read, four more, and the read's event from the archive.
    expect(order).toEqual([KEY, other.key, KEY, KEY, KEY, KEY, KEY]);
  });

  it('looks for tasks that were resumed from time to time while nothing is logged', async () => {
    const world = await followed({ status: 'PAUSED', pausedFrom: 'REPLICATING' });
    write(world, '/1');
    await drained(world);
    let looks = 0;
    const dependencies = memoryTail(world);
    const list = () => {
      looks += 1;
      if (looks === 4) {
        change(world, { status: 'REPLICATING' });
      }
      return world.taskRepository.list();
    };
    const settings = memoryTailSettings(world, { mode: 'continuous' });
    await tail({ ...dependencies, tasks: { ...dependencies.tasks, list } }, settings);
    expect(world.tasks.get(KEY)).not.toHaveProperty('catchUp');
    expect(looks).toBeLessThan(20);
  });

  it('owes a task what a tailer without the lease commits after the task was brought back', async () => {
    const world = await followed();
    write(world, '/1');
    await drained(world);
    change(world, { status: 'PAUSED', pausedFrom: 'REPLICATING' });
    write(world, '/2');
    await drained(world);
    write(world, '/3');

    // It has routed its read without the task, and has seen its lease for the last time.
    let begun = false;
    const stale = interrupted(memoryTail(world), 'archive.create', 'before', async () => {
      if (!begun) {
        begun = true;
        world.now += 31_000;
        change(world, { status: 'REPLICATING' });
        const successor = interrupted(memoryTail(world), 'catchUps.end', 'after', killed);
        await tail(successor, memoryTailSettings(world, { owner: 'two' })).catch(() => undefined);
        expect(world.tasks.get(KEY)).not.toHaveProperty('catchUp');
      }
    });
    expect(await tail(stale, memoryTailSettings(world))).toMatchObject([{ end: 'lost' }]);
    expect(world.objects.get('default/3')?.routes).toEqual([]);

    world.now += 31_000;
    write(world, '/4');
    await tail(memoryTail(world), memoryTailSettings(world, { owner: 'three' }));
    expect(appliedLanes(world).get(LANE)?.ordinals).toEqual([1, 2, 3, 4]);
    expect(world.tasks.get(KEY)).not.toHaveProperty('catchUp');
  });

  it('owes it to a task that was paused before its first event, too', async () => {
    const world = await followed({ status: 'PAUSED', pausedFrom: 'REPLICATING' });
    write(world, '/1');
    let begun = false;
    const stale = interrupted(memoryTail(world), 'archive.create', 'before', async () => {
      if (!begun) {
        begun = true;
        world.now += 31_000;
        change(world, { status: 'REPLICATING' });
        const successor = interrupted(memoryTail(world), 'catchUps.end', 'after', killed);
        await tail(successor, memoryTailSettings(world, { owner: 'two' })).catch(() => undefined);
      }
    });
    await tail(stale, memoryTailSettings(world));
    expect(world.objects.get('default/1')?.routes).toEqual([]);
    world.now += 31_000;
    await tail(memoryTail(world), memoryTailSettings(world, { owner: 'three' }));
    expect(appliedLanes(world).get(LANE)?.ordinals).toEqual([1]);
  });

  it('sends nothing once the lease is lost', async () => {
    const world = await followed({ status: 'PAUSED', pausedFrom: 'REPLICATING' });
    write(world, '/1');
    await drained(world);
    change(world, { status: 'REPLICATING' });
    const stale = interrupted(memoryTail(world), 'lanes.heads', 'after', async () => {
      world.now += 31_000;
      await world.slotRepository.acquire('default', 'two', 30_000);
    });
    expect(await tail(stale, memoryTailSettings(world))).toMatchObject([{ end: 'lost' }]);
    expect(world.messages).toEqual([]);
  });

  it('brings no task back while the holder of the lease has a read on its way', async () => {
    const world = await followed({ status: 'PAUSED', pausedFrom: 'REPLICATING' });
    write(world, '/1');
    await drained(world);
    change(world, { status: 'REPLICATING' });
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const stale = interrupted(memoryTail(world), 'catchUps.end', 'before', () => {
      reached.resolve();
      return released.promise;
    });
    const staleEnd = tail(stale, memoryTailSettings(world));
    await reached.promise;
    world.now += 31_000;
    change(world, { status: 'PAUSED', pausedFrom: 'REPLICATING' });
    write(world, '/2');
    const holder = interrupted(memoryTail(world), 'archive.create', 'before', async () => {
      change(world, { status: 'REPLICATING' });
      released.resolve();
      expect(await staleEnd).toMatchObject([{ end: 'lost' }]);
    });
    await tail(holder, memoryTailSettings(world, { owner: 'two' }));
    expect(world.tasks.get(KEY)?.catchUp).toEqual({ nextOrdinal: 2 });
    await tail(memoryTail(world), memoryTailSettings(world, { owner: 'three' }));
    expect(appliedLanes(world).get(LANE)?.ordinals).toEqual([1, 2]);
  });

  it('does not bring a task back once the lease is lost', async () => {
    const world = await followed({ status: 'PAUSED', pausedFrom: 'REPLICATING' });
    write(world, '/1');
    await drained(world);
    change(world, { status: 'REPLICATING' });
    const stale = interrupted(memoryTail(world), 'catchUps.end', 'before', async () => {
      world.now += 31_000;
      change(world, { status: 'PAUSED', pausedFrom: 'REPLICATING' });
      write(world, '/2');
      await tail(memoryTail(world), memoryTailSettings(world, { owner: 'two' }));
    });
    expect(await tail(stale, memoryTailSettings(world))).toMatchObject([{ end: 'lost' }]);
    expect(world.tasks.get(KEY)?.catchUp).toEqual({ nextOrdinal: 2 });
    change(world, { status: 'REPLICATING' });
    await tail(memoryTail(world), memoryTailSettings(world, { owner: 'three' }));
    expect(appliedLanes(world).get(LANE)?.ordinals).toEqual([1, 2]);
  });
});

/** Something that happens to a world. */
type PlainHappening =
  | { readonly kind: 'write'; readonly project: string; readonly repo: string; readonly what: Written }
  | { readonly kind: (typeof TASK_HAPPENINGS)[number]; readonly task: number }
  /** A task is asked to read from a slot; a slot is made at the log's end. */
  | { readonly kind: 'request'; readonly task: number; readonly slot: string }
  | { readonly kind: 'open'; readonly slot: string };
type Written = 'file' | 'move' | 'definition';
type Happening = PlainHappening | { readonly kind: 'tail'; readonly run: Run };

/** A tailer's run: whole, killed at a step, or stopped at it for so long that its lease runs out, while others happen. */
interface Run {
  readonly readLimit: number;
  /** Slots that it finds; all when nothing is said. */
  readonly only?: string | undefined;
  readonly at?:
    | { readonly step: string; readonly when: 'before' | 'after'; readonly skip: number }
    | undefined;
  readonly meanwhile?: readonly Happening[] | undefined;
}

/** Operations that a policy leaves out. */
const DEFINITIONS: ReadonlySet<string> = new Set(['PROJECT_CREATE', 'REPOSITORY_CREATE']);

/** `policy` turns the replay of definitions on or off; `readTask` and `writeBack` are an update by an older copy. */
const TASK_HAPPENINGS = ['pause', 'resume', 'create', 'endSync', 'policy', 'readTask', 'writeBack'] as const;

const TASKS: readonly Partial<Task>[] = [
  {},
  { includeAllProject: false, localProjectId: 'p' },
  { includeAllProject: false, localProjectId: 'p', localRepoName: 'r', remoteRepoName: 'x' },
  { initialSync: {} },
];

const SLOTS = ['default', 'other', 'third'];

const plainHappening = fc.oneof(
  fc.record({
    kind: fc.constant('request' as const),
    task: fc.nat(TASKS.length - 1),
    slot: fc.constantFrom(...SLOTS),
  }),
  fc.record({ kind: fc.constant('open' as const), slot: fc.constantFrom(...SLOTS) }),
  fc.record({
    kind: fc.constant('write' as const),
    project: fc.constantFrom('p', 'q'),
    repo: fc.constantFrom('r', 's'),
    what: fc.constantFrom<Written>('file', 'move', 'definition'),
  }),
  fc.record({
    kind: fc.constantFrom(...TASK_HAPPENINGS, 'pause', 'resume', 'policy'),
    task: fc.nat(TASKS.length - 1),
  }),
);

const happenings = fc.letrec<{ happening: Happening; run: Run }>((tie) => ({
  happening: fc.oneof(
    { maxDepth: 2, depthIdentifier: 'tail' },
    plainHappening,
    fc.record({ kind: fc.constant('tail' as const), run: tie('run') }),
  ),
  run: fc.record(
    {
      readLimit: fc.integer({ min: 1, max: 4 }),
      only: fc.option(fc.constantFrom(...SLOTS), { nil: undefined }),
      at: fc.option(
        fc.record({
          step: fc.constantFrom(...TAIL_STEPS, ...CATCH_UP_STEPS, ...CATCH_UP_STEPS, ...SLOT_SWITCH_STEPS),
          when: fc.constantFrom('before', 'after'),
          skip: fc.nat(2),
        }),
        { nil: undefined },
      ),
      meanwhile: fc.option(fc.array(tie('happening'), { maxLength: 5, depthIdentifier: 'tail' }), {
        nil: undefined,
      }),
    },
    { requiredKeys: ['readLimit'] },
  ),
}));

const keyOf = (index: number): string => String(index).repeat(32);

class Play {
  readonly world = new MemoryWorld();
  /** First ordinal that each task has to get: what is logged after its creation, or all that its slot had yet to read. */
  readonly owedFrom = new Map<string, number>();
  /** Tasks that have at some time replayed no definitions. */
  readonly filtered = new Set<string>();
  #read: Task | undefined;
  #owners = 0;
  #paths = 0;

  async happen(happening: Happening): Promise<void> {
    const { world } = this;
    switch (happening.kind) {
      case 'write':
        world.write(this.#entry(happening));
        break;
      case 'tail':
        await this.run(happening.run);
        break;
      case 'create':
        await this.#create(happening.task);
        break;
      case 'endSync':
        change(world, { initialSync: { endedAt: world.clock().toISOString() } }, keyOf(happening.task));
        break;
      case 'policy':
        this.#changePolicy(keyOf(happening.task));
        break;
      case 'request':
        this.#request(keyOf(happening.task), happening.slot);
        break;
      case 'open':
        await openSlot({ slotName: happening.slot, slots: world.slotRepository, log: world.operateLog });
        break;
      case 'readTask':
        this.#read = world.tasks.get(keyOf(happening.task));
        break;
      case 'writeBack':
        if (this.#read !== undefined && world.tasks.get(this.#read.key)?.revision === this.#read.revision) {
          change(world, { ...this.#read, name: 'renamed' }, this.#read.key);
        }
        break;
      default:
        change(
          world,
          happening.kind === 'pause'
            ? { status: 'PAUSED', pausedFrom: 'REPLICATING' }
            : { status: 'REPLICATING' },
          keyOf(happening.task),
        );
    }
  }

  async run({ readLimit, only, at, meanwhile }: Run): Promise<void> {
    const { world } = this;
    this.#owners += 1;
    const owner = `t${this.#owners}`;
    let struck = false;
    const dependencies =
      at === undefined
        ? memoryTail(world)
        : interrupted(
            memoryTail(world),
            at.step,
            at.when,
            async () => {
              if (meanwhile === undefined) {
                throw new Error('killed');
              }
              if (!struck) {
                struck = true;
                world.now += 31_000;
                for (const happening of meanwhile) {
                  await this.happen(happening);
                }
              }
            },
            at.skip,
          );
    const settings = memoryTailSettings(world, { owner, readLimit, deadline: world.now + 600_000 });
    const list = async () =>
      (await dependencies.slots.list()).filter(({ name }) => only === undefined || name === only);
    const slots = { ...world.slotRepository, list };
    const ports = at === undefined ? { ...dependencies, slots } : dependencies;
    await tail(ports, settings).catch((error: unknown) => {
      if (!(error instanceof Error && ['killed', 'dead'].includes(error.message))) {
        throw error;
      }
    });
    world.now += 31_000;
  }

  /** As `setSyncPolicy` does. */
  #request(key: string, slot: string): void {
    const task = this.world.tasks.get(key);
    if (task !== undefined) {
      change(this.world, { requestedSlotName: slot === task.slotName ? undefined : slot }, key);
    }
  }

  #changePolicy(key: string): void {
    const task = this.world.tasks.get(key);
    if (task !== undefined) {
      const ddlTrans = task.policy?.ddlTrans === false;
      change(this.world, { policy: { ddlTrans }, policyVersion: task.policyVersion + 1 }, key);
      this.filtered.add(key);
    }
  }

  #entry({ project, repo, what }: Extract<Happening, { kind: 'write' }>): Record<string, unknown> {
    this.#paths += 1;
    const fullPath = `/${this.#paths}`;
    if (what === 'definition') {
      return repositoryCreated(project, repo, { type: 'GENERIC' });
    }
    return what === 'move'
      ? nodeTransferred(
          'MOVE',
          { projectId: project, repoName: repo, fullPath },
          { projectId: 'p', repoName: repo === 'r' ? 's' : 'r', fullPath },
        )
      : fileCreated({ projectId: project, repoName: repo, fullPath, size: 1, sha256: 'ab', md5: 'cd' });
  }

  async #create(index: number): Promise<void> {
    const { world } = this;
    const key = keyOf(index);
    const fields = TASKS[index] ?? {};
    const slot = await world.slotRepository.get('default');
    if (!world.tasks.has(key) && slot !== undefined) {
      const nextOrdinal = slot.nextOrdinal;
      const behind = fields.initialSync === undefined ? {} : { catchUp: { nextOrdinal } };
      world.tasks.set(key, storedTask({ ...fields, key, ...behind }));
      this.owedFrom.set(key, fields.initialSync === undefined ? world.log.length + 1 : nextOrdinal);
    }
  }
}

/** A world whose slot is open and that has a task. */
async function begun(): Promise<Play> {
  const play = new Play();
  const { slotRepository: slots, operateLog: log } = play.world;
  await openSlot({ slotName: 'default', slots, log });
  await play.happen({ kind: 'create', task: 0 });
  return play;
}

/** Let every task follow again, and check that its lanes have what they had if none had ever been left out. */
async function expectWhole(play: Play): Promise<void> {
  const { world } = play;
  for (const [task] of TASKS.entries()) {
    await play.happen({ kind: 'create', task });
    await play.happen({ kind: 'endSync', task });
    await play.happen({ kind: 'resume', task });
  }
  world.now += 31_000;
  world.write(projectCreated('last'));
  for (let round = 0; round < 8; round += 1) {
    await play.run({ readLimit: 100 });
  }

  const tasks = [...world.tasks.values()];
  expect(tasks.filter(({ catchUp }) => catchUp !== undefined)).toEqual([]);
  expect(tasks.filter(({ requestedSlotName }) => requestedSlotName !== undefined)).toEqual([]);
  expect(world.slots.get('default')?.nextOrdinal).toBe(world.log.length + 1);
  const routed = routeRead({
    firstOrdinal: 1,
    // Without policies: what is left out of this is theirs.
    routes: tasks.map((task) => ({ ...routeOf(task), policy: undefined, ordinalOffset: 0 })),
    documents: world.log,
  });
  const applied = appliedLanes(world);
  for (const { route, source, entries } of routed.lanes) {
    const id = laneId({ taskKey: route.taskKey, source });
    const { ordinals = [] } = applied.get(id) ?? {};
    applied.delete(id);
    // What was logged before the task was created, and read after it, may be among them.
    const owedFrom = play.owedFrom.get(route.taskKey) ?? 1;
    const startsAt = Math.min(owedFrom, ordinals[0] ?? owedFrom);
    const isKept = ({ ordinal, operation }: BatchEntry) =>
      !DEFINITIONS.has(operation.kind) || !play.filtered.has(route.taskKey) || ordinals.includes(ordinal);
    const owed = entries.filter((entry) => entry.ordinal >= startsAt && isKept(entry));
    expect(ordinals).toEqual(owed.map(({ ordinal }) => ordinal));
    const counted = owed.filter(({ secondary }) => secondary === undefined);
    expect(world.dispatched.get(id) ?? 0).toBe(counted.length);
    const { startOrdinal = 1, ordinalOffset = 0, slotName = '' } = world.tasks.get(route.taskKey) ?? {};
    expect(startOrdinal).toBeLessThanOrEqual(startsAt);
    // The lanes' ordinals are the first slot's, whichever slot is read from.
    expect((world.slots.get(slotName)?.nextOrdinal ?? 0) + ordinalOffset).toBe(world.log.length + 1);
  }
  expect([...applied.keys()]).toEqual([]);
  for (const { policy, entries } of world.messages.map(({ body }) =>
    batchMessageSchema.parse(JSON.parse(body)),
  )) {
    const isDefinition = entries.some(({ operation }) => DEFINITIONS.has(operation.kind));
    expect(policy?.ddlTrans === false && isDefinition).toBe(false);
  }
}

type Planned = PlainHappening | { readonly kind: 'tail' } | { readonly kind: 'expire' };

describe('catching up, whatever happens', () => {
  it('brings every event of a task into its lanes once and in order', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happenings.happening, { maxLength: 30 }), async (planned) => {
        const play = await begun();
        for (const happening of planned) {
          await play.happen(happening);
        }
        await expectWhole(play);
      }),
      { numRuns: 500 },
    );
  });

  it('does so however the steps of several tailers fall between each other', {
    timeout: 60_000,
  }, async () => {
    const happening = fc.oneof(
      plainHappening,
      fc.constant({ kind: 'tail' as const }),
      fc.constant({ kind: 'expire' as const }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(happening, { minLength: 4, maxLength: 30 }),
        fc.integer({ min: 1, max: 4 }),
        async (scheduler, planned, readLimit) => {
          const play = await begun();
          const tailers: Promise<unknown>[] = [];
          const dependencies = surrounded(memoryTail(play.world), async (step, call) => {
            await scheduler.schedule(Promise.resolve(), step);
            return call();
          });
          const happen = async (next: Planned) => {
            if (next.kind === 'tail') {
              const owner = `t${tailers.length}`;
              const deadline = play.world.now + 3_600_000;
              tailers.push(
                tail(dependencies, memoryTailSettings(play.world, { owner, readLimit, deadline })),
              );
            } else if (next.kind === 'expire') {
              play.world.now += 31_000;
            } else {
              await play.happen(next);
            }
          };
          scheduler.scheduleSequence(
            planned.map((next) => ({ label: next.kind, builder: () => happen(next) })),
          );
          await scheduler.waitIdle();
          await Promise.all(tailers);
          await expectWhole(play);
        },
      ),
      { numRuns: 500 },
    );
  });
});
