import { describe, expect, it } from 'vitest';
import { type LaneState, laneStateSchema } from '../../../functions/shared/lane/repository.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { expectAccountCloses } from '../../support/account.ts';
import { storedTask } from '../../support/tasks.ts';

const SLOT = {
  name: 'default',
  position: { lastId: null, lastLoggedAt: null },
  nextOrdinal: 11,
  epoch: 1,
  unreadable: 0,
  gaps: 0,
  createdDate: '2026-11-22T00:00:00.000Z',
};

/** What the helper says of a task with one lane, after events 1 to 10 of its slot. */
function check(lane: Partial<LaneState>, options: { isIdle?: boolean; task?: Partial<Task> } = {}) {
  const state = laneStateSchema.parse({
    source: { projectId: 'p', repoName: 'r' },
    remote: { projectId: 'p', repoName: 'r' },
    slotName: 'default',
    ...lane,
  });
  const task = storedTask({ startOrdinal: 1, ...options.task });
  const stores = {
    tasks: { get: async () => task },
    slots: { get: async () => SLOT },
    lanes: { list: async () => [state] },
  };
  return expectAccountCloses({ stores, taskKey: task.key, isIdle: options.isIdle ?? true });
}

describe('an account that closes', () => {
  const done = { dispatched: 4, applied: 3, failed: 1, sentOrdinal: 9, appliedOrdinal: 9 };

  it('is that of a task with nothing on its way', async () => {
    expect(await check(done)).toMatchObject({ read: 10, applied: 3, failed: 1, filtered: 6, pending: 0 });
  });

  it('may have something pending while there is work', async () => {
    const going = { dispatched: 4, applied: 2, sentOrdinal: 9, appliedOrdinal: 5 };
    expect(await check(going, { isIdle: false })).toMatchObject({ read: 10, pending: 2 });
    await expect(check(going)).rejects.toThrow();
  });

  it.each<[string, Partial<LaneState>]>([
    ['an operation that nothing became of', { ...done, failed: 0 }],
    ['an operation that was counted twice', { ...done, applied: 4 }],
    ['more operations than events', { ...done, dispatched: 12, applied: 11 }],
    ['a lane that stands behind what was sent to it', { ...done, sentOrdinal: 10 }],
  ])('is not that of %s', async (_case, lane) => {
    await expect(check(lane)).rejects.toThrow();
  });

  it('is not that of a task which has still to get a part of what was read', async () => {
    await expect(check(done, { task: { catchUp: { nextOrdinal: 11 } } })).rejects.toThrow();
  });
});
