import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileCreated, nodeTransferred } from '../../../bin/simulator/log-entries.ts';
import { laneId } from '../../../functions/shared/lane/repository.ts';
import { routeOf } from '../../../functions/shared/route/route.ts';
import { openSlot } from '../../../functions/shared/slot/open.ts';
import { routeRead } from '../../../functions/shared/tail/dispatch.ts';
import { redriveTask } from '../../../functions/shared/tail/parking.ts';
import { type TailDependencies, tail } from '../../../functions/shared/tail/tail.ts';
import { accountOf } from '../../../functions/shared/task/account.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import type { LaneUpkeepDependencies } from '../../../functions/shared/upkeep/lanes.ts';
import { interrupted, surrounded } from '../../support/interruption.ts';
import { MemoryWorld } from '../../support/memory-ports.ts';
import { memoryTail, memoryTailSettings } from '../../support/memory-tail.ts';
import { DAY, HOUR, PlayedLanes } from '../../support/played-lanes.ts';
import { storedTask } from '../../support/tasks.ts';

const KEY = storedTask().key;
const LANE = `${KEY}/p/r`;

async function followed(): Promise<PlayedLanes> {
  const world = new MemoryWorld();
  await openSlot({ slotName: 'default', slots: world.slotRepository, log: world.operateLog });
  world.tasks.set(KEY, storedTask());
  return new PlayedLanes(world);
}

function change(world: MemoryWorld, fields: Partial<Task>): void {
  const task = world.tasks.get(KEY);
  if (task !== undefined) {
    world.tasks.set(KEY, { ...task, ...fields, revision: task.revision + 1 });
  }
}

let paths = 0;
function write(world: MemoryWorld, repoName = 'r', isMove = false): void {
  paths += 1;
  const fullPath = `/${paths}`;
  const file = { projectId: 'p', repoName, fullPath };
  const other = { ...file, repoName: repoName === 'r' ? 's' : 'r' };
  world.write(
    isMove
      ? nodeTransferred('MOVE', file, other)
      : fileCreated({ ...file, size: 1, sha256: 'ab', md5: 'cd' }),
  );
}

const task = ({ world }: PlayedLanes) => world.tasks.get(KEY);

function account({ world }: PlayedLanes) {
  const stored = world.tasks.get(KEY) ?? storedTask();
  return accountOf({
    slot: world.slots.get(stored.slotName),
    task: stored,
    lanes: world.lanesOf(KEY),
  });
}

/** Everything that happens by itself in a time: each half hour a read, deliveries and an upkeep. */
async function pass(lanes: PlayedLanes, milliseconds: number): Promise<void> {
  const until = lanes.world.now + milliseconds;
  while (lanes.world.now < until) {
    lanes.world.now += HOUR / 2;
    await lanes.tail();
    await lanes.work();
    await lanes.upkeep();
  }
}

