import { MongoServerError } from 'mongodb';

const DUPLICATE_KEY = 11_000;

/** PostgreSQL's unique violation, which FerretDB passes on without a code of its own when an update meets one. */
const UNIQUE_VIOLATION = /SQLSTATE 23505/;

/** True when a write was refused because a unique index already holds its key. */
export function isDuplicateKey(error: unknown): boolean {
  return (
    error instanceof MongoServerError &&
    (error.code === DUPLICATE_KEY || UNIQUE_VIOLATION.test(error.message))
  );
}
