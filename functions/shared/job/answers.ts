import type { Language } from '../http/language.ts';
import { v3Error } from '../http/v3-error-catalogue.ts';
import type { Run } from '../run/run.ts';
import { syncPolicyOf } from '../task/sync-policy.ts';
import type { Task } from '../task/task.ts';
import type { JobFault, JobOutcome } from './batch.ts';
import type { JobDetail } from './detail.ts';
import { jobStateOf, taskModeOf } from './state.ts';
import { CONFLICT_POLICIES } from './sync-policy.ts';

/** Lists of the neighbouring calls: one result for each job, in the request's order. */
export function jobList<Value>(
  outcomes: readonly JobOutcome<Value>[],
  answerOf: (value: Value, id: string) => object,
  faultOf: (fault: JobFault) => object,
) {
  const results = outcomes.map((outcome) =>
    'error' in outcome ? faultOf(outcome) : answerOf(outcome.value, outcome.item.id),
  );
  return { count: results.length, results };
}

export function statusAnswer(task: Task, id: string) {
  return { id, status: jobStateOf(task) };
}

/** Why nothing can be said of a job; the service calls the text so where it answers states and details. */
export function faultAnswer(language: Language): (fault: JobFault) => object {
  return ({ item, error }) => {
    const { error_code, error_msg } = v3Error(error, language);
    return { id: item.id, error_code, error_message: error_msg };
  };
}

/** As `faultAnswer`, of progress. */
export function progressFaultAnswer(language: Language): (fault: JobFault) => object {
  return ({ item, error }) => ({ job_id: item.id, ...v3Error(error, language) });
}

/** A job with its policies; instants are milliseconds since 1970, as text. */
export function detailAnswer({ task, failedReason }: JobDetail, id: string) {
  const { conflictStrategy, filterDdl, ddlTrans, indexTrans } = syncPolicyOf(task);
  const conflictPolicy = Object.entries(CONFLICT_POLICIES).find(
    ([, strategy]) => strategy === conflictStrategy,
  );
  return {
    id,
    name: task.name ?? task.key,
    ...(task.description === undefined ? {} : { description: task.description }),
    status: jobStateOf(task),
    ...(failedReason === undefined ? {} : { failed_reason: failedReason }),
    create_time: millisecondsText(task.createdDate),
    update_time: millisecondsText(task.lastModifiedDate),
    task_type: taskModeOf(task),
    job_direction: 'non-dbs',
    db_use_type: 'sync',
    conflict_policy: conflictPolicy?.[0],
    ...(filterDdl === undefined ? {} : { filter_ddl_policy: filterDdl }),
    ddl_trans: ddlTrans,
    index_trans: indexTrans,
    slot_name: task.slotName,
    ...(task.requestedSlotName === undefined ? {} : { requested_slot_name: task.requestedSlotName }),
    policy_version: task.policyVersion,
  };
}

/** What the progress of a job is told from. */
export interface JobProgress {
  readonly task: Task;
  /** The newest run. */
  readonly run: Run | undefined;
  /** Age of the oldest change that is not yet at the target, at most; of an INCREMENTAL task that follows the log. */
  readonly delayMs: number | undefined;
  readonly now: Date;
}

/** Progress of a job, in the service's texts: percent, seconds, milliseconds. */
export function progressAnswer({ task, run, delayMs, now }: JobProgress, id: string) {
  const percent = run === undefined ? 0 : percentOf(run);
  return {
    job_id: id,
    progress: String(percent),
    ...(delayMs === undefined
      ? {}
      : {
          incre_trans_delay: String(Math.ceil(delayMs / 1_000)),
          incre_trans_delay_millis: String(delayMs),
        }),
    task_mode: taskModeOf(task),
    transfer_status: jobStateOf(task),
    process_time: String(now.getTime()),
    ...(run === undefined ? {} : { progress_map: { DATA: { completed: `${percent}%` } } }),
  };
}

/** Of the nodes that were found so far; all is done when the run says so. */
function percentOf({ status, counters, planned }: Run): number {
  if (status === 'SUCCESS') {
    return 100;
  }
  const done = counters.successNode + counters.conflictedNode + counters.failedNode;
  const percent = counters.totalNode <= 0 ? 0 : Math.floor((100 * done) / counters.totalNode);
  return Math.min(percent, planned ? 100 : 99);
}

function millisecondsText(instant: string): string {
  return String(Date.parse(instant));
}
