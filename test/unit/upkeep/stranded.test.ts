import { expect, it } from 'vitest';
import { z } from 'zod';
import { strandedCount } from '../../../functions/shared/upkeep/stranded.ts';
import { storedTask } from '../../support/tasks.ts';

it('tells how many tasks are stranded, also when none is any more', async () => {
  const stranded = { since: '2026-11-22T00:00:00.000Z', nextOrdinal: 7 };
  let tasks = [storedTask({ stranded }), storedTask(), storedTask({ stranded, status: 'PAUSED' })];
  const lines: unknown[] = [];
  const step = strandedCount({
    tasks: { list: async () => tasks },
    functionName: 'planner',
    emit: (line) => lines.push(z.json().parse(JSON.parse(line))),
    clock: () => new Date('2026-11-22T01:00:00Z'),
  });
  await step.run(new AbortController().signal);
  tasks = [storedTask()];
  await step.run(new AbortController().signal);
  expect(lines).toMatchObject([
    {
      FunctionName: 'planner',
      StrandedTasks: 2,
      _aws: { CloudWatchMetrics: [{ Dimensions: [['FunctionName']] }] },
    },
    { StrandedTasks: 0 },
  ]);
});
