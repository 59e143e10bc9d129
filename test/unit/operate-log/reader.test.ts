import fc from 'fast-check';
import { ObjectId } from 'mongodb';
import { describe, expect, it } from 'vitest';
import { cappedOperateLog, LOG_START, type LogRead } from '../../../functions/shared/operate-log/reader.ts';
import { MemoryLog } from '../../support/memory-log.ts';

/** Seconds by which a writer's clock may be off in a test: far more than servers' ever are. */
const DAY = 86_400;

/** What one server writes: its clock decides `_id` and `createdDate`, the place in the log does not care. */
const entry = fc.record({
  clock: fc.integer({ min: -DAY, max: DAY }),
  logged: fc.option(fc.integer({ min: -DAY, max: DAY })),
});
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ write: fc.array(entry, { minLength: 1, maxLength: 12 }) }) },
  { weight: 4, arbitrary: fc.record({ read: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 1, arbitrary: fc.constant({ reopen: true as const }) },
);

const START = Date.parse('2026-11-22T00:00:00Z') / 1_000;
let counter = 0;

function documentOf({ clock, logged }: { clock: number; logged: number | null }) {
  counter += 1;
  const hex = (START + clock).toString(16).padStart(8, '0') + counter.toString(16).padStart(16, '0');
  const _id = new ObjectId(hex);
  return { _id, ...(logged === null ? {} : { createdDate: new Date((START + logged) * 1_000) }) };
}

/** Play steps on a log. @returns ids as they were written, and the reads with what they began behind. */
async function play(
  log: MemoryLog,
  steps: readonly (
    | { readonly write: readonly { clock: number; logged: number | null }[] }
    | { readonly read: number }
    | { readonly reopen: true }
  )[],
  onRead: (read: LogRead, behind: string | null) => void = () => undefined,
) {
  const operateLog = cappedOperateLog({ database: log, collection: 'operate_log' });
  const written: string[] = [];
  const reads: string[][] = [];
  let position = LOG_START;
  let follower = operateLog.follow(position);
  const readOnce = async (limit: number): Promise<LogRead> => {
    const behind = position.lastId;
    const read = await follower.next(limit);
    position = read.position;
    reads.push(read.documents.map(({ id }) => id));
    onRead(read, behind);
    return read;
  };
  for (const each of steps) {
    if ('write' in each) {
      for (const document of each.write.map(documentOf)) {
        log.insert(document);
        written.push(document._id.toHexString());
      }
    } else if ('read' in each) {
      await readOnce(each.read);
    } else {
      // As a tailer that comes after another one: nothing is left but the position.
      await follower.close();
      follower = operateLog.follow(position);
    }
  }
  while ((await readOnce(3)).documents.length > 0) {}
  return { written, reads };
}

describe('a log whose writers’ clocks contradict each other', () => {
  it('is read once, whole and in the order of writing, however wrong its ids and dates are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { written, reads } = await play(new MemoryLog(), steps, (read) =>
          expect(read).not.toHaveProperty('gap'),
        );
        expect(reads.flat()).toEqual(written);
      }),
      { numRuns: 500 },
    );
  });

  it('shows a gap exactly where it has overtaken the reader, and repeats nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 15 }),
        fc.array(step, { maxLength: 40 }),
        async (capacity, steps) => {
          const log = new MemoryLog(capacity);
          const gaps: { behind: string | null; first: string | undefined }[] = [];
          const { written, reads } = await play(log, steps, (read, behind) => {
            if (read.gap !== undefined) {
              expect(read.gap.after.lastId).toBe(behind);
              gaps.push({ behind, first: read.documents[0]?.id });
            }
          });
          const places = reads.flat().map((id) => written.indexOf(id));
          const skips = places.flatMap((place, index) => {
            const before = places[index - 1];
            return before !== undefined && place !== before + 1 ? [{ before, place }] : [];
          });
          expect(places.every((place, index) => index === 0 || place > (places[index - 1] ?? 0))).toBe(true);
          // A gap where nothing was lost is one of which that cannot be known.
          const shown = gaps.map(({ behind, first }) => `${behind} ${first}`);
          expect(shown).toEqual(
            expect.arrayContaining(skips.map(({ before, place }) => `${written[before]} ${written[place]}`)),
          );
          expect(new Set(shown).size).toBe(shown.length);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a backlog', () => {
  const plain = (count: number) => Array.from({ length: count }, () => ({ clock: 0, logged: 0 }));

  it('is begun anew when the ring moves on under its first entries', async () => {
    const log = new MemoryLog(40);
    const operateLog = cappedOperateLog({ database: log, collection: 'operate_log' });
    const documents = plain(40).map(documentOf);
    for (const document of documents) {
      log.insert(document);
    }
    const lastId = documents[10]?._id.toHexString() ?? null;
    const follower = operateLog.follow({ lastId, lastLoggedAt: null });
    // One document for the newest, six backwards, three forwards: then two entries come at once.
    let calls = 0;
    log.onNext = () => {
      calls += 1;
      if (calls === 11) {
        for (const document of plain(4).map(documentOf)) {
          log.insert(document);
        }
      }
    };
    const read = await follower.next(5);
    expect(read).not.toHaveProperty('gap');
    expect(read.documents.map(({ id }) => id)).toEqual(
      documents.slice(11, 16).map(({ _id }) => _id.toHexString()),
    );
  });

  it('is given up for the run when the ring is faster than the reader', async () => {
    const log = new MemoryLog(10);
    const operateLog = cappedOperateLog({ database: log, collection: 'operate_log' });
    const documents = plain(10).map(documentOf);
    for (const document of documents) {
      log.insert(document);
    }
    const follower = operateLog.follow({ lastId: 'f'.repeat(24), lastLoggedAt: null });
    let calls = 0;
    log.onNext = () => {
      calls += 1;
      if (calls > 4) {
        log.insert(documentOf({ clock: 0, logged: 0 }));
        log.insert(documentOf({ clock: 0, logged: 0 }));
      }
    };
    await expect(follower.next(2)).rejects.toMatchObject({ code: 136 });
  });
});

it('asks the primary, whatever the connection string says', () => {
  const log = new MemoryLog();
  cappedOperateLog({ database: log, collection: 'operate_log' });
  expect(log.opened).toEqual([expect.objectContaining({ readPreference: 'primary' })]);
});
