import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { expect } from 'vitest';
import type { StageEndpoints } from '../../bin/local/endpoints.ts';
import { systemClock } from '../../functions/shared/clock.ts';
import { type LaneRepository, laneRepository } from '../../functions/shared/lane/repository.ts';
import { type SlotRepository, slotRepository } from '../../functions/shared/slot/repository.ts';
import { accountOf, type TaskAccount } from '../../functions/shared/task/account.ts';
import { type TaskRepository, taskRepository } from '../../functions/shared/task/repository.ts';

/** Where the counters of an account are stored. */
export interface AccountStores {
  readonly tasks: Pick<TaskRepository, 'get'>;
  readonly slots: Pick<SlotRepository, 'get'>;
  readonly lanes: Pick<LaneRepository, 'list'>;
}

/** The stores of a deployed stage. */
export function deployedStores(stage: StageEndpoints): AccountStores & { readonly close: () => void } {
  const { endpoint, region, accessKeyId, secretAccessKey } = stage.aws;
  const dynamoDb = new DynamoDBClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
  const table = {
    table: DynamoDBDocumentClient.from(dynamoDb),
    tableName: stage.resources['TableName'] ?? expect.unreachable('the stage names no table'),
  };
  return {
    tasks: taskRepository(table),
    slots: slotRepository({ ...table, clock: systemClock }),
    lanes: laneRepository(table),
    close: () => dynamoDb.destroy(),
  };
}

/**
 * Check that a task's account closes: read = applied + superseded + filtered + conflicted + failed + pending, from stored
 * counters, and nothing is negative. The account takes for filtered what no other counter explains, so each counter is held
 * against the ordinals that it goes with, too.
 *
 * @param options `isIdle`: everything that was logged is read and everything that was sent is done, so nothing is pending.
 *   `read`: the events that were logged since the task was first seen, where the test knows.
 */
export async function expectAccountCloses(options: {
  readonly stores: AccountStores;
  readonly taskKey: string;
  readonly isIdle: boolean;
  readonly read?: number;
}): Promise<TaskAccount> {
  const { stores, taskKey, isIdle, read } = options;
  const task = (await stores.tasks.get(taskKey)) ?? expect.unreachable(`there is no task ${taskKey}`);
  // The lanes before the slot: what a lane has counted is then in the slot's ordinal, too, or about to be.
  const lanes = await stores.lanes.list(taskKey);
  const slot = await stores.slots.get(task.slotName);
  const account = accountOf({ slot, task, lanes });
  for (const [name, count] of Object.entries(account)) {
    expect(Number.isSafeInteger(count) && count >= 0, `${name} is ${count}`).toBe(true);
  }
  const { applied, superseded, filtered, conflicted, failed, pending } = account;
  expect(account.read).toBe(applied + superseded + filtered + conflicted + failed + pending);
  if (read !== undefined) {
    expect(account.read).toBe(read);
  }
  if (isIdle) {
    expect(pending).toBe(0);
    expect(task.catchUp).toBeUndefined();
    // By the slot's ordinals alone: none of its events was counted twice, or under a task that had not begun.
    const { startOrdinal, ordinalOffset = 0 } = task;
    const seen = startOrdinal === undefined ? 0 : (slot?.nextOrdinal ?? 0) + ordinalOffset - startOrdinal;
    expect(account.read).toBe(seen);
    for (const lane of lanes) {
      const settled = lane.applied + lane.superseded + lane.conflicted + lane.failed + lane.filtered;
      const name = `lane ${lane.source.projectId}/${lane.source.repoName}`;
      expect({ settled, ordinal: lane.appliedOrdinal }, name).toEqual({
        settled: lane.dispatched,
        ordinal: lane.sentOrdinal,
      });
    }
  }
  return account;
}
