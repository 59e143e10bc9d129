import { Long } from 'mongodb';
import { z } from 'zod';
import { DomainError } from '../errors.ts';

declare global {
  interface JSON {
    /** A value that `stringify` writes as the given text; ECMAScript has it since Node 22, TypeScript's libraries not yet. */
    rawJSON(text: string): object;
  }
}

/** One piece of metadata, in the shape in which a node document holds it. */
export interface MetadataEntry {
  readonly key: string;
  readonly value: unknown;
}

/** BSON documents nest at most 100 levels; metadata sits three levels down in its node. */
const MAX_DEPTH = 90;

const MAX_INT32 = 2 ** 31 - 1;
const MIN_INT32 = -(2 ** 31);

/**
 * A request's metadata: an object whose values may be of any JSON type but null. It becomes a list of entries, so
 * that keys with dots and dollars, and keys like `__proto__`, are data and nothing else.
 */
export const metadataRequest = z
  .unknown()
  .nullish()
  .transform((value, context): readonly MetadataEntry[] => {
    if (value === null || value === undefined) {
      return [];
    }
    if (typeof value !== 'object' || Array.isArray(value)) {
      context.addIssue({ code: 'custom', message: 'expected an object' });
      return z.NEVER;
    }
    return Object.entries(value).map(([key, content]) => ({ key, value: content }));
  });

/**
 * Metadata with its values as they are stored: JSON types are kept, and a whole number takes the width that Java
 * would give it (int, else long), which the driver on its own stores as a double.
 *
 * @throws DomainError PARAMETER_INVALID `metadata` for a null value (bk-repo answers HTTP 500), and for what no
 * bk-repo could have stored: keys of nested objects with a dot or a leading dollar, a NUL in a key, or nesting
 * beyond BSON's.
 */
export function storedMetadata(entries: readonly MetadataEntry[]): MetadataEntry[] {
  return entries.map(({ key, value }) => {
    if (value === null || value === undefined) {
      throw invalidMetadata();
    }
    return { key, value: storedValue(value, 0) };
  });
}

function storedValue(value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) {
    throw invalidMetadata();
  }
  if (typeof value === 'number') {
    const isLong = Number.isSafeInteger(value) && (value > MAX_INT32 || value < MIN_INT32);
    return isLong ? Long.fromNumber(value) : value;
  }
  if (Array.isArray(value)) {
    return value.map((item) => storedValue(item, depth + 1));
  }
  if (typeof value === 'object' && value !== null) {
    return new Map(
      Object.entries(value).map(([key, content]) => {
        if (key.includes('.') || key.startsWith('$') || key.includes('\0')) {
          throw invalidMetadata();
        }
        return [key, storedValue(content, depth + 1)];
      }),
    );
  }
  return value;
}

/** The entries of `saved` put over `existing`: known keys keep their place, new ones follow in their order. */
export function mergeMetadata(
  existing: readonly MetadataEntry[],
  saved: readonly MetadataEntry[],
): MetadataEntry[] {
  const merged = new Map(existing.map((entry) => [entry.key, entry]));
  for (const entry of saved) {
    merged.set(entry.key, entry);
  }
  return [...merged.values()];
}

/** Metadata as an answer shows it: an object from key to value. */
export function metadataObject(entries: readonly MetadataEntry[]): Record<string, unknown> {
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
}

/**
 * Metadata, as the database gives it, on its way into JSON: an object from key to value, in which a long that JavaScript
 * does not hold exactly is written with all its digits, as Jackson writes it.
 */
export function jsonMetadata(entries: readonly MetadataEntry[]): Record<string, unknown> {
  return Object.fromEntries(entries.map(({ key, value }) => [key, jsonValue(value)]));
}

function jsonValue(value: unknown): unknown {
  if (value instanceof Long) {
    const number = value.toNumber();
    return Number.isSafeInteger(number) ? number : JSON.rawJSON(value.toString());
  }
  if (Array.isArray(value)) {
    return value.map(jsonValue);
  }
  // Dates, object ids and the like know their own form.
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
    ? Object.fromEntries(Object.entries(value).map(([key, content]) => [key, jsonValue(content)]))
    : value;
}

function invalidMetadata(): DomainError {
  return new DomainError('PARAMETER_INVALID', ['metadata']);
}