describe('what cannot move', () => {
  it('of a remote that is away for twenty days, is caught up with from the archive, in order', async () => {
    const lanes = await followed();
    const { world } = lanes;
    write(world);
    await pass(lanes, HOUR);
    lanes.isRemoteAway = true;
    for (let day = 0; day < 20; day += 1) {
      write(world);
      write(world, 's');
      await pass(lanes, DAY);
    }
    expect(task(lanes)?.catchUp?.parked).toMatchObject({
      reason: 'REMOTE_AWAY',
      details: 'connection refused',
      isRewound: true,
    });
    expect(lanes.queued).toEqual([]);
    expect(account(lanes)).toMatchObject({ read: 41, applied: 1, pending: 40 });
    const { deliveries } = lanes;
    await pass(lanes, DAY);
    // What is parked costs nothing.
    expect(lanes.deliveries).toBe(deliveries);
    expect(lanes.ended).toEqual([]);

    lanes.isRemoteAway = false;
    await pass(lanes, 2 * HOUR);
    // Nobody waits for the remote's circuit any more.
    expect(lanes.ended).toEqual([storedTask().setting.remoteClusterInfo.url]);
    expect(task(lanes)).not.toHaveProperty('catchUp');
    expect(lanes.done.get(LANE)).toEqual([1, ...Array.from({ length: 20 }, (_, day) => 2 * day + 2)]);
    expect(account(lanes)).toMatchObject({ read: 41, applied: 41, pending: 0 });
    write(world);
    await pass(lanes, HOUR);
    expect(lanes.done.get(LANE)?.at(-1)).toBe(42);
  });

  it('of a task that is paused for twenty days, is caught up with when it is resumed', async () => {
    const lanes = await followed();
    const { world } = lanes;
    write(world);
    await lanes.tail();
    change(world, { status: 'PAUSED', pausedFrom: 'REPLICATING' });
    for (let day = 0; day < 20; day += 1) {
      write(world);
      await pass(lanes, DAY);
    }
    expect(task(lanes)?.catchUp).toMatchObject({ nextOrdinal: 1, parked: { reason: 'PAUSED' } });
    expect(lanes.queued).toEqual([]);
    change(world, { status: 'REPLICATING' });
    await lanes.tail();
    await lanes.work();
    expect(lanes.done.get(LANE)).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
    expect(account(lanes)).toMatchObject({ read: 21, applied: 21, pending: 0 });
  });

  it('got lost on its way: it is sent anew within hours', async () => {
    const lanes = await followed();
    write(lanes.world);
    await lanes.tail();
    lanes.lose(0);
    write(lanes.world);
    await pass(lanes, 3 * HOUR);
    expect(lanes.done.get(LANE)).toEqual([1, 2]);
    expect(task(lanes)).toMatchObject({ generation: 1 });
    expect(task(lanes)).not.toHaveProperty('catchUp');
  });

  it('is sent anew less and less often, if that does not help', async () => {
    const lanes = await followed();
    write(lanes.world);
    lanes.deliver = async () => false;
    await pass(lanes, 20 * DAY);
    // After 1, 2, 4, 8, 16 hours, then once a day.
    expect(task(lanes)?.generation).toBeGreaterThan(20);
    expect(task(lanes)?.generation).toBeLessThan(26);
  });

  it('is replayed from where the lane needs it, however long ago it was applied to before', async () => {
    const lanes = await followed();
    const { world } = lanes;
    write(world);
    await pass(lanes, HOUR);
    for (let index = 0; index < 30; index += 1) {
      write(world, 's');
    }
    await pass(lanes, HOUR);
    const expired = [...world.objects.keys()];
    lanes.isRemoteAway = true;
    write(world);
    await pass(lanes, HOUR / 2);
    write(world);
    await pass(lanes, 3 * HOUR);
    for (const key of expired) {
      world.objects.delete(key);
    }
    lanes.isRemoteAway = false;
    await pass(lanes, 3 * HOUR);
    expect(lanes.done.get(LANE)).toEqual([1, 32, 33]);
    expect(task(lanes)).not.toHaveProperty('stranded');
  });

  it('is shown when the archive has lost it, and nothing else is changed', async () => {
    const lanes = await followed();
    const { world } = lanes;
    write(world);
    await lanes.tail();
    lanes.lose(0);
    world.objects.clear();
    write(world, 's');
    await pass(lanes, 3 * HOUR);
    expect(task(lanes)).toMatchObject({ stranded: { nextOrdinal: 1 } });
    expect(task(lanes)).not.toHaveProperty('catchUp');
    expect(lanes.done.get(`${KEY}/p/s`)).toEqual([2]);
  });

  it('is shown, too, when it is lost while the task waits', async () => {
    const lanes = await followed();
    const { world } = lanes;
    lanes.isRemoteAway = true;
    write(world);
    await pass(lanes, 3 * HOUR);
    world.objects.clear();
    lanes.isRemoteAway = false;
    await pass(lanes, HOUR);
    expect(task(lanes)).toMatchObject({ stranded: { nextOrdinal: 1 }, catchUp: { nextOrdinal: 1 } });
  });

  it('is sent anew on request', async () => {
    const lanes = await followed();
    const { world } = lanes;
    write(world);
    write(world, 's');
    await lanes.tail();
    lanes.queued = [];
    const get = async () => task(lanes);
    const options = { taskKey: KEY, tasks: { get }, dependencies: lanes.upkeepDependencies() };
    expect(await redriveTask(options)).toEqual({ lanes: 2, operations: 2 });
    expect(account(lanes)).toMatchObject({ read: 2, applied: 0, pending: 2 });
    await lanes.tail();
    await lanes.work();
    expect(account(lanes)).toMatchObject({ read: 2, applied: 2, pending: 0 });
    expect(await redriveTask(options)).toEqual({ lanes: 0, operations: 0 });
  });

  it('is tried again on request though the remote is thought to be away', async () => {
    const lanes = await followed();
    lanes.isRemoteAway = true;
    write(lanes.world);
    await pass(lanes, 3 * HOUR);
    lanes.isRemoteAway = false;
    const get = async () => task(lanes);
    await redriveTask({ taskKey: KEY, tasks: { get }, dependencies: lanes.upkeepDependencies() });
    expect(lanes.ended).toEqual([storedTask().setting.remoteClusterInfo.url]);
    await lanes.tail();
    await lanes.work();
    expect(lanes.done.get(LANE)).toEqual([1]);
  });

  it('cannot be sent anew of a task that follows no log', async () => {
    const lanes = await followed();
    const dependencies = lanes.upkeepDependencies();
    const none = { get: async () => undefined };
    const full = { get: async () => storedTask({ type: 'FULL' }) };
    await expect(redriveTask({ taskKey: KEY, tasks: none, dependencies })).rejects.toThrow();
    await expect(redriveTask({ taskKey: KEY, tasks: full, dependencies })).rejects.toThrow();
  });
});

