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
 * What a plan names counts, each of it: a start at once is no planned time; an `executeTime` is one, as long as it has not
 * passed; a cron expression's times count from then on, or at once where none is named. An INCREMENTAL task is started
 * once and then follows the log: it has no time but its first.
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
  const isAhead = executeTime !== undefined && new Date(executeTime) > after;
  const first = isAhead ? [roundedUp(new Date(executeTime))] : [];
  const [from = after] = first;
  if (task.type === 'INCREMENTAL') {
    const isStarted = executeImmediately || (executeTime !== undefined && !isAhead);
    return isStarted ? [] : [...first, ...recurring(1)].slice(0, Math.min(count, 1));
  }
  return [...first, ...recurring(count)].slice(0, count);

  function recurring(wanted: number): readonly Date[] {
    return cronExpression === undefined
      ? []
      : nextFires({ expression: cronExpression, timeZone, from, count: wanted });
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

/** Whether a time, a full minute, is one of a task's plan. */
export function isPlanned(options: {
  readonly task: PlannedTask;
  readonly due: Date;
  readonly timeZone: string;
}): boolean {
  const { task, due, timeZone } = options;
  const { executeTime, cronExpression } = task.setting.executionPlan;
  if (executeTime !== undefined && roundedUp(new Date(executeTime)).getTime() >= due.getTime()) {
    return roundedUp(new Date(executeTime)).getTime() === due.getTime();
  }
  if (cronExpression === undefined) {
    return false;
  }
  const justBefore = new Date(due.getTime() - 1);
  const [next] = nextFires({ expression: cronExpression, timeZone, from: justBefore, count: 1 });
  return next?.getTime() === due.getTime();
}
