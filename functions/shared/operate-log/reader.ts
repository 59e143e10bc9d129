import { type CollectionOptions, MongoServerError } from 'mongodb';
import { archivedForm, identityOf, type LogDocument } from './event.ts';

/** A place in the log: just behind the document named, or before the first one when `lastId` is null. */
export interface LogPosition {
  readonly lastId: string | null;
  /** `createdDate` of that document, ISO 8601 UTC; null before the first. */
  readonly lastLoggedAt: string | null;
}

/** Entries between two documents may have been overwritten before they were read. */
export interface LogGap {
  readonly after: LogPosition;
  readonly before: LogPosition;
}

export interface LogRead {
  /** What follows the position, in log order, at most the limit; empty when there is nothing new. */
  readonly documents: readonly LogDocument[];
  /** Position behind the last document. */
  readonly position: LogPosition;
  readonly gap?: LogGap;
}

/** Reads a log onwards from a position; it remembers how far it came. */
export interface LogFollower {
  next(limit: number): Promise<LogRead>;
  close(): Promise<void>;
}

/** Where events come from. bk-repo's capped collection is the first source, not the last. */
export interface OperateLog {
  /** Position behind the newest entry. */
  head(): Promise<LogPosition>;
  follow(position: LogPosition): LogFollower;
}

/** The part of the driver that the log is read with. */
export interface LogDatabase {
  collection(name: string, options: CollectionOptions): LogCollection;
}
interface LogCollection {
  find(): LogCursor;
}
export interface LogCursor extends AsyncIterable<Readonly<Record<string, unknown>>> {
  sort(order: { readonly $natural: 1 | -1 }): LogCursor;
  limit(documents: number): LogCursor;
  batchSize(documents: number): LogCursor;
  next(): Promise<Readonly<Record<string, unknown>> | null>;
  close(): Promise<void>;
}

/**
 * How the log's collection is opened. BSON types are kept as they are, so that the archive holds what bk-repo wrote. Only the
 * primary is asked, whatever the connection string says: each member of a replica set has an order of its own.
 */
export const LOG_OPTIONS: CollectionOptions = {
  promoteValues: false,
  promoteLongs: false,
  readPreference: 'primary',
};

export const LOG_START: LogPosition = { lastId: null, lastLoggedAt: null };

/**
 * bk-repo's capped collection, read in its natural order (docs/adr/0002).
 *
 * The order of a capped collection is the order of insertion, so neither `_id` nor `createdDate`, which follow it
 * only roughly, decides what is new: new is what lies behind the document that was read last. That document is
 * looked for backwards from the end, which costs as many documents as there are new ones. Only a backlog larger
 * than the limit is read forwards, from the oldest document, over one cursor until the backlog is read.
 * When the document is no longer there, the ring has overtaken the reader: what is left is all new, and a gap.
 */
export function cappedOperateLog(options: {
  readonly database: LogDatabase;
  readonly collection: string;
}): OperateLog {
  const collection = options.database.collection(options.collection, LOG_OPTIONS);
  return {
    head: async () => {
      const newest = await collection.find().sort({ $natural: -1 }).limit(1).next();
      return newest === null ? LOG_START : positionBehind(archivedForm(newest));
    },
    follow: (position) => new CappedFollower(collection, position),
  };
}

export function positionBehind(document: LogDocument): LogPosition {
  return { lastId: document.id, lastLoggedAt: document.loggedAt };
}

/** MongoDB's error of a cursor whose place in a capped collection was overwritten. */
const CAPPED_POSITION_LOST = 136;
/** Times that a backlog is begun to be read anew, because the ring moved on under the first entries. */
const FORWARD_ATTEMPTS = 3;

class CappedFollower implements LogFollower {
  readonly #collection: LogCollection;
  #position: LogPosition;
  /** Open while a backlog is read forwards; it stands behind the position. */
  #forward: LogCursor | undefined;

