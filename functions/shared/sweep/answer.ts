import { formatLocalDateTime } from '../http/local-date-time.ts';
import { pageAnswer } from '../http/page.ts';
import type { Requested } from './request.ts';
import type { Sweep } from './sweep.ts';

/** A sweep as the API answers it; dates local to `timeZone`. */
export function sweepAnswer(sweep: Sweep, timeZone: string) {
  const localOrNull = (instant: string | undefined): string | null =>
    instant === undefined ? null : formatLocalDateTime(new Date(instant), timeZone);
  const { projectId, repoName } = sweep.cursor;
  const isFinding = sweep.status === 'RUNNING' && !sweep.planned;
  return {
    id: sweep.sweepId,
    taskKey: sweep.taskKey,
    kind: sweep.kind,
    trigger: sweep.trigger,
    status: sweep.status,
    /** What was changed between these was compared; null: without a bound. */
    windowStart: localOrNull(sweep.window?.from),
    windowEnd: localOrNull(sweep.window?.to),
    startTime: localOrNull(sweep.startedAt),
    endTime: localOrNull(sweep.endedAt),
    reason: sweep.reason ?? null,
    allowDeletions: sweep.allowDeletions,
    deleteExtra: sweep.deleteExtra,
    currentRepository:
      isFinding && projectId !== undefined && repoName !== undefined && repoName !== ''
        ? `${projectId}/${repoName}`
        : null,
    compared: sweep.compared,
    missing: sweep.missing,
    different: sweep.different,
    extra: sweep.extra,
    deleted: sweep.deleted,
    refusedRepo: sweep.refused,
    // A finder that died may have sent parts that it had not noted.
    partsSent: Math.max(sweep.partsSent, sweep.partsDone),
    partsDone: sweep.partsDone,
    checked: sweep.checked,
    repaired: sweep.repaired,
    removed: sweep.removed,
    unchanged: sweep.unchanged,
    conflicted: sweep.conflicted,
    failed: sweep.failed,
    /** Repositories of which nothing is deleted before somebody has agreed. */
    guarded: sweep.guarded,
  };
}

/** What has come of a request; of one that waits, only what it asks for. */
export function requestedAnswer(requested: Requested, timeZone: string) {
  if ('sweep' in requested) {
    return sweepAnswer(requested.sweep, timeZone);
  }
  const { taskKey, kind, allowDeletions, deleteExtra } = requested.waiting;
  return { id: null, taskKey, kind, trigger: 'REQUESTED', status: 'WAITING', allowDeletions, deleteExtra };
}

/** A page of a task's sweeps in bk-repo's shape of pages. */
export function sweepPageAnswer(options: {
  /** All that are kept, the newest first. */
  readonly sweeps: readonly Sweep[];
  readonly pageNumber: number;
  readonly pageSize: number;
  readonly timeZone: string;
}) {
  const { sweeps, pageNumber, pageSize, timeZone } = options;
  const records = sweeps
    .slice((pageNumber - 1) * pageSize, pageNumber * pageSize)
    .map((sweep) => sweepAnswer(sweep, timeZone));
  return pageAnswer({ pageNumber, pageSize, total: sweeps.length, records });
}
