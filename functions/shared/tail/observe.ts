import type { Clock } from '../clock.ts';
import { warningsAnswer } from '../http/warning-catalogue.ts';
import type { Logger } from '../logger.ts';
import { type Metric, metricLine } from '../metrics.ts';
import { inspectIfPossible, type LogRing } from '../operate-log/ring.ts';
import { eventsPerSecond, headroomOf, type Lag, lagOf } from '../slot/headroom.ts';
import { preflight } from '../slot/preflight.ts';
import type { Slot } from '../slot/slot.ts';

/**
 * What the tailer tells of the log and of each slot when it begins: the slots' lag and headroom as metrics, and what is
 * wrong with the log itself, in its own log once for each execution environment and as a metric each time.
 *
 * @param options `functionName`: the metrics' dimension, beside the slot. `emit`: takes a line of metrics. `told`: what
 *   was warned of before.
 * @returns a function that never rejects: nothing of this may keep the log from being followed.
 */
export function logObserver(options: {
  readonly inspect: () => Promise<LogRing>;
  readonly collection: string;
  readonly functionName: string;
  readonly emit: (line: string) => void;
  readonly told: Set<string>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
}): (slots: readonly Slot[]) => Promise<void> {
  const { inspect, collection, functionName, emit, told, clock, logger } = options;
  return async (slots) => {
    const ring = await inspectIfPossible({ inspect, logger });
    if (ring === undefined) {
      return;
    }
    const at = clock();
    const rates = slots.map(({ writing }) => eventsPerSecond(writing) ?? 0);
    const warnings = preflight({ ring, collection, rate: Math.max(0, ...rates) });
    for (const { code, message } of warningsAnswer(warnings, 'en')) {
      if (!told.has(code)) {
        told.add(code);
        logger.warn(message, { code });
      }
    }
    emit(
      metricLine({
        at,
        dimensions: { FunctionName: functionName },
        by: [['FunctionName']],
        metrics: { LogWarnings: { value: warnings.length, unit: 'Count' } },
      }),
    );
    for (const slot of slots) {
      const lag = lagOf({ ring, position: slot.position, now: at });
      if (lag !== null) {
        emit(
          metricLine({
            at,
            dimensions: { FunctionName: functionName, slot: slot.name },
            by: [['FunctionName'], ['FunctionName', 'slot']],
            metrics: slotMetrics(slot, ring, lag),
          }),
        );
      }
    }
  };
}

function slotMetrics(slot: Slot, ring: LogRing, lag: Lag): Record<string, Metric> {
  const headroom = headroomOf({ ring, unread: lag.events, rate: eventsPerSecond(slot.writing) });
  return {
    LagEvents: { value: lag.events, unit: 'Count' },
    LagSeconds: { value: lag.seconds, unit: 'Seconds' },
    ...(headroom === null ? {} : { HeadroomSeconds: { value: headroom, unit: 'Seconds' } }),
  };
}
