import type { Run } from '../run/run.ts';
import { following, isSyncDue } from '../task/begin.ts';
import type { SlotOpener } from '../task/ports.ts';
import type { TaskRepository } from '../task/repository.ts';
import type { Task } from '../task/task.ts';
import { finishRun } from './finish-run.ts';
import { DONE, delayAfter, MAX_FRUITLESS_DELIVERIES, type Verdict, workOn } from './give-up.ts';
import {
  type PlanMessage,
  type RetryMessage,
  runMessageSchema,
  type StartMessage,
  type SweepMessage,
} from './message.ts';
import { PlanContendedError, type PlanDependencies, planRun } from './plan-run.ts';
import type { RunQueue } from './queue.ts';
import { RunEndedError } from './replicate-page.ts';

/** Seconds after which a run that is planned is looked after again. */
const WATCH_DELAY = 30;

/** Pages that are sent again in one request when a run goes on. */
const RESENT_AT_ONCE = 100;

export interface RunDependencies extends PlanDependencies {
  readonly tasks: Pick<TaskRepository, 'get' | 'update'>;
  readonly queue: Pick<RunQueue, 'plan'>;
  readonly slots: SlotOpener;
  /** Take a scheduled start. @returns the task to begin a run of; undefined when the start is to be ignored. */
  readonly scheduled: (start: { readonly taskKey: string; readonly due: Date }) => Promise<Task | undefined>;
  /** Retry failures. What was retried before an error is not retried again. */
  readonly retry: (options: {
    readonly message: RetryMessage;
    readonly signal: AbortSignal;
  }) => Promise<void>;
  /** Work on a sweep (`sweep/process-sweep.ts`). */
  readonly sweep: (options: {
    readonly message: SweepMessage;
    readonly deliveries: number;
    readonly signal: AbortSignal;
    readonly random: () => number;
  }) => Promise<Verdict>;
  /** Look after everything once. It is done again soon, so it does not fail. */
  readonly upkeep: (signal: AbortSignal) => Promise<void>;
}

/**
 * Do what a message on the queue of runs asks: begin a run or go on with one, plan it and look after it until it has
 * ended, retry failures, work on a sweep, or look after everything. Every message may come more than once, and be interrupted
 * at any point.
 *
 * @param options `deliveries`: how often the message was delivered, this time included. `random`: from 0 (included) to 1
 * (excluded).
 */
export async function processRun(options: {
  readonly body: string;
  readonly deliveries: number;
  /** Aborted when time is nearly up. */
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly dependencies: RunDependencies;
}): Promise<Verdict> {
  const { body, dependencies } = options;
  const message = runMessageSchema.parse(JSON.parse(body));
  switch (message.kind) {
    case 'START':
      await start(message, dependencies);
      return DONE;
    case 'PLAN':
      return plan({ ...options, message });
    case 'RETRY':
      return retry({ ...options, message });
    case 'SWEEP':
      return dependencies.sweep({ ...options, message });
    case 'UPKEEP':
      await dependencies.upkeep(options.signal);
      return DONE;
  }
}

/** Begin a run, or go on with one, and have it planned by a message of its own: what comes back then is only this step. */
async function start(message: StartMessage, dependencies: RunDependencies): Promise<void> {
  const { taskKey, trigger, due } = message;
  const { tasks, logger } = dependencies;
  const task =
    due === undefined
      ? await tasks.get(taskKey)
      : await dependencies.scheduled({ taskKey, due: new Date(due) });
  if (task === undefined || (trigger === 'INITIAL' && !isSyncDue(task))) {
    logger.info('Dropped the start of a run', { taskKey, trigger, due });
    return;
  }

  await (task.type === 'INCREMENTAL'
    ? follow(task, message, dependencies)
    : begin(task, message, dependencies));
}

/** Have an INCREMENTAL task follow the log from now on: with its initial sync first, where it asked for one. */
async function follow(
  given: Task,
  { runId, due }: Pick<StartMessage, 'runId' | 'due'>,
  dependencies: RunDependencies,
): Promise<void> {
  let task = given;
  const hasPosition = task.status === 'REPLICATING' || (isSyncDue(task) && task.catchUp !== undefined);
  if (!hasPosition) {
    const slot = await dependencies.slots.open(task.slotName);
    const isDealtWith = due !== undefined && !isSyncDue(task);
    const started = { ...following(task, slot), ...(isDealtWith ? { lastDue: due } : {}) };
    if ((await dependencies.tasks.update(started, { revision: task.revision })) === 'contended') {
      throw new Error(`Task ${task.key} was changed while it was started`);
    }
    task = (await dependencies.tasks.get(task.key)) ?? task;
  }
  if (isSyncDue(task)) {
    await begin(task, { taskKey: task.key, trigger: 'INITIAL', runId, due }, dependencies);
  }
}

