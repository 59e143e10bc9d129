import { z } from 'zod';
import type { BatchEntry, Container } from '../lane/message.ts';
import type { Operation } from '../lane/operation.ts';
import { isRoot, splitFullPath } from '../node/path.ts';
import type { Change, LogEvent } from '../operate-log/event.ts';
import { type SyncPolicy, syncPolicyOf, syncPolicySchema } from '../task/sync-policy.ts';
import type { Task } from '../task/task.ts';

/**
 * What routing needs to know of a task, as it was when the events were read. It is kept in the archive object, so
 * that dispatching the object again routes it the same, whatever became of the task.
 */
export const routeSchema = z.object({
  taskKey: z.string(),
  /** How often the task's lanes had been rewound; 0 when absent. */
  generation: z.number().int().positive().optional(),
  policyVersion: z.number().int(),
  /** The policies of that version; absent in what was read before there were any: then nothing is left out or kept. */
  policy: syncPolicySchema.optional(),
  /** Added to the slot's ordinals in the task's lanes; 0 when absent. */
  ordinalOffset: z.number().int().optional(),
  /** Absent: every project. */
  localProjectId: z.string().optional(),
  /** Absent: every repository of the project. */
  localRepoName: z.string().optional(),
  remoteProjectId: z.string().optional(),
  remoteRepoName: z.string().optional(),
});
export type Route = z.infer<typeof routeSchema>;

/** One event's share in one lane. */
export interface RoutedEntry {
  readonly source: Container;
  readonly remote: Container;
  readonly entry: BatchEntry;
}

/** The lane of a project's own definition is named by an empty repository. */
const projectLane = (projectId: string): Container => ({ projectId, repoName: '' });

export function routeOf(task: Task): Route {
  const scoped = !task.includeAllProject;
  return {
    taskKey: task.key,
    ...(task.generation === undefined ? {} : { generation: task.generation }),
    policyVersion: task.policyVersion,
    policy: syncPolicyOf(task),
    ...(task.ordinalOffset === undefined ? {} : { ordinalOffset: task.ordinalOffset }),
    ...(scoped && task.localProjectId !== undefined ? { localProjectId: task.localProjectId } : {}),
    ...(scoped && task.localRepoName !== undefined ? { localRepoName: task.localRepoName } : {}),
    ...(scoped && task.remoteProjectId !== undefined ? { remoteProjectId: task.remoteProjectId } : {}),
    ...(scoped && task.remoteRepoName !== undefined ? { remoteRepoName: task.remoteRepoName } : {}),
  };
}

/** Whether a task follows the log now: what is read is routed to these and to no others. */
export function isFollowing(task: Task): boolean {
  return task.type === 'INCREMENTAL' && task.status === 'REPLICATING' && task.catchUp === undefined;
}

/**
 * The operations that an event makes in the lanes of one task; none when the task does not cover it or its policies leave it
 * out.
 *
 * A move or copy between repositories never waits for another lane: the destination's lane converges the path to
 * the source's present state, the lane that a node moved out of deletes it. The first entry accounts for the event.
 */
export function routeEvent(
  route: Route,
  /** `ordinal`: the slot's. */
  event: { readonly ordinal: number; readonly log: Extract<LogEvent, { change: Change }> },
): RoutedEntry[] {
  const { change } = event.log;
  if (route.policy !== undefined && isLeftOut(change, route.policy)) {
    return [];
  }
  const shares = operationsOf(change).filter((share) => covers(route, share.container));
  return shares.map((share, index) => ({
    source: share.container,
    remote: remoteNamesOf(route, share.container),
    entry: {
      ordinal: event.ordinal + (route.ordinalOffset ?? 0),
      eventId: event.log.document.id,
      loggedAt: event.log.document.loggedAt,
      ...(index > 0 ? { secondary: true as const } : {}),
      ...(event.log.origin.length > 0 ? { origin: [...event.log.origin] } : {}),
      operation: share.operation,
    },
  }));
}

/**
 * Whether policies leave a change out of the lanes. A repository's deletion takes its nodes along without naming them; a
 * log that does names the root, and nothing else in it tells that from somebody emptying the repository.
 */
function isLeftOut(change: Change, { ddlTrans, filterDdl }: SyncPolicy): boolean {
  switch (change.kind) {
    case 'REPOSITORY_DELETE':
      return !ddlTrans || filterDdl === 'drop_database';
    case 'PROJECT_CREATE':
    case 'REPOSITORY_CREATE':
    case 'REPOSITORY_UPDATE':
      return !ddlTrans;
    case 'NODE_DELETE':
      return filterDdl === 'drop_database' && isRoot(change.fullPath);
    default:
      return false;
  }
}

