import { BSON, type Db, type Document, Long, MongoClient, MongoServerError, ObjectId } from 'mongodb';
import { intercepted } from '../support/intercepted.ts';
import type { Cloud } from './cloud.ts';

type Fields = Record<string, unknown>;
interface ReadOptions {
  readonly projection?: Fields | undefined;
  readonly sort?: Fields | undefined;
  readonly limit?: number | undefined;
  readonly promoteValues?: boolean | undefined;
}

/** A document as it is stored, and as values are compared. */
interface Stored {
  readonly bytes: Uint8Array;
  readonly plain: Fields;
}

interface Index {
  readonly name: string;
  readonly key: Fields;
  readonly unique: boolean;
}

const DUPLICATE_KEY = 11_000;

/** A MongoDB database in memory, as far as bk-repo's collections are used: each command is one step. */
export class MemoryMongo {
  readonly #collections = new Map<string, MemoryCollection>();
  readonly #cloud: Cloud;
  /** What a database answers that is not simulated; it never connects. */
  readonly #plain = new MongoClient('mongodb://nowhere').db('bkrepo');

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  /** The database over a connection of its own, as every execution environment has one. */
  connect(): Db {
    return intercepted(this.#plain, {
      client: {},
      collection: (name: string, options?: ReadOptions) => this.collection(name).handle(options),
    });
  }

  collection(name: string): MemoryCollection {
    const collection = this.#collections.get(name) ?? new MemoryCollection(name, this.#cloud);
    this.#collections.set(name, collection);
    return collection;
  }
}

export class MemoryCollection {
  /** Documents at most, of a capped collection; then the oldest go. */
  cap = Number.POSITIVE_INFINITY;
  readonly #name: string;
  readonly #cloud: Cloud;
  #documents: Stored[] = [];
  readonly #indexes: Index[] = [];

  constructor(name: string, cloud: Cloud) {
    this.#name = name;
    this.#cloud = cloud;
  }

  get size(): number {
    return this.#documents.length;
  }

  /** The document that was inserted last. */
  newest(): Readonly<Document> | undefined {
    return this.#documents.at(-1)?.plain;
  }

  /** Lose all but the newest, as a ring that was written over; @returns the ids of those that are lost. */
  roll(left: number): unknown[] {
    const lost = this.#documents.slice(0, -left).map(({ plain }) => plain['_id']);
    this.#documents = this.#documents.slice(-left);
    return lost;
  }

  /** Every document, as the driver reads it by default. */
  all(): Document[] {
    return this.#documents.map(({ bytes }) => BSON.deserialize(bytes));
  }