async function begin(
  task: Task,
  message: Omit<StartMessage, 'version' | 'kind'>,
  dependencies: RunDependencies,
): Promise<void> {
  const { taskKey, trigger, due } = message;
  const { runs, queue, clock, logger } = dependencies;
  const known = await earlierRun(message, dependencies);
  if (known !== undefined) {
    const isOver = known.status === 'SUCCESS' || known.status === 'FAILED';
    if (isOver || (trigger === 'CREATED' && known.status === 'INTERRUPTED')) {
      return;
    }
    const resumed = await runs.resume({ task, runId: known.runId, at: clock() });
    if (resumed !== undefined) {
      await sendUndone(resumed, dependencies);
      await queue.plan({ taskKey, runId: resumed.runId });
      return;
    }
  }

  // The id of a run that cannot go on is taken.
  const runId = known === undefined ? message.runId : undefined;
  const begun = await runs.begin({ task, trigger, runId, due, at: clock() });
  if (begun.begun) {
    await queue.plan({ taskKey, runId: begun.run.runId });
  } else if (begun.active === undefined) {
    logger.info('Began no run of a task that is gone or paused, or whose time was dealt with', {
      taskKey,
      due,
    });
  } else if (due === undefined) {
    // It may be this start's own, whose planning was not asked for yet.
    await queue.plan({ taskKey, runId: begun.active.runId });
  } else {
    await runs.recordSkipped({ task, due, at: clock(), activeRunId: begun.active.runId });
  }
}

/**
 * The run that a start is about, where there is one: the one that it names; of an EXECUTE and an INITIAL, one that has
 * neither succeeded nor failed; of a CREATED, any, for a task is created once.
 */
async function earlierRun(
  message: Pick<StartMessage, 'taskKey' | 'runId' | 'trigger'>,
  { runs }: RunDependencies,
): Promise<Run | undefined> {
  const { taskKey, runId, trigger } = message;
  if (runId !== undefined) {
    return runs.get(taskKey, runId);
  }
  if (trigger === 'SCHEDULE') {
    return undefined;
  }
  const latest = await runs.latest(taskKey);
  const isLeft = latest?.status === 'INTERRUPTED' || latest?.status === 'REPLICATING';
  return isLeft || trigger === 'CREATED' ? latest : undefined;
}

/** Send the pages of an interrupted run whose messages were dropped since. */
async function sendUndone(run: Run, { runs, pages }: RunDependencies): Promise<void> {
  const { taskKey, runId } = run;
  let fromPage = 1;
  while (fromPage <= run.pages.sent) {
    const undone = await runs.pages(runId, { fromPage, limit: RESENT_AT_ONCE, onlyUndone: true });
    const sent = undone.filter(({ page }) => page <= run.pages.sent);
    await pages.send(sent.map(({ page }) => ({ taskKey, runId, page })));
    const last = undone.at(-1);
    if (last === undefined || undone.length < RESENT_AT_ONCE) {
      return;
    }
    fromPage = last.page + 1;
  }
}

/** Failures that cannot be retried, for the remote is away, stay recorded: they can be retried later. */
async function retry(options: {
  readonly message: RetryMessage;
  readonly deliveries: number;
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly dependencies: Pick<RunDependencies, 'retry' | 'logger'>;
}): Promise<Verdict> {
  const { message, deliveries, signal, random, dependencies } = options;
  const { taskKey, failures } = message;
  try {
    await dependencies.retry({ message, signal });
    return DONE;
  } catch (error) {
    const isGivenUp = deliveries >= MAX_FRUITLESS_DELIVERIES;
    dependencies.logger.warn(isGivenUp ? 'Gave up retrying failures' : 'Retrying failures was interrupted', {
      taskKey,
      failures: failures.length,
      deliveries,
      error: error instanceof Error ? error : String(error),
    });
    return isGivenUp
      ? DONE
      : { kind: 'BACK', delay: signal.aborted ? 0 : delayAfter(error, deliveries, random()) };
  }
}

/** Where a run's planner stands. */
function positionOf({ cursor, planned }: Run): string {
  return JSON.stringify([cursor, planned]);
}

async function plan(options: {
  readonly message: PlanMessage;
  readonly deliveries: number;
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly dependencies: RunDependencies;
}): Promise<Verdict> {
  const { message, deliveries, signal, random, dependencies } = options;
  const { tasks, runs, queue, clock, logger } = dependencies;
  const { taskKey, runId } = message;
  const [task, run] = await Promise.all([tasks.get(taskKey), runs.get(taskKey, runId)]);
  if (task === undefined || run?.status !== 'REPLICATING') {
    return DONE;
  }
  const verdict = await workOn({
    ...{ deliveries, signal, random, logger },
    position: positionOf(run),
    positionBefore: message.position,
    work: async (advanced) => {
      try {
        await planRun({ task, run, signal, advanced, dependencies });
        return undefined;
      } catch (error) {
        if (error instanceof PlanContendedError) {
          await queue.plan({ taskKey, runId }, { delay: WATCH_DELAY });
        } else if (!(error instanceof RunEndedError)) {
          throw error;
        }
        return DONE;
      }
    },
    sendAgain: (stands, again) => queue.plan({ taskKey, runId, ...stands }, again),
    giveUp: async (reason) => {
      const errorReason = `Given up after several attempts at planning: ${reason}`;
      await runs.end({ taskKey, runId, status: 'FAILED', errorReason, at: clock() });
    },
    worker: 'planner',
    waitsForRemote: false,
    interruption: { text: 'Planning was interrupted', about: { taskKey, runId } },
  });
  if (verdict !== undefined) {
    return verdict;
  }
  await finishRun({ taskKey, runId, runs, clock });
  if ((await runs.get(taskKey, runId))?.status === 'REPLICATING') {
    await queue.plan({ taskKey, runId }, { delay: WATCH_DELAY });
  }
  return DONE;
}
