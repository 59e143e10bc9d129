/** Namespace of this product's own metrics in CloudWatch. */
export const NAMESPACE = 'logferry';

/** A measured value, with CloudWatch's name of its unit. */
export interface Metric {
  readonly value: number;
  readonly unit: 'Seconds' | 'Count';
}

/**
 * A log line that CloudWatch takes for metrics (its embedded metric format).
 *
 * @param options `dimensions`: each by its name. `by`: the sets of their names under which the values are counted, so that
 *   an alarm can watch all slots at once.
 */
export function metricLine(options: {
  readonly at: Date;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly by: readonly (readonly string[])[];
  readonly metrics: Readonly<Record<string, Metric>>;
}): string {
  const { at, dimensions, by, metrics } = options;
  return JSON.stringify({
    _aws: {
      Timestamp: at.getTime(),
      CloudWatchMetrics: [
        {
          Namespace: NAMESPACE,
          Dimensions: by,
          Metrics: Object.entries(metrics).map(([Name, { unit }]) => ({ Name, Unit: unit })),
        },
      ],
    },
    ...dimensions,
    ...Object.fromEntries(Object.entries(metrics).map(([name, { value }]) => [name, value])),
  });
}

/** Write a line as it is: what goes through `console` may be put into another line by the runtime. */
export function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
