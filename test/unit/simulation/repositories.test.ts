import { randomBytes } from 'node:crypto';
import { describe } from 'vitest';
import { runRepository } from '../../../functions/shared/run/table-runs.ts';
import { sweepRepository } from '../../../functions/shared/sweep/table-sweeps.ts';
import { taskRepository } from '../../../functions/shared/task/repository.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { Cloud } from '../../simulation/cloud.ts';
import { Faults } from '../../simulation/faults.ts';
import { MemoryDynamoDb } from '../../simulation/memory-dynamodb.ts';
import { Simulation } from '../../simulation/simulation.ts';
import { describeRunRepository } from '../../support/run-contract.ts';
import { describeSweepRepository } from '../../support/sweep-contract.ts';
import { storedTask } from '../../support/tasks.ts';

/** What holds of the product's stores on the local cloud's table holds on the simulated one. */
const simulation = new Simulation(1, Date.parse('2026-11-22T01:00:00Z'));
const memory = new MemoryDynamoDb(new Cloud(simulation, new Faults(simulation)));
const table = { table: memory.client, tableName: 'table' };
const tasks = taskRepository(table);

async function newTask(fields: Partial<Task> = {}): Promise<Task> {
  const task = storedTask({ key: randomBytes(16).toString('hex'), ...fields });
  await tasks.put(task);
  return task;
}
const task = (taskKey: string) => tasks.get(taskKey);

describe('sweeps in the simulated table', () => {
  describeSweepRepository(() => ({ sweeps: sweepRepository(table), newTask, task }));
});

describe('runs in the simulated table', () => {
  describeRunRepository(() => ({
    runs: runRepository(table),
    newTask,
    task,
    failures: async (taskKey) => memory.items(`FAILURE#${taskKey}`).length,
  }));
});
