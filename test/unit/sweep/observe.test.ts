import { expect, it } from 'vitest';
import { z } from 'zod';
import { observedSweeps } from '../../../functions/shared/sweep/observe.ts';
import { newSweep } from '../../../functions/shared/sweep/sweep.ts';
import { MemorySweeps } from '../../support/memory-sweeps.ts';
import { storedTask } from '../../support/tasks.ts';

const AT = new Date('2026-11-22T01:00:00Z');

it('tells once of each sweep that ends whether somebody has to look at it', async () => {
  const memory = new MemorySweeps();
  const lines: unknown[] = [];
  const sweeps = observedSweeps({
    sweeps: memory.repository,
    functionName: 'planner',
    emit: (line) => lines.push(z.json().parse(JSON.parse(line))),
  });
  const keyOf = (index: number) => String(index).padStart(32, '0');
  for (const [index, status] of (['SUCCESS', 'GUARDED', 'FAILED', 'INTERRUPTED'] as const).entries()) {
    const taskKey = keyOf(index);
    memory.tasks.set(taskKey, storedTask({ key: taskKey }));
    const sweep = newSweep({ kind: 'CHANGED', trigger: 'PERIOD', taskKey, at: AT });
    const dues = { nextDue: AT.toISOString(), fullDue: undefined };
    await sweeps.begin({ sweep, state: await sweeps.state(taskKey), dues });
    const end = { ...sweep, status, repair: 'CLOSED', at: AT } as const;
    expect(await sweeps.end(end)).toBe(true);
    expect(await sweeps.end(end)).toBe(false);
  }
  const line = (index: number, GuardedSweeps: number, FailedSweeps: number) =>
    expect.objectContaining({
      FunctionName: 'planner',
      taskKey: keyOf(index),
      GuardedSweeps,
      FailedSweeps,
      _aws: expect.objectContaining({
        CloudWatchMetrics: [
          expect.objectContaining({ Namespace: 'logferry', Dimensions: [['FunctionName']] }),
        ],
      }),
    });
  expect(lines).toEqual([line(0, 0, 0), line(1, 1, 0), line(2, 0, 1), line(3, 0, 0)]);
});
