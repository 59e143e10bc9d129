import { metricLine } from '../metrics.ts';
import type { SweepRepository } from './repository.ts';

/**
 * The repository of sweeps, with what somebody has to look at told as metrics when a sweep ends: that it waits for somebody's
 * agreement to delete, or could not put everything right.
 *
 * @param options `functionName`: the metrics' dimension. `emit`: takes a line of metrics.
 */
export function observedSweeps(options: {
  readonly sweeps: SweepRepository;
  readonly functionName: string;
  readonly emit: (line: string) => void;
}): SweepRepository {
  const { sweeps, functionName, emit } = options;
  return {
    ...sweeps,
    async end(ended) {
      const isEnded = await sweeps.end(ended);
      const { taskKey, sweepId, status, at } = ended;
      if (isEnded) {
        emit(
          metricLine({
            at,
            // By the function alone: an alarm watches all tasks at once, and the line names the one.
            dimensions: { FunctionName: functionName, taskKey, sweepId },
            by: [['FunctionName']],
            metrics: {
              GuardedSweeps: { value: status === 'GUARDED' ? 1 : 0, unit: 'Count' },
              FailedSweeps: { value: status === 'FAILED' ? 1 : 0, unit: 'Count' },
            },
          }),
        );
      }
      return isEnded;
    },
  };
}
