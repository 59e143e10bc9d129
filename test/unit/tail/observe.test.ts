import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { LogRing } from '../../../functions/shared/operate-log/ring.ts';
import type { Slot } from '../../../functions/shared/slot/slot.ts';
import { logObserver } from '../../../functions/shared/tail/observe.ts';

const NOW = new Date('2026-11-22T01:00:00Z');
const entry = (id: string, seconds: number) => ({
  lastId: id,
  lastLoggedAt: new Date(NOW.getTime() - seconds * 1_000).toISOString(),
});
const ring: LogRing = {
  kind: 'CAPPED',
  events: 3,
  maxBytes: 1_000_000,
  maxEvents: null,
  averageBytes: 500,
  oldestLoggedAt: entry('a', 30).lastLoggedAt,
  newest: [entry('c', 5), entry('b', 10), entry('a', 30)],
};
const slot = (name: string, fields: Partial<Slot> = {}): Slot => ({
  name,
  position: entry('a', 30),
  nextOrdinal: 2,
  epoch: 1,
  unreadable: 0,
  gaps: 0,
  createdDate: NOW.toISOString(),
  ...fields,
});

function observed(inspect: () => Promise<LogRing>) {
  const lines: unknown[] = [];
  const warned: string[] = [];
  const observe = logObserver({
    inspect,
    collection: 'operate_log',
    functionName: 'tailer',
    emit: (line) => lines.push(z.json().parse(JSON.parse(line))),
    told: new Set(),
    clock: () => NOW,
    logger: { warn: (message) => warned.push(String(message)) },
  });
  return { observe, lines, warned };
}

describe('what the tailer tells of the log', () => {
  it('is each slot’s lag and headroom, by slot and for all of them', async () => {
    const { observe, lines, warned } = observed(async () => ring);
    const writing = { unmeasured: 0, events: 600, seconds: 60 };
    await observe([slot('default', { writing }), slot('nightly', { position: entry('c', 5) })]);
    expect(warned).toEqual([]);
    expect(lines).toEqual([
      {
        _aws: {
          Timestamp: NOW.getTime(),
          CloudWatchMetrics: [
            {
              Namespace: 'logferry',
              Dimensions: [['FunctionName']],
              Metrics: [{ Name: 'LogWarnings', Unit: 'Count' }],
            },
          ],
        },
        FunctionName: 'tailer',
        LogWarnings: 0,
      },
      {
        _aws: {
          Timestamp: NOW.getTime(),
          CloudWatchMetrics: [
            {
              Namespace: 'logferry',
              Dimensions: [['FunctionName'], ['FunctionName', 'slot']],
              Metrics: [
                { Name: 'LagEvents', Unit: 'Count' },
                { Name: 'LagSeconds', Unit: 'Seconds' },
                { Name: 'HeadroomSeconds', Unit: 'Seconds' },
              ],
            },
          ],
        },
        FunctionName: 'tailer',
        slot: 'default',
        LagEvents: 2,
        LagSeconds: 10,
        // 2,000 entries fit, two are unread, ten are written in a second.
        HeadroomSeconds: 199,
      },
      expect.not.objectContaining({ HeadroomSeconds: expect.anything() }),
    ]);
    expect(lines[2]).toMatchObject({ slot: 'nightly', LagEvents: 0, LagSeconds: 0 });
  });

  it('is what is wrong with the log: each once in words, and every time in the metric', async () => {
    const { observe, lines, warned } = observed(async () => ({ ...ring, maxBytes: 10_000 }));
    await observe([]);
    await observe([]);
    expect(warned).toEqual([expect.stringContaining('10000 bytes')]);
    expect(lines).toEqual([
      expect.objectContaining({ LogWarnings: 1 }),
      expect.objectContaining({ LogWarnings: 1 }),
    ]);
  });

  it('counts the fastest of the slots’ rates against the log’s size', async () => {
    const { observe, warned } = observed(async () => ring);
    const writing = (events: number) => ({ unmeasured: 0, events, seconds: 60 });
    await observe([slot('slow', { writing: writing(60) }), slot('fast', { writing: writing(60 * 34) })]);
    expect(warned).toEqual([expect.stringContaining('2040')]);
  });

  it('keeps nobody from reading the log when it cannot be looked at', async () => {
    const { observe, lines, warned } = observed(() => Promise.reject(new Error('away')));
    await observe([slot('default')]);
    expect(lines).toEqual([]);
    expect(warned).toHaveLength(1);
  });
});
