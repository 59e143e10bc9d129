import { MemoryRuns } from '../../support/memory-runs.ts';
import { describeRunRepository } from '../../support/run-contract.ts';
import { storedTask } from '../../support/tasks.ts';

const memory = new MemoryRuns();

describeRunRepository(() => ({
  runs: memory.repository,
  newTask: async (fields) => {
    const task = storedTask({ key: String(memory.tasks.size).padStart(32, '0'), ...fields });
    memory.tasks.set(task.key, task);
    return task;
  },
  task: async (taskKey) => memory.tasks.get(taskKey),
  failures: async (taskKey) =>
    [...memory.failures.values()].filter((failure) => failure.taskKey === taskKey).length,
}));
