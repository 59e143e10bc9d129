import { MemorySweeps } from '../../support/memory-sweeps.ts';
import { describeSweepRepository } from '../../support/sweep-contract.ts';
import { storedTask } from '../../support/tasks.ts';

const memory = new MemorySweeps();

describeSweepRepository(() => ({
  sweeps: memory.repository,
  newTask: async (fields) => {
    const task = storedTask({ key: String(memory.tasks.size).padStart(32, '0'), ...fields });
    memory.tasks.set(task.key, task);
    return task;
  },
  task: async (taskKey) => memory.tasks.get(taskKey),
}));
