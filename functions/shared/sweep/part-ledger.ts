import { type DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import { type TransactionItem, transact } from '../aws/transaction.ts';
import { type Conflict, conflictItemOf } from '../conflict/conflict.ts';
import { type SweepFailure, sweepFailureItemOf } from '../failure/failure.ts';
import { type LaneRepair, laneRepairUpdate } from '../lane/repository.ts';
import { sweepKeyOf, sweepPartKeyOf } from '../table.ts';
import { loadPart, type PartCounts, type StoredPart, type SweepPart } from './parts.ts';

/** Records in the transaction that ends a part: DynamoDB takes 100 items in one, and 4 MB. */
export const MAX_RECORDS_AT_ONCE = 90;

/** A part, by its names. */
export type PartName = Pick<SweepPart, 'taskKey' | 'sweepId' | 'part'>;

/** What became of parts, as the lanes' workers write it. */
export interface PartLedger {
  /** As `SweepParts.load`. */
  load(sweepId: string, part: number): Promise<StoredPart | undefined>;
  /**
   * Note, before anything is changed at the remote, which of a part's paths will be: the lane takes them for ahead of the log
   * from now on, and whoever repeats the part counts them as repaired.
   *
   * @returns false, and nothing written, when the part is done or the lane was moved by another delivery.
   */
  begin(step: {
    readonly part: PartName;
    /** Indexes of the paths, those of earlier deliveries included. */
    readonly begun: readonly number[];
    readonly lane: LaneRepair;
  }): Promise<boolean>;
  /**
   * Make a part done: its counts, its lane's, its sweep's, and the records, in one transaction. Records beyond
   * `MAX_RECORDS_AT_ONCE` are written before it.
   *
   * @returns as `begin`.
   */
  finish(step: {
    readonly part: PartName;
    readonly counts: PartCounts;
    readonly failures: readonly SweepFailure[];
    readonly conflicts: readonly Conflict[];
    readonly lane: LaneRepair;
    readonly at: Date;
  }): Promise<boolean>;
}

export function partLedger(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
  /** Wait between attempts; milliseconds. */
  readonly pause?: (milliseconds: number) => Promise<void>;
}): PartLedger {
  const { table, tableName, pause } = options;

  /** A change of a part that is not done. */
  function partUpdate(
    { sweepId, part }: PartName,
    expression: string,
    values: Readonly<Record<string, unknown>>,
  ): TransactionItem {
    return {
      Update: {
        TableName: tableName,
        Key: { ...sweepPartKeyOf(sweepId, part) },
        UpdateExpression: expression,
        ConditionExpression: '#status = :sent',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':sent': 'SENT', ...values },
      },
    };
  }

  return {
    load: (sweepId, part) => loadPart(options, sweepId, part),

    begin: ({ part, begun, lane }) =>
      transact({
        table,
        pause,
        items: [
          partUpdate(part, 'SET begun = :begun', { ':begun': begun }),
          laneRepairUpdate(tableName, lane),
        ],
      }),

    async finish({ part, counts, failures, conflicts, lane, at }) {
      const puts = recordsOf(failures, conflicts).map((item) => ({
        Put: { TableName: tableName, Item: item },
      }));
      while (puts.length > MAX_RECORDS_AT_ONCE) {
        const TransactItems = puts.splice(0, MAX_RECORDS_AT_ONCE);
        await table.send(new TransactWriteCommand({ TransactItems }));
      }
      const items = [
        partUpdate(part, 'SET #status = :done, counts = :counts, doneAt = :at', {
          ':done': 'DONE',
          ':counts': counts,
          ':at': at.toISOString(),
        }),
        laneRepairUpdate(tableName, lane),
        ...puts,
      ];
      // A sweep that is not kept any more is not brought back by its counts.
      return (
        (await transact({ table, pause, items: [...items, sweepUpdate(tableName, part, counts)] })) ||
        (await transact({ table, pause, items }))
      );
    },
  };
}

/** A transaction refuses to write the same item twice. */
function recordsOf(
  failures: readonly SweepFailure[],
  conflicts: readonly Conflict[],
): readonly Record<string, unknown>[] {
  const items = [...failures.map(sweepFailureItemOf), ...conflicts.map(conflictItemOf)];
  return [...new Map(items.map((item) => [`${item.pk} ${item.sk}`, item])).values()];
}

function sweepUpdate(tableName: string, part: PartName, counts: PartCounts): TransactionItem {
  const { checked, repaired, removed, unchanged, conflicted, failed } = counts;
  return {
    Update: {
      TableName: tableName,
      Key: { ...sweepKeyOf(part.taskKey, part.sweepId) },
      UpdateExpression: [
        'ADD partsDone :one, checked :checked, repaired :repaired, removed :removed, unchanged :unchanged,',
        'conflicted :conflicted, failed :failed',
      ].join(' '),
      ConditionExpression: 'attribute_exists(pk)',
      ExpressionAttributeValues: {
        ':one': 1,
        ':checked': checked,
        ':repaired': repaired,
        ':removed': removed,
        ':unchanged': unchanged,
        ':conflicted': conflicted,
        ':failed': failed,
      },
    },
  };
}
