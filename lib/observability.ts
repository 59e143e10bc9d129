import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { LogferryFunction } from './function.ts';
import type { Lanes } from './lanes.ts';
import type { Replicator } from './replicator.ts';
import type { Synchronization } from './synchronization.ts';
import { TAIL_PERIOD, type Tailer } from './tailer.ts';
import type { WorkQueue } from './work-queue.ts';

export interface ObservabilityProps {
  readonly lanes: Lanes;
  readonly runs: WorkQueue;
  readonly pages: WorkQueue;
  readonly tailer: Tailer;
  readonly replicator: Replicator;
  readonly synchronization: Synchronization;
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
    const { lanes, runs, pages, tailer, replicator, synchronization } = props;
    const fiveMinutes = { period: Duration.minutes(5) };
    const toldBy =
      ({ function: { functionName } }: LogferryFunction) =>
      (metricName: string, statistic: string): Metric =>
        new Metric({
          namespace: 'logferry',
          metricName,
          dimensionsMap: { FunctionName: functionName },
          statistic,
          ...fiveMinutes,
        });
    /** What the tailer tells of the log and of all slots together (functions/shared/tail/observe.ts). */
    const told = toldBy(tailer.function);
    /** What the planner tells of sweeps that have ended, and of tasks (functions/shared/{sweep/observe,upkeep/stranded}.ts). */
    const toldOfTasks = toldBy(synchronization.planner);
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
        id: 'Headroom',
        runbook: 'Headroom',
        says: 'The log overwrites what was not read in less than two minutes: entries are about to be lost.',
        metric: told('HeadroomSeconds', Stats.MINIMUM),
        threshold: 2 * TAIL_PERIOD.toSeconds(),
        below: true,
        missing: TreatMissingData.NOT_BREACHING,
      },
      {
        id: 'Lag',
        runbook: 'Lag',
        says: 'A slot is five minutes behind the log: it is not read, or too slowly.',
        metric: told('LagSeconds', Stats.MAXIMUM),
        threshold: Duration.minutes(5).toSeconds(),
        missing: TreatMissingData.NOT_BREACHING,
      },
      {
        id: 'LogUnfit',
        runbook: 'Log unfit',
        says: 'The log is missing, not capped or too small: it cannot be followed without losing entries.',
        metric: told('LogWarnings', Stats.MAXIMUM),
        threshold: 1,
        missing: TreatMissingData.NOT_BREACHING,
      },
      {
        id: 'ReplicatorErrors',
        runbook: 'Replicator errors',
        says: 'The replicator failed as a whole: its batches come back after their visibility timeout.',
        metric: replicator.function.function.metricErrors(fiveMinutes),
        threshold: 1,
        missing: TreatMissingData.NOT_BREACHING,
      },
      {
        id: 'RunDeadLetters',
        runbook: 'Run dead letters',
        says: 'A start of a run was given up: the run did not begin, or is not looked after.',
        metric: runs.deadLetterQueue.metricApproximateNumberOfMessagesVisible(fiveMinutes),
        threshold: 1,
        missing: TreatMissingData.NOT_BREACHING,
      },
      {
        id: 'PageDeadLetters',
        runbook: 'Page dead letters',
        says: 'A page of a run was given up without a word in the run: the run does not end.',
        metric: pages.deadLetterQueue.metricApproximateNumberOfMessagesVisible(fiveMinutes),
        threshold: 1,
        missing: TreatMissingData.NOT_BREACHING,
      },
      {
        id: 'PlannerErrors',
        runbook: 'Synchronization errors',
        says: 'The planner failed as a whole: its message comes back after its visibility timeout.',
        metric: synchronization.planner.function.metricErrors(fiveMinutes),
        threshold: 1,
        missing: TreatMissingData.NOT_BREACHING,
      },
      {
        id: 'SynchronizerErrors',
        runbook: 'Synchronization errors',
        says: 'The synchronizer failed as a whole: its page comes back after its visibility timeout.',
        metric: synchronization.synchronizer.function.metricErrors(fiveMinutes),
        threshold: 1,
        missing: TreatMissingData.NOT_BREACHING,
      },
      {
        id: 'GuardedSweeps',
        runbook: 'Guarded sweeps',
        says: 'A sweep asks before it deletes at the remote what is gone at the source.',
        metric: toldOfTasks('GuardedSweeps', Stats.SUM),
        threshold: 1,
        missing: TreatMissingData.NOT_BREACHING,
      },
      {
        id: 'FailedSweeps',
        runbook: 'Failed sweeps',
        says: 'A sweep has ended and could not put everything right at the remote.',
        metric: toldOfTasks('FailedSweeps', Stats.SUM),
        threshold: 1,
        missing: TreatMissingData.NOT_BREACHING,
      },
      {
        id: 'StrandedTasks',
        runbook: 'Stranded tasks',
        says: 'The archive has lost what a task needs next: it has to be made anew.',
        metric: toldOfTasks('StrandedTasks', Stats.MAXIMUM),
        threshold: 1,
        // It is told every five minutes, which does not fall into each period.
        missing: TreatMissingData.IGNORE,
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