describe('what is taken back', () => {
  const killed = () => Promise.reject(new Error('killed'));
  const redrive = (lanes: PlayedLanes) =>
    redriveTask({
      taskKey: KEY,
      tasks: { get: async () => task(lanes) },
      dependencies: lanes.upkeepDependencies(),
    });
  const tailer = (lanes: PlayedLanes) => ({ ...memoryTail(lanes.world), queue: lanes.queue });
  /** Run a tailer that dies, or loses its lease. */
  const run = (lanes: PlayedLanes, dependencies: TailDependencies, owner: string) =>
    tail(dependencies, memoryTailSettings(lanes.world, { owner })).catch(() => undefined);

  async function expectDone(lanes: PlayedLanes, ordinals: readonly number[]): Promise<void> {
    lanes.world.now += 31_000;
    await lanes.tail({ owner: 'last' });
    await lanes.work();
    expect([...lanes.done.values()].flat().sort()).toEqual(ordinals);
    expect(account(lanes)).toMatchObject({ applied: ordinals.length, pending: 0 });
  }

  it('is not passed over by a read that was routed before and is committed after', async () => {
    const lanes = await followed();
    const { world } = lanes;
    write(world);
    await lanes.tail();
    write(world);
    const stale = interrupted(tailer(lanes), 'archive.create', 'before', async () => {
      if (!world.objects.has('default/2')) {
        world.now += 31_000;
        lanes.queued = [];
        await redrive(lanes);
        await run(lanes, interrupted(tailer(lanes), 'catchUps.end', 'after', killed), 'two');
        expect(task(lanes)).not.toHaveProperty('catchUp');
      }
    });
    await run(lanes, interrupted(stale, 'archive.create', 'after', killed), 'one');
    expect(world.objects.get('default/2')?.routes).toHaveLength(1);
    await expectDone(lanes, [1, 2]);
  });

  it('is not passed over by who replayed it before', async () => {
    const lanes = await followed();
    const { world } = lanes;
    write(world);
    await lanes.tail();
    lanes.queued = [];
    await redrive(lanes);
    const stale = interrupted(tailer(lanes), 'catchUps.move', 'before', async () => {
      world.now += 31_000;
      lanes.queued = [];
      await redrive(lanes);
      await run(lanes, interrupted(tailer(lanes), 'catchUps.fix', 'after', killed), 'two');
    });
    await run(lanes, stale, 'one');
    await expectDone(lanes, [1]);
  });

  it('is not replayed before all of it is taken back', async () => {
    const lanes = await followed();
    write(lanes.world);
    await lanes.tail();
    lanes.queued = [];
    const dependencies = lanes.upkeepDependencies();
    const dying = { ...dependencies, lanes: { ...dependencies.lanes, rewind: killed } };
    const tasks = { get: async () => task(lanes) };
    await expect(redriveTask({ taskKey: KEY, tasks, dependencies: dying })).rejects.toThrow('killed');
    await lanes.tail({ owner: 'two' });
    expect(lanes.queued).toEqual([]);
    await lanes.upkeep();
    await expectDone(lanes, [1]);
  });

  it('begins no later than a read that is noted in a part of its lanes', async () => {
    const lanes = await followed();
    const { world } = lanes;
    write(world, 's');
    write(world);
    const dependencies = tailer(lanes);
    const recordSent: typeof dependencies.lanes.recordSent = (sent) =>
      sent.source.repoName === 's' ? killed() : world.laneRepository.recordSent(sent);
    await run(lanes, { ...dependencies, lanes: { ...dependencies.lanes, recordSent } }, 'one');
    expect(world.sentOrdinals).toEqual(new Map([[LANE, 2]]));
    lanes.queued = [];
    await redrive(lanes);
    await expectDone(lanes, [1, 2]);
  });
});

