import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import { toDomainError } from '../http/validation.ts';
import { armNoted, beginsAt, disarmOld, planned, type TaskStarter } from './begin.ts';
import { changeTask, refuseWhileRunning } from './change.ts';
import { requestedFields } from './create.ts';
import type { RemoteCredentials } from './credentials.ts';
import type { RemoteProbe } from './ports.ts';
import type { TaskRepository } from './repository.ts';
import { type TaskRequest, taskRequestSchema } from './request.ts';
import type { Task } from './task.ts';

const fields = z.record(z.string(), z.unknown());

/** The task's key, and those fields of a task request that change. What they say is checked with what stays. */
export const taskUpdateSchema = z.looseObject({
  key: z.string(),
  setting: z.looseObject({ remoteClusterInfo: fields.nullish(), executionPlan: fields.nullish() }).nullish(),
});
export type TaskUpdate = z.output<typeof taskUpdateSchema>;

/** Stands for the stored password, which cannot be read here, while the rest is checked. */
const UNREADABLE_PASSWORD = 'unchanged';

/**
 * Change what was requested of a task: fields that are missing or null stay, a text that is empty removes what was there,
 * and a plan is replaced as a whole. The password stays when none is given, but only for the same remote and user: it is
 * not sent to another address.
 *
 * The type stays. Of an INCREMENTAL task that has begun, its scope, remote and plan stay too: what is under way in its
 * lanes is for them.
 *
 * @param options `timeZone`: zone of times without an offset, and of cron expressions.
 * @throws DomainError RESOURCE_NOT_FOUND; TASK_STATUS_INVALID while it is REPLICATING; what a new task would be refused for.
 */
export async function updateTask(options: {
  readonly update: TaskUpdate;
  readonly by: string;
  readonly tasks: Pick<TaskRepository, 'get' | 'update'>;
  readonly credentials: Pick<RemoteCredentials, 'encrypt'>;
  readonly probe: RemoteProbe;
  readonly starter: TaskStarter;
  readonly clock: Clock;
  readonly timeZone: string;
}): Promise<Task> {
  const { update, by, tasks, credentials, probe, starter, clock, timeZone } = options;
  const now = clock();
  const isReplanned = (update.setting?.executionPlan ?? undefined) !== undefined;
  const isPasswordGiven = (update.setting?.remoteClusterInfo?.['password'] ?? undefined) !== undefined;
  let checked: string | undefined;

  async function change(task: Task): Promise<Task> {
    if (task.status === 'REPLICATING') {
      throw new DomainError('TASK_STATUS_INVALID');
    }
    refuseWhileRunning(task);
    const request = mergedRequest(task, update, timeZone);
    const { remoteClusterInfo } = request.setting;
    if (!isPasswordGiven && isOtherRemote(task, request)) {
      throw new DomainError('PARAMETER_MISSING', ['password']);
    }
    if (isPasswordGiven && request.validateConnectivity && checked === undefined) {
      await probe(remoteClusterInfo);
    }
    const { encryptedPassword: stored } = task.setting.remoteClusterInfo;
    checked ??= isPasswordGiven
      ? await credentials.encrypt({ taskKey: task.key, password: remoteClusterInfo.password })
      : stored;
    const requested: Task = { ...task, ...requestedFields(request, checked) };
    if (hasBegun(task)) {
      refuseOtherScope(task, requested);
    }
    const changed = replanned(bumped(task, requested));
    await armNoted(changed, starter.schedule);
    return changed;
  }

  function replanned(task: Task): Task {
    if (!isReplanned) {
      return task;
    }
    return task.status === 'PAUSED'
      ? { ...task, pausedFrom: 'WAITING' }
      : planned({ ...task, status: 'WAITING' }, now, timeZone);
  }

  const { before, after } = await changeTask({ taskKey: update.key, by, tasks, clock, change });
  await disarmOld({ before, after, schedule: starter.schedule });
  if (isReplanned && after.status === 'WAITING' && beginsAt(after.setting.executionPlan, now)) {
    await starter.queue.start({ taskKey: after.key, trigger: 'EXECUTE' });
  }
  return after;
}

