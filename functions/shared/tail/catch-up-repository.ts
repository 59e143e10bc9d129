import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { conditionHeld } from '../aws/conditions.ts';
import { transact } from '../aws/transaction.ts';
import { slotKeyOf, taskKeyOf } from '../table.ts';
import type { Task } from '../task/task.ts';

export type Stretch = NonNullable<NonNullable<Task['catchUp']>['stretch']>;
export type Leaving = NonNullable<NonNullable<Task['catchUp']>['leaving']>;

/**
 * Where tasks catch up: what takes a task out of the slot's reads, and what brings it back.
 *
 * A position that is too far back does no harm, for what a lane has is not sent to it again. So only the end of catching
 * up is fenced by the slot's lease.
 */
export interface CatchUpRepository {
  /**
   * Note that the slot's reads leave the task out from this ordinal on. A task that catches up already, reads from another
   * slot, or is gone, is left alone.
   */
  begin(step: TaskOfSlot & { readonly ordinal: number }): Promise<void>;
  /**
   * Fix what is replayed next and under which policies, before any of it is sent; it is the task's first when it had none.
   * False, and nothing written, when the task was changed since this revision.
   */
  fix(step: {
    readonly taskKey: string;
    readonly revision: number;
    readonly from: number;
    /** The task's first ordinal, if it has none. */
    readonly startOrdinal: number;
    readonly stretch: Stretch;
  }): Promise<boolean>;
  /**
   * Move the task behind its stretch, as of its generation (absent: 0). False, and nothing written, when it stands elsewhere,
   * was parked since, or is gone.
   */
  move(
    step: TaskOfSlot & {
      readonly generation?: number | undefined;
      readonly from: number;
      readonly to: number;
    },
  ): Promise<boolean>;
  /** Show on the task that the archive has lost what it has to get next. */
  strand(step: TaskOfSlot & { readonly from: number; readonly since: Date }): Promise<void>;
  /**
   * Bring the task back into the slot's reads: only while both stand at this ordinal, and no other lease was given since
   * that of this epoch. False, and nothing written, otherwise.
   */
  end(step: TaskOfSlot & { readonly epoch: number; readonly ordinal: number }): Promise<boolean>;
  /**
   * Take the task out of the slot's reads, on its way to another slot: only as it was at this revision, while the slot stands
   * at this ordinal, and no other lease was given since that of this epoch. False, and nothing written, otherwise.
   */
  leave(
    step: TaskOfSlot & {
      readonly revision: number;
      readonly epoch: number;
      readonly ordinal: number;
      /** The task's first ordinal, if it has none. */
      readonly startOrdinal: number;
      readonly leaving: Leaving;
    },
  ): Promise<boolean>;
  /**
   * Park the task: take it out of the slot's reads, or set it back where it catches up, and begin its next generation. Only
   * as it was at this revision, and in this slot. What was on its way is to be taken back then (`LaneRepository.rewind`).
   */
  park(
    step: TaskOfSlot & {
      readonly revision: number;
      /** The task's next. */
      readonly generation: number;
      readonly catchUp: NonNullable<Task['catchUp']>;
    },
  ): Promise<boolean>;
  /** Note that every lane of a parked task is rewound. False when it is so already, or the task was parked anew. */
  rewound(step: { readonly taskKey: string; readonly generation: number }): Promise<boolean>;
  /** Let a parked and rewound task catch up. False when it is not parked at this generation. */
  unpark(step: { readonly taskKey: string; readonly generation: number }): Promise<boolean>;
}

/** A task by its key, as long as it reads from the slot: ordinals of another one mean nothing to it. */
interface TaskOfSlot {
  readonly taskKey: string;
  readonly slotName: string;
}

