/**
 * The keys of the one DynamoDB table: every item kind, once.
 *
 * | item | pk | sk |
 * |---|---|---|
 * | task | `TASK` | task key |
 * | slot | `SLOT` | slot name |
 * | gap of a slot | `SLOT#<name>` | `GAP#<ordinal>` |
 * | unreadable log document | `SLOT#<name>` | `UNREADABLE#<ordinal>` |
 * | lane | `LANE#<task key>` | `<project>/<repository>` (empty repository: the project's own lane) |
 * | failure of a lane | `FAILURE#<task key>` | `<ordinal>#<project>/<repository>` |
 * | failure of a run | `FAILURE#<task key>` | `RUN#<run id>#<digest of what it is about>` |
 * | conflict | `CONFLICT#<task key>` | `<ordinal>#<digest of repository and path>` |
 * | run | `RUN#<task key>` | run id |
 * | container of a run | `SYNC#<run id>` | `CONTAINER#<project>/<repository>` (empty repository: the project itself) |
 * | page of a run | `SYNC#<run id>` | `PAGE#<number>` |
 * | failure of a sweep | `FAILURE#<task key>` | `SWEEP#<digest of repository and path>` |
 * | conflict of a sweep | `CONFLICT#<task key>` | `SWEEP#<digest of repository and path>` |
 * | sweep | `SWEEP#<task key>` | sweep id (24 lower-case hex digits) |
 * | what a task's sweeps have to know | `SWEEP#<task key>` | `STATE` |
 * | gap that a task is to be repaired after | `SWEEP#<task key>` | `GAP#<slot>#<ordinal>` |
 * | part of a sweep | `SWEEP_PART#<sweep id>` | part (from 1), padded |
 * | remote that was found down | `REMOTE` | SHA-256 of its address, hex |
 * | principal | `PRINCIPAL` | user name |
 * | token | `TOKEN#<SHA-256 of it, hex>` | `TOKEN` |
 * | access key | `ACCESS_KEY` | access key |
 *
 * Tasks and slots share a partition each so that a strongly consistent Query lists them: the tailer must see
 * a task that was created before an event was written, which an index (eventually consistent) cannot promise.
 */
export interface TableKey {
  readonly pk: string;
  readonly sk: string;
}

export const TASK_PARTITION = 'TASK';
export const SLOT_PARTITION = 'SLOT';
/** Of sort keys of what a sweep's part has recorded, where events have their ordinals. */
export const SWEEP_RECORD_PREFIX = 'SWEEP#';
export const ACCESS_KEY_PARTITION = 'ACCESS_KEY';
export const PRINCIPAL_PARTITION = 'PRINCIPAL';

export function taskKeyOf(taskKey: string): TableKey {
  return { pk: TASK_PARTITION, sk: taskKey };
}

export function slotKeyOf(slotName: string): TableKey {
  return { pk: SLOT_PARTITION, sk: slotName };
}

export function gapKeyOf(slotName: string, ordinal: number): TableKey {
  return { pk: `SLOT#${slotName}`, sk: `GAP#${paddedOrdinal(ordinal)}` };
}

export function unreadableKeyOf(slotName: string, ordinal: number): TableKey {
  return { pk: `SLOT#${slotName}`, sk: `UNREADABLE#${paddedOrdinal(ordinal)}` };
}

export function lanePartitionOf(taskKey: string): string {
  return `LANE#${taskKey}`;
}

export function laneKeyOf(
  taskKey: string,
  lane: { readonly projectId: string; readonly repoName: string },
): TableKey {
  return { pk: lanePartitionOf(taskKey), sk: `${lane.projectId}/${lane.repoName}` };
}

export function failurePartitionOf(taskKey: string): string {
  return `FAILURE#${taskKey}`;
}

export function failureKeyOf(
  taskKey: string,
  ordinal: number,
  lane: { readonly projectId: string; readonly repoName: string },
): TableKey {
  return {
    pk: failurePartitionOf(taskKey),
    sk: `${paddedOrdinal(ordinal)}#${lane.projectId}/${lane.repoName}`,
  };
}

/** @param digest of what the failure is about, so that recording it again replaces it. */
export function runFailureKeyOf(taskKey: string, runId: string, digest: string): TableKey {
  return { pk: failurePartitionOf(taskKey), sk: `RUN#${runId}#${digest}` };
}

