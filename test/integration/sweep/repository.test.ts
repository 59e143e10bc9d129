import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import { readEndpoints } from '../../../bin/local/endpoints.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { describeSweepRepository } from '../../support/sweep-contract.ts';
import { storedTask } from '../../support/tasks.ts';

let sandbox: Sandbox;

beforeAll(async () => {
  const { stages } = await readEndpoints();
  sandbox = await Sandbox.create(stages.source);
});

afterAll(() => sandbox.destroy());

describeSweepRepository(() => ({
  sweeps: sandbox.sweeps,
  newTask: async (fields) => {
    const task = storedTask({ key: randomBytes(16).toString('hex'), ...fields });
    await sandbox.tasks.put(task);
    return task;
  },
  task: (taskKey) => sandbox.tasks.get(taskKey),
}));
