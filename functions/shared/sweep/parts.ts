import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { isConditionFailure, isTransactionConflict } from '../aws/conditions.ts';
import { readPartition } from '../aws/partition.ts';
import type { Clock } from '../clock.ts';
import { type Container, containerSchema } from '../lane/message.ts';
import { reconcileMessageOf } from '../lane/pack.ts';
import type { LaneQueue } from '../lane/queue.ts';
import { sweepPartKeyOf, sweepPartPartitionOf } from '../table.ts';
import { type SyncPolicy, syncPolicySchema } from '../task/sync-policy.ts';

/** Paths of one part: bounds what a worker does for one message, and what a redelivery looks at again. */
export const MAX_PART_PATHS = 100;

/** Bytes of a part's paths together, in UTF-8: its item may have 400 KB. */
export const MAX_PART_BYTES = 200 * 1024;

/** Days that a part is kept, as a failure is. */
const RETENTION_DAYS = 30;

/** What a sweep wants put right in one lane; the lane's worker makes it what the source has then. */
export interface SweepPart {
  readonly taskKey: string;
  readonly sweepId: string;
  /** From 1. */
  readonly part: number;
  readonly slotName: string;
  readonly policyVersion: number;
  readonly policy: SyncPolicy;
  /** The lane's repository, by its source names. */
  readonly source: Container;
  readonly remote: Container;
  /** Normalised; at most `MAX_PART_PATHS`, and `MAX_PART_BYTES` together (`pathsByPart`). */
  readonly fullPaths: readonly string[];
  /** The definition of the lane's project and repository, too; then there may be no paths. */
  readonly definition?: true | undefined;
  /** Somebody has asked for what only the remote has to be removed, though it is not the source's. */
  readonly deleteExtra?: boolean | undefined;
}

/** What became of a part's paths, and of its definition, which counts as one. `checked` is the sum of the others. */
export interface PartCounts {
  readonly checked: number;
  /** Put at the remote, or put right there. */
  readonly repaired: number;
  /** Taken away there. */
  readonly removed: number;
  /** Alike by then, or not the sweep's to change. */
  readonly unchanged: number;
  /** Others' content is there, and stays. */
  readonly conflicted: number;
  /** Refused for good; each has a failure record. */
  readonly failed: number;
}

const partSchema = z.object({
  taskKey: z.string(),
  sweepId: z.string(),
  part: z.number().int().positive(),
  slotName: z.string(),
  policyVersion: z.number().int(),
  policy: syncPolicySchema,
  source: containerSchema,
  remote: containerSchema,
  fullPaths: z.array(z.string()),
  definition: z.literal(true).optional(),
  deleteExtra: z.boolean().optional(),
  status: z.enum(['SENT', 'DONE']),
  /** Indexes of the paths that its worker has set out to change (`part-ledger.ts`). */
  begun: z.array(z.number().int().nonnegative()).optional(),
});
/** A part as it is stored. */
export type StoredPart = SweepPart & Pick<z.infer<typeof partSchema>, 'status' | 'begun'>;

/** Parts of sweeps, from where they are found to the lanes that do them. */
export interface SweepParts {
  /**
   * Store parts, and send them to their lanes. Repeating it changes nothing: a part that exists is left as it is, and its
   * message is sent again unless it is done.
   *
   * @throws RangeError for a part beyond its bounds.
   */
  send(parts: readonly SweepPart[]): Promise<void>;
  /** A part, strongly consistent; undefined when it is not there, or not any more. */
  load(sweepId: string, part: number): Promise<StoredPart | undefined>;
  /** Parts of a sweep that are not done, the first ones, for sending again. Strongly consistent. */
  undone(sweepId: string, limit: number): Promise<SweepPart[]>;
}

/** Stores of parts that are written at once. */
const WRITES_AT_ONCE = 8;

/** Requests of at most 1 MB that a search for parts makes: what is beyond is found once the first ones are done. */
const MAX_REQUESTS = 100;

interface Table {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
}

export function sweepParts(
  options: Table & { readonly queue: Pick<LaneQueue, 'send'>; readonly clock: Clock },
): SweepParts {
  const { table, tableName, queue, clock } = options;

  /** @returns whether the part is still to be done. */
  async function store(part: SweepPart): Promise<boolean> {
    const expiresAt = Math.floor(clock().getTime() / 1_000) + RETENTION_DAYS * 86_400;
    try {
      await table.send(
        new PutCommand({
          TableName: tableName,
          Item: { ...sweepPartKeyOf(part.sweepId, part.part), ...part, status: 'SENT', expiresAt },
          ConditionExpression: 'attribute_not_exists(pk)',
        }),
      );
      return true;
    } catch (error) {
      // A transaction at the part is its worker's.
      if (!isConditionFailure(error) && !isTransactionConflict(error)) {
        throw error;
      }
      return (await loadPart(options, part.sweepId, part.part))?.status === 'SENT';
    }
  }

  return {
    async send(parts) {
      for (const part of parts) {
        checkBounds(part);
      }
      const due: SweepPart[] = [];
      for (let start = 0; start < parts.length; start += WRITES_AT_ONCE) {
        const written = parts.slice(start, start + WRITES_AT_ONCE);
        const isDue = await Promise.all(written.map(store));
        due.push(...written.filter((_, index) => isDue[index] === true));
      }
      await queue.send(due.map(reconcileMessageOf));
    },

    load: (sweepId, part) => loadPart(options, sweepId, part),

    async undone(sweepId, limit) {
      const { items } = await readPartition({
        table,
        tableName,
        partition: sweepPartPartitionOf(sweepId),
        filter: {
          expression: '#status = :sent',
          names: { '#status': 'status' },
          values: { ':sent': 'SENT' },
        },
        limit,
        maxRequests: MAX_REQUESTS,
        parse: (item): SweepPart => {
          const { status: _, begun: __, ...part } = partSchema.parse(item);
          return part;
        },
      });
      return items;
    },
  };
}

/** `SweepParts.load`, for those who send none. */
export async function loadPart(
  { table, tableName }: Table,
  sweepId: string,
  part: number,
): Promise<StoredPart | undefined> {
  const { Item } = await table.send(
    new GetCommand({ TableName: tableName, Key: { ...sweepPartKeyOf(sweepId, part) }, ConsistentRead: true }),
  );
  return Item === undefined ? undefined : partSchema.parse(Item);
}

/** Paths cut into as many as one part may have, in their order. */
export function pathsByPart(fullPaths: readonly string[]): string[][] {
  const parts: string[][] = [];
  let bytes = 0;
  for (const fullPath of fullPaths) {
    const size = Buffer.byteLength(fullPath);
    const last = parts.at(-1);
    if (last === undefined || last.length === MAX_PART_PATHS || bytes + size > MAX_PART_BYTES) {
      parts.push([fullPath]);
      bytes = size;
    } else {
      last.push(fullPath);
      bytes += size;
    }
  }
  return parts;
}

function checkBounds({ sweepId, part, fullPaths }: SweepPart): void {
  const bytes = fullPaths.reduce((sum, fullPath) => sum + Buffer.byteLength(fullPath), 0);
  if (fullPaths.length > MAX_PART_PATHS || bytes > MAX_PART_BYTES) {
    throw new RangeError(`Part ${part} of sweep ${sweepId} has ${fullPaths.length} paths of ${bytes} bytes`);
  }
}
