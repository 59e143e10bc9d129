/** True when DynamoDB refused a write because its condition did not hold: somebody else wrote, or the item is gone. */
export function isConditionFailure(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConditionalCheckFailedException';
}

/** True when DynamoDB refused a single write because a transaction was at the same item. */
export function isTransactionConflict(error: unknown): boolean {
  return error instanceof Error && error.name === 'TransactionConflictException';
}
