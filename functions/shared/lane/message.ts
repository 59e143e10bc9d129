import { z } from 'zod';
import { syncPolicySchema } from '../task/sync-policy.ts';
import { operationSchema } from './operation.ts';

/** A repository by its names; an empty `repoName` stands for the project itself. */
export const containerSchema = z.object({ projectId: z.string(), repoName: z.string() });
export type Container = z.infer<typeof containerSchema>;

/**
 * One operation of a batch: where it stands in the slot (`ordinal`), which log document it came from, and what
 * is to be done. An operation too large for a queue message is put in the archive bucket and named here by its
 * object key instead.
 */
const batchEntrySchema = z.object({
  ordinal: z.number().int().positive(),
  /** `_id` of the log document, hex. */
  eventId: z.string(),
  /** The log document's `createdDate`, ISO 8601 UTC: lag is measured from it. */
  loggedAt: z.iso.datetime(),
  /**
   * Set on the second operation that one event makes in a task (a move between repositories touches two lanes):
   * it is applied like any other, but the event is counted in the other lane only.
   */
  secondary: z.literal(true).optional(),
  /** Ids of the clusters that the change came by: it is not sent to one of them. */
  origin: z.array(z.string()).optional(),
  operation: z.union([operationSchema, z.object({ kind: z.literal('ARCHIVED'), objectKey: z.string() })]),
});
export type BatchEntry = z.infer<typeof batchEntrySchema>;

/**
 * Body of one message on the lane queue: consecutive operations of one lane, and the ordinal of the lane's
 * operation before them (0 when there is none), by which the worker checks that it skips nothing.
 */
export const batchMessageSchema = z.object({
  version: z.literal(1),
  /** No other message is taken for a batch. */
  kind: z.undefined().optional(),
  taskKey: z.string(),
  slotName: z.string(),
  /** The task's when it was sent; absent: 0. A lane drops what is of a lower one than its own: it is sent anew. */
  generation: z.number().int().positive().optional(),
  policyVersion: z.number().int(),
  /** The policies of that version; absent in what was sent before there were any: then nothing is left out or kept. */
  policy: syncPolicySchema.optional(),
  /** The lane's repository by its source names. */
  source: containerSchema,
  /** The same by the names that the task gives it at the remote. */
  remote: containerSchema,
  previousOrdinal: z.number().int().nonnegative(),
  entries: z.array(batchEntrySchema).min(1),
});
export type BatchMessage = z.infer<typeof batchMessageSchema>;

/** Body of a message on the lane queue that asks for a part of a sweep: its paths are to be made what the source has there. */
const reconcileMessageSchema = z.object({
  version: z.literal(1),
  kind: z.literal('RECONCILE'),
  taskKey: z.string(),
  slotName: z.string(),
  /** As a batch's. */
  source: containerSchema,
  remote: containerSchema,
  sweepId: z.string(),
  /** From 1. */
  part: z.number().int().positive(),
});
export type ReconcileMessage = z.infer<typeof reconcileMessageSchema>;

/** Body of one message on the lane queue. */
export const laneMessageSchema = z.union([reconcileMessageSchema, batchMessageSchema]);
export type LaneMessage = z.infer<typeof laneMessageSchema>;
