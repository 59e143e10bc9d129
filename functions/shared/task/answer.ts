import { formatLocalDateTime } from '../http/local-date-time.ts';
import { nextExecuteTimes } from '../schedule/plan.ts';
import type { Task } from './task.ts';

/**
 * A task as the API answers it: bk-repo's shape and order of fields, nulls present, dates local to `timeZone`.
 *
 * What bk-repo's tasks of that time do not have is there only where it says something: `name`, `description`,
 * `initialSync`, `setting.errorStrategy`, the settings of sweeps, `repairing` until it is repaired after a gap, `parked` while
 * what its lanes could not move is taken back, `stranded` when the archive has lost what they need, and with an armed time the
 * plan's next ones, as they are: rounded up to the minute.
 *
 * The field `password` is there, for clients that expect it, and always null: what is stored of a password never leaves.
 */
export function taskAnswer(task: Task, timeZone: string) {
  const { setting } = task;
  const { remoteClusterInfo, executionPlan } = setting;
  const { parked } = task.catchUp ?? {};
  const nextTimes = nextExecuteTimes({ task, timeZone }).map((time) => formatLocalDateTime(time, timeZone));
  const local = (instant: string): string => formatLocalDateTime(new Date(instant), timeZone);
  const localOrNull = (instant: string | undefined): string | null =>
    instant === undefined ? null : local(instant);
  return {
    id: task.id,
    key: task.key,
    createdBy: task.createdBy,
    createdDate: local(task.createdDate),
    lastModifiedBy: task.lastModifiedBy,
    lastModifiedDate: local(task.lastModifiedDate),
    ...(task.name === undefined ? {} : { name: task.name }),
    ...(task.description === undefined ? {} : { description: task.description }),
    includeAllProject: task.includeAllProject,
    localProjectId: task.localProjectId ?? null,
    localRepoName: task.localRepoName ?? null,
    remoteProjectId: task.remoteProjectId ?? null,
    remoteRepoName: task.remoteRepoName ?? null,
    type: task.type,
    setting: {
      includeMetadata: setting.includeMetadata,
      includePermission: setting.includePermission,
      conflictStrategy: setting.conflictStrategy,
      ...(task.errorStrategy === 'FAST_FAIL' ? { errorStrategy: task.errorStrategy } : {}),
      remoteClusterInfo: {
        url: remoteClusterInfo.url,
        certificate: remoteClusterInfo.certificate ?? null,
        username: remoteClusterInfo.username,
        password: null,
      },
      executionPlan: {
        executeImmediately: executionPlan.executeImmediately,
        executeTime: executionPlan.executeTime === undefined ? null : local(executionPlan.executeTime),
        cronExpression: executionPlan.cronExpression ?? null,
        ...(nextTimes.length === 0 ? {} : { nextExecuteTimes: nextTimes, roundedUpTo: 'MINUTE' }),
      },
      ...(setting.sweepPeriod === undefined ? {} : { sweepPeriod: setting.sweepPeriod }),
      ...(setting.comparePeriod === undefined ? {} : { comparePeriod: setting.comparePeriod }),
      ...(setting.maxDeletionShare === undefined ? {} : { maxDeletionShare: setting.maxDeletionShare }),
    },
    status: task.status,
    ...((task.openGaps ?? 0) > 0 ? { repairing: true } : {}),
    ...(parked === undefined
      ? {}
      : { parked: { since: local(parked.since), reason: parked.reason, details: parked.details ?? null } }),
    ...(task.stranded === undefined
      ? {}
      : { stranded: { since: local(task.stranded.since), nextOrdinal: task.stranded.nextOrdinal } }),
    ...(task.initialSync === undefined
      ? {}
      : {
          initialSync: {
            startTime: localOrNull(task.initialSync.startedAt),
            endTime: localOrNull(task.initialSync.endedAt),
          },
        }),
  };
}
