import { describe, expect, it } from 'vitest';
import type { LogPosition, LogRead } from '../../../functions/shared/operate-log/reader.ts';
import type { LogRing } from '../../../functions/shared/operate-log/ring.ts';
import { withFirstGap } from '../../../functions/shared/tail/first-read.ts';
import { ENDLESS } from '../../support/memory-log.ts';

const EMPTY: LogPosition = { lastId: null, lastLoggedAt: null };
const createdDate = '2026-11-22T01:00:00.000Z';
const entry = (id: string) => ({ id, loggedAt: '2026-11-22T01:00:30.000Z', text: '{}' });
const behind = (id: string): LogPosition => ({ lastId: id, lastLoggedAt: entry(id).loggedAt });
const read: LogRead = { documents: [entry('b'), entry('c')], position: behind('c') };
/** Room for 100 entries. */
const ring = { ...ENDLESS, maxBytes: 50_000 };

describe('the first read of a slot that was opened on an empty log', () => {
  const committed = (events: number | undefined, fields: Partial<LogRing> = {}) =>
    withFirstGap({
      slot: { position: EMPTY, createdDate },
      read,
      inspect: async () => (events === undefined ? undefined : { ...ring, events, ...fields }),
    });

  it.each([
    ['is half full', 50, {}],
    ['is full', 100, {}],
    ['cannot be looked at', undefined, {}],
    ['has half of the entries that it may have', 10, { maxEvents: 20 }],
  ])('has a gap since the slot was made where the log %s', async (_, events, fields) => {
    const gap = { after: { lastId: null, lastLoggedAt: createdDate }, before: behind('b') };
    expect(await committed(events, fields)).toEqual({ ...read, gap });
  });

  it.each([
    ['is less than half full', 49, {}],
    ['never goes round', 49, { kind: 'UNCAPPED' as const, maxBytes: null }],
  ])('has none where the log %s', async (_, events, fields) => {
    expect(await committed(events, fields)).toBe(read);
  });

  it('is looked at no more once there was one, or when there is nothing', async () => {
    const inspect = async () => expect.unreachable('there is nothing to find out');
    const slot = { position: behind('a'), createdDate };
    expect(await withFirstGap({ slot, read, inspect })).toBe(read);
    const nothing = { documents: [], position: EMPTY };
    expect(await withFirstGap({ slot: { position: EMPTY, createdDate }, read: nothing, inspect })).toBe(
      nothing,
    );
  });
});
