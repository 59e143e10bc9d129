import { createHash } from 'node:crypto';

/**
 * Digest of a node's metadata, the same at both ends of a replication: SHA-256, in hex, of its canonical JSON (RFC 8785:
 * keys sorted at every level, no blanks, numbers and texts as ECMAScript writes them). No metadata is `{}`.
 *
 * It is the digest of what travels. Values that JSON has no type for count as what they become in it (dates and object
 * ids as texts), and null values on the top level not at all: they are left out of what is sent.
 */
export function metadataDigest(metadata: Readonly<Record<string, unknown>>): string {
  const travelled: unknown = JSON.parse(JSON.stringify(metadata));
  const entries = Object.entries(Object(travelled)).filter(([, value]) => value !== null);
  return createHash('sha256')
    .update(canonicalJson(Object.fromEntries(entries)))
    .digest('hex');
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonicalJson).join(',')}]`;
  }
  if (typeof value !== 'object' || value === null) {
    return JSON.stringify(value);
  }
  // Keys are unique, so the order of UTF-16 code units, as the RFC has it, is total.
  const members = Object.entries(value)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
