import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { ScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import { acknowledgeWildcardResource } from './acknowledge.ts';
import type { Grantee } from './grantee.ts';
import { InlineRole } from './inline-role.ts';
import type { WorkQueue } from './work-queue.ts';

export interface TaskSchedulesProps {
  /** Where the starts are sent. */
  readonly runs: WorkQueue;
}

/**
 * Where the one-time schedules of tasks are made: a group of their own, which takes them along when the deployment goes,
 * and the role with which they send to the queue of runs.
 */
export class TaskSchedules extends Construct {
  readonly groupName: string;
  readonly role: InlineRole;

  constructor(scope: Construct, id: string, props: TaskSchedulesProps) {
    super(scope, id);
    this.groupName = `${Stack.of(this).stackName}-tasks`;
    new ScheduleGroup(this, 'Group', {
      scheduleGroupName: this.groupName,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new InlineRole(this, 'Role', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com'),
      description: 'logferry: starts the runs of tasks',
    });
    props.runs.grantSend(this.role);
  }

  /** Make and delete schedules of the group, and have them use the role. */
  grantArm(grantee: Grantee): void {
    const schedules = Stack.of(this).formatArn({
      service: 'scheduler',
      resource: 'schedule',
      resourceName: `${this.groupName}/*`,
      arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
    });
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['scheduler:CreateSchedule', 'scheduler:DeleteSchedule'],
        resources: [schedules],
      }),
    );
    acknowledgeWildcardResource(
      grantee,
      schedules,
      'Schedules are named by tasks and their times; the group holds nothing else.',
    );
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['iam:PassRole'],
        resources: [this.role.roleArn],
        conditions: { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } },
      }),
    );
  }
}
