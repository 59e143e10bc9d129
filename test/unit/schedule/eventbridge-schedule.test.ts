import {
  ConflictException,
  CreateScheduleCommand,
  DeleteScheduleCommand,
  ResourceNotFoundException,
  SchedulerClient,
} from '@aws-sdk/client-scheduler';
import { mockClient } from 'aws-sdk-client-mock';
import { describe, expect, it } from 'vitest';
import { eventBridgeTaskSchedule } from '../../../functions/shared/schedule/eventbridge-schedule.ts';
import { runMessageSchema } from '../../../functions/shared/sync/message.ts';

const TASK_KEY = '0123456789abcdef0123456789abcdef';
const DUE = new Date('2026-11-22T03:15:00Z');
const NAME = `${TASK_KEY}-20261122T031500`;

function world(now = '2026-11-22T01:00:00Z') {
  const scheduler = new SchedulerClient({ region: 'eu-central-1' });
  const mock = mockClient(scheduler);
  const schedule = eventBridgeTaskSchedule({
    scheduler,
    groupName: 'group',
    queueArn: 'arn:aws:sqs:eu-central-1:1:runs',
    roleArn: 'arn:aws:iam::1:role/start',
    clock: () => new Date(now),
  });
  return { mock, schedule };
}

describe('a schedule', () => {
  it('sends one start at its time, and is gone then', async () => {
    const { mock, schedule } = world();
    mock.on(CreateScheduleCommand).resolves({});
    await schedule.arm({ taskKey: TASK_KEY, due: DUE });
    const [{ Target, ...made } = {}] = mock
      .commandCalls(CreateScheduleCommand)
      .map(({ args }) => args[0].input);
    expect(made).toEqual({
      Name: NAME,
      GroupName: 'group',
      ScheduleExpression: 'at(2026-11-22T03:15:00)',
      ScheduleExpressionTimezone: 'UTC',
      FlexibleTimeWindow: { Mode: 'OFF' },
      ActionAfterCompletion: 'DELETE',
    });
    const { Input = '', ...target } = Target ?? {};
    expect(target).toEqual({ Arn: 'arn:aws:sqs:eu-central-1:1:runs', RoleArn: 'arn:aws:iam::1:role/start' });
    expect(runMessageSchema.parse(JSON.parse(Input))).toEqual({
      version: 1,
      kind: 'START',
      taskKey: TASK_KEY,
      trigger: 'SCHEDULE',
      due: '2026-11-22T03:15:00.000Z',
    });
    expect(NAME.length).toBeLessThanOrEqual(64);
  });

  it.each([
    ['2026-11-22T03:14:54Z', '2026-11-22T03:15:00'],
    ['2026-11-22T03:14:56Z', '2026-11-22T03:16:00'],
    ['2026-11-23T08:00:30Z', '2026-11-23T08:01:00'],
  ])('that is armed at %s is for %s, so that it is not past when it is made', async (now, at) => {
    const { mock, schedule } = world(now);
    mock.on(CreateScheduleCommand).resolves({});
    await schedule.arm({ taskKey: TASK_KEY, due: DUE });
    const { input } = mock.commandCalls(CreateScheduleCommand)[0]?.args[0] ?? {};
    expect(input).toMatchObject({ Name: NAME, ScheduleExpression: `at(${at})` });
    expect(input?.Target?.Input).toContain('2026-11-22T03:15:00.000Z');
  });

  it('that is there already stays', async () => {
    const { mock, schedule } = world();
    mock
      .on(CreateScheduleCommand)
      .rejects(new ConflictException({ $metadata: {}, message: '', Message: '' }));
    await schedule.arm({ taskKey: TASK_KEY, due: DUE });
  });

  it('is taken back by its task and time, and need not be there', async () => {
    const { mock, schedule } = world();
    mock
      .on(DeleteScheduleCommand, { Name: NAME, GroupName: 'group' })
      .resolvesOnce({})
      .rejects(new ResourceNotFoundException({ $metadata: {}, message: '', Message: '' }));
    await schedule.disarm({ taskKey: TASK_KEY, due: DUE });
    await schedule.disarm({ taskKey: TASK_KEY, due: DUE });
    expect(mock.commandCalls(DeleteScheduleCommand)).toHaveLength(2);
  });

  it('that could not be made or taken back is an error', async () => {
    const { mock, schedule } = world();
    mock.onAnyCommand().rejects(new Error('throttled'));
    await expect(schedule.arm({ taskKey: TASK_KEY, due: DUE })).rejects.toThrow('throttled');
    await expect(schedule.disarm({ taskKey: TASK_KEY, due: DUE })).rejects.toThrow('throttled');
  });
});
