import type { Clock } from '../clock.ts';
import { metricLine } from '../metrics.ts';
import type { Task } from '../task/task.ts';
import type { UpkeepStep } from './upkeep.ts';

/**
 * The step that tells how many tasks are stranded, as a metric: such a task goes on only when somebody has made it anew.
 *
 * @param options `functionName`: the metric's dimension. `emit`: takes a line of metrics.
 */
export function strandedCount(options: {
  readonly tasks: { list(): Promise<readonly Task[]> };
  readonly functionName: string;
  readonly emit: (line: string) => void;
  readonly clock: Clock;
}): UpkeepStep {
  const { tasks, functionName, emit, clock } = options;
  return {
    name: 'stranded',
    async run() {
      const stranded = (await tasks.list()).filter((task) => task.stranded !== undefined);
      emit(
        metricLine({
          at: clock(),
          dimensions: { FunctionName: functionName },
          by: [['FunctionName']],
          metrics: { StrandedTasks: { value: stranded.length, unit: 'Count' } },
        }),
      );
    },
  };
}
