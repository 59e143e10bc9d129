import { formatLocalDateTime } from '../http/local-date-time.ts';
import type { Task } from './task.ts';

/**
 * A task as the API answers it: bk-repo's shape and order of fields, nulls present, dates local to `timeZone`.
 *
 * The field `password` is there, for clients that expect it, and always null: what is stored of a password never leaves.
 */
export function taskAnswer(task: Task, timeZone: string) {
  const { setting } = task;
  const { remoteClusterInfo, executionPlan } = setting;
  const local = (instant: string): string => formatLocalDateTime(new Date(instant), timeZone);
  return {
    id: task.id,
    key: task.key,
    createdBy: task.createdBy,
    createdDate: local(task.createdDate),
    lastModifiedBy: task.lastModifiedBy,
    lastModifiedDate: local(task.lastModifiedDate),
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
      },
    },
    status: task.status,
  };
}
