import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import type { TaskRepository } from '../task/repository.ts';
import { FILTER_DDL_POLICIES } from '../task/sync-policy.ts';
import type { Task } from '../task/task.ts';
import { type JobItem, taskOfJob } from './batch.ts';
import { hasEnded } from './state.ts';

/** Attempts at a change that others get in the way of: a run that begins, or a tailer that notes a position. */
const ATTEMPTS = 4;

/** The service's names of the conflict strategies. */
export const CONFLICT_POLICIES = {
  ignore: 'SKIP',
  overwrite: 'OVERWRITE',
  stop: 'FAST_FAIL',
} as const satisfies Record<string, Task['setting']['conflictStrategy']>;

/** As PostgreSQL, whose word it is, names its replication slots. */
const SLOT_NAME = /^[a-z_][a-z0-9_]{0,62}$/;

/** What a job's item may change; what it leaves out stays. */
const changeSchema = z.object({
  conflict_policy: z
    .enum(['ignore', 'overwrite', 'stop'])
    .transform((name) => CONFLICT_POLICIES[name])
    .optional(),
  filter_ddl_policy: z.enum(FILTER_DDL_POLICIES).optional(),
  ddl_trans: z.boolean().optional(),
  index_trans: z.boolean().optional(),
  slot_name: z.string().regex(SLOT_NAME).optional(),
});
type PolicyChange = z.output<typeof changeSchema>;

/**
 * Set the synchronization policies of one job. The update is conditional on the task being as it was read, and is worked out
 * again when others were first; a task whose policies are already so is not written.
 *
 * @throws DomainError PARAMETER_INVALID, RESOURCE_NOT_FOUND, TASK_STATUS_INVALID when it has ended, TASK_GONE when it was
 * deleted meanwhile, TASK_CONTENDED when others were first each time.
 */
export async function setSyncPolicy(options: {
  readonly item: JobItem;
  readonly projectId: string | undefined;
  readonly by: string;
  readonly tasks: Pick<TaskRepository, 'get' | 'update'>;
  readonly clock: Clock;
}): Promise<void> {
  const { item, projectId, by, tasks, clock } = options;
  const change = changeOf(item);
  const { taskKey } = item;
  let task = await taskOfJob({ taskKey, projectId, tasks });
  for (let attempt = 1; ; attempt += 1) {
    if (hasEnded(task)) {
      throw new DomainError('TASK_STATUS_INVALID');
    }
    const changed = withPolicy(task, change);
    if (changed === task) {
      return;
    }
    const after: Task = { ...changed, lastModifiedBy: by, lastModifiedDate: clock().toISOString() };
    if ((await tasks.update(after, { revision: task.revision })) === 'updated') {
      return;
    }
    if (attempt === ATTEMPTS) {
      throw new DomainError('TASK_CONTENDED');
    }
    const present = await tasks.get(taskKey);
    if (present === undefined) {
      throw new DomainError('TASK_GONE');
    }
    task = present;
  }
}

function changeOf(item: JobItem): PolicyChange {
  const parsed = changeSchema.safeParse(item.fields);
  if (!parsed.success) {
    throw new DomainError('PARAMETER_INVALID', [String(parsed.error.issues[0]?.path[0] ?? 'jobs')]);
  }
  return parsed.data;
}

/** The task with its policies changed, under the next version; the same one when nothing is. */
function withPolicy(task: Task, change: PolicyChange): Task {
  const conflictStrategy = change.conflict_policy ?? task.setting.conflictStrategy;
  const policy = {
    filterDdl: change.filter_ddl_policy ?? task.policy?.filterDdl,
    ddlTrans: change.ddl_trans ?? task.policy?.ddlTrans,
    indexTrans: change.index_trans ?? task.policy?.indexTrans,
  };
  const changed: Task = {
    ...task,
    setting: { ...task.setting, conflictStrategy },
    policy,
    requestedSlotName: requestedSlot(task, change.slot_name),
    policyVersion: task.policyVersion + 1,
  };
  return isSamePolicy(task, changed) ? task : changed;
}

function isSamePolicy(left: Task, right: Task): boolean {
  return (
    left.setting.conflictStrategy === right.setting.conflictStrategy &&
    left.policy?.filterDdl === right.policy?.filterDdl &&
    left.policy?.ddlTrans === right.policy?.ddlTrans &&
    left.policy?.indexTrans === right.policy?.indexTrans &&
    left.requestedSlotName === right.requestedSlotName
  );
}

/** Asking for the slot that it has takes back another request. */
function requestedSlot(task: Task, asked: string | undefined): string | undefined {
  if (asked === undefined) {
    return task.requestedSlotName;
  }
  return asked === task.slotName ? undefined : asked;
}
