import { MongoServerError } from 'mongodb';
import type { LogCursor, LogDatabase } from '../../functions/shared/operate-log/reader.ts';
import type { LogRing } from '../../functions/shared/operate-log/ring.ts';

/** A log that nobody has written to yet, and that never goes round for being full. */
export const ENDLESS: LogRing = {
  kind: 'CAPPED',
  events: 0,
  maxBytes: Number.MAX_SAFE_INTEGER,
  maxEvents: null,
  averageBytes: 500,
  oldestLoggedAt: null,
  newest: [],
};

interface Stored {
  /** Place in the order of insertion. */
  readonly place: number;
  readonly document: Readonly<Record<string, unknown>>;
}

/**
 * A capped collection in memory, as far as the log is read: natural order is the order of insertion, the oldest document gives
 * way to the newest, and a cursor whose last document was overwritten is told so.
 */
export class MemoryLog implements LogDatabase {
  /** How the collection was opened. */
  readonly opened: unknown[] = [];
  readonly #capacity: number;
  readonly #stored: Stored[] = [];
  #inserted = 0;
  /** Called before each document that a cursor gives. */
  onNext: () => void = () => undefined;

  constructor(capacity = Number.POSITIVE_INFINITY) {
    this.#capacity = capacity;
  }

  insert(document: Readonly<Record<string, unknown>>): void {
    this.#stored.push({ place: this.#inserted, document });
    this.#inserted += 1;
    if (this.#stored.length > this.#capacity) {
      this.#stored.shift();
    }
  }

  has(id: unknown): boolean {
    return this.#stored.some(({ document }) => document['_id'] === id);
  }

  collection(_name: string, options: unknown) {
    this.opened.push(options);
    return { find: () => this.#cursor(1, Number.POSITIVE_INFINITY) };
  }

  #cursor(direction: 1 | -1, limit: number): LogCursor {
    let place: number | undefined;
    let left = limit;
    const next = async () => {
      this.onNext();
      const oldest = this.#stored[0]?.place ?? this.#inserted;
      if (place !== undefined && place < oldest) {
        throw new MongoServerError({
          code: 136,
          message: 'CollectionScan died: last seen record was deleted',
        });
      }
      const wanted =
        place === undefined ? (direction === 1 ? oldest : this.#inserted - 1) : place + direction;
      const found = this.#stored[wanted - oldest];
      if (left === 0 || found === undefined) {
        return null;
      }
      left -= 1;
      place = found.place;
      return found.document;
    };
    return {
      sort: ({ $natural }) => this.#cursor($natural, limit),
      limit: (documents) => this.#cursor(direction, documents),
      batchSize: () => this.#cursor(direction, limit),
      next,
      close: async () => undefined,
      async *[Symbol.asyncIterator]() {
        for (let document = await next(); document !== null; document = await next()) {
          yield document;
        }
      },
    };
  }
}