/** Catch-ups in the tasks' items. */
export function catchUpRepository(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
}): CatchUpRepository {
  const { table, tableName } = options;

  /** @returns whether the condition held. */
  const update = (command: UpdateCommand): Promise<boolean> => conditionHeld(table.send(command));

  /** The slot is where its holder takes it to be: no read of it is under way. */
  const held = (slot: { slotName: string; epoch: number; ordinal: number }) => ({
    ConditionCheck: {
      TableName: tableName,
      Key: slotKeyOf(slot.slotName),
      ConditionExpression: 'epoch = :epoch AND nextOrdinal = :ordinal',
      ExpressionAttributeValues: { ':epoch': slot.epoch, ':ordinal': slot.ordinal },
    },
  });

  return {
    async begin({ taskKey, slotName, ordinal }) {
      await update(
        new UpdateCommand({
          TableName: tableName,
          Key: taskKeyOf(taskKey),
          UpdateExpression:
            'SET catchUp = :catchUp, startOrdinal = if_not_exists(startOrdinal, :ordinal) ADD revision :one',
          ConditionExpression: 'slotName = :slot AND attribute_not_exists(catchUp)',
          ExpressionAttributeValues: {
            ':catchUp': { nextOrdinal: ordinal },
            ':ordinal': ordinal,
            ':slot': slotName,
            ':one': 1,
          },
        }),
      );
    },

    fix: ({ taskKey, revision, from, startOrdinal, stretch }) =>
      update(
        new UpdateCommand({
          TableName: tableName,
          Key: taskKeyOf(taskKey),
          // The revision goes up: an older copy that is written back would forget what may have been sent by then.
          UpdateExpression:
            'SET catchUp.stretch = :stretch, startOrdinal = if_not_exists(startOrdinal, :start) REMOVE catchUp.parked ADD revision :one',
          ConditionExpression: 'revision = :revision AND catchUp.nextOrdinal = :from',
          ExpressionAttributeValues: {
            ':stretch': stretch,
            ':revision': revision,
            ':from': from,
            ':start': startOrdinal,
            ':one': 1,
          },
        }),
      ),

    move: ({ taskKey, slotName, generation, from, to }) =>
      update(
        new UpdateCommand({
          TableName: tableName,
          Key: taskKeyOf(taskKey),
          // The revision stays: whoever writes an older copy back only sets position and stretch back.
          UpdateExpression:
            'SET catchUp.nextOrdinal = :to REMOVE catchUp.stretch, catchUp.notBefore, stranded',
          ConditionExpression: [
            'slotName = :slot AND catchUp.nextOrdinal = :from AND catchUp.stretch.toOrdinal = :to',
            generation === undefined ? 'attribute_not_exists(generation)' : 'generation = :generation',
          ].join(' AND '),
          ExpressionAttributeValues: {
            ':slot': slotName,
            ':from': from,
            ':to': to,
            ...(generation === undefined ? {} : { ':generation': generation }),
          },
        }),
      ),

    async strand({ taskKey, slotName, from, since }) {
      await update(
        new UpdateCommand({
          TableName: tableName,
          Key: taskKeyOf(taskKey),
          // The revision goes up: an older copy that is written back would hide it.
          UpdateExpression: 'SET stranded = :stranded ADD revision :one',
          ConditionExpression: 'slotName = :slot AND attribute_not_exists(stranded)',
          ExpressionAttributeValues: {
            ':stranded': { since: since.toISOString(), nextOrdinal: from },
            ':slot': slotName,
            ':one': 1,
          },
        }),
      );
    },

    park: ({ taskKey, slotName, revision, generation, catchUp }) =>
      update(
        new UpdateCommand({
          TableName: tableName,
          Key: taskKeyOf(taskKey),
          UpdateExpression:
            'SET catchUp = :catchUp, generation = :generation REMOVE stranded ADD revision :one',
          ConditionExpression: 'revision = :revision AND slotName = :slot',
          ExpressionAttributeValues: {
            ':catchUp': catchUp,
            ':generation': generation,
            ':revision': revision,
            ':slot': slotName,
            ':one': 1,
          },
        }),
      ),

    rewound: ({ taskKey, generation }) =>
      update(
        new UpdateCommand({
          TableName: tableName,
          Key: taskKeyOf(taskKey),
          UpdateExpression: 'SET catchUp.parked.isRewound = :true ADD revision :one',
          ConditionExpression:
            'generation = :generation AND attribute_exists(catchUp.parked) AND attribute_not_exists(catchUp.parked.isRewound)',
          ExpressionAttributeValues: { ':true': true, ':generation': generation, ':one': 1 },
        }),
      ),

    unpark: ({ taskKey, generation }) =>
      update(
        new UpdateCommand({
          TableName: tableName,
          Key: taskKeyOf(taskKey),
          UpdateExpression: 'REMOVE catchUp.parked ADD revision :one',
          ConditionExpression: 'generation = :generation AND catchUp.parked.isRewound = :true',
          ExpressionAttributeValues: { ':true': true, ':generation': generation, ':one': 1 },
        }),
      ),

    end: ({ taskKey, slotName, epoch, ordinal }) =>
      transact({
        table,
        items: [
          held({ slotName, epoch, ordinal }),
          {
            Update: {
              TableName: tableName,
              Key: taskKeyOf(taskKey),
              UpdateExpression: 'REMOVE catchUp ADD revision :one',
              ConditionExpression: 'slotName = :slot AND catchUp.nextOrdinal = :ordinal',
              ExpressionAttributeValues: { ':slot': slotName, ':ordinal': ordinal, ':one': 1 },
            },
          },
        ],
      }),

    leave: ({ taskKey, slotName, revision, epoch, ordinal, startOrdinal, leaving }) =>
      transact({
        table,
        items: [
          held({ slotName, epoch, ordinal }),
          {
            Update: {
              TableName: tableName,
              Key: taskKeyOf(taskKey),
              UpdateExpression:
                'SET catchUp = :catchUp, startOrdinal = if_not_exists(startOrdinal, :start) ADD revision :one',
              ConditionExpression:
                'revision = :revision AND slotName = :slot AND attribute_not_exists(catchUp)',
              ExpressionAttributeValues: {
                ':catchUp': { nextOrdinal: ordinal, leaving },
                ':start': startOrdinal,
                ':revision': revision,
                ':slot': slotName,
                ':one': 1,
              },
            },
          },
        ],
      }),
  };
}
