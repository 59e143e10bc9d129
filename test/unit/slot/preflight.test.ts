import { describe, expect, it } from 'vitest';
import { warningsAnswer } from '../../../functions/shared/http/warning-catalogue.ts';
import type { Logger } from '../../../functions/shared/logger.ts';
import type { LogRing } from '../../../functions/shared/operate-log/ring.ts';
import { preflight, preflightOfSlot } from '../../../functions/shared/slot/preflight.ts';

const ring: LogRing = {
  kind: 'CAPPED',
  events: 0,
  maxBytes: 100 * 1024 * 1024,
  maxEvents: null,
  averageBytes: null,
  oldestLoggedAt: null,
  newest: [],
};
const check = (fields: Partial<LogRing>, rate: number | null = null) =>
  preflight({ ring: { ...ring, ...fields }, collection: 'operate_log', rate });

describe('the preflight of a log', () => {
  it('has nothing to say of one that is large enough', () => {
    expect(check({})).toEqual([]);
    expect(check({ averageBytes: 700 }, 1_000)).toEqual([]);
  });

  it('warns of one that is not there, or not capped', () => {
    expect(check({ kind: 'MISSING', maxBytes: null })).toEqual([
      { code: 'LOG_MISSING', args: ['operate_log'] },
    ]);
    expect(check({ kind: 'UNCAPPED', maxBytes: null })).toEqual([
      { code: 'LOG_NOT_CAPPED', args: ['operate_log'] },
    ]);
  });

  it('warns of the documented size, which holds twenty entries', () => {
    expect(check({ maxBytes: 10_000 })).toEqual([
      { code: 'LOG_TOO_SMALL', args: ['operate_log', '10000', '20', '1200'] },
    ]);
  });

  it('warns where more is written in a period of the tailer than the log holds', () => {
    const bytes = 400 * 60 * 50;
    expect(check({ maxBytes: bytes, averageBytes: 400 }, 50)).toEqual([]);
    expect(check({ maxBytes: bytes, averageBytes: 400 }, 50.1)).toMatchObject([{ code: 'LOG_TOO_SMALL' }]);
    expect(check({ maxEvents: 1_199 })).toMatchObject([{ code: 'LOG_TOO_SMALL' }]);
  });

  it('speaks English and Chinese', () => {
    const warnings = check({ maxBytes: 10_000 });
    expect(warningsAnswer(warnings, 'en')).toEqual([
      {
        code: 'LOG_TOO_SMALL',
        message:
          'The log collection operate_log of 10000 bytes holds some 20 entries; 1200 can be written before it is read ' +
          'again, and what was overwritten is lost to the log',
      },
    ]);
    const [chinese] = warningsAnswer(warnings, 'zh');
    expect(chinese?.message).toMatch(/^操作日志集合operate_log（10000字节）约可容纳20条记录；.*1200条/);
  });
});

describe('the preflight of a new task', () => {
  const bytes = 400 * 60 * 50;
  const ask = (inspect: () => Promise<LogRing>, rate: number) => {
    const warned: string[] = [];
    const slot = {
      name: 'nightly',
      position: { lastId: null, lastLoggedAt: null },
      nextOrdinal: 1,
      epoch: 0,
      unreadable: 0,
      gaps: 0,
      createdDate: '2026-11-22T00:00:00.000Z',
      writing: { unmeasured: 0, events: rate * 60, seconds: 60 },
    };
    const slots = { get: async (name: string) => (name === 'nightly' ? slot : undefined) };
    const logger: Pick<Logger, 'warn'> = { warn: (message) => warned.push(String(message)) };
    const collection = 'operate_log';
    const warnings = preflightOfSlot({ slotName: 'nightly', slots, inspect, collection, logger });
    return warnings.then((found) => ({ warned, codes: found.map(({ code }) => code) }));
  };

  it('counts with the rate that its slot has measured', async () => {
    const log = async () => ({ ...ring, maxBytes: bytes, averageBytes: 400 });
    expect(await ask(log, 50)).toEqual({ codes: [], warned: [] });
    expect(await ask(log, 51)).toEqual({ codes: ['LOG_TOO_SMALL'], warned: [] });
  });

  it('says nothing where the log cannot be looked at, and nothing of why but a name', async () => {
    const away = () => Promise.reject(new Error('mongodb://user:secret@host'));
    expect(await ask(away, 50)).toEqual({ codes: [], warned: ['The log could not be looked at'] });
  });
});
