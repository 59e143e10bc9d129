import { setTimeout as wait } from 'node:timers/promises';
import { DeleteScheduleCommand, ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import type { StartMessage } from '../../../functions/shared/sync/message.ts';
import { connectStages } from '../../support/stages.ts';

const taskSchema = z.object({
  key: z.string(),
  status: z.string(),
  setting: z.object({
    executionPlan: z.object({ nextExecuteTimes: z.array(z.string()).optional() }),
  }),
});
const logSchema = z.array(z.object({ trigger: z.string(), status: z.string() }));
const resourcesSchema = z.object({ TaskScheduleGroup: z.string(), RunQueueUrl: z.string() });

let stages: Awaited<ReturnType<typeof connectStages>>;
let resources: z.output<typeof resourcesSchema>;
let scheduler: SchedulerClient;
let sqs: SQSClient;

beforeAll(async () => {
  stages = await connectStages();
  const { aws, resources: outputs } = stages.source.endpoints;
  resources = resourcesSchema.parse(outputs);
  const { endpoint, region, accessKeyId, secretAccessKey } = aws;
  const configuration = { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
  scheduler = new SchedulerClient(configuration);
  sqs = new SQSClient(configuration);
});
afterAll(async () => {
  scheduler.destroy();
  sqs.destroy();
  await stages.close();
});

async function armed(taskKey: string): Promise<string[]> {
  const { Schedules = [] } = await scheduler.send(
    new ListSchedulesCommand({ GroupName: resources.TaskScheduleGroup, NamePrefix: taskKey }),
  );
  return Schedules.map(({ Name = '' }) => Name.replace(`${taskKey}-`, '')).sort();
}

/** As Scheduler sends it. */
async function fire(taskKey: string, due: string): Promise<void> {
  const message: StartMessage = { version: 1, kind: 'START', taskKey, trigger: 'SCHEDULE', due };
  await sqs.send(
    new SendMessageCommand({ QueueUrl: resources.RunQueueUrl, MessageBody: JSON.stringify(message) }),
  );
}

it('a task’s next time is armed, armed anew by its start, and gone with the task', async () => {
  const { source, target } = stages;
  const created = taskSchema.parse(
    await source.call('POST', '/replication/task/create', {
      type: 'FULL',
      localProjectId: 'no-such-project',
      setting: {
        remoteClusterInfo: target.asRemote,
        executionPlan: { executeImmediately: false, cronExpression: '30 14 3 1 1 ? 2098-2199' },
      },
    }),
  );
  const { key } = created;
  const detail = async () => taskSchema.parse(await source.call('GET', `/replication/task/detail/${key}`));
  const runs = async () => logSchema.parse(await source.call('GET', `/replication/task/log/list/${key}`));
  const nextTimes = [2098, 2099, 2100, 2101, 2102].map((year) => `${year}-01-01T03:15:00`);
  expect(created.setting.executionPlan.nextExecuteTimes).toEqual(nextTimes);
  expect(await armed(key)).toEqual(['20980101T031500']);

  // Nothing that the plan does not name starts it; its own time does so once, however often it is sent.
  await fire(key, '2098-01-01T03:14:00.000Z');
  await fire(key, '2098-01-01T03:15:00.000Z');
  await fire(key, '2098-01-01T03:15:00.000Z');
  for (
    let attempt = 0;
    attempt < 120 && !(await runs()).some(({ status }) => status === 'FAILED');
    attempt += 1
  ) {
    await wait(250);
  }
  expect(await runs()).toEqual([{ trigger: 'SCHEDULE', status: 'FAILED' }]);
  const { status, setting } = await detail();
  expect(status).toBe('WAITING');
  expect(setting.executionPlan.nextExecuteTimes?.[0]).toBe('2099-01-01T03:15:00');
  // The first did not fire by itself here: it would be gone.
  expect(await armed(key)).toEqual(['20980101T031500', '20990101T031500']);

  await source.call('DELETE', `/replication/task/delete/${key}`);
  expect(await armed(key)).toEqual(['20980101T031500']);
  await scheduler.send(
    new DeleteScheduleCommand({ GroupName: resources.TaskScheduleGroup, Name: `${key}-20980101T031500` }),
  );
});
