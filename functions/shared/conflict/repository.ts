import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { recordsOf, type StoredRecord } from '../aws/records.ts';
import { conflictPartitionOf } from '../table.ts';
import { type Conflict, conflictSchema } from './conflict.ts';

/** A conflict under the id by which the API knows it. */
export interface StoredConflict {
  readonly id: string;
  readonly conflict: Conflict;
}

export interface ConflictPage {
  readonly conflicts: readonly StoredConflict[];
  /** Of all pages. */
  readonly total: number;
}

/** The journal of conflicts. Reads are strongly consistent. */
export interface ConflictRepository {
  /** A page of a task's conflicts: those of sweeps first, then the last event's. @param page `number` from 1. */
  list(taskKey: string, page: { readonly number: number; readonly size: number }): Promise<ConflictPage>;
  /** Ids of all conflicts, at most `limit`. */
  ids(taskKey: string, limit: number): Promise<string[]>;
  get(taskKey: string, id: string): Promise<StoredConflict | undefined>;
  /** Remove conflicts; what is not there is left alone. */
  remove(taskKey: string, ids: readonly string[]): Promise<void>;
  /** Note why resolving a conflict has failed. One that was removed stays so. */
  recordFailure(taskKey: string, id: string, reason: string): Promise<void>;
}

export function conflictRepository(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
}): ConflictRepository {
  const records = recordsOf(options);

  return {
    async list(taskKey, page) {
      const { records: found, total } = await records.list(conflictPartitionOf(taskKey), page);
      return { conflicts: found.map(storedConflictOf), total };
    },

    ids: (taskKey, limit) => records.ids(conflictPartitionOf(taskKey), limit),

    async get(taskKey, id) {
      const found = await records.get(conflictPartitionOf(taskKey), id);
      return found === undefined ? undefined : storedConflictOf(found);
    },

    remove: (taskKey, ids) => records.remove(conflictPartitionOf(taskKey), ids),

    recordFailure: (taskKey, id, reason) => records.set(conflictPartitionOf(taskKey), id, { reason }),
  };
}

function storedConflictOf({ id, item }: StoredRecord): StoredConflict {
  return { id, conflict: conflictSchema.parse(item) };
}
