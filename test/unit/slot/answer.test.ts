import { expect, test } from 'vitest';
import { slotAnswer, slotLogAnswer } from '../../../functions/shared/slot/answer.ts';
import { storedTask } from '../../support/tasks.ts';

test('a slot in use', () => {
  const answer = slotAnswer(
    {
      name: 'default',
      position: { lastId: '6b0241c0a404394a0a25dc6e', lastLoggedAt: '2026-11-22T01:13:36.189Z' },
      nextOrdinal: 43,
      epoch: 7,
      lease: { owner: 'tailer-1', expiresAt: Date.parse('2026-11-22T01:14:00.500Z') },
      unreadable: 1,
      gaps: 2,
      createdDate: '2026-11-21T00:00:00.000Z',
      lastReadDate: '2026-11-22T01:13:37.000Z',
    },
    [
      storedTask({ key: 'a', catchUp: { nextOrdinal: 40 } }),
      storedTask({ key: 'b' }),
      storedTask({ key: 'd', catchUp: { nextOrdinal: 40, notBefore: 42 } }),
      storedTask({ key: 'c', slotName: 'other', catchUp: { nextOrdinal: 1 } }),
      storedTask({ key: 'e', requestedSlotName: 'nightly' }),
      storedTask({
        key: 'f',
        requestedSlotName: 'nightly',
        catchUp: {
          nextOrdinal: 43,
          leaving: {
            slotName: 'nightly',
            since: '2026-11-22T01:13:38.000Z',
            lastId: '6b0241c0a404394a0a25dc6e',
            position: { nextOrdinal: 1, lastId: null },
          },
        },
      }),
      storedTask({ key: 'g', slotName: 'other', requestedSlotName: 'default' }),
    ],
    'Asia/Shanghai',
  );
  expect(answer).toEqual({
    name: 'default',
    nextOrdinal: 43,
    token: { lastId: '6b0241c0a404394a0a25dc6e', lastLoggedDate: '2026-11-22T09:13:36.189' },
    gaps: 2,
    unreadable: 1,
    epoch: 7,
    lease: { owner: 'tailer-1', expiresDate: '2026-11-22T09:14:00.5' },
    catchUps: [
      { taskKey: 'a', nextOrdinal: 40, events: 3 },
      { taskKey: 'd', nextOrdinal: 40, events: 1 },
      { taskKey: 'f', nextOrdinal: 43, events: 0 },
    ],
    departures: [
      { taskKey: 'e', requestedSlotName: 'nightly', leftDate: null },
      { taskKey: 'f', requestedSlotName: 'nightly', leftDate: '2026-11-22T09:13:38' },
    ],
    createdDate: '2026-11-21T08:00:00',
    lastReadDate: '2026-11-22T09:13:37',
  });
});

test('a slot that nothing was read from', () => {
  const answer = slotAnswer(
    {
      name: 'default',
      position: { lastId: null, lastLoggedAt: null },
      nextOrdinal: 1,
      epoch: 0,
      unreadable: 0,
      gaps: 0,
      createdDate: '2026-11-21T00:00:00.000Z',
    },
    [],
    'UTC',
  );
  expect(answer).toMatchObject({
    token: { lastId: null, lastLoggedDate: null },
    lease: null,
    catchUps: [],
    departures: [],
    lastReadDate: null,
  });
});

test('where a slot stands in its log', () => {
  const now = new Date('2026-11-22T01:13:40.000Z');
  const entry = (id: string, second: number) => ({
    lastId: id,
    lastLoggedAt: new Date(now.getTime() - second * 1_000).toISOString(),
  });
  const slot = {
    name: 'default',
    position: entry('a', 60),
    nextOrdinal: 2,
    epoch: 0,
    unreadable: 0,
    gaps: 0,
    createdDate: '2026-11-21T00:00:00.000Z',
    writing: { unmeasured: 0, events: 120, seconds: 60 },
  };
  const ring = {
    kind: 'CAPPED' as const,
    events: 3,
    maxBytes: 10_000,
    maxEvents: null,
    averageBytes: 500,
    oldestLoggedAt: entry('a', 60).lastLoggedAt,
    newest: [entry('c', 1), entry('b', 30.4), entry('a', 60)],
  };
  const seen = { slot, collection: 'operate_log', now, timeZone: 'Asia/Shanghai', language: 'zh' as const };
  expect(slotLogAnswer({ ...seen, ring })).toEqual({
    head: { lastId: 'c', lastLoggedDate: '2026-11-22T09:13:39' },
    lag: { events: 2, seconds: 30 },
    headroom: 9,
    warnings: [{ code: 'LOG_TOO_SMALL', message: expect.stringContaining('10000字节') }],
  });
  const uncapped = {
    kind: 'UNCAPPED' as const,
    events: 3,
    maxBytes: null,
    maxEvents: null,
    averageBytes: null,
    oldestLoggedAt: null,
    newest: [],
  };
  expect(slotLogAnswer({ ...seen, ring: uncapped })).toEqual({
    head: { lastId: null, lastLoggedDate: null },
    lag: null,
    headroom: null,
    warnings: [expect.objectContaining({ code: 'LOG_NOT_CAPPED' })],
  });
  const unknown = { head: null, lag: null, headroom: null, warnings: [] };
  expect(slotLogAnswer({ ...seen, ring: undefined })).toEqual(unknown);
});
