import { z } from 'zod';
import { CONFLICT_STRATEGIES, storedPolicySchema, syncPolicySchema } from './sync-policy.ts';

/** Values as bk-repo names them (replication task of January 2021). */
export const TASK_TYPES = ['FULL', 'INCREMENTAL'] as const;
const TASK_STATUSES = ['WAITING', 'PAUSED', 'REPLICATING', 'SUCCESS', 'INTERRUPTED', 'FAILED'] as const;
/** As later versions of bk-repo name them. */
export const ERROR_STRATEGIES = ['CONTINUE', 'FAST_FAIL'] as const;

/**
 * Why a task is parked: its remote has been away for long, it was paused or has stopped with operations on their way, they
 * have got lost, or somebody has asked for them to be sent anew.
 */
const PARK_REASONS = ['REMOTE_AWAY', 'PAUSED', 'STOPPED', 'STALLED', 'REDRIVE'] as const;
export type ParkReason = (typeof PARK_REASONS)[number];

/** Slot that a task reads from when nothing else is said. */
export const DEFAULT_SLOT = 'default';

/**
 * A replication task as it is stored.
 *
 * Instants are ISO 8601 in UTC (`2026-11-22T01:13:43.954Z`); the API turns them into the zone-less local
 * date-times of the contract. `encryptedPassword` is KMS ciphertext in base64, bound to the task's key by the
 * encryption context `{taskKey}`; the plain password is nowhere stored.
 */
export const taskSchema = z.object({
  /** 24 hex digits, as bk-repo's document ids are. */
  id: z.string(),
  /** 32 hex digits. */
  key: z.string(),
  name: z.string().optional(),
  description: z.string().optional(),
  type: z.enum(TASK_TYPES),
  status: z.enum(TASK_STATUSES),
  includeAllProject: z.boolean(),
  localProjectId: z.string().optional(),
  localRepoName: z.string().optional(),
  remoteProjectId: z.string().optional(),
  remoteRepoName: z.string().optional(),
  setting: z.object({
    includeMetadata: z.boolean(),
    includePermission: z.boolean(),
    conflictStrategy: z.enum(CONFLICT_STRATEGIES),
    remoteClusterInfo: z.object({
      /** Normalised at the boundary: scheme present, no trailing slash. `/replica/...` is appended to it. */
      url: z.string(),
      certificate: z.string().optional(),
      username: z.string(),
      encryptedPassword: z.string(),
    }),
    executionPlan: z.object({
      executeImmediately: z.boolean(),
      executeTime: z.string().optional(),
      cronExpression: z.string().optional(),
    }),
    /** Minutes between two sweeps of what was changed, hours between two of everything; 0: never (`sweep/sweep.ts`). */
    sweepPeriod: z.number().int().nonnegative().optional(),
    comparePeriod: z.number().int().nonnegative().optional(),
    /** Share of a repository that a sweep deletes without asking: 0 to 1 (`sweep/guard.ts`). */
    maxDeletionShare: z.number().min(0).max(1).optional(),
  }),
  /** What one node that cannot be replicated does to a run; CONTINUE when nothing is said. */
  errorStrategy: z.enum(ERROR_STRATEGIES).optional(),
  /** The run that is going; a task has one at a time. */
  activeRunId: z.string().optional(),
  /** Scheduled time that was dealt with last, so that it is not dealt with twice; ISO 8601 UTC. */
  lastDue: z.iso.datetime().optional(),
  /** Scheduled time of the next run, while one is armed; ISO 8601 UTC. */
  nextExecution: z.iso.datetime().optional(),
  /** What a PAUSED task is again when it is resumed. */
  pausedFrom: z.enum(TASK_STATUSES).optional(),
  slotName: z.string(),
  /** Slot that the task is asked to read from in place of its own. */
  requestedSlotName: z.string().optional(),
  /** Synchronization policies beside the conflict strategy (`syncPolicyOf`). */
  policy: storedPolicySchema.optional(),
  /** Counts policy changes; an event is applied under the version in force when it was read. */
  policyVersion: z.number().int(),
  /** First ordinal of the task's lanes; set by the tailer that first saw the task. */
  startOrdinal: z.number().int().optional(),
  /**
   * Added to the slot's ordinals in the task's lanes and their operations, so that they go on from those of the slot that the
   * task has read from before; 0 when nothing is said.
   */
  ordinalOffset: z.number().int().optional(),
  /** Counts how often the task was parked, and so its lanes were rewound; 0 when absent. */
  generation: z.number().int().positive().optional(),
  /** The archive has lost what the task still has to get, from this ordinal of its slot on. */
  stranded: z.object({ since: z.iso.datetime(), nextOrdinal: z.number().int().positive() }).optional(),
  /**
   * Set while the task is left out of the slot's reads: the first ordinal that it still has to get, from the archive. Where
   * a read begins, and never past the slot's own next ordinal.
   */
  catchUp: z
    .object({
      nextOrdinal: z.number().int().positive(),
      /** What comes earlier in the object that the position names is not the task's to get: it has it from another slot. */
      notBefore: z.number().int().positive().optional(),
      /**
       * While what is on its way to the lanes is taken back, to be sent anew from here (docs/adr/0014): until every lane that
       * had something on its way is rewound, and of a remote that is away until it answers.
       */
      parked: z
        .object({
          since: z.iso.datetime(),
          reason: z.enum(PARK_REASONS),
          /** What the lanes say of the remote. */
          details: z.string().optional(),
          isRewound: z.literal(true).optional(),
        })
        .optional(),
      /** While the task is on its way to another slot: it has all of its own slot's events before the position. */
      leaving: z
        .object({
          slotName: z.string(),
          since: z.iso.datetime(),
          /** The log document before the position. */
          lastId: z.string().nullable(),
          /** Where a read of the other slot begins, and the document before it; not behind the place that the task joins at. */
          position: z.object({ nextOrdinal: z.number().int().positive(), lastId: z.string().nullable() }),
        })
        .optional(),
      /** The stretch that is being replayed, and under what: a repeat of it sends the same, whatever has changed since. */
      stretch: z
        .object({
          /** Behind its last event. */
          toOrdinal: z.number().int().positive(),
          policyVersion: z.number().int(),
          policy: syncPolicySchema,
        })
        .optional(),
    })
    .optional(),
  /**
   * The first full synchronization of an INCREMENTAL task that asked for one. Until it has ended, nothing is replayed;
   * what was logged well before it began is in it.
   */
  initialSync: z
    .object({
      runId: z.string().optional(),
      startedAt: z.iso.datetime().optional(),
      endedAt: z.iso.datetime().optional(),
    })
    .optional(),
  /** Gaps of its slot's log that it is still to be repaired after (`sweep/sweep.ts`). */
  openGaps: z.number().int().optional(),
  /** Counts the item's writes: every update is conditional on the revision it was made from. */
  revision: z.number().int(),
  createdBy: z.string(),
  createdDate: z.iso.datetime(),
  lastModifiedBy: z.string(),
  lastModifiedDate: z.iso.datetime(),
});

export type Task = z.infer<typeof taskSchema>;
