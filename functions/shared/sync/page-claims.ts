import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { conditionHeld } from '../aws/conditions.ts';
import { syncPageKeyOf } from '../table.ts';

/**
 * How long a message has a page when nothing more is heard of it; milliseconds. It is the time after which the queue
 * delivers a message again whose worker died: that one finds its own claim.
 */
export const CLAIM_TIME = 360_000;

/** A page of a run, and the message by which it is worked on. */
interface Claim {
  readonly runId: string;
  readonly page: number;
  /** Id of the message. */
  readonly holder: string;
}

/**
 * Which message a page is worked on by. The same page may be in the queue twice (a planner that dies sends again), and two
 * workers at once would both send what the other has not recorded. Nothing but that depends on it: what is recorded is
 * under conditions of its own.
 */
export interface PageClaims {
  /** Take a page, or take it again. @returns false while another message has it. */
  claim(claim: Claim & { readonly at: Date }): Promise<boolean>;
  /** Let go of a page, when another message is to go on with it. One that another has stays with that. */
  release(claim: Claim): Promise<void>;
}

export function pageClaims(options: {
  readonly table: DynamoDBDocumentClient;
  readonly tableName: string;
}): PageClaims {
  const { table, tableName } = options;

  /** @returns false when the condition does not hold. */
  function update(
    { runId, page }: Claim,
    expressions: {
      readonly UpdateExpression: string;
      readonly ConditionExpression: string;
      readonly ExpressionAttributeValues: Record<string, unknown>;
    },
  ): Promise<boolean> {
    return conditionHeld(
      table.send(
        new UpdateCommand({ TableName: tableName, Key: { ...syncPageKeyOf(runId, page) }, ...expressions }),
      ),
    );
  }

  return {
    claim: (claim) =>
      update(claim, {
        UpdateExpression: 'SET holder = :holder, heldUntil = :until',
        ConditionExpression:
          'attribute_exists(pk) AND (attribute_not_exists(holder) OR holder = :holder OR heldUntil <= :now)',
        ExpressionAttributeValues: {
          ':holder': claim.holder,
          ':now': claim.at.getTime(),
          ':until': claim.at.getTime() + CLAIM_TIME,
        },
      }),

    release: async (claim) => {
      await update(claim, {
        UpdateExpression: 'REMOVE holder, heldUntil',
        ConditionExpression: 'holder = :holder',
        ExpressionAttributeValues: { ':holder': claim.holder },
      });
    },
  };
}