function covers(route: Route, container: Container): boolean {
  if (route.localProjectId === undefined) {
    return true;
  }
  if (container.projectId !== route.localProjectId) {
    return false;
  }
  // A task of one repository makes sure of its project when the lane begins; the project's own lane is not its.
  return route.localRepoName === undefined || container.repoName === route.localRepoName;
}

/**
 * Names at the remote. Each defaults to the source's; a remote repository name means something only beside a local
 * one, for a whole project's repositories cannot share one name.
 */
export function remoteNamesOf(route: Route, container: Container): Container {
  return {
    projectId: route.remoteProjectId ?? container.projectId,
    repoName:
      container.repoName !== '' && route.localRepoName !== undefined
        ? (route.remoteRepoName ?? container.repoName)
        : container.repoName,
  };
}

interface Share {
  readonly container: Container;
  readonly operation: Operation;
}

function operationsOf(change: Change): Share[] {
  switch (change.kind) {
    case 'PROJECT_CREATE':
      return [
        {
          container: projectLane(change.name),
          operation: {
            kind: 'PROJECT_CREATE',
            displayName: change.displayName,
            description: change.description,
            operator: change.operator,
          },
        },
      ];
    case 'REPOSITORY_CREATE':
      return [
        {
          container: { projectId: change.projectId, repoName: change.name },
          operation: {
            kind: 'REPOSITORY_CREATE',
            type: change.type,
            category: change.category,
            public: change.public,
            description: change.description,
            configuration: change.configuration,
            operator: change.operator,
          },
        },
      ];
    case 'REPOSITORY_UPDATE':
      return [
        {
          container: { projectId: change.projectId, repoName: change.name },
          operation: {
            kind: 'REPOSITORY_UPDATE',
            public: change.public,
            description: change.description,
            configuration: change.configuration,
            operator: change.operator,
          },
        },
      ];
    case 'REPOSITORY_DELETE':
      return [
        {
          container: { projectId: change.projectId, repoName: change.name },
          operation: { kind: 'REPOSITORY_DELETE', forced: change.forced, operator: change.operator },
        },
      ];
    case 'NODE_MOVE':
    case 'NODE_COPY':
      return transferOf(change);
    default:
      return [
        {
          container: { projectId: change.projectId, repoName: change.repoName },
          operation: withinRepository(change),
        },
      ];
  }
}

type TransferChange = Extract<Change, { kind: 'NODE_MOVE' | 'NODE_COPY' }>;
type RepositoryChange = Exclude<Extract<Change, { fullPath: string }>, TransferChange>;

function transferOf(change: TransferChange): Share[] {
  const from: Container = { projectId: change.projectId, repoName: change.repoName };
  const to = change.destination;
  const { fullPath, destFullPath, overwrite, operator } = change;
  if (from.projectId === to.projectId && from.repoName === to.repoName) {
    return [
      { container: from, operation: { kind: change.kind, fullPath, destFullPath, overwrite, operator } },
    ];
  }
  const arrival: Share = {
    container: to,
    operation: {
      kind: 'NODE_CONVERGE',
      fullPath: destFullPath,
      name: splitFullPath(fullPath).name,
      operator,
    },
  };
  return change.kind === 'NODE_COPY'
    ? [arrival]
    : [{ container: from, operation: { kind: 'NODE_DELETE', fullPath, operator } }, arrival];
}

function withinRepository(change: RepositoryChange): Operation {
  const { fullPath, operator } = change;
  switch (change.kind) {
    case 'NODE_CREATE':
      return change.folder
        ? { kind: 'FOLDER_CREATE', fullPath, operator, metadata: change.metadata }
        : {
            kind: 'FILE_CREATE',
            fullPath,
            operator,
            overwrite: change.overwrite,
            expires: change.expires,
            size: change.size,
            sha256: change.sha256,
            md5: change.md5,
            metadata: change.metadata,
          };
    case 'NODE_RENAME':
      return { kind: 'NODE_RENAME', fullPath, newFullPath: change.newFullPath, operator };
    case 'NODE_UPDATE':
      return { kind: 'NODE_EXPIRE', fullPath, expires: change.expires, operator };
    case 'NODE_DELETE':
      return { kind: 'NODE_DELETE', fullPath, operator };
    case 'METADATA_SAVE':
      return { kind: 'METADATA_SAVE', fullPath, metadata: change.metadata, operator };
    case 'METADATA_DELETE':
      return { kind: 'METADATA_DELETE', fullPath, keys: change.keyList, operator };
  }
}
