import { describe, expect, it } from 'vitest';
import { beginDue } from '../../../functions/shared/sweep/due.ts';
import { MemorySweeps } from '../../support/memory-sweeps.ts';
import { storedTask } from '../../support/tasks.ts';

const BEGIN = Date.parse('2026-11-22T10:00:00Z');
const MINUTE = 60_000;

describe('a sweep that is due', () => {
  it('gets one message for each time in which nobody has worked on it, however many look', async () => {
    const memory = new MemorySweeps();
    const task = storedTask({ type: 'INCREMENTAL', status: 'REPLICATING' });
    memory.tasks.set(task.key, task);
    const sent: string[] = [];
    let now = BEGIN;
    const look = () =>
      beginDue({
        task,
        dependencies: {
          sweeps: memory.repository,
          queue: {
            sweep: async ({ sweepId = '' }) => {
              sent.push(sweepId);
            },
          },
          clock: () => new Date(now),
          logger: { info: () => undefined, error: () => undefined },
        },
      });
    const begun = await look();
    expect(sent).toEqual([begun?.sweepId]);
    now += 2 * MINUTE;
    for (let looks = 0; looks < 5; looks += 1) {
      await look();
    }
    expect(sent).toEqual([begun?.sweepId, begun?.sweepId]);
    now += 2 * MINUTE;
    await look();
    expect(sent).toHaveLength(3);
  });
});
