import { describe, expect, it } from 'vitest';
import { fileCreated, repositoryCreated } from '../../../bin/simulator/log-entries.ts';
import { batchMessageSchema } from '../../../functions/shared/lane/message.ts';
import { openSlot } from '../../../functions/shared/slot/open.ts';
import { MAX_SLOTS } from '../../../functions/shared/slot/repository.ts';
import { tail } from '../../../functions/shared/tail/tail.ts';
import { accountOf } from '../../../functions/shared/task/account.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { interrupted } from '../../support/interruption.ts';
import { MemoryWorld } from '../../support/memory-ports.ts';
import { appliedLanes, memoryTail, memoryTailSettings } from '../../support/memory-tail.ts';
import { storedTask } from '../../support/tasks.ts';

const KEY = storedTask().key;
const LANE = `${KEY}/p/r`;

const open = (world: MemoryWorld, slotName: string) =>
  openSlot({ slotName, slots: world.slotRepository, log: world.operateLog });

async function followed(fields: Partial<Task> = {}): Promise<MemoryWorld> {
  const world = new MemoryWorld();
  await open(world, 'default');
  world.tasks.set(KEY, storedTask(fields));
  return world;
}

function change(world: MemoryWorld, fields: Partial<Task>): void {
  const task = world.tasks.get(KEY);
  if (task !== undefined) {
    world.tasks.set(KEY, { ...task, ...fields, revision: task.revision + 1 });
  }
}

function write(world: MemoryWorld, ...paths: string[]): void {
  for (const fullPath of paths) {
    world.write(fileCreated({ projectId: 'p', repoName: 'r', fullPath, size: 1, sha256: 'ab', md5: 'cd' }));
  }
}

/** Tail the slots that are named, or all, until there is nothing to do. */
async function drained(world: MemoryWorld, ...only: string[]): Promise<void> {
  const dependencies = memoryTail(world);
  const list = async () =>
    (await world.slotRepository.list()).filter(({ name }) => only.length === 0 || only.includes(name));
  await tail({ ...dependencies, slots: { ...dependencies.slots, list } }, memoryTailSettings(world));
}

/** The paths that the task's lane was sent, each with its ordinal. */
const sent = (world: MemoryWorld): string[] =>
  world.messages
    .map(({ body }) => batchMessageSchema.parse(JSON.parse(body)))
    .flatMap(({ entries }) => entries)
    .map(({ ordinal, operation }) => `${ordinal}${'fullPath' in operation ? operation.fullPath : ''}`);

const task = (world: MemoryWorld) => world.tasks.get(KEY);

