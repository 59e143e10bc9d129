import { z } from 'zod';
import type { Task } from './task.ts';

/** The one thing that can be filtered: deleting a whole container at the source is not replayed. */
export const FILTER_DDL_POLICIES = ['drop_database'] as const;
export type FilterDdlPolicy = (typeof FILTER_DDL_POLICIES)[number];

/** Synchronization policies as a task stores them; what is left out has its default. */
export const storedPolicySchema = z.object({
  filterDdl: z.enum(FILTER_DDL_POLICIES).optional(),
  ddlTrans: z.boolean().optional(),
  indexTrans: z.boolean().optional(),
});

/**
 * The policies in force of a task, at its `policyVersion`. What a conflict does is the task's conflict strategy itself, the same
 * for its runs: SKIP is the policy `ignore`, OVERWRITE `overwrite`, FAST_FAIL `stop`.
 */
export interface SyncPolicy {
  readonly conflictStrategy: Task['setting']['conflictStrategy'];
  readonly filterDdl: FilterDdlPolicy | undefined;
  /** Container definitions are replayed. */
  readonly ddlTrans: boolean;
  /** Package indexes are replicated like any node. */
  readonly indexTrans: boolean;
}

export function syncPolicyOf(task: Pick<Task, 'setting' | 'policy'>): SyncPolicy {
  return {
    conflictStrategy: task.setting.conflictStrategy,
    filterDdl: task.policy?.filterDdl,
    ddlTrans: task.policy?.ddlTrans ?? true,
    indexTrans: task.policy?.indexTrans ?? true,
  };
}
