import type { FailureCode } from '../failure/failure.ts';

/** What became of an operation. */
export type Outcome =
  | { readonly kind: 'APPLIED' }
  /** A later event makes it void, or the task's own settings do. */
  | { readonly kind: 'SUPERSEDED' }
  | { readonly kind: 'FAILED'; readonly code: FailureCode; readonly reason: string };

export const APPLIED: Outcome = { kind: 'APPLIED' };
export const SUPERSEDED: Outcome = { kind: 'SUPERSEDED' };

export function failed(code: FailureCode, reason: string): Outcome {
  return { kind: 'FAILED', code, reason };
}