  /** The collection as a client has it. */
  handle(defaults: ReadOptions = {}): unknown {
    const call = <Result>(name: string, effect: () => Result): Promise<Result> =>
      this.#cloud.call({ service: 'MongoDB', name: `${name} ${this.#name.replace(/_\d+$/, '')}` }, effect);
    const read = (filter: Fields, options: ReadOptions) => this.read(filter, { ...defaults, ...options });
    return {
      collectionName: this.#name,
      find: (filter: Fields = {}, options: ReadOptions = {}) =>
        cursor(options, (whole) => call('find', () => read(filter, whole))),
      findOne: (filter: Fields, options: ReadOptions = {}) =>
        call('findOne', () => read(filter, { ...options, limit: 1 })[0] ?? null),
      countDocuments: (filter: Fields) => call('count', () => read(filter, {}).length),
      insertOne: (document: Fields) => call('insertOne', () => this.insert(document)),
      insertMany: (documents: readonly Fields[], { ordered = true } = {}) =>
        call('insertMany', () => this.#insertMany(documents, ordered)),
      updateOne: (filter: Fields, update: Fields, options: { readonly upsert?: boolean } = {}) =>
        call('updateOne', () => this.update(filter, update, 1, options.upsert)),
      updateMany: (filter: Fields, update: Fields) =>
        call('updateMany', () => this.update(filter, update, Number.POSITIVE_INFINITY)),
      deleteOne: (filter: Fields) => call('deleteOne', () => this.remove(filter, 1)),
      deleteMany: (filter: Fields) => call('deleteMany', () => this.remove(filter, Number.POSITIVE_INFINITY)),
      bulkWrite: (
        operations: readonly { readonly updateOne: { readonly filter: Fields; readonly update: Fields } }[],
      ) =>
        call('bulkWrite', () => {
          for (const { updateOne } of operations) {
            this.update(updateOne.filter, updateOne.update, 1);
          }
          return {};
        }),
      listIndexes: () =>
        cursor({}, () => call('listIndexes', () => this.#indexes.map(({ name }) => ({ name })))),
      createIndexes: (indexes: readonly Partial<Index>[]) =>
        call('createIndexes', () => {
          for (const { name = '', key = {}, unique = false } of indexes) {
            this.#indexes.push({ name, key, unique });
          }
        }),
    };
  }

  read(filter: Fields, { sort, limit, projection, promoteValues }: ReadOptions): Document[] {
    const found = this.#documents.filter(({ plain }) => matches(plain, filter));
    for (const [field, direction] of Object.entries(sort ?? {}).reverse()) {
      if (field === '$natural') {
        if (direction === -1) {
          found.reverse();
        }
        continue;
      }
      const sign = Number(direction);
      found.sort((one, other) => sign * ordered(valueAt(one.plain, field), valueAt(other.plain, field)));
    }
    const page = limit === undefined || limit === 0 ? found : found.slice(0, limit);
    return page.map(({ bytes }) =>
      shown(BSON.deserialize(bytes, promoteValues === false ? { promoteValues } : {}), projection),
    );
  }

  insert(document: Fields): { readonly insertedId: unknown } {
    const stored = storedForm({ _id: document['_id'] ?? new ObjectId(), ...document });
    this.#refuseDuplicate(stored, undefined);
    this.#documents.push(stored);
    while (this.#documents.length > this.cap) {
      this.#documents.shift();
    }
    return { insertedId: stored.plain['_id'] };
  }

  #insertMany(documents: readonly Fields[], isOrdered: boolean): unknown {
    let refused: unknown;
    for (const document of documents) {
      try {
        this.insert(document);
      } catch (error) {
        refused ??= error;
        if (isOrdered) {
          break;
        }
      }
    }
    if (refused !== undefined) {
      throw refused;
    }
    return {};
  }

  update(
    filter: Fields,
    update: Fields,
    limit: number,
    upsert = false,
  ): { matchedCount: number; modifiedCount: number } {
    let matchedCount = 0;
    for (const [index, stored] of this.#documents.entries()) {
      if (matchedCount === limit) {
        break;
      }
      if (matches(stored.plain, filter)) {
        const changed = storedForm(
          changedBy(BSON.deserialize(stored.bytes, { promoteValues: false }), update),
        );
        this.#refuseDuplicate(changed, stored);
        this.#documents[index] = changed;
        matchedCount += 1;
      }
    }
    if (matchedCount === 0 && upsert) {
      this.insert(changedBy({ ...filter }, update));
    }
    return { matchedCount, modifiedCount: matchedCount };
  }

  remove(filter: Fields, limit: number): { deletedCount: number } {
    let deletedCount = 0;
    this.#documents = this.#documents.filter(({ plain }) => {
      const goes = deletedCount < limit && matches(plain, filter);
      deletedCount += goes ? 1 : 0;
      return !goes;
    });
    return { deletedCount };
  }

  #refuseDuplicate(candidate: Stored, replaced: Stored | undefined): void {
    const unique = [{ name: '_id_', key: { _id: 1 }, unique: true }, ...this.#indexes].filter(
      (index) => index.unique,
    );
    for (const { name, key } of unique) {
      const fields = Object.keys(key);
      const isSame = (other: Stored) =>
        other !== replaced &&
        fields.every((field) =>
          isEqual(valueAt(other.plain, field) ?? null, valueAt(candidate.plain, field) ?? null),
        );
      if (this.#documents.some(isSame)) {
        throw new MongoServerError({
          message: `E11000 duplicate key error index: ${name}`,
          code: DUPLICATE_KEY,
        });
      }
    }
  }
}

function storedForm(document: Fields): Stored {
  const bytes = BSON.serialize(document, { ignoreUndefined: true });
  return { bytes, plain: BSON.deserialize(bytes) };
}

/** A cursor that asks when its first document is wanted. */
function cursor(options: ReadOptions, ask: (options: ReadOptions) => Promise<Document[]>): unknown {
  let whole = options;
  let pending: Promise<Document[]> | undefined;
  let taken = 0;
  const documents = () => {
    pending ??= ask(whole);
    return pending;
  };
  const chained = (more: ReadOptions) => {
    whole = { ...whole, ...more };
    return self;
  };
  const self = {
    sort: (sort: Fields) => chained({ sort }),
    limit: (limit: number) => chained({ limit }),
    project: (projection: Fields) => chained({ projection }),
    batchSize: () => self,
    maxTimeMS: () => self,
    toArray: documents,
    next: async () => {
      const document = (await documents())[taken] ?? null;
      taken += 1;
      return document;
    },
    close: async () => undefined,
    async *[Symbol.asyncIterator]() {
      yield* await documents();
    },
  };
  return self;
}

