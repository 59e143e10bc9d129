import { type Db, MongoServerError } from 'mongodb';
import { z } from 'zod';
import type { Logger } from '../logger.ts';
import { archivedForm } from './event.ts';
import { LOG_OPTIONS, type LogPosition, positionBehind } from './reader.ts';

/** What the log's collection can hold. */
export interface LogSize {
  readonly kind: 'MISSING' | 'UNCAPPED' | 'CAPPED';
  /** Bytes of entries at which the oldest is overwritten; null when it is not capped. */
  readonly maxBytes: number | null;
  /** Number of entries at which the oldest is overwritten; null when there is no such limit. */
  readonly maxEvents: number | null;
  /** Mean size of the newest entries, in bytes; null when there are none. */
  readonly averageBytes: number | null;
}

/** The log's collection as it is now: what it can hold, and what it holds. */
export interface LogRing extends LogSize {
  /** Entries in it. */
  readonly events: number;
  /** `createdDate` of the oldest entry, ISO 8601 UTC; null when there is none. */
  readonly oldestLoggedAt: string | null;
  /** The newest entries, newest first, at most `WINDOW`. */
  readonly newest: readonly LogPosition[];
}

/** Where the log is. */
export interface LogSource {
  readonly database: Db;
  readonly collection: string;
}

/** Entries at the log's end that are looked at one by one, by their `_id` and `createdDate` alone. */
export const WINDOW = 1_000;
/** Entries at the log's end whose size is taken. */
const SAMPLE = 50;
/** A question that takes longer is given up, on the server; milliseconds. */
const MAX_TIME = 5_000;
/** The largest limit that a server takes; some say one beyond it, 0 or -1 for none. */
const MAX_EVENTS = 2_147_483_646;
/** MongoDB's error of a collection that does not exist; most versions answer zeros. */
const NAMESPACE_NOT_FOUND = 26;

/**
 * The part of `collStats` that servers agree on (MongoDB 4 to 7, FerretDB). `size` and `avgObjSize` are not of it:
 * FerretDB counts whole pages of its tables.
 */
const statisticsSchema = z.object({
  capped: z.boolean().default(false),
  count: z.number().nonnegative().default(0),
  maxSize: z.number().optional(),
  max: z.number().optional(),
  nindexes: z.number().default(0),
});

/**
 * Look at what the log's collection can hold: two small questions, whatever its size.
 *
 * @throws MongoError when the server cannot be asked.
 */
export async function measureLog(source: LogSource): Promise<LogSize> {
  return (await measured(source)).size;
}

/**
 * Look at the log's collection and its ends: four small questions at most. Of one that is not capped nothing is told but that.
 *
 * @throws MongoError when the server cannot be asked.
 */
export async function inspectLog(source: LogSource): Promise<LogRing> {
  const { size, count } = await measured(source);
  if (size.kind !== 'CAPPED') {
    // Without an order there are no ends: servers other than MongoDB refuse to be asked for them.
    return { ...size, events: count, oldestLoggedAt: null, newest: [] };
  }
  const collection = source.database.collection(source.collection, LOG_OPTIONS);
  const ends = { projection: { _id: 1, createdDate: 1 }, maxTimeMS: MAX_TIME } as const;
  const newest = await collection
    .find({}, ends)
    .sort({ $natural: -1 })
    .limit(WINDOW)
    .batchSize(WINDOW)
    .toArray();
  const isWhole = newest.length < WINDOW;
  const oldest = isWhole
    ? newest.at(-1)
    : await collection.find({}, ends).sort({ $natural: 1 }).limit(1).next();
  return {
    ...size,
    // Where all were looked at their number is exact; the server's own may be a moment older.
    events: isWhole ? newest.length : Math.max(count, WINDOW),
    oldestLoggedAt: oldest === undefined || oldest === null ? null : archivedForm(oldest).loggedAt,
    newest: newest.map((document) => positionBehind(archivedForm(document))),
  };
}

async function measured(source: LogSource): Promise<{ readonly size: LogSize; readonly count: number }> {
  const { database, collection } = source;
  const { capped, count, maxSize = 0, max = 0, nindexes } = await statisticsOf(database, collection);
  if (!capped) {
    const kind = nindexes === 0 && count === 0 ? 'MISSING' : 'UNCAPPED';
    return { size: { kind, maxBytes: null, maxEvents: null, averageBytes: null }, count };
  }
  const sizes = await sampledSizes(database, collection);
  const size = {
    kind: 'CAPPED',
    maxBytes: maxSize > 0 ? maxSize : null,
    maxEvents: max > 0 && max <= MAX_EVENTS ? max : null,
    averageBytes: sizes.length === 0 ? null : sizes.reduce((sum, bytes) => sum + bytes, 0) / sizes.length,
  } as const;
  return { size, count };
}

/** What `inspect` tells; undefined, and a line in the log, where the server cannot be asked: nothing depends on it. */
export async function inspectIfPossible<Seen extends LogSize>(options: {
  readonly inspect: () => Promise<Seen>;
  readonly logger: Pick<Logger, 'warn'>;
}): Promise<Seen | undefined> {
  try {
    return await options.inspect();
  } catch (error) {
    // The name only: a driver's message may hold what is in the connection string.
    const reason = error instanceof Error ? error.name : 'unknown';
    options.logger.warn('The log could not be looked at', { reason });
    return undefined;
  }
}

async function statisticsOf(database: Db, name: string): Promise<z.output<typeof statisticsSchema>> {
  try {
    return statisticsSchema.parse(await database.command({ collStats: name, maxTimeMS: MAX_TIME }));
  } catch (error) {
    if (error instanceof MongoServerError && error.code === NAMESPACE_NOT_FOUND) {
      return statisticsSchema.parse({});
    }
    throw error;
  }
}

/** Sizes of the newest entries in BSON, which is what a capped collection counts. */
async function sampledSizes(database: Db, name: string): Promise<number[]> {
  const raw = await database
    .collection(name, LOG_OPTIONS)
    .find({}, { raw: true, maxTimeMS: MAX_TIME })
    .sort({ $natural: -1 })
    .limit(SAMPLE)
    .batchSize(SAMPLE)
    .toArray();
  // With `raw` the driver gives each document as its bytes.
  return z.array(z.instanceof(Uint8Array).transform(({ byteLength }) => byteLength)).parse(raw);
}
