import { z } from 'zod';

/**
 * Why a run was begun: the task was created with an immediate plan, its time has come, someone asked for it, or an
 * incremental task wants first what exists.
 */
export const RUN_TRIGGERS = ['CREATED', 'SCHEDULE', 'EXECUTE', 'INITIAL'] as const;

/** Failures, or conflicts, that one message asks to be retried. */
export const MAX_RETRIES_AT_ONCE = 100;

const taskKey = z.string().min(1);
const runId = z.string().min(1);

/** Begin a run of the task, or go on with one that was interrupted. */
const startMessageSchema = z.object({
  version: z.literal(1),
  kind: z.literal('START'),
  taskKey,
  trigger: z.enum(RUN_TRIGGERS),
  /** The planned time, ISO 8601 UTC; of a scheduled start. */
  due: z.iso.datetime().optional(),
  /** The run that is to be gone on with. */
  runId: runId.optional(),
});
export type StartMessage = z.infer<typeof startMessageSchema>;

/** Go on planning a run, and look after it until it has ended. */
const planMessageSchema = z.object({
  version: z.literal(1),
  kind: z.literal('PLAN'),
  taskKey,
  runId,
  /** Where the planner stood when it was sent, as text: whether deliveries of it have led anywhere is seen from that. */
  position: z.string().optional(),
});
export type PlanMessage = z.infer<typeof planMessageSchema>;

/** Do again what could not be done, or was left alone as a conflict, from what the source has now. */
const retryMessageSchema = z.object({
  version: z.literal(1),
  kind: z.literal('RETRY'),
  taskKey,
  /** What the ids name; absent: failures. */
  of: z.enum(['FAILURES', 'CONFLICTS']).optional(),
  /** Ids, as the API lists them. */
  failures: z.array(z.string().min(1)).min(1).max(MAX_RETRIES_AT_ONCE),
});
export type RetryMessage = z.infer<typeof retryMessageSchema>;

/** Look after what nobody else looks after (`upkeep/upkeep.ts`). */
const upkeepMessageSchema = z.object({ version: z.literal(1), kind: z.literal('UPKEEP') });

/** Begin a sweep of the task that is due, or go on with one and look after it until it has ended. */
const sweepMessageSchema = z.object({
  version: z.literal(1),
  kind: z.literal('SWEEP'),
  taskKey,
  /** Absent: begin what is due. */
  sweepId: z.string().min(1).optional(),
  /** As a PlanMessage's. */
  position: z.string().optional(),
});
export type SweepMessage = z.infer<typeof sweepMessageSchema>;

/** Body of one message on the queue of runs. */
export const runMessageSchema = z.discriminatedUnion('kind', [
  startMessageSchema,
  planMessageSchema,
  retryMessageSchema,
  upkeepMessageSchema,
  sweepMessageSchema,
]);
export type RunMessage = z.infer<typeof runMessageSchema>;

/** Body of one message on the queue of pages: a page by its number, which is all that its worker needs to find it. */
export const pageMessageSchema = z.object({
  version: z.literal(1),
  kind: z.literal('PAGE'),
  taskKey,
  runId,
  page: z.number().int().positive(),
  /** The page's `nodesDone` when it was sent; absent: 0. */
  nodesDone: z.number().int().nonnegative().optional(),
});
export type PageMessage = z.infer<typeof pageMessageSchema>;
