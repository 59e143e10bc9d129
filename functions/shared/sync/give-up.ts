import { backOff } from '../apply/back-off.ts';
import { RemoteOutageError } from '../remote/errors.ts';

/**
 * Deliveries of a message without any progress after which its work is given up: with the delays below, a remote may be
 * away for a quarter of an hour. The queues' own limit (lib/work-queue.ts) is above it.
 */
export const MAX_FRUITLESS_DELIVERIES = 15;

/** Deliveries after which a node that alone takes longer than a worker has is given up. */
export const MAX_TIMED_OUT_DELIVERIES = 3;

/**
 * Seconds until a message comes back after an error. A run waits longer than a lane, whose later operations pile up: it
 * counts each delivery twice.
 *
 * @param random a number from 0 (included) to 1 (excluded).
 */
export function delayAfter(error: unknown, deliveries: number, random: number): number {
  const retryAfter = error instanceof RemoteOutageError ? error.retryAfter : undefined;
  return backOff({ deliveries: 2 * deliveries, retryAfter, random });
}

/** What an error says to those who read a run's reasons: of a fault in here, only that the logs have it. */
export function reasonOf(error: unknown): string {
  return error instanceof RemoteOutageError ? error.message : 'a fault that the logs name';
}

/** What becomes of a message: it is done with, or it comes back after so many seconds. */
export type Verdict = { readonly kind: 'DONE' } | { readonly kind: 'BACK'; readonly delay: number };

export const DONE: Verdict = { kind: 'DONE' };
