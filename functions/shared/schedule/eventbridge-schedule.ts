import {
  ConflictException,
  CreateScheduleCommand,
  DeleteScheduleCommand,
  ResourceNotFoundException,
  type SchedulerClient,
} from '@aws-sdk/client-scheduler';
import type { Clock } from '../clock.ts';
import type { StartMessage } from '../sync/message.ts';
import { roundedUp } from './fires.ts';
import type { TaskFire, TaskSchedule } from './task-schedule.ts';

/** What a request may take on its way: nothing says what EventBridge does with a time that is past when it gets there. */
const REQUEST_MS = 5_000;

/**
 * One-time schedules of EventBridge Scheduler, in the deployment's own group.
 *
 * Each is named by its task and its time. One name for a task would not do: a schedule that has fired is deleted "shortly
 * after", which could be after the next was put in its place.
 *
 * @param options `queueArn`: the queue of runs; `roleArn`: the role with which Scheduler sends to it.
 */
export function eventBridgeTaskSchedule(options: {
  readonly scheduler: SchedulerClient;
  readonly groupName: string;
  readonly queueArn: string;
  readonly roleArn: string;
  readonly clock: Clock;
}): TaskSchedule {
  const { scheduler, groupName, queueArn, roleArn, clock } = options;
  return {
    async arm(fire) {
      const { taskKey, due } = fire;
      const message: StartMessage = {
        version: 1,
        kind: 'START',
        taskKey,
        trigger: 'SCHEDULE',
        due: due.toISOString(),
      };
      const soonest = roundedUp(new Date(clock().getTime() + REQUEST_MS));
      const at = due > soonest ? due : soonest;
      try {
        await scheduler.send(
          new CreateScheduleCommand({
            Name: nameOf(fire),
            GroupName: groupName,
            ScheduleExpression: `at(${at.toISOString().slice(0, 19)})`,
            ScheduleExpressionTimezone: 'UTC',
            FlexibleTimeWindow: { Mode: 'OFF' },
            ActionAfterCompletion: 'DELETE',
            Target: { Arn: queueArn, RoleArn: roleArn, Input: JSON.stringify(message) },
          }),
        );
      } catch (error) {
        if (!(error instanceof ConflictException)) {
          throw error;
        }
      }
    },

    async disarm(fire) {
      try {
        await scheduler.send(new DeleteScheduleCommand({ Name: nameOf(fire), GroupName: groupName }));
      } catch (error) {
        if (!(error instanceof ResourceNotFoundException)) {
          throw error;
        }
      }
    },
  };
}

/** `<task key>-20261122T031500`: within the 64 characters that a name has. */
function nameOf({ taskKey, due }: TaskFire): string {
  return `${taskKey}-${due.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}`;
}
