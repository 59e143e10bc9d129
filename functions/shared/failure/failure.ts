import { createHash } from 'node:crypto';
import { z } from 'zod';
import { containerSchema } from '../lane/message.ts';
import { failureKeyOf, runFailureKeyOf, sweepFailureKeyOf, type TableKey } from '../table.ts';

/** Why an operation could not be done for good. */
const FAILURE_CODES = [
  /** The remote refuses it; the reason has its status, code and text. */
  'REMOTE_REFUSED',
  /** The source's node names content that the source's blob store does not have. */
  'BLOB_MISSING',
  /** The source's content is not of the digest or size that its node names. */
  'BLOB_CORRUPT',
  /** The path does not arrive as it is: it is no Unicode text, or the remote takes it for another one. */
  'PATH_UNSENDABLE',
  /** The remote does not have the repository, and the task's policies forbid making it. */
  'REPOSITORY_MISSING',
  /** The source does not have the project or repository that the task names. */
  'SOURCE_MISSING',
  /** The remote did not answer for as long as a run waits. */
  'REMOTE_DOWN',
  /** What a run left undone because doing it failed every time, for no reason that the remote gave. */
  'ABANDONED',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

/** Days that a failure is kept. */
const RETENTION_DAYS = 30;

/** An operation that was not done, and why: what an operator needs to judge it and to do it again. */
export const failureSchema = z.object({
  taskKey: z.string(),
  source: containerSchema,
  remote: containerSchema,
  slotName: z.string(),
  ordinal: z.number().int().positive(),
  /** `_id` of the log document, hex. */
  eventId: z.string(),
  /** Kind of the operation. */
  kind: z.string(),
  /** Path that it names; none for a project or repository. */
  fullPath: z.string().optional(),
  /** Where a rename, move or copy leads to. */
  destFullPath: z.string().optional(),
  code: z.enum(FAILURE_CODES),
  /** For people; holds no secret. */
  reason: z.string(),
  /** ISO 8601 UTC. */
  at: z.iso.datetime(),
});
export type Failure = z.infer<typeof failureSchema>;

/** What a run could not replicate, by its kind. */
const RUN_FAILURE_KINDS = ['NODE', 'REPOSITORY', 'PROJECT', 'PERMISSION'] as const;

/** Something that a run could not replicate, and why. */
export const runFailureSchema = z.object({
  taskKey: z.string(),
  runId: z.string(),
  source: containerSchema,
  remote: containerSchema,
  kind: z.enum(RUN_FAILURE_KINDS),
  /** Path of a node. */
  fullPath: z.string().optional(),
  /** Of a PERMISSION: the role, permission or user. */
  name: z.string().optional(),
  code: z.enum(FAILURE_CODES),
  /** For people; holds no secret. */
  reason: z.string(),
  /** ISO 8601 UTC. */
  at: z.iso.datetime(),
});
export type RunFailure = z.infer<typeof runFailureSchema>;

/** Something that differs and that a sweep's part could not put right, and why. */
export const sweepFailureSchema = z.object({
  taskKey: z.string(),
  sweepId: z.string(),
  part: z.number().int().positive(),
  source: containerSchema,
  remote: containerSchema,
  kind: z.enum(['NODE', 'REPOSITORY', 'PROJECT']),
  /** Path of a node. */
  fullPath: z.string().optional(),
  code: z.enum(FAILURE_CODES),
  /** For people; holds no secret. */
  reason: z.string(),
  /** ISO 8601 UTC. */
  at: z.iso.datetime(),
});
export type SweepFailure = z.infer<typeof sweepFailureSchema>;

/** A failure as an item of the table, which DynamoDB removes by itself after its retention. */
export function failureItemOf(failure: Failure): Record<string, unknown> {
  return {
    ...failureKeyOf(failure.taskKey, failure.ordinal, failure.source),
    ...failure,
    expiresAt: expiryOf(failure.at),
  };
}

/** As `failureItemOf`. One about the same thing in the same run has the same key. */
export function runFailureItemOf(failure: RunFailure): TableKey & Record<string, unknown> {
  const { taskKey, runId, source, kind, fullPath = '', name = '' } = failure;
  const about = JSON.stringify([source.projectId, source.repoName, kind, fullPath, name]);
  const digest = createHash('sha256').update(about).digest('hex').slice(0, 32);
  return { ...runFailureKeyOf(taskKey, runId, digest), ...failure, expiresAt: expiryOf(failure.at) };
}

/** As `failureItemOf`. One at the same path has the same key, whichever sweep finds it: a path is listed once. */
export function sweepFailureItemOf(failure: SweepFailure): TableKey & Record<string, unknown> {
  const { taskKey, source, fullPath } = failure;
  const about = JSON.stringify([source.projectId, source.repoName, fullPath]);
  const digest = createHash('sha256').update(about).digest('hex').slice(0, 32);
  return { ...sweepFailureKeyOf(taskKey, digest), ...failure, expiresAt: expiryOf(failure.at) };
}

/** Seconds since 1970. */
function expiryOf(at: string): number {
  return Math.floor(Date.parse(at) / 1_000) + RETENTION_DAYS * 86_400;
}
