import { formatLocalDateTime } from '../http/local-date-time.ts';
import { pageAnswer } from '../http/page.ts';
import type { FailurePage, StoredFailure } from './repository.ts';

/** A page of failures in bk-repo's shape of pages; dates local to `timeZone`. */
export function failurePageAnswer(options: {
  readonly page: FailurePage;
  readonly pageNumber: number;
  readonly pageSize: number;
  readonly timeZone: string;
}) {
  const { page, pageNumber, pageSize, timeZone } = options;
  const records = page.failures.map((stored) => failureAnswer(stored, timeZone));
  return pageAnswer({ pageNumber, pageSize, total: page.total, records });
}

function failureAnswer(stored: StoredFailure, timeZone: string) {
  const { failure } = stored;
  return {
    id: stored.id,
    projectId: failure.source.projectId,
    repoName: failure.source.repoName || null,
    remoteProjectId: failure.remote.projectId,
    remoteRepoName: failure.remote.repoName || null,
    fullPath: failure.fullPath ?? null,
    /** Of the log: the kind of its operation. Of a run: NODE, REPOSITORY, PROJECT or PERMISSION. Of a sweep: NODE, REPOSITORY or PROJECT. */
    kind: failure.kind,
    name: stored.of === 'RUN' ? (stored.failure.name ?? null) : null,
    code: failure.code,
    reason: failure.reason,
    date: formatLocalDateTime(new Date(failure.at), timeZone),
    runId: stored.of === 'RUN' ? stored.failure.runId : null,
    sweepId: stored.of === 'SWEEP' ? stored.failure.sweepId : null,
    ordinal: stored.of === 'LANE' ? stored.failure.ordinal : null,
    eventId: stored.of === 'LANE' ? stored.failure.eventId : null,
  };
}
