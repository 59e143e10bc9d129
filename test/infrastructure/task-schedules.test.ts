import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { expect, it } from 'vitest';
import { InlineRole } from '../../lib/inline-role.ts';
import { TaskSchedules } from '../../lib/task-schedules.ts';
import { WorkQueue } from '../../lib/work-queue.ts';

const stack = new Stack(new App(), 'Test');
const runs = new WorkQueue(stack, 'Runs', {
  visibilityTimeout: Duration.seconds(1),
  removalPolicy: RemovalPolicy.DESTROY,
});
const schedules = new TaskSchedules(stack, 'TaskSchedules', { runs });
const grantee = new InlineRole(stack, 'Grantee', {
  assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
  description: 'arms schedules',
});
schedules.grantArm(grantee);
const template = Template.fromStack(stack);

const roleWith = (description: string, statements: readonly unknown[]) =>
  template.hasResourceProperties('AWS::IAM::Role', {
    Description: description,
    Policies: [
      { PolicyDocument: { Statement: statements, Version: '2012-10-17' }, PolicyName: 'Permissions' },
    ],
  });

it('makes schedules in a group of the deployment, which goes with it', () => {
  expect(schedules.groupName).toBe('Test-tasks');
  template.hasResource('AWS::Scheduler::ScheduleGroup', {
    Properties: { Name: 'Test-tasks' },
    DeletionPolicy: 'Delete',
  });
  const group = { 'Fn::Join': ['', Match.arrayWith([':schedule/Test-tasks/*'])] };
  roleWith('arms schedules', [
    {
      Action: ['scheduler:CreateSchedule', 'scheduler:DeleteSchedule'],
      Effect: 'Allow',
      Resource: group,
    },
    {
      Action: 'iam:PassRole',
      Effect: 'Allow',
      Resource: stack.resolve(schedules.role.roleArn),
      Condition: { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } },
    },
  ]);
});

it('gives the schedules a role that may do nothing but start runs', () => {
  roleWith('logferry: starts the runs of tasks', [
    { Action: 'sqs:SendMessage', Effect: 'Allow', Resource: stack.resolve(runs.queue.queueArn) },
  ]);
});
