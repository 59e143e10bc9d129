import type { Task } from '../task/task.ts';
import { nextFires, roundedUp } from './fires.ts';

/** What a task's times depend on. */
export interface PlannedTask {
  readonly type: Task['type'];
  readonly setting: Pick<Task['setting'], 'executionPlan'>;
}

/** Times that an answer names. */
const SHOWN_EXECUTIONS = 5;

/**
 * The planned times of a task after an instant, each a full minute, in order.
 *
 * What a plan names counts, each of it: a start at once is no planned time; an `executeTime` is one; a cron expression's
 * times count from then on, or at once where none is named. An INCREMENTAL task is started once and then follows the log:
 * it has no time but its first.
 *
 * @param options `after`: exclusive; `timeZone`: the zone of cron expressions, the deployment's.
 */
export function executionsAfter(options: {
  readonly task: PlannedTask;
  readonly after: Date;
  readonly timeZone: string;
  readonly count: number;
}): readonly Date[] {
  const { task, after, timeZone, count } = options;
  const { executeImmediately, executeTime, cronExpression } = task.setting.executionPlan;
  const once = executeTime === undefined ? undefined : roundedUp(new Date(executeTime));
  const first = once !== undefined && once > after ? [once] : [];
  if (task.type === 'INCREMENTAL') {
    const isStarted = executeImmediately || (once !== undefined && once <= after);
    return isStarted ? [] : [...first, ...recurring(first.length === 0 ? 1 : 0)].slice(0, count);
  }
  return [...first, ...recurring(count - first.length)];

  function recurring(wanted: number): readonly Date[] {
    if (cronExpression === undefined || wanted < 1) {
      return [];
    }
    const from = once !== undefined && once > after ? once : after;
    return nextFires({ expression: cronExpression, timeZone, from, count: wanted });
  }
}

/**
 * What an answer says of a task's times: the one that is armed, and those that follow it; five, or as many as there are.
 * Nothing is armed while a task is paused, or when its last time has come.
 */
export function nextExecuteTimes(options: {
  readonly task: PlannedTask & Pick<Task, 'nextExecution'>;
  readonly timeZone: string;
}): readonly Date[] {
  const { task, timeZone } = options;
  if (task.nextExecution === undefined) {
    return [];
  }
  const armed = new Date(task.nextExecution);
  const count = task.type === 'INCREMENTAL' ? 0 : SHOWN_EXECUTIONS - 1;
  return [armed, ...executionsAfter({ task, after: armed, timeZone, count })];
}

/** Whether a time is one of a task's plan. */
export function isPlanned(options: {
  readonly task: PlannedTask;
  readonly due: Date;
  readonly timeZone: string;
}): boolean {
  const { due } = options;
  const [next] = executionsAfter({ ...options, after: new Date(due.getTime() - 1), count: 1 });
  return next?.getTime() === due.getTime();
}
