import { beforeEach, expect, it } from 'vitest';
import { fileCreated } from '../../../bin/simulator/log-entries.ts';
import { openSlot } from '../../../functions/shared/slot/open.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { MemoryWorld } from '../../support/memory-ports.ts';
import { DAY, HOUR, PlayedLanes } from '../../support/played-lanes.ts';
import { storedTask } from '../../support/tasks.ts';

/**
 * What happens in operation leads no message to the dead-letter queue: the played queue gives up after as many receives as the
 * real one, and its workers put a message off by no more than the real ones do at least.
 */

const KEY = storedTask().key;
const UPKEEP_MS = HOUR / 12;

let world: MemoryWorld;
let lanes: PlayedLanes;
let written: number;

beforeEach(async () => {
  world = new MemoryWorld();
  await openSlot({ slotName: 'default', slots: world.slotRepository, log: world.operateLog });
  world.tasks.set(KEY, storedTask());
  lanes = new PlayedLanes(world);
  written = 0;
});

function write(count: number): void {
  for (let index = 0; index < count; index += 1) {
    written += 1;
    const repoName = written % 2 === 0 ? 'r' : 's';
    const fullPath = `/${written}`;
    world.write(fileCreated({ projectId: 'p', repoName, fullPath, size: 1, sha256: 'ab', md5: 'cd' }));
  }
}

function change(fields: Partial<Task>): void {
  const task = world.tasks.get(KEY) ?? storedTask();
  world.tasks.set(KEY, { ...task, ...fields, revision: task.revision + 1 });
}

/** Everything that happens by itself: every five minutes a read and an upkeep, and each message as soon as it is visible. */
async function pass(milliseconds: number): Promise<void> {
  const until = world.now + milliseconds;
  let upkeepAt = world.now;
  while (world.now < until) {
    if (world.now >= upkeepAt) {
      upkeepAt = world.now + UPKEEP_MS;
      await lanes.tail();
      await lanes.upkeep();
    }
    await lanes.receive();
    const visible = lanes.queued.map(({ visibleAt }) => visibleAt).filter((at) => at > world.now);
    world.now = Math.min(until, upkeepAt, ...visible);
  }
}

/** Write something each day for twenty days. */
async function passTwentyDays(): Promise<void> {
  for (let day = 0; day < 20; day += 1) {
    write(2);
    await pass(DAY);
  }
}

function expectAllDone(): void {
  expect(lanes.deadLetters).toEqual([]);
  expect(lanes.queued).toEqual([]);
  expect(world.tasks.get(KEY)).not.toHaveProperty('catchUp');
  const done = [...lanes.done.values()].flat().sort((left, right) => left - right);
  expect(done).toEqual(Array.from({ length: written }, (_, index) => index + 1));
}

it('is empty after redeliveries, of workers that died before they could say what they had done', async () => {
  lanes.diesAfter = (receives) => receives <= 3;
  write(50);
  await pass(2 * DAY);
  expect(lanes.mostReceives).toBe(4);
  expectAllDone();
});

it('is empty after a remote was away for twenty days', async () => {
  write(4);
  lanes.isRemoteAway = true;
  await passTwentyDays();
  // An hour of them, until the task was parked.
  expect(lanes.mostReceives).toBeLessThan(100);
  lanes.isRemoteAway = false;
  await pass(HOUR);
  expectAllDone();
});

it('is empty after a remote was away for an hour each day', async () => {
  for (let day = 0; day < 20; day += 1) {
    lanes.isRemoteAway = true;
    write(4);
    await pass(HOUR - UPKEEP_MS);
    lanes.isRemoteAway = false;
    await pass(23 * HOUR);
  }
  expectAllDone();
});

it.each([
  ['was paused', { status: 'PAUSED', pausedFrom: 'REPLICATING' }, { status: 'REPLICATING' }],
  ['had stopped at a conflict', { status: 'FAILED' }, { status: 'REPLICATING' }],
] as const)('is empty after a task %s for twenty days', async (_, stopped, started) => {
  write(4);
  await lanes.tail();
  change(stopped);
  await passTwentyDays();
  expect(lanes.mostReceives).toBeLessThan(100);
  change(started);
  await pass(HOUR);
  expectAllDone();
});

it('is empty after messages got lost, and those behind them waited for their turn', async () => {
  for (let day = 0; day < 20; day += 1) {
    write(1);
    await lanes.tail();
    lanes.lose(0);
    write(4);
    await pass(DAY);
  }
  expectAllDone();
});

it('stays empty even where no worker can do a message: it is sent anew', async () => {
  const deliver = lanes.deliver.bind(lanes);
  lanes.deliver = (groupId) => {
    let steps = 0;
    // The first step is before a message that is void is dropped, the second before one is done.
    const step = async () => {
      steps += 1;
      if (steps === 2) {
        throw new Error('A defect of the worker');
      }
    };
    return deliver(groupId, step).catch(() => false);
  };
  await passTwentyDays();
  expect(lanes.deadLetters).toEqual([]);
  expect(lanes.mostReceives).toBeLessThan(500);
});
