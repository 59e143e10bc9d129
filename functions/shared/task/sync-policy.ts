import { z } from 'zod';
import type { Task } from './task.ts';

/** The one thing that can be filtered: deleting a whole container at the source is not replayed. */
export const FILTER_DDL_POLICIES = ['drop_database'] as const;

/** What a conflict does; as bk-repo names them (replication task of January 2021). */
export const CONFLICT_STRATEGIES = ['SKIP', 'OVERWRITE', 'FAST_FAIL'] as const;

/** Synchronization policies as a task stores them; what is left out has its default. */
export const storedPolicySchema = z.object({
  filterDdl: z.enum(FILTER_DDL_POLICIES).optional(),
  ddlTrans: z.boolean().optional(),
  indexTrans: z.boolean().optional(),
});

/**
 * The policies in force of a task, at its `policyVersion`. What a conflict does is the task's conflict strategy itself, the same
 * for its runs: SKIP is the policy `ignore`, OVERWRITE `overwrite`, FAST_FAIL `stop`.
 *
 * A read's routes and a lane's messages carry them: an event is applied under the policies in force when it was read.
 */
export const syncPolicySchema = z.object({
  conflictStrategy: z.enum(CONFLICT_STRATEGIES),
  filterDdl: z.enum(FILTER_DDL_POLICIES).optional(),
  /** Container definitions are replayed. */
  ddlTrans: z.boolean(),
  /** Package indexes are replicated like any node. */
  indexTrans: z.boolean(),
});
export type SyncPolicy = Readonly<z.infer<typeof syncPolicySchema>>;

export function syncPolicyOf(task: Pick<Task, 'setting' | 'policy'>): SyncPolicy {
  return {
    conflictStrategy: task.setting.conflictStrategy,
    ...(task.policy?.filterDdl === undefined ? {} : { filterDdl: task.policy.filterDdl }),
    ddlTrans: task.policy?.ddlTrans ?? true,
    indexTrans: task.policy?.indexTrans ?? true,
  };
}
