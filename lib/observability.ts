import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Lanes } from './lanes.ts';
import type { Replicator } from './replicator.ts';
import type { Tailer } from './tailer.ts';

export interface ObservabilityProps {
  readonly lanes: Lanes;
  readonly tailer: Tailer;
  readonly replicator: Replicator;
  /** Existing SNS topic that is told when an alarm goes off and when it is over. */
  readonly alarmTopicArn: string | undefined;
}

interface AlarmDefinition {
  readonly id: string;
  /** Heading of its page in docs/operations.md. */
  readonly runbook: string;
  readonly says: string;
  readonly metric: IMetric;
  /** The alarm goes off at this value or above it; `below: true`: under it. */
  readonly threshold: number;
  readonly below?: boolean;
  readonly missing: TreatMissingData;
}

/** The alarms; each names its page of the runbook. */
export class Observability extends Construct {
  readonly alarms: readonly Alarm[];

  constructor(scope: Construct, id: string, props: ObservabilityProps) {
    super(scope, id);
    const { lanes, tailer, replicator } = props;
    const fiveMinutes = { period: Duration.minutes(5) };
    const definitions: readonly AlarmDefinition[] = [
      {
        id: 'DeadLetters',
        runbook: 'Lane dead letters',
        says: 'A batch was given up: its lane stands still.',
        metric: lanes.deadLetterQueue.metricApproximateNumberOfMessagesVisible(fiveMinutes),
        threshold: 1,
        missing: TreatMissingData.NOT_BREACHING,
      },
      {
        id: 'OldestBatch',
        runbook: 'Oldest batch age',
        says: 'A batch has waited for a quarter of an hour: a remote is down or the replicator is too slow.',
        metric: lanes.queue.metricApproximateAgeOfOldestMessage(fiveMinutes),
        threshold: Duration.minutes(15).toSeconds(),
        missing: TreatMissingData.NOT_BREACHING,
      },
      {
        id: 'TailerErrors',
        runbook: 'Tailer errors',
        says: 'The tailer failed twice within five minutes: the log is not followed.',
        metric: tailer.function.function.metricErrors(fiveMinutes),
        threshold: 2,
        missing: TreatMissingData.NOT_BREACHING,
      },
      {
        id: 'TailerSilent',
        runbook: 'Tailer silent',
        says: 'The tailer was not started for five minutes: the log is not followed.',
        metric: tailer.function.function.metricInvocations(fiveMinutes),
        threshold: 1,
        below: true,
        missing: TreatMissingData.BREACHING,
      },
      {
        id: 'ReplicatorErrors',
        runbook: 'Replicator errors',
        says: 'The replicator failed as a whole: its batches come back after their visibility timeout.',
        metric: replicator.function.function.metricErrors(fiveMinutes),
        threshold: 1,
        missing: TreatMissingData.NOT_BREACHING,
      },
    ];
    const topic =
      props.alarmTopicArn === undefined ? undefined : Topic.fromTopicArn(this, 'Topic', props.alarmTopicArn);
    this.alarms = definitions.map((definition) => {
      const alarm = new Alarm(this, definition.id, {
        alarmDescription: `${definition.says} Runbook: docs/operations.md, "${definition.runbook}".`,
        metric: definition.metric,
        threshold: definition.threshold,
        comparisonOperator: definition.below
          ? ComparisonOperator.LESS_THAN_THRESHOLD
          : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluationPeriods: 1,
        treatMissingData: definition.missing,
      });
      if (topic !== undefined) {
        alarm.addAlarmAction(new SnsAction(topic));
        alarm.addOkAction(new SnsAction(topic));
      }
      return alarm;
    });
  }
}