type Happening =
  | { readonly kind: 'write'; readonly repoName: string; readonly isMove: boolean }
  | { readonly kind: 'lose'; readonly index: number }
  | { readonly kind: 'pass'; readonly hours: number }
  | { readonly kind: 'request'; readonly slot: string }
  | { readonly kind: (typeof PLAIN)[number] };

const PLAIN = [
  'tail',
  'tail',
  'tail',
  'work',
  'upkeep',
  'redrive',
  'redrive',
  'pause',
  'resume',
  'down',
  'up',
  'policy',
  'expireLease',
] as const;

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom(...PLAIN) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      repoName: fc.constantFrom('r', 's'),
      isMove: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), index: fc.nat(5) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), hours: fc.constantFrom(1, 3, 400) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('request' as const),
      slot: fc.constantFrom('default', 'other'),
    }),
  },
);

/** Every call to a port goes through `around`; `dying`: from its nth call on, none gets there. */
function steps(
  dependencies: LaneUpkeepDependencies,
  around: (call: () => Promise<unknown>) => Promise<unknown>,
) {
  const wrap = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get: (target, method) => {
        const original: unknown = Reflect.get(target, method);
        return typeof original === 'function'
          ? (...args: unknown[]) => around(async () => original.apply(target, args))
          : original;
      },
    });
  const { tasks, lanes, catchUps, slots, archive } = dependencies;
  return {
    ...dependencies,
    tasks: wrap(tasks),
    lanes: wrap(lanes),
    catchUps: wrap(catchUps),
    slots: wrap(slots),
    archive: wrap(archive),
  };
}

/** Whether it dies, and after how many calls to ports. */
const life = fc.option(fc.nat(12), { nil: Number.POSITIVE_INFINITY, freq: 2 });

function expectClosed(lanes: PlayedLanes): void {
  const { read, ...parts } = account(lanes);
  expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBe(read);
  expect(Math.min(read, ...Object.values(parts))).toBeGreaterThanOrEqual(0);
}

