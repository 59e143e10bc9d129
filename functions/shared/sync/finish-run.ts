import type { Clock } from '../clock.ts';
import type { RunRepository } from '../run/repository.ts';
import { isComplete, type Run, type RunContainer } from '../run/run.ts';

/**
 * End a run when all of it is planned and done; else leave it. It is a success only when nothing in it failed: a conflict
 * that the strategy skipped is no failure. May be repeated, by whoever sees the last page done.
 */
export async function finishRun(options: {
  readonly taskKey: string;
  readonly runId: string;
  readonly runs: Pick<RunRepository, 'get' | 'containers' | 'end'>;
  readonly clock: Clock;
}): Promise<void> {
  const { taskKey, runId, runs, clock } = options;
  const run = await runs.get(taskKey, runId);
  if (run?.status !== 'REPLICATING' || !isComplete(run)) {
    return;
  }
  const errorReason = failureText(run, await runs.containers(runId));
  await runs.end({
    taskKey,
    runId,
    status: errorReason === undefined ? 'SUCCESS' : 'FAILED',
    errorReason,
    at: clock(),
  });
}

/** What failed, in numbers; undefined when nothing did. */
function failureText(run: Pick<Run, 'counters'>, containers: readonly RunContainer[]): string | undefined {
  const refused = containers.filter(({ error }) => error !== undefined);
  const counts = [
    [run.counters.failedNode, 'nodes'],
    [refused.filter(({ kind }) => kind === 'REPOSITORY').length, 'repositories'],
    [refused.filter(({ kind }) => kind === 'PROJECT').length, 'projects'],
  ] as const;
  const parts = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return parts.length === 0 ? undefined : `Could not replicate ${parts.join(', ')}`;
}
