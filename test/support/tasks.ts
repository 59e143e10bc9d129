import type { Task } from '../../functions/shared/task/task.ts';

/** A task as it is stored, following the log for every project unless said otherwise. */
export function storedTask(fields: Partial<Task> = {}): Task {
  return {
    id: '6b0241c7a404394a0a25dc77',
    key: '73b0674d76e34d35aaca8ebe3d094e44',
    type: 'INCREMENTAL',
    status: 'REPLICATING',
    includeAllProject: true,
    setting: {
      includeMetadata: true,
      includePermission: false,
      conflictStrategy: 'SKIP',
      remoteClusterInfo: {
        url: 'http://remote.example/replication',
        username: 'admin',
        encryptedPassword: 'c2VjcmV0',
      },
      executionPlan: { executeImmediately: true },
    },
    slotName: 'default',
    policyVersion: 1,
    revision: 1,
    createdBy: 'admin',
    createdDate: '2026-11-22T00:00:00.000Z',
    lastModifiedBy: 'admin',
    lastModifiedDate: '2026-11-22T00:00:00.000Z',
    ...fields,
  };
}
