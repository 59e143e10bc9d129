import type { Collection, Db, Document } from 'mongodb';
import { intercepted } from './intercepted.ts';

/** Thrown in place of the write at which the process is said to have ended. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/**
 * A database that stops at a write: it lets `writes` documents be written, then throws at every further one. Of a
 * command with several documents those that are still let through are written, as a server leaves it when its client
 * goes.
 */
export function doomedDatabase(database: Db, writes: number): { readonly database: Db; left(): number } {
  let left = writes;
  const spend = (): void => {
    if (left === 0) {
      throw new Crash();
    }
    left -= 1;
  };
  const doomed = (collection: Collection): Collection =>
    intercepted(collection, {
      insertMany: async (documents: Document[]) => {
        for (const document of documents) {
          spend();
          await collection.insertOne(document);
        }
      },
      bulkWrite: async (operations: Parameters<Collection['bulkWrite']>[0][number][]) => {
        for (const operation of operations) {
          spend();
          await collection.bulkWrite([operation]);
        }
      },
      ...Object.fromEntries(
        (['insertOne', 'updateOne', 'updateMany', 'deleteOne', 'deleteMany'] as const).map((name) => [
          name,
          async (...args: unknown[]) => {
            spend();
            return Reflect.apply(collection[name], collection, args);
          },
        ]),
      ),
    });
  return {
    database: intercepted(database, { collection: (name: string) => doomed(database.collection(name)) }),
    left: () => left,
  };
}
