import { createHash } from 'node:crypto';
import { z } from 'zod';
import { containerSchema } from '../lane/message.ts';
import { conflictKeyOf, sweepConflictKeyOf, type TableKey } from '../table.ts';
import { CONFLICT_STRATEGIES } from '../task/sync-policy.ts';

/** Days that a conflict is kept. */
const RETENTION_DAYS = 90;

/** A node as far as it is known: of a remote of the base contract, that something is there. */
const sideSchema = z.object({
  folder: z.boolean().optional(),
  /** Hex; of files. */ sha256: z.string().optional(),
});

/**
 * An incoming node that met, at its path, other content at the target that did not come from this source: what an operator
 * needs to judge it and to have the source's node put there after all.
 */
export const conflictSchema = z.object({
  taskKey: z.string(),
  source: containerSchema,
  remote: containerSchema,
  slotName: z.string(),
  /** Of an event: its place in the slot, and the `_id` of its log document, hex. */
  ordinal: z.number().int().positive().optional(),
  eventId: z.string().optional(),
  /** Of a sweep, which no event has brought there. */
  sweepId: z.string().optional(),
  /** Kind of the operation; of a sweep RECONCILE. */
  kind: z.string(),
  /** What was done about it, and under which version of the task's policies. */
  policy: z.enum(CONFLICT_STRATEGIES),
  policyVersion: z.number().int(),
  fullPath: z.string(),
  /** What was to be put there. */
  incoming: sideSchema,
  /** What is at the target. */
  present: sideSchema,
  /** When the log says that it happened (a sweep: when it was looked at), and when the conflict was found; ISO 8601 UTC. */
  loggedAt: z.iso.datetime(),
  at: z.iso.datetime(),
  /** Why putting the source's node there has failed since; for people, holds no secret. */
  reason: z.string().optional(),
});
export type Conflict = z.infer<typeof conflictSchema>;

/** A conflict as an item of the table, removed by DynamoDB after its retention. Found again, it has the same key. */
export function conflictItemOf(conflict: Conflict): TableKey & Record<string, unknown> {
  const { taskKey, ordinal, source, fullPath, at } = conflict;
  const about = JSON.stringify([source.projectId, source.repoName, fullPath]);
  const digest = createHash('sha256').update(about).digest('hex').slice(0, 32);
  return {
    ...(ordinal === undefined
      ? sweepConflictKeyOf(taskKey, digest)
      : conflictKeyOf(taskKey, ordinal, digest)),
    ...conflict,
    expiresAt: Math.floor(Date.parse(at) / 1_000) + RETENTION_DAYS * 86_400,
  };
}

/** An event of a task that stops at conflicts met one. */
export class ConflictStopError extends Error {
  readonly conflict: Conflict;

  constructor(conflict: Conflict) {
    super(conflictReason(conflict));
    this.name = 'ConflictStopError';
    this.conflict = conflict;
  }
}

/** A conflict in one sentence, for a task's log. */
export function conflictReason({
  remote,
  fullPath,
  incoming,
  present,
  kind,
  ordinal,
  eventId,
}: Conflict): string {
  const { projectId, repoName } = remote;
  return (
    `Conflict: ${projectId}/${repoName}${fullPath} holds ${told(present)} at the remote that did not come from this source; ` +
    `${kind} (ordinal ${ordinal}, event ${eventId}) brings ${told(incoming)}`
  );
}

function told({ folder, sha256 }: z.infer<typeof sideSchema>): string {
  if (folder === undefined) {
    return 'something';
  }
  return folder ? 'a folder' : `a file ${sha256 ?? ''}`.trimEnd();
}