async function expectWhole(lanes: PlayedLanes): Promise<void> {
  const { world } = lanes;
  change(world, { status: 'REPLICATING' });
  lanes.isRemoteAway = false;
  for (let round = 0; round < 12; round += 1) {
    world.now += 25 * HOUR;
    await lanes.tail({ readLimit: 100 });
    await lanes.work();
    await lanes.upkeep();
    if (round < 6) {
      write(world);
    }
  }
  const stored = task(lanes);
  expect(stored).not.toHaveProperty('catchUp');
  expect(stored?.requestedSlotName).toBeUndefined();
  const routes = [{ ...routeOf(stored ?? storedTask()), ordinalOffset: 0 }];
  const owed = routeRead({ firstOrdinal: 1, routes, documents: world.log });
  const expected = owed.lanes.map(({ source, entries }) => [
    laneId({ taskKey: KEY, source }),
    entries.map(({ ordinal }) => ordinal),
  ]);
  expect(Object.fromEntries(lanes.done)).toEqual(Object.fromEntries(expected));
  expect(account(lanes)).toMatchObject({ read: world.log.length, applied: world.log.length, pending: 0 });
}

describe('parking, whatever happens', () => {
  it('brings every event into its lane once and in order, and the account closes at every step', {
    timeout: 120_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.tuple(happening, life), { minLength: 4, maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        async (scheduler, planned, readLimit) => {
          const lanes = await followed();
          const { world } = lanes;
          const underWay: Promise<unknown>[] = [];
          const around = (lifetime: number) => {
            let calls = 0;
            return async (call: () => Promise<unknown>) => {
              await scheduler.schedule(Promise.resolve());
              calls += 1;
              if (calls > lifetime) {
                throw new Error('dead');
              }
              const result = await call();
              expectClosed(lanes);
              return result;
            };
          };
          const begin = (work: Promise<unknown>) => {
            underWay.push(
              work.catch((error: unknown) => {
                if (!(error instanceof Error && error.message === 'dead')) {
                  throw error;
                }
              }),
            );
          };
          const happen = async (next: Happening, lifetime: number): Promise<void> => {
            switch (next.kind) {
              case 'write':
                write(world, next.repoName, next.isMove);
                break;
              case 'lose':
                lanes.lose(next.index);
                break;
              case 'pass':
                world.now += next.hours * HOUR;
                break;
              case 'expireLease':
                world.now += 31_000;
                break;
              case 'request':
                change(world, {
                  requestedSlotName: next.slot === task(lanes)?.slotName ? undefined : next.slot,
                });
                break;
              case 'tail': {
                const owner = `t${underWay.length}`;
                const settings = { owner, readLimit, deadline: world.now + 1_000 * DAY };
                const dependencies = { ...memoryTail(world), queue: lanes.queue };
                const surroundedBy = around(lifetime);
                begin(
                  tail(
                    surrounded(dependencies, (_step, call) => surroundedBy(call)),
                    memoryTailSettings(world, settings),
                  ),
                );
                break;
              }
              case 'work':
                for (const groupId of new Set(lanes.queued.map((message) => message.groupId))) {
                  begin(lanes.deliver(groupId, () => scheduler.schedule(Promise.resolve())));
                }
                break;
              case 'upkeep':
                begin(lanes.upkeep(steps(lanes.upkeepDependencies(), around(lifetime))));
                break;
              case 'redrive': {
                const dependencies = steps(lanes.upkeepDependencies(), around(lifetime));
                const tasks = { get: async () => task(lanes) };
                begin(redriveTask({ taskKey: KEY, tasks, dependencies }).catch(() => undefined));
                break;
              }
              case 'pause':
                change(world, { status: 'PAUSED', pausedFrom: 'REPLICATING' });
                break;
              case 'resume':
                change(world, { status: 'REPLICATING' });
                break;
              case 'policy':
                change(world, { policyVersion: (task(lanes)?.policyVersion ?? 1) + 1 });
                break;
              case 'down':
              case 'up':
                lanes.isRemoteAway = next.kind === 'down';
                break;
            }
          };
          scheduler.scheduleSequence(
            planned.map(([next, lifetime]) => ({ label: next.kind, builder: () => happen(next, lifetime) })),
          );
          await scheduler.waitIdle();
          await Promise.all(underWay);
          await expectWhole(lanes);
        },
      ),
      { numRuns: 300 },
    );
  });
});
