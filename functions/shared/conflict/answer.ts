import { formatLocalDateTime } from '../http/local-date-time.ts';
import { pageAnswer } from '../http/page.ts';
import type { Conflict } from './conflict.ts';
import type { ConflictPage, StoredConflict } from './repository.ts';

/** A page of conflicts in bk-repo's shape of pages; dates local to `timeZone`. */
export function conflictPageAnswer(options: {
  readonly page: ConflictPage;
  readonly pageNumber: number;
  readonly pageSize: number;
  readonly timeZone: string;
}) {
  const { page, pageNumber, pageSize, timeZone } = options;
  const records = page.conflicts.map((stored) => conflictAnswer(stored, timeZone));
  return pageAnswer({ pageNumber, pageSize, total: page.total, records });
}

function conflictAnswer({ id, conflict }: StoredConflict, timeZone: string) {
  return {
    id,
    projectId: conflict.source.projectId,
    repoName: conflict.source.repoName,
    remoteProjectId: conflict.remote.projectId,
    remoteRepoName: conflict.remote.repoName,
    fullPath: conflict.fullPath,
    /** Of the operation; of a sweep RECONCILE. */
    kind: conflict.kind,
    source: sideAnswer(conflict.incoming),
    remote: sideAnswer(conflict.present),
    conflictStrategy: conflict.policy,
    policyVersion: conflict.policyVersion,
    slotName: conflict.slotName,
    ordinal: conflict.ordinal ?? null,
    eventId: conflict.eventId ?? null,
    sweepId: conflict.sweepId ?? null,
    loggedDate: formatLocalDateTime(new Date(conflict.loggedAt), timeZone),
    date: formatLocalDateTime(new Date(conflict.at), timeZone),
    /** Why resolving it has failed. */
    reason: conflict.reason ?? null,
  };
}

/** Nulls are what the remote's contract does not tell. */
function sideAnswer({ folder, sha256 }: Conflict['present']) {
  return { folder: folder ?? null, sha256: sha256 ?? null };
}