/** @param digest of what the failure is about, so that another sweep's replaces it. */
export function sweepFailureKeyOf(taskKey: string, digest: string): TableKey {
  return { pk: failurePartitionOf(taskKey), sk: `${SWEEP_RECORD_PREFIX}${digest}` };
}

export function conflictPartitionOf(taskKey: string): string {
  return `CONFLICT#${taskKey}`;
}

/** @param digest of what the conflict is about, so that recording it again replaces it. */
export function conflictKeyOf(taskKey: string, ordinal: number, digest: string): TableKey {
  return { pk: conflictPartitionOf(taskKey), sk: `${paddedOrdinal(ordinal)}#${digest}` };
}

/** As `sweepFailureKeyOf`. */
export function sweepConflictKeyOf(taskKey: string, digest: string): TableKey {
  return { pk: conflictPartitionOf(taskKey), sk: `${SWEEP_RECORD_PREFIX}${digest}` };
}

export function runPartitionOf(taskKey: string): string {
  return `RUN#${taskKey}`;
}

export function runKeyOf(taskKey: string, runId: string): TableKey {
  return { pk: runPartitionOf(taskKey), sk: runId };
}

/** What a run has found and still has to do; of its own, so that a page is found without the task. */
export function syncPartitionOf(runId: string): string {
  return `SYNC#${runId}`;
}

export const SYNC_CONTAINER_PREFIX = 'CONTAINER#';
export const SYNC_PAGE_PREFIX = 'PAGE#';

export function syncContainerKeyOf(
  runId: string,
  container: { readonly projectId: string; readonly repoName: string },
): TableKey {
  return {
    pk: syncPartitionOf(runId),
    sk: `${SYNC_CONTAINER_PREFIX}${container.projectId}/${container.repoName}`,
  };
}

/** @param page from 1. */
export function syncPageKeyOf(runId: string, page: number): TableKey {
  return { pk: syncPartitionOf(runId), sk: `${SYNC_PAGE_PREFIX}${paddedOrdinal(page)}` };
}

export function sweepPartitionOf(taskKey: string): string {
  return `SWEEP#${taskKey}`;
}

/** @param sweepId as a run's: it begins with a decimal digit (until 2055), so that it sorts before the other items. */
export function sweepKeyOf(taskKey: string, sweepId: string): TableKey {
  return { pk: sweepPartitionOf(taskKey), sk: sweepId };
}

export function sweepStateKeyOf(taskKey: string): TableKey {
  return { pk: sweepPartitionOf(taskKey), sk: 'STATE' };
}

export const SWEEP_GAP_PREFIX = 'GAP#';

export function sweepGapKeyOf(
  taskKey: string,
  gap: { readonly slotName: string; readonly ordinal: number },
): TableKey {
  return {
    pk: sweepPartitionOf(taskKey),
    sk: `${SWEEP_GAP_PREFIX}${gap.slotName}#${paddedOrdinal(gap.ordinal)}`,
  };
}

export function sweepPartPartitionOf(sweepId: string): string {
  return `SWEEP_PART#${sweepId}`;
}

/** @param part from 1. */
export function sweepPartKeyOf(sweepId: string, part: number): TableKey {
  return { pk: sweepPartPartitionOf(sweepId), sk: paddedOrdinal(part) };
}

/** @param digest SHA-256 of the remote's address, in hex. */
export function remoteKeyOf(digest: string): TableKey {
  return { pk: 'REMOTE', sk: digest };
}

export function principalKeyOf(username: string): TableKey {
  return { pk: PRINCIPAL_PARTITION, sk: username };
}

/** @param digest SHA-256 of the token, in hex; a partition for each, so that none can be listed. */
export function tokenKeyOf(digest: string): TableKey {
  return { pk: `TOKEN#${digest}`, sk: 'TOKEN' };
}

export function accessKeyKeyOf(accessKey: string): TableKey {
  return { pk: ACCESS_KEY_PARTITION, sk: accessKey };
}

/** Ordinals as text that sorts as they do: sixteen digits hold every safe integer. */
export function paddedOrdinal(ordinal: number): string {
  return String(ordinal).padStart(16, '0');
}
