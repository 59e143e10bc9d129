import { backOff } from '../apply/back-off.ts';
import type { Logger } from '../logger.ts';
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

/**
 * Work on what a message asks for. After a fault the message comes back; when the work has got on, a new one is sent instead, so
 * that only deliveries in vain count. After `MAX_FRUITLESS_DELIVERIES` of those it is given up.
 *
 * @param options `deliveries`: how often the message was delivered, this time included. `random`: from 0 (included) to 1 (excluded).
 * @returns what becomes of the message; undefined when the work is done.
 */
export async function workOn(options: {
  readonly deliveries: number;
  /** Aborted when time is nearly up. */
  readonly signal: AbortSignal;
  readonly random: () => number;
  /** Where the work stands; `positionBefore`: where it stood when the message was sent because others had come too often. */
  readonly position: string;
  readonly positionBefore: string | undefined;
  /** Do it, and tell of every step that is kept. It may end with a verdict of its own. */
  readonly work: (advanced: () => void) => Promise<Verdict | undefined>;
  readonly sendAgain: (
    stands: { readonly position?: string },
    options?: { readonly delay: number },
  ) => Promise<void>;
  readonly giveUp: (reason: string) => Promise<void>;
  /** Who works, in a reason. */
  readonly worker: string;
  /** Whether a remote that is away is waited for, however long. */
  readonly waitsForRemote: boolean;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  /** What the log says of an interruption. */
  readonly interruption: { readonly text: string; readonly about: Readonly<Record<string, string>> };
}): Promise<Verdict | undefined> {
  const { deliveries, signal, position, sendAgain, giveUp, logger, interruption } = options;
  if (deliveries > MAX_FRUITLESS_DELIVERIES) {
    // Workers that died may have led somewhere.
    await (position === options.positionBefore
      ? giveUp(`the ${options.worker} ended early`)
      : sendAgain({ position }));
    return DONE;
  }
  let hasAdvanced = false;
  try {
    return await options.work(() => {
      hasAdvanced = true;
    });
  } catch (error) {
    const isTimeUp = signal.aborted;
    const isOutage = error instanceof RemoteOutageError;
    const isLast = deliveries >= MAX_FRUITLESS_DELIVERIES;
    logger[isTimeUp || isOutage ? 'warn' : 'error'](interruption.text, {
      ...interruption.about,
      deliveries,
      error: error instanceof Error ? error : String(error),
    });
    const delay = isTimeUp ? 0 : delayAfter(error, deliveries, options.random());
    if (hasAdvanced || (isLast && isOutage && options.waitsForRemote)) {
      await sendAgain({}, { delay });
      return DONE;
    }
    if (!isLast) {
      return { kind: 'BACK', delay };
    }
    await giveUp(reasonOf(error));
    return DONE;
  }
}
