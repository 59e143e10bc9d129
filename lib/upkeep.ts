import { Duration } from 'aws-cdk-lib';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { SqsSendMessage } from 'aws-cdk-lib/aws-scheduler-targets';
import { Construct } from 'constructs';
import { InlineRole } from './inline-role.ts';
import type { WorkQueue } from './work-queue.ts';

export interface UpkeepProps {
  /** Where the planner gets its messages. */
  readonly runs: WorkQueue;
}

/** The schedule that has the planner look, every five minutes, after what nobody else looks after. */
export class Upkeep extends Construct {
  readonly schedule: Schedule;

  constructor(scope: Construct, id: string, props: UpkeepProps) {
    super(scope, id);
    const role = new InlineRole(this, 'ScheduleRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com'),
      description: 'logferry: asks for the upkeep',
    });
    this.schedule = new Schedule(this, 'Schedule', {
      description: 'logferry: asks for the upkeep every five minutes',
      schedule: ScheduleExpression.rate(Duration.minutes(5)),
      target: new SqsSendMessage(props.runs.queue, {
        role,
        input: ScheduleTargetInput.fromObject({ version: 1, kind: 'UPKEEP' }),
        // One that could not be sent is not made up for: the next is soon.
        retryAttempts: 0,
        maxEventAge: Duration.minutes(5),
      }),
    });
  }
}
