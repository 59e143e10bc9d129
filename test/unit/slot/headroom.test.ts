import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogRing } from '../../../functions/shared/operate-log/ring.ts';
import {
  afterRead,
  eventsPerSecond,
  headroomOf,
  isNoteDue,
  type Lag,
  lagOf,
  type Writing,
} from '../../../functions/shared/slot/headroom.ts';

const START = Date.parse('2026-11-22T00:00:00Z');
const at = (seconds: number): Date => new Date(START + Math.round(seconds * 1_000));

/** What is known after reads that each drained the log, `[seconds since the one before, events]`. */
function measured(reads: readonly (readonly [number, number])[]): Writing {
  let now = 0;
  let writing = afterRead(undefined, { events: 0, at: at(0), isDrained: true });
  for (const [seconds, events] of reads) {
    now += seconds;
    writing = afterRead(writing, { events, at: at(now), isDrained: true });
  }
  return writing;
}

describe('the rate at which a log is written', () => {
  const pause = fc.integer({ min: 1, max: 7_200 });

  it('is not known before it was measured for half a minute', () => {
    expect(eventsPerSecond(undefined)).toBeNull();
    expect(eventsPerSecond(measured([[29, 290]]))).toBeNull();
    expect(eventsPerSecond(measured([[30, 300]]))).toBeCloseTo(10);
  });

  it('is exact while it does not change, however the log is read', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 500 }),
        fc.array(pause, { minLength: 1, maxLength: 50 }),
        (rate, pauses) => {
          const writing = measured([...pauses.map((each) => [each, each * rate] as const), [30, 30 * rate]]);
          expect(eventsPerSecond(writing)).toBeCloseTo(rate, 4);
        },
      ),
    );
  });

  it('lies between the slowest and the fastest of what was measured', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(pause, fc.nat(10_000)), { minLength: 30, maxLength: 60 }), (reads) => {
        const rate = eventsPerSecond(measured(reads)) ?? Number.NaN;
        const rates = reads.map(([seconds, events]) => events / seconds);
        expect(rate).toBeGreaterThanOrEqual(Math.min(...rates) - 1e-4);
        expect(rate).toBeLessThanOrEqual(Math.max(...rates) + 1e-4);
      }),
    );
  });

  it('follows a change: what is an hour old counts for next to nothing', () => {
    const hour = (rate: number) => Array.from({ length: 60 }, () => [60, 60 * rate] as const);
    expect(eventsPerSecond(measured([...hour(1), ...hour(100)]))).toBeGreaterThan(99);
    expect(eventsPerSecond(measured([...hour(100), ...hour(0)]))).toBeLessThan(1);
  });

  it('keeps to numbers that can be stored, however long nothing comes', () => {
    const week = Array.from({ length: 7 * 24 * 60 }, () => [60, 0] as const);
    const writing = measured([[60, 1_000], ...week]);
    expect(writing.events).toBe(0);
    expect(writing.seconds).toBeLessThan(700);
    const events = fc
      .sample(fc.array(fc.tuple(pause, fc.nat(3)), { maxLength: 500 }), 50)
      .map((reads) => measured(reads).events);
    expect(events.filter((count) => count !== 0 && count < 1e-6)).toEqual([]);
  });

  it('counts a backlog over the time in which it was written, not in which it was read', () => {
    let writing = measured([[60, 60]]);
    for (let read = 0; read < 4; read += 1) {
      writing = afterRead(writing, { events: 900, at: at(3_660 + read), isDrained: false });
      expect(eventsPerSecond(writing)).toBeCloseTo(1);
    }
    writing = afterRead(writing, { events: 0, at: at(3_664), isDrained: true });
    expect(eventsPerSecond(writing)).toBeCloseTo(1, 1);
    expect(writing.unmeasured).toBe(0);
  });

  it('does not suffer from a clock that goes back', () => {
    const writing = measured([[60, 600]]);
    const back = afterRead(writing, { events: 5, at: at(10), isDrained: true });
    expect(back).toEqual({ ...writing, unmeasured: 5 });
    expect(eventsPerSecond(afterRead(back, { events: 595, at: at(120), isDrained: true }))).toBeCloseTo(10);
  });

  it('is written down twice a minute while nothing comes', () => {
    const writing = measured([[60, 0]]);
    expect(writing.drainedAt).toBe(at(60).toISOString());
    expect([89.9, 90].map((seconds) => isNoteDue(writing, at(seconds)))).toEqual([false, true]);
    expect(isNoteDue(undefined, at(0))).toBe(true);
  });
});

