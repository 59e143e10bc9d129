import { setTimeout as wait } from 'node:timers/promises';
import { GetScheduleCommand, SchedulerClient, UpdateScheduleCommand } from '@aws-sdk/client-scheduler';
import { z } from 'zod';
import type { Stage } from '../../bin/simulator/stage.ts';

const slotsSchema = z.array(
  z.object({
    name: z.string(),
    nextOrdinal: z.number(),
    lease: z.unknown(),
    lag: z.object({ events: z.number() }).nullable(),
  }),
);

/** Switch a stage's tail schedule on or off, as an operator would. */
export async function setTailSchedule(stage: Stage, state: 'ENABLED' | 'DISABLED'): Promise<void> {
  const { endpoint, region, accessKeyId, secretAccessKey } = stage.endpoints.aws;
  const scheduler = new SchedulerClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
  const { TailScheduleName } = z.object({ TailScheduleName: z.string() }).parse(stage.endpoints.resources);
  const schedule = await scheduler.send(new GetScheduleCommand({ Name: TailScheduleName }));
  const { Name, ScheduleExpression, FlexibleTimeWindow, Target } = schedule;
  await scheduler.send(
    new UpdateScheduleCommand({ Name, ScheduleExpression, FlexibleTimeWindow, Target, State: state }),
  );
  scheduler.destroy();
}

/** The next ordinal of a stage's default slot, and whether a tailer holds its lease. */
export async function defaultSlot(stage: Stage): Promise<{ nextOrdinal: number; leased: boolean }> {
  const slots = slotsSchema.parse(await stage.call('GET', '/replication/slot/list'));
  const slot = slots.find(({ name }) => name === 'default');
  return {
    nextOrdinal: slot?.nextOrdinal ?? 1,
    leased: slot?.lease !== null && slot?.lease !== undefined,
  };
}

/** Wait until the slots have read the log to its end: what they have yet to read is also for a task that is created meanwhile. */
export async function logRead(stage: Stage): Promise<void> {
  for (let attempt = 0; attempt < 180; attempt += 1) {
    const slots = slotsSchema.parse(await stage.call('GET', '/replication/slot/list'));
    if (slots.every(({ lag }) => lag?.events === 0)) {
      return;
    }
    await wait(500);
  }
  throw new Error('The log is not read within a minute and a half');
}

/** Wait until no tailer holds the default slot. A run lasts less than a minute. */
export async function tailerGone(stage: Stage): Promise<void> {
  for (let attempt = 0; attempt < 180; attempt += 1) {
    if (!(await defaultSlot(stage)).leased) {
      return;
    }
    await wait(500);
  }
  throw new Error('A tailer holds the slot for longer than a run may last');
}
