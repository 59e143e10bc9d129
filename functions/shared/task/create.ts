import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { RemoteCredentials } from './credentials.ts';
import type { RemoteProbe, SlotOpener } from './ports.ts';
import type { TaskRepository } from './repository.ts';
import type { TaskRequest } from './request.ts';
import { DEFAULT_SLOT, type Task } from './task.ts';

/**
 * Create a task from a checked request.
 *
 * An INCREMENTAL task that begins now is REPLICATING from the answer on: its slot is opened before the task is stored, so
 * that no change made after the answer is missed. One with a plan for later waits, as every FULL task does.
 *
 * @throws DomainError REMOTE_CONNECT_FAILED or REMOTE_TLS_FAILED when the remote is to be asked and does not let
 *   us in; nothing is stored then.
 */
export async function createTask(options: {
  readonly request: TaskRequest;
  readonly createdBy: string;
  readonly tasks: Pick<TaskRepository, 'put'>;
  readonly credentials: Pick<RemoteCredentials, 'encrypt'>;
  readonly probe: RemoteProbe;
  readonly slots: SlotOpener;
  readonly clock: Clock;
}): Promise<Task> {
  const { request, createdBy, tasks, credentials, probe, slots, clock } = options;
  const { remoteClusterInfo, executionPlan, ...settings } = request.setting;
  if (request.validateConnectivity) {
    await probe(remoteClusterInfo);
  }
  const now = clock();
  const key = randomBytes(16).toString('hex');
  const { password, certificate, ...remote } = remoteClusterInfo;
  const encryptedPassword = await credentials.encrypt({ taskKey: key, password });
  const isFollowing = request.type === 'INCREMENTAL' && beginsAt(executionPlan, now);
  const task: Task = {
    id: documentId(now),
    key,
    type: request.type,
    status: isFollowing ? 'REPLICATING' : 'WAITING',
    includeAllProject: request.includeAllProject,
    localProjectId: request.localProjectId,
    localRepoName: request.localRepoName,
    remoteProjectId: request.remoteProjectId,
    remoteRepoName: request.remoteRepoName,
    setting: {
      ...settings,
      remoteClusterInfo: { ...remote, certificate, encryptedPassword },
      executionPlan: {
        executeImmediately: executionPlan.executeImmediately,
        executeTime: executionPlan.executeTime?.toISOString(),
        cronExpression: executionPlan.cronExpression,
      },
    },
    slotName: DEFAULT_SLOT,
    policyVersion: 1,
    revision: 1,
    createdBy,
    createdDate: now.toISOString(),
    lastModifiedBy: createdBy,
    lastModifiedDate: now.toISOString(),
  };
  if (isFollowing) {
    await slots.open(task.slotName);
  }
  await tasks.put(task);
  return task;
}

/** Whether a plan begins at once: it says so, or names a time that is past. */
function beginsAt(plan: TaskRequest['setting']['executionPlan'], now: Date): boolean {
  return plan.executeImmediately || (plan.executeTime !== undefined && plan.executeTime <= now);
}

/** 24 hex digits that sort by time, as the ids of bk-repo's documents do. */
function documentId(now: Date): string {
  const seconds = Math.floor(now.getTime() / 1000);
  return seconds.toString(16).padStart(8, '0') + randomBytes(8).toString('hex');
}
