import { Duration } from 'aws-cdk-lib';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { Construct } from 'constructs';
import { acknowledgeWildcardResource } from './acknowledge.ts';
import type { Capabilities } from './capabilities.ts';
import { LogferryFunction } from './function.ts';
import type { FunctionCode } from './function-code.ts';
import { InlineRole } from './inline-role.ts';
import type { Network } from './network.ts';

export interface TailerProps {
  readonly capabilities: Capabilities;
  readonly code: FunctionCode;
  readonly network: Network | undefined;
}

/** Between two starts of the tailer. */
export const TAIL_PERIOD = Duration.minutes(1);

/**
 * The tailer and the schedule that starts it every minute.
 *
 * A run in continuous mode ends after 54 s (functions/tailer), before the next minute's begins; the rest of the timeout
 * is its reserve, in which a read that was begun is archived and dispatched. The lease, not the schedule, is what keeps
 * two from working at once.
 */
export class Tailer extends Construct {
  readonly function: LogferryFunction;
  readonly schedule: Schedule;

  constructor(scope: Construct, id: string, props: TailerProps) {
    super(scope, id);
    const { capabilities } = props;
    this.function = new LogferryFunction(this, 'Tailer', {
      folder: 'tailer',
      description: 'logferry: follows the operate log and queues what it finds',
      code: props.code,
      network: props.network,
      timeout: Duration.seconds(75),
      uses: [
        capabilities.tableRead,
        capabilities.tableWrite,
        capabilities.operateLog,
        capabilities.writeArchive,
        capabilities.sendLanes,
        // It has tasks repaired after gaps of the log.
        capabilities.startRuns,
        capabilities.tailMode,
      ],
    });
    // A start that failed or came late is not made up for: the next minute's run reads on from the same position.
    this.function.function.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) });

    const role = new InlineRole(this, 'ScheduleRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com'),
      description: 'logferry: starts the tailer',
    });
    this.schedule = new Schedule(this, 'Schedule', {
      description: 'logferry: starts the tailer every minute',
      schedule: ScheduleExpression.rate(TAIL_PERIOD),
      target: new LambdaInvoke(this.function.function, {
        role,
        retryAttempts: 0,
        maxEventAge: Duration.minutes(1),
      }),
    });
    acknowledgeWildcardResource(
      role,
      `${this.function.function.functionArn}:*`,
      'The schedule may start the function in any version; it is the only function that the role may start.',
    );
  }
}
