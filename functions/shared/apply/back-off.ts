/** Longest time for which a message is put off; seconds. */
export const MAX_BACK_OFF = 900;

/** Ceiling of the exponential part: a remote that comes back after minutes is not kept waiting for long. */
const EXPONENTIAL_CEILING = 60;

/** Seconds by which the ceiling grows with each delivery after that. */
const LINEAR_STEP = 6;

/**
 * Seconds until a message that could not be applied is delivered again.
 *
 * The ceiling doubles with each delivery up to a minute, then grows slowly to a quarter of an hour: SQS counts at most
 * 1,000 deliveries before it moves a message to the dead-letter queue, and these outlast a week. The jitter is over the
 * upper half, so that lanes spread but none comes back at once. A remote's own `Retry-After` is the least.
 *
 * @param random a number from 0 (included) to 1 (excluded).
 */
export function backOff(options: {
  readonly deliveries: number;
  readonly retryAfter?: number | undefined;
  readonly random: number;
}): number {
  const { deliveries, retryAfter = 0, random } = options;
  const exponential = Math.min(EXPONENTIAL_CEILING, 2 ** Math.min(deliveries, 10));
  const ceiling = Math.min(MAX_BACK_OFF, Math.max(exponential, LINEAR_STEP * deliveries));
  const seconds = Math.ceil(ceiling * (0.5 + random / 2));
  return Math.min(MAX_BACK_OFF, Math.max(seconds, Math.ceil(retryAfter)));
}