/** The request that the task would be created with now. */
function mergedRequest(task: Task, update: TaskUpdate, timeZone: string): TaskRequest {
  const { setting } = update;
  const { remoteClusterInfo, executionPlan } = task.setting;
  const { encryptedPassword: _, ...remote } = remoteClusterInfo;
  const result = taskRequestSchema(timeZone).safeParse({
    name: task.name,
    description: task.description,
    type: task.type,
    includeAllProject: task.includeAllProject,
    localProjectId: task.localProjectId,
    localRepoName: task.localRepoName,
    remoteProjectId: task.remoteProjectId,
    remoteRepoName: task.remoteRepoName,
    initialSync: task.initialSync !== undefined,
    ...given(update),
    setting: {
      includeMetadata: task.setting.includeMetadata,
      includePermission: task.setting.includePermission,
      conflictStrategy: task.setting.conflictStrategy,
      errorStrategy: task.errorStrategy,
      sweepPeriod: task.setting.sweepPeriod,
      comparePeriod: task.setting.comparePeriod,
      maxDeletionShare: task.setting.maxDeletionShare,
      ...given(setting ?? {}),
      remoteClusterInfo: {
        ...remote,
        password: UNREADABLE_PASSWORD,
        ...given(setting?.remoteClusterInfo ?? {}),
      },
      executionPlan: setting?.executionPlan ?? executionPlan,
    },
  });
  if (!result.success) {
    throw toDomainError(result.error);
  }
  if (result.data.type !== task.type) {
    throw new DomainError('PARAMETER_INVALID', ['type']);
  }
  if (result.data.initialSync !== (task.initialSync !== undefined)) {
    throw new DomainError('PARAMETER_INVALID', ['initialSync']);
  }
  return result.data;
}

function given(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== null && value !== undefined),
  );
}

function isOtherRemote(task: Task, request: TaskRequest): boolean {
  const stored = task.setting.remoteClusterInfo;
  const { url, username, certificate } = request.setting.remoteClusterInfo;
  return url !== stored.url || username !== stored.username || certificate !== stored.certificate;
}

/** Whether an INCREMENTAL task has followed the log, or begun its initial sync. */
function hasBegun(task: Task): boolean {
  const status = task.status === 'PAUSED' ? task.pausedFrom : task.status;
  return task.type === 'INCREMENTAL' && status !== 'WAITING';
}

function refuseOtherScope(task: Task, requested: Task): void {
  const names = [
    'includeAllProject',
    'localProjectId',
    'localRepoName',
    'remoteProjectId',
    'remoteRepoName',
  ] as const;
  const scope = names.find((name) => task[name] !== requested[name]);
  if (scope !== undefined) {
    throw new DomainError('PARAMETER_INVALID', [scope]);
  }
  if (task.setting.remoteClusterInfo.url !== requested.setting.remoteClusterInfo.url) {
    throw new DomainError('PARAMETER_INVALID', ['url']);
  }
  if (!isSame(task.setting.executionPlan, requested.setting.executionPlan)) {
    throw new DomainError('PARAMETER_INVALID', ['executionPlan']);
  }
}

/** A new policy version when what is replicated, or how, is another: a run that was interrupted then begins anew. */
function bumped(task: Task, requested: Task): Task {
  const policyOf = ({ setting, ...rest }: Task) => [
    rest.includeAllProject,
    rest.localProjectId,
    rest.localRepoName,
    rest.remoteProjectId,
    rest.remoteRepoName,
    rest.errorStrategy ?? 'CONTINUE',
    setting.includeMetadata,
    setting.includePermission,
    setting.conflictStrategy,
    setting.remoteClusterInfo.url,
  ];
  return isSame(policyOf(task), policyOf(requested))
    ? requested
    : { ...requested, policyVersion: task.policyVersion + 1 };
}

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
