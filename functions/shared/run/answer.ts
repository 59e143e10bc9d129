import { formatLocalDateTime } from '../http/local-date-time.ts';
import { type ContainerCounters, containerCountersOf, type Run, type RunContainer } from './run.ts';

/**
 * A run as the API answers it: bk-repo's execution log, and beside it the bytes, where the run is, how fast it goes and
 * how long it will still take. Dates are local to `timeZone`.
 *
 * @param options `containers`: the run's, while it is going; what has ended holds its own counts.
 */
export function runAnswer(options: {
  readonly run: Run;
  readonly containers: readonly RunContainer[];
  readonly now: Date;
  readonly timeZone: string;
}) {
  const { run, now, timeZone } = options;
  const { counters } = run;
  const local = (instant: string): string => formatLocalDateTime(new Date(instant), timeZone);
  const containers: ContainerCounters =
    run.containers ?? containerCountersOf(options.containers, run.planned);
  const replicatedNode = counters.successNode + counters.conflictedNode + counters.failedNode;
  const seconds = (Date.parse(run.endedAt ?? now.toISOString()) - Date.parse(run.startedAt)) / 1_000;
  const nodesPerSecond = rate(replicatedNode, seconds);
  const bytesPerSecond = rate(counters.doneBytes, seconds);
  return {
    taskKey: run.taskKey,
    status: run.status,
    replicationProgress: {
      totalProject: containers.totalProject,
      totalRepo: containers.totalRepo,
      totalNode: counters.totalNode,
      replicatedProject: containers.replicatedProject,
      successProject: containers.successProject,
      failedProject: containers.failedProject,
      replicatedRepo: containers.replicatedRepo,
      successRepo: containers.successRepo,
      failedRepo: containers.failedRepo,
      replicatedNode,
      successNode: counters.successNode,
      conflictedNode: counters.conflictedNode,
      failedNode: counters.failedNode,
      totalBytes: counters.totalBytes,
      doneBytes: counters.doneBytes,
    },
    startTime: local(run.startedAt),
    endTime: run.endedAt === undefined ? null : local(run.endedAt),
    errorReason: run.errorReason ?? null,
    id: run.runId,
    trigger: run.trigger,
    currentRepository: run.status === 'REPLICATING' ? (run.currentRepository ?? null) : null,
    /** Roles, permissions and users that the remote refused. */
    failedPermission: run.permissionFailures ?? 0,
    nodesPerSecond,
    bytesPerSecond,
    /** Null until everything is planned and something was done. */
    secondsLeft:
      run.status === 'REPLICATING' && run.planned
        ? secondsLeft({
            nodes: counters.totalNode - replicatedNode,
            bytes: counters.totalBytes - counters.doneBytes,
            nodesPerSecond,
            bytesPerSecond,
          })
        : null,
  };
}

/** To one decimal. */
function rate(amount: number, seconds: number): number {
  return seconds <= 0 ? 0 : Math.round((amount / seconds) * 10) / 10;
}

/** By what takes longer at its present rate: the nodes or the bytes. */
function secondsLeft(left: {
  readonly nodes: number;
  readonly bytes: number;
  readonly nodesPerSecond: number;
  readonly bytesPerSecond: number;
}): number | null {
  if (left.nodes <= 0) {
    return 0;
  }
  if (left.nodesPerSecond === 0) {
    return null;
  }
  const byBytes = left.bytesPerSecond === 0 ? 0 : left.bytes / left.bytesPerSecond;
  return Math.ceil(Math.max(left.nodes / left.nodesPerSecond, byBytes));
}
