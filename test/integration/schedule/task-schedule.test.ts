import { randomBytes } from 'node:crypto';
import { ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { eventBridgeTaskSchedule } from '../../../functions/shared/schedule/eventbridge-schedule.ts';
import { runMessageSchema } from '../../../functions/shared/sync/message.ts';
import { connectStages } from '../../support/stages.ts';

let stages: Awaited<ReturnType<typeof connectStages>>;
let scheduler: SchedulerClient;
let sqs: SQSClient;
let queueUrl: string;

beforeAll(async () => {
  stages = await connectStages();
  const { endpoint, region, accessKeyId, secretAccessKey } = stages.source.endpoints.aws;
  const configuration = { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
  scheduler = new SchedulerClient(configuration);
  sqs = new SQSClient(configuration);
  const QueueName = `starts-${randomBytes(4).toString('hex')}`;
  queueUrl = (await sqs.send(new CreateQueueCommand({ QueueName }))).QueueUrl ?? '';
});
afterAll(async () => {
  await sqs.send(new DeleteQueueCommand({ QueueUrl: queueUrl }));
  scheduler.destroy();
  sqs.destroy();
  await stages.close();
});

it('starts a task at its time, once, and leaves nothing behind; what was taken back starts nothing', async () => {
  const { TaskScheduleGroup: groupName } = z
    .object({ TaskScheduleGroup: z.string() })
    .parse(stages.source.endpoints.resources);
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['QueueArn'] }),
  );
  const due = new Date('2026-11-01T03:15:00Z');
  const schedule = eventBridgeTaskSchedule({
    scheduler,
    groupName,
    queueArn: Attributes?.['QueueArn'] ?? '',
    roleArn: 'arn:aws:iam::000000000000:role/start',
    // So that its time has come as soon as it is armed.
    clock: () => new Date('2026-11-01T00:00:00Z'),
  });
  const taskKey = randomBytes(16).toString('hex');
  const later = { taskKey, due: new Date('2099-01-01T00:00:00Z') };
  const armed = async (): Promise<string[]> => {
    const { Schedules = [] } = await scheduler.send(
      new ListSchedulesCommand({ GroupName: groupName, NamePrefix: taskKey }),
    );
    return Schedules.map(({ Name = '' }) => Name);
  };

  await schedule.arm(later);
  await schedule.arm(later);
  await schedule.arm({ taskKey, due });
  expect(await armed()).toContain(`${taskKey}-20990101T000000`);
  await schedule.disarm(later);
  await schedule.disarm(later);

  const { Messages = [] } = await receive(20);
  expect(Messages.map(({ Body = '' }) => runMessageSchema.parse(JSON.parse(Body)))).toEqual([
    { version: 1, kind: 'START', taskKey, trigger: 'SCHEDULE', due: due.toISOString() },
  ]);
  expect(await armed()).toEqual([]);
});

function receive(seconds: number) {
  return sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: seconds }));
}