  constructor(collection: LogCollection, position: LogPosition) {
    this.#collection = collection;
    this.#position = position;
  }

  async next(limit: number): Promise<LogRead> {
    const backlog = await this.#takeForward(limit);
    if (backlog.length > 0) {
      return this.#moved(backlog);
    }
    // Mostly nothing is new, and the newest document alone says so.
    const newest = await this.#backwards(1).next();
    if (newest === null || identityOf(newest['_id']) === this.#position.lastId) {
      return this.#moved([]);
    }
    return (await this.#readBackwards(limit)) ?? (await this.#readBacklog(limit));
  }

  async close(): Promise<void> {
    const cursor = this.#forward;
    this.#forward = undefined;
    await cursor?.close();
  }

  /** Read from the end back to the position; undefined when more than `limit` documents are new. */
  async #readBackwards(limit: number): Promise<LogRead | undefined> {
    const newestFirst: LogDocument[] = [];
    for await (const document of this.#backwards(limit + 1)) {
      if (identityOf(document['_id']) === this.#position.lastId) {
        return this.#moved(newestFirst.reverse());
      }
      newestFirst.push(archivedForm(document));
    }
    return newestFirst.length > limit ? undefined : this.#movedFromOldest(newestFirst.reverse());
  }

  /**
   * Read forwards. The oldest documents are those that are overwritten next: where that happens under the cursor before the
   * position is reached, it begins anew.
   */
  async #readBacklog(limit: number): Promise<LogRead> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#readForward(limit);
      } catch (error) {
        await this.close();
        if (!isPositionLost(error) || attempt === FORWARD_ATTEMPTS) {
          throw error;
        }
      }
    }
  }

  /** Read from the oldest document on: skip to the position and keep the cursor for the rest of the backlog. */
  async #readForward(limit: number): Promise<LogRead> {
    const cursor = this.#collection.find().sort({ $natural: 1 });
    if (this.#position.lastId === null) {
      this.#forward = cursor;
      return this.#moved(await this.#takeForward(limit));
    }
    const oldest: LogDocument[] = [];
    for (let document = await cursor.next(); document !== null; document = await cursor.next()) {
      if (identityOf(document['_id']) === this.#position.lastId) {
        this.#forward = cursor;
        return this.#moved(await this.#takeForward(limit));
      }
      if (oldest.length < limit) {
        oldest.push(archivedForm(document));
      }
    }
    return this.#movedFromOldest(oldest);
  }

  /** Take what the forward cursor still has, at most `limit`; nothing when there is none. */
  async #takeForward(limit: number): Promise<LogDocument[]> {
    const documents: LogDocument[] = [];
    try {
      while (this.#forward !== undefined && documents.length < limit) {
        const document = await this.#forward.next();
        if (document === null) {
          await this.close();
          break;
        }
        documents.push(archivedForm(document));
      }
    } catch (error) {
      // Overwritten under the cursor: what was taken is good, the rest is looked for anew.
      if (!isPositionLost(error)) {
        throw error;
      }
      await this.close();
    }
    return documents;
  }

  #backwards(limit: number): LogCursor {
    return this.#collection.find().sort({ $natural: -1 }).limit(limit).batchSize(limit);
  }

  /** The position was not found: everything in the log is new, and what was before it may be lost. */
  #movedFromOldest(documents: readonly LogDocument[]): LogRead {
    const after = this.#position;
    const read = this.#moved(documents);
    const [oldest] = documents;
    return after.lastId === null || oldest === undefined
      ? read
      : { ...read, gap: { after, before: positionBehind(oldest) } };
  }

  #moved(documents: readonly LogDocument[]): LogRead {
    const last = documents.at(-1);
    if (last !== undefined) {
      this.#position = positionBehind(last);
    }
    return { documents, position: this.#position };
  }
}

function isPositionLost(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === CAPPED_POSITION_LOST;
}