function shown(document: Document, projection: Fields | undefined): Document {
  const fields = Object.entries(projection ?? {});
  const kept = fields.filter(([field, value]) => value === 1 && field !== '_id').map(([field]) => field);
  const isAll = kept.length === 0 && projection?.['_id'] !== 1;
  const entries = Object.entries(document).filter(([field]) =>
    field === '_id' ? projection?.['_id'] !== 0 : isAll || kept.includes(field),
  );
  return Object.fromEntries(entries);
}

function valueAt(document: Fields, path: string): unknown {
  return path
    .split('.')
    .reduce(
      (value: unknown, name) =>
        value !== null && typeof value === 'object' ? Reflect.get(value, name) : undefined,
      document,
    );
}

function matches(document: Fields, filter: Fields): boolean {
  return Object.entries(filter).every(([field, wanted]) => {
    if (field === '$or' || field === '$and') {
      const filters: Fields[] = Array.isArray(wanted) ? wanted : [];
      const fits = (each: Fields) => matches(document, each);
      return field === '$or' ? filters.some(fits) : filters.every(fits);
    }
    const value = valueAt(document, field);
    return isOperators(wanted)
      ? Object.entries(wanted).every(([operator, argument]) => satisfies(value, operator, argument))
      : isEqual(value ?? null, wanted ?? null);
  });
}

function isOperators(value: unknown): value is Fields {
  return (
    value !== null &&
    typeof value === 'object' &&
    Object.getPrototypeOf(value) === Object.prototype &&
    Object.keys(value).some((key) => key.startsWith('$'))
  );
}

function satisfies(value: unknown, operator: string, argument: unknown): boolean {
  const options: unknown[] = Array.isArray(argument) ? argument : [];
  switch (operator) {
    case '$eq':
      return isEqual(value ?? null, argument);
    case '$ne':
      return !isEqual(value ?? null, argument);
    case '$in':
      return options.some((option) => isEqual(value ?? null, option));
    case '$nin':
      return !options.some((option) => isEqual(value ?? null, option));
    case '$exists':
      return (value !== undefined) === argument;
    case '$gt':
      return isComparable(value, argument) && ordered(value, argument) > 0;
    case '$gte':
      return isComparable(value, argument) && ordered(value, argument) >= 0;
    case '$lt':
      return isComparable(value, argument) && ordered(value, argument) < 0;
    case '$lte':
      return isComparable(value, argument) && ordered(value, argument) <= 0;
    default:
      throw new Error(`MongoDB is not asked ${operator} here`);
  }
}

/** A value as others are compared with it: numbers, texts, nulls; whole documents by their bytes. */
function comparable(value: unknown): unknown {
  if (value instanceof Date) {
    return value.getTime();
  }
  if (value instanceof ObjectId) {
    return value.toHexString();
  }
  if (value instanceof Long) {
    return value.toNumber();
  }
  return value !== null && typeof value === 'object'
    ? Buffer.from(BSON.serialize({ value: BSON.deserialize(BSON.serialize({ value }))['value'] })).toString(
        'latin1',
      )
    : value;
}

function isEqual(one: unknown, other: unknown): boolean {
  return one === other || comparable(one) === comparable(other);
}

function isComparable(one: unknown, other: unknown): boolean {
  return typeof comparable(one) === typeof comparable(other) && one !== null && one !== undefined;
}

/** MongoDB sorts values of different types by their types first. */
function typeOrder(value: unknown): number {
  if (value === null || value === undefined) {
    return 0;
  }
  if (typeof value === 'number' || value instanceof Long) {
    return 1;
  }
  if (typeof value === 'string') {
    return 2;
  }
  if (value instanceof ObjectId) {
    return 4;
  }
  return typeof value === 'boolean' ? 5 : value instanceof Date ? 6 : 3;
}

function ordered(one: unknown, other: unknown): number {
  const types = typeOrder(one) - typeOrder(other);
  if (types !== 0) {
    return types;
  }
  const [left, right] = [comparable(one), comparable(other)];
  if (typeof left === 'number' && typeof right === 'number') {
    return left - right;
  }
  return left === right ? 0 : String(left) < String(right) ? -1 : 1;
}

function changedBy(document: Fields, update: Fields): Fields {
  const changed = { ...document };
  for (const [operator, fields] of Object.entries(update)) {
    for (const [field, value] of Object.entries(
      fields !== null && typeof fields === 'object' ? fields : {},
    )) {
      if (field.includes('.')) {
        throw new Error('Fields of fields are not changed here');
      }
      switch (operator) {
        case '$set':
          changed[field] = value;
          break;
        case '$unset':
          delete changed[field];
          break;
        case '$inc':
          changed[field] = Number(changed[field] ?? 0) + Number(value);
          break;
        default:
          throw new Error(`MongoDB is not asked ${operator} here`);
      }
    }
  }
  return changed;
}
