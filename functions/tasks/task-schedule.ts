import { scheduler } from '../shared/aws/clients.ts';
import { systemClock } from '../shared/clock.ts';
import { environment } from '../shared/environment.ts';
import { eventBridgeTaskSchedule } from '../shared/schedule/eventbridge-schedule.ts';
import type { TaskSchedule } from '../shared/schedule/task-schedule.ts';

/** The deployment's schedules of later starts. */
export function deployedTaskSchedule(): TaskSchedule {
  const env = environment('SCHEDULE_GROUP', 'SCHEDULE_ROLE_ARN', 'RUN_QUEUE_ARN');
  return eventBridgeTaskSchedule({
    scheduler: scheduler(),
    groupName: env.SCHEDULE_GROUP,
    queueArn: env.RUN_QUEUE_ARN,
    roleArn: env.SCHEDULE_ROLE_ARN,
    clock: systemClock,
  });
}
