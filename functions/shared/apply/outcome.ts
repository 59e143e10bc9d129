import type { FailureCode } from '../failure/failure.ts';
import { RemoteRefusalError, UnsendablePathError } from '../remote/errors.ts';

/** What became of an operation. */
export type Outcome =
  | { readonly kind: 'APPLIED' }
  /** A later event makes it void, or the task's own settings do. */
  | { readonly kind: 'SUPERSEDED' }
  /** It came from the remote, whichever way, or the task's policies leave it out. */
  | { readonly kind: 'FILTERED' }
  /** Something that did not come from the source is at the target, and stays. */
  | { readonly kind: 'CONFLICTED' }
  | { readonly kind: 'FAILED'; readonly code: FailureCode; readonly reason: string };

export const APPLIED: Outcome = { kind: 'APPLIED' };
export const SUPERSEDED: Outcome = { kind: 'SUPERSEDED' };
export const FILTERED: Outcome = { kind: 'FILTERED' };
export const CONFLICTED: Outcome = { kind: 'CONFLICTED' };

export function failed(code: FailureCode, reason: string): Outcome {
  return { kind: 'FAILED', code, reason };
}

/**
 * What an error means for an operation, or for one node of it.
 *
 * @param fullPath the node, where the operation is about more than one.
 * @throws the error itself when it says nothing of the operation: an outage, a fault of the source's stores.
 */
export function failureOf(error: unknown, fullPath?: string): Outcome {
  const prefix = fullPath === undefined ? '' : `${fullPath}: `;
  if (error instanceof RemoteRefusalError) {
    return failed('REMOTE_REFUSED', prefix + error.message);
  }
  if (error instanceof UnsendablePathError) {
    return failed('PATH_UNSENDABLE', prefix + error.message);
  }
  throw error;
}
