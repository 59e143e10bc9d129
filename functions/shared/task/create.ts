import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { newRunId } from '../run/run.ts';
import { armNoted, beginsAt, following, isSyncDue, planned, type TaskStarter } from './begin.ts';
import type { RemoteCredentials } from './credentials.ts';
import type { RemoteProbe, SlotOpener } from './ports.ts';
import type { TaskRepository } from './repository.ts';
import type { TaskRequest } from './request.ts';
import { DEFAULT_SLOT, type Task } from './task.ts';

/**
 * Create a task from a checked request, and see to its beginning.
 *
 * An INCREMENTAL task that begins now is REPLICATING from the answer on: its slot is opened before the task is stored, so
 * that no change made after the answer is missed. One that asked for an initial sync keeps that position, and its run is
 * started. A FULL task that begins now is started; what its plan has for later is armed.
 *
 * @param options `timeZone`: zone of cron expressions.
 * @throws DomainError REMOTE_CONNECT_FAILED or REMOTE_TLS_FAILED when the remote is to be asked and does not let
 *   us in; nothing is stored then, nor when the task could not be started or armed.
 */
export async function createTask(options: {
  readonly request: TaskRequest;
  readonly createdBy: string;
  readonly tasks: Pick<TaskRepository, 'put' | 'delete'>;
  readonly credentials: Pick<RemoteCredentials, 'encrypt'>;
  readonly probe: RemoteProbe;
  readonly slots: SlotOpener;
  readonly starter: TaskStarter;
  readonly clock: Clock;
  readonly timeZone: string;
}): Promise<Task> {
  const { request, createdBy, tasks, credentials, probe, slots, starter, clock, timeZone } = options;
  if (request.validateConnectivity) {
    await probe(request.setting.remoteClusterInfo);
  }
  const now = clock();
  const key = randomBytes(16).toString('hex');
  const { password } = request.setting.remoteClusterInfo;
  const encryptedPassword = await credentials.encrypt({ taskKey: key, password });
  const requested: Task = {
    ...requestedFields(request, encryptedPassword),
    id: newRunId(now),
    key,
    type: request.type,
    status: 'WAITING',
    initialSync: request.initialSync ? {} : undefined,
    slotName: DEFAULT_SLOT,
    policyVersion: 1,
    revision: 1,
    createdBy,
    createdDate: now.toISOString(),
    lastModifiedBy: createdBy,
    lastModifiedDate: now.toISOString(),
  };
  const isDue = beginsAt(requested.setting.executionPlan, now);
  const isFollowing = isDue && request.type === 'INCREMENTAL';
  const begun = isFollowing ? following(requested, await slots.open(requested.slotName)) : requested;
  const task = planned(begun, now, timeZone);
  await armNoted(task, starter.schedule);
  await tasks.put(task);
  if (isDue && (!isFollowing || isSyncDue(task))) {
    try {
      await starter.queue.start({ taskKey: key, trigger: isFollowing ? 'INITIAL' : 'CREATED' });
    } catch (error) {
      // A start without its task does nothing; a task without its start would wait for ever.
      await tasks.delete(key);
      throw error;
    }
  }
  return task;
}

/** What a request says of a task, as it is stored. */
export function requestedFields(
  request: TaskRequest,
  encryptedPassword: string,
): Pick<
  Task,
  | 'name'
  | 'description'
  | 'includeAllProject'
  | 'localProjectId'
  | 'localRepoName'
  | 'remoteProjectId'
  | 'remoteRepoName'
  | 'errorStrategy'
  | 'setting'
> {
  const { remoteClusterInfo, executionPlan, errorStrategy, ...settings } = request.setting;
  const { url, certificate, username } = remoteClusterInfo;
  return {
    name: request.name,
    description: request.description,
    includeAllProject: request.includeAllProject,
    localProjectId: request.localProjectId,
    localRepoName: request.localRepoName,
    remoteProjectId: request.remoteProjectId,
    remoteRepoName: request.remoteRepoName,
    errorStrategy,
    setting: {
      ...settings,
      remoteClusterInfo: { url, certificate, username, encryptedPassword },
      executionPlan: {
        executeImmediately: executionPlan.executeImmediately,
        executeTime: executionPlan.executeTime?.toISOString(),
        cronExpression: executionPlan.cronExpression,
      },
    },
  };
}
