import type { Logger } from '../logger.ts';

/** Something that is to be looked after from time to time. It does what is due now, or nothing, and ends within bounded time. */
export interface UpkeepStep {
  readonly name: string;
  /** @param signal aborted when time is nearly up. */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Look after everything once, all steps at the same time: one that fails or is slow keeps none of the others from its work.
 * What a step could not do, it does at the next time.
 */
export async function upkeep(options: {
  readonly steps: readonly UpkeepStep[];
  readonly signal: AbortSignal;
  readonly logger: Pick<Logger, 'error'>;
}): Promise<void> {
  const { steps, signal, logger } = options;
  const isolated = async ({ name, run }: UpkeepStep): Promise<void> => {
    try {
      await run(signal);
    } catch (error) {
      logger.error('A step of the upkeep failed', {
        step: name,
        error: error instanceof Error ? error : String(error),
      });
    }
  };
  await Promise.all(steps.map(isolated));
}