describe('changing a slot', () => {
  it('makes a new slot where the old one stands, and goes on there with the next event', async () => {
    const world = await followed();
    write(world, '/1', '/2');
    await drained(world);
    change(world, { requestedSlotName: 'other' });
    await drained(world);
    expect(world.slots.get('other')).toMatchObject({ nextOrdinal: 3, position: { lastId: '"e2"' } });
    expect(task(world)).toMatchObject({ slotName: 'default', requestedSlotName: 'other' });

    write(world, '/3');
    await drained(world);
    await drained(world);
    expect(task(world)).toMatchObject({ slotName: 'other', ordinalOffset: 0, startOrdinal: 1 });
    expect(task(world)).not.toHaveProperty('requestedSlotName');
    write(world, '/4');
    await drained(world);
    expect(task(world)).not.toHaveProperty('catchUp');
    expect(world.objects.get('other/4')?.routes).toHaveLength(1);
    expect(world.objects.get('default/4')?.routes).toEqual([]);
    expect(sent(world)).toEqual(['1/1', '2/2', '3/3', '4/4']);
    expect(appliedLanes(world).get(LANE)).toMatchObject({ dropped: 0 });
  });

  it('follows a slot that is made within the same run', async () => {
    const world = await followed();
    write(world, '/1');
    await drained(world);
    change(world, { requestedSlotName: 'other' });
    const outcomes = await tail(memoryTail(world), memoryTailSettings(world));
    expect(outcomes.map(({ slotName }) => slotName)).toEqual(['default', 'other']);
  });

  it('joins a slot that is ahead within one of its reads, by the document that both have', async () => {
    const world = await followed();
    write(world, '/1', '/2');
    await drained(world);
    await open(world, 'other');
    change(world, { requestedSlotName: 'other' });
    await drained(world, 'default');
    expect(task(world)?.catchUp).toMatchObject({ nextOrdinal: 3, leaving: { lastId: '"e2"' } });
    write(world, '/3', '/4', '/5');
    await drained(world);
    await drained(world);
    expect(sent(world)).toEqual(['1/1', '2/2', '3/3', '4/4', '5/5']);
    expect(task(world)).toMatchObject({ slotName: 'other', ordinalOffset: 2 });
    write(world, '/6');
    await drained(world);
    expect(sent(world).at(-1)).toBe('6/6');
    expect(world.dispatched.get(LANE)).toBe(6);
  });

  it('gets nothing twice, and nothing from before it began, of a read that it joins in the middle', async () => {
    const world = await followed();
    await open(world, 'other');
    world.tasks.clear();
    write(world, '/before');
    await drained(world, 'default');
    world.tasks.set(KEY, storedTask());
    world.write(repositoryCreated('p', 'r', { type: 'GENERIC' }));
    change(world, { policy: { ddlTrans: false }, policyVersion: 2 });
    await drained(world, 'default');
    change(world, { requestedSlotName: 'other', policy: {}, policyVersion: 3 });
    // It waits at the log's end, for the other slot is behind.
    await drained(world, 'default');
    write(world, '/1');
    // The other slot reads all three at once.
    await drained(world, 'other');
    expect(world.objects.get('other/1')?.documents).toHaveLength(3);
    await drained(world, 'default');
    expect(task(world)).toMatchObject({ slotName: 'other', catchUp: { nextOrdinal: 1, notBefore: 3 } });
    await drained(world);
    expect(sent(world)).toEqual(['3/1']);
    expect(task(world)).not.toHaveProperty('catchUp');
  });

  it('waits for a slot that is behind, and accounts for what it waits for', async () => {
    const world = await followed();
    await open(world, 'other');
    write(world, '/1', '/2', '/3');
    await drained(world, 'default');
    change(world, { requestedSlotName: 'other' });
    await drained(world, 'default');
    write(world, '/4');
    await drained(world, 'default');
    await drained(world, 'default');
    const slot = world.slots.get('default');
    const lanes = [
      { dispatched: 3, applied: 3, superseded: 0, conflicted: 0, failed: 0, filtered: 0 },
    ] as const;
    expect(task(world)).toMatchObject({ slotName: 'default', catchUp: { nextOrdinal: 4 } });
    expect(accountOf({ slot, task: task(world) ?? {}, lanes })).toMatchObject({ read: 4, pending: 1 });
    await drained(world);
    await drained(world);
    await drained(world);
    expect(task(world)).toMatchObject({ slotName: 'other', ordinalOffset: 0 });
    expect(sent(world)).toEqual(['1/1', '2/2', '3/3', '4/4']);
  });

  it('does not leave before its own slot is where the other one was', async () => {
    const world = await followed();
    await open(world, 'other');
    write(world, '/1', '/2', '/3');
    await drained(world, 'other');
    change(world, { requestedSlotName: 'other' });
    const dependencies = memoryTail(world);
    let reads = 0;
    const stopped = interrupted(dependencies, 'archive.create', 'before', async () => {
      reads += 1;
      expect(task(world)).not.toHaveProperty('catchUp');
    });
    const list = async () => (await world.slotRepository.list()).filter(({ name }) => name === 'default');
    const slots = { ...stopped.slots, list };
    await tail({ ...stopped, slots }, memoryTailSettings(world, { readLimit: 1 }));
    expect(reads).toBe(3);
    expect(task(world)?.catchUp).toMatchObject({ nextOrdinal: 4, leaving: { lastId: '"e3"' } });
  });

  it('joins without another event once no tailer can be at work that has listed it', async () => {
    const world = await followed();
    write(world, '/1');
    await drained(world);
    change(world, { requestedSlotName: 'other' });
    await drained(world);
    await drained(world);
    expect(task(world)).toMatchObject({ slotName: 'default' });
    world.now += 121_000;
    await drained(world);
    expect(task(world)).toMatchObject({ slotName: 'other' });
    await drained(world);
    expect(task(world)).not.toHaveProperty('catchUp');
  });

  it.each([undefined, 'third'])('stays where it is when it is asked for %s on its way', async (slotName) => {
    const world = await followed();
    write(world, '/1');
    await drained(world);
    change(world, { requestedSlotName: 'other' });
    await drained(world);
    change(world, { requestedSlotName: slotName });
    write(world, '/2');
    for (let run = 0; run < 4; run += 1) {
      await drained(world);
      write(world, `/${run + 3}`);
    }
    await drained(world);
    expect(task(world)?.slotName).toBe(slotName ?? 'default');
    expect(sent(world)).toEqual(['1/1', '2/2', '3/3', '4/4', '5/5', '6/6']);
  });

  it('tries again when the log has overtaken the other slot', async () => {
    const world = await followed();
    await open(world, 'other');
    write(world, '/1', '/2');
    await drained(world, 'default');
    await drained(world, 'other');
    write(world, '/3');
    await drained(world, 'default');
    change(world, { requestedSlotName: 'other' });
    await drained(world, 'default');
    expect(task(world)?.catchUp?.leaving).toMatchObject({ lastId: '"e3"', position: { nextOrdinal: 3 } });
    write(world, '/4');
    world.log.splice(0, 3);
    await drained(world, 'other');
    expect(world.slots.get('other')).toMatchObject({ gaps: 1 });
    for (let run = 0; run < 4; run += 1) {
      write(world, `/${run + 5}`);
      await drained(world);
    }
    await drained(world);
    expect(task(world)).toMatchObject({ slotName: 'other' });
    expect(task(world)).not.toHaveProperty('catchUp');
    expect(sent(world).map((text) => text.replace(/^\d+/, ''))).toEqual([
      '/1',
      '/2',
      '/3',
      '/4',
      '/5',
      '/6',
      '/7',
      '/8',
    ]);
  });

  it.each<Partial<Task>>([
    { type: 'FULL', status: 'SUCCESS' },
    { status: 'WAITING' },
    { status: 'PAUSED', pausedFrom: 'WAITING' },
  ])('gives a task that has read nothing its slot at once: %o', async (fields) => {
    const world = await followed({ ...fields, requestedSlotName: 'other' });
    write(world, '/1');
    await drained(world);
    expect(task(world)).toMatchObject({ slotName: 'other', status: fields.status });
    expect(task(world)).not.toHaveProperty('requestedSlotName');
    expect(task(world)).not.toHaveProperty('catchUp');
    expect(world.slots.get('other')).toMatchObject({ nextOrdinal: 2 });
  });

  it('keeps the request of a task that is paused until it follows again', async () => {
    const world = await followed();
    write(world, '/1');
    await drained(world);
    change(world, { status: 'PAUSED', pausedFrom: 'REPLICATING', requestedSlotName: 'other' });
    write(world, '/2');
    await drained(world);
    expect(task(world)).toMatchObject({ slotName: 'default', requestedSlotName: 'other' });
    change(world, { status: 'REPLICATING' });
    for (let run = 0; run < 4; run += 1) {
      write(world, `/${run + 3}`);
      await drained(world);
    }
    expect(task(world)).toMatchObject({ slotName: 'other' });
    await drained(world);
    expect(sent(world)).toEqual(['1/1', '2/2', '3/3', '4/4', '5/5', '6/6']);
  });

  it('makes no more slots than are followed', async () => {
    const world = await followed();
    for (let index = 1; index < MAX_SLOTS; index += 1) {
      await world.slotRepository.create(`s${index}`, { lastId: null, lastLoggedAt: null });
    }
    change(world, { requestedSlotName: 'other' });
    write(world, '/1');
    await drained(world);
    expect(world.slots.has('other')).toBe(false);
    expect(sent(world)).toEqual(['1/1']);
  });
});
