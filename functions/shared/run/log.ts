import type { Clock } from '../clock.ts';
import { runAnswer } from './answer.ts';
import type { RunRepository } from './repository.ts';
import type { Run } from './run.ts';

/** Runs that a list names; a task that runs every minute has as many in a few hours. */
const MAX_LISTED = 200;

interface LogOptions {
  readonly taskKey: string;
  readonly runs: Pick<RunRepository, 'list' | 'latest' | 'containers'>;
  readonly clock: Clock;
  readonly timeZone: string;
}

/** A task's runs as the API answers them, the newest first. */
export async function runLog(options: LogOptions): Promise<RunLog[]> {
  const { taskKey, runs } = options;
  const found = await runs.list(taskKey, { limit: MAX_LISTED });
  return Promise.all(found.map((run) => answerOf(run, options)));
}

/** A task's newest run that was begun; null when there is none. */
export async function latestRunLog(options: LogOptions): Promise<RunLog | null> {
  const run = await options.runs.latest(options.taskKey);
  return run === undefined ? null : answerOf(run, options);
}

type RunLog = ReturnType<typeof runAnswer>;

async function answerOf(run: Run, { runs, clock, timeZone }: LogOptions): Promise<RunLog> {
  // At most one run is going: the others hold their own counts.
  const containers = run.status === 'REPLICATING' ? await runs.containers(run.runId) : [];
  return runAnswer({ run, containers, now: clock(), timeZone });
}
