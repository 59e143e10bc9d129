import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import { newRunId } from '../run/run.ts';
import type { RemoteCredentials } from './credentials.ts';
import type { TaskRepository } from './repository.ts';
import { label } from './request.ts';
import type { Task } from './task.ts';

/** The task to copy, and what the copy is called. */
export const taskCopySchema = z.object({
  key: z.string(),
  name: label('name'),
  description: label('description'),
});

/**
 * Create a task with the settings of another one. It is PAUSED, so that it can be changed first; resumed, it begins as a
 * new task of its plan does.
 *
 * @throws DomainError RESOURCE_NOT_FOUND
 */
export async function copyTask(options: {
  readonly copy: z.output<typeof taskCopySchema>;
  readonly by: string;
  readonly tasks: Pick<TaskRepository, 'get' | 'put'>;
  readonly credentials: RemoteCredentials;
  readonly clock: Clock;
}): Promise<Task> {
  const { copy, by, tasks, credentials, clock } = options;
  const original = await tasks.get(copy.key);
  if (original === undefined) {
    throw new DomainError('RESOURCE_NOT_FOUND', [copy.key]);
  }
  const now = clock();
  const key = randomBytes(16).toString('hex');
  const { remoteClusterInfo } = original.setting;
  const { encryptedPassword } = remoteClusterInfo;
  const password = await credentials.decrypt({ taskKey: original.key, encryptedPassword });
  const task: Task = {
    id: newRunId(now),
    key,
    name: copy.name ?? original.name,
    description: copy.description ?? original.description,
    type: original.type,
    status: 'PAUSED',
    pausedFrom: 'WAITING',
    includeAllProject: original.includeAllProject,
    localProjectId: original.localProjectId,
    localRepoName: original.localRepoName,
    remoteProjectId: original.remoteProjectId,
    remoteRepoName: original.remoteRepoName,
    setting: {
      ...original.setting,
      remoteClusterInfo: {
        ...remoteClusterInfo,
        encryptedPassword: await credentials.encrypt({ taskKey: key, password }),
      },
    },
    errorStrategy: original.errorStrategy,
    initialSync: original.initialSync === undefined ? undefined : {},
    slotName: original.slotName,
    policy: original.policy,
    policyVersion: 1,
    revision: 1,
    createdBy: by,
    createdDate: now.toISOString(),
    lastModifiedBy: by,
    lastModifiedDate: now.toISOString(),
  };
  await tasks.put(task);
  return task;
}