/** A log that has room for `size` entries of 400 bytes and got `written` ones, one a second. */
function ring(written: number, size: number, window = 1_000): LogRing {
  const events = Math.min(written, size);
  const loggedAt = (number: number): string => at(number).toISOString();
  return {
    kind: 'CAPPED',
    events,
    maxBytes: size * 400,
    maxEvents: null,
    averageBytes: 400,
    oldestLoggedAt: events === 0 ? null : loggedAt(written - events + 1),
    newest: Array.from({ length: Math.min(events, window) }, (_, index) => ({
      lastId: `e${written - index}`,
      lastLoggedAt: loggedAt(written - index),
    })),
  };
}
const positionAt = (number: number) =>
  number === 0
    ? { lastId: null, lastLoggedAt: null }
    : { lastId: `e${number}`, lastLoggedAt: at(number).toISOString() };

function lagBehind(options: Parameters<typeof lagOf>[0]): Lag {
  return lagOf(options) ?? expect.unreachable('the log is capped');
}

describe('lag and headroom', () => {
  const sizes = { written: fc.integer({ min: 1, max: 400 }), size: fc.integer({ min: 1, max: 500 }) };

  it('are nothing and the whole ring when all is read', () => {
    const full = ring(500, 100);
    const lag = lagOf({ ring: full, position: positionAt(500), now: at(9_999) });
    expect(lag).toEqual({ events: 0, seconds: 0 });
    expect(headroomOf({ ring: full, unread: 0, rate: 2 })).toBe(50);
  });

  it('add up: what is unread and what still fits are the ring', () => {
    fc.assert(
      fc.property(sizes.written, sizes.size, fc.nat(400), fc.nat(100), (written, size, read, later) => {
        const log = ring(written, size, 1_000);
        const position = positionAt(Math.min(read, written));
        const now = at(written + later);
        const { events, seconds } = lagBehind({ ring: log, position, now });
        const unread = Math.min(written - Math.min(read, written), log.events);
        expect(events).toBe(unread);
        expect(seconds).toBe(unread === 0 ? 0 : later + unread - 1);
        expect(headroomOf({ ring: log, unread: events, rate: 1 })).toBe(size - unread);
      }),
    );
  });

  it('are estimated behind the window, and never beyond what the log holds', () => {
    fc.assert(
      fc.property(sizes.written, sizes.size, fc.nat(400), (written, size, read) => {
        const log = ring(written, size, 10);
        const position = positionAt(Math.min(read, written));
        const exact = Math.min(written - Math.min(read, written), log.events);
        const { events, seconds } = lagBehind({ ring: log, position, now: at(written) });
        expect(Math.abs(events - exact)).toBeLessThanOrEqual(Math.max(2, 0.1 * log.events));
        expect(events).toBeLessThanOrEqual(log.events);
        expect(seconds).toBeGreaterThanOrEqual(Math.max(0, exact - 1));
        expect(seconds).toBeLessThanOrEqual(exact);
      }),
    );
  });

  it('survive writers whose clocks contradict each other', () => {
    const instant = fc.integer({ min: -100_000, max: 100_000 }).map((seconds) => at(seconds).toISOString());
    fc.assert(
      fc.property(
        instant,
        instant,
        instant,
        fc.integer({ min: 3, max: 1e6 }),
        (oldest, newest, read, events) => {
          const log: LogRing = {
            ...ring(1, 1),
            events,
            maxBytes: events * 400,
            oldestLoggedAt: oldest,
            newest: [{ lastId: 'x', lastLoggedAt: newest }],
          };
          const lag = lagBehind({ ring: log, position: { lastId: 'y', lastLoggedAt: read }, now: at(0) });
          expect(lag.events).toBeGreaterThanOrEqual(1);
          expect(lag.events).toBeLessThanOrEqual(events);
          expect(lag.seconds).toBeGreaterThanOrEqual(0);
          expect(headroomOf({ ring: log, unread: lag.events, rate: 1 })).toBe(events - lag.events);
        },
      ),
    );
  });

  it('have the smaller of the two limits of a log', () => {
    const limited = { ...ring(500, 100), maxEvents: 30 };
    expect(headroomOf({ ring: limited, unread: 10, rate: 2 })).toBe(10);
  });

  it('know no headroom where nothing is overwritten, and none where no rate is known', () => {
    const log = ring(10, 100);
    const uncapped: LogRing = { ...log, kind: 'UNCAPPED', maxBytes: null };
    expect(headroomOf({ ring: uncapped, unread: 0, rate: 1 })).toBeNull();
    expect(lagOf({ ring: uncapped, position: positionAt(3), now: at(20) })).toBeNull();
    expect(headroomOf({ ring: log, unread: 0, rate: null })).toBeNull();
    expect(headroomOf({ ring: log, unread: 0, rate: 0 })).toBeNull();
    expect(headroomOf({ ring: ring(0, 100), unread: 0, rate: 1 })).toBe(100);
    expect(headroomOf({ ring: { ...log, averageBytes: null }, unread: 0, rate: 1 })).toBeNull();
  });
});
