import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { recordsOf, type StoredRecord } from '../aws/records.ts';
import { failurePartitionOf, SWEEP_RECORD_PREFIX } from '../table.ts';
import {
  type Failure,
  failureSchema,
  type RunFailure,
  runFailureSchema,
  type SweepFailure,
  sweepFailureSchema,
} from './failure.ts';

/** A failure of a lane, of a run or of a sweep, under the id by which the API knows it. */
export type StoredFailure =
  | { readonly id: string; readonly of: 'LANE'; readonly failure: Failure }
  | { readonly id: string; readonly of: 'RUN'; readonly failure: RunFailure }
  | { readonly id: string; readonly of: 'SWEEP'; readonly failure: SweepFailure };

export interface FailurePage {
  readonly failures: readonly StoredFailure[];
  /** Of all pages. */
  readonly total: number;
}

/** What could not be replicated. Reads are strongly consistent. */
export interface FailureRepository {
  /**
   * A page of a task's failures: those of sweeps first, then those of runs, the newest run's before others', then those of
   * lanes, the last event's first.
   *
   * @param page `number` from 1.
   */
  list(taskKey: string, page: { readonly number: number; readonly size: number }): Promise<FailurePage>;
  /** Ids of all failures, a hundred at a time, at most `limit`. */
  ids(taskKey: string, limit: number): Promise<string[]>;
  get(taskKey: string, id: string): Promise<StoredFailure | undefined>;
  /** Remove failures; what is not there is left alone. */
  remove(taskKey: string, ids: readonly string[]): Promise<void>;
  /** Note why a failure's last try failed, in place of the try before. One that was removed stays so. */
  recordRetry(
    taskKey: string,
    retry: Pick<Failure, 'code' | 'reason' | 'at'> & { readonly id: string },
  ): Promise<void>;
}

/** Failures in the one table (`table.ts`). */
export function failureRepository(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
}): FailureRepository {
  const records = recordsOf(options);

  return {
    async list(taskKey, page) {
      const { records: found, total } = await records.list(failurePartitionOf(taskKey), page);
      return { failures: found.map(storedFailureOf), total };
    },

    ids: (taskKey, limit) => records.ids(failurePartitionOf(taskKey), limit),

    async get(taskKey, id) {
      const found = await records.get(failurePartitionOf(taskKey), id);
      return found === undefined ? undefined : storedFailureOf(found);
    },

    remove: (taskKey, ids) => records.remove(failurePartitionOf(taskKey), ids),

    recordRetry: (taskKey, { id, code, reason, at }) =>
      records.set(failurePartitionOf(taskKey), id, { code, reason, at }),
  };
}

function storedFailureOf({ id, sk, item }: StoredRecord): StoredFailure {
  if (sk.startsWith(SWEEP_RECORD_PREFIX)) {
    return { id, of: 'SWEEP', failure: sweepFailureSchema.parse(item) };
  }
  return sk.startsWith(RUN_PREFIX)
    ? { id, of: 'RUN', failure: runFailureSchema.parse(item) }
    : { id, of: 'LANE', failure: failureSchema.parse(item) };
}

const RUN_PREFIX = 'RUN#';
