import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { HttpRequest } from '../http/request.ts';

/** Scheme of the Authorization header with which the service's SDKs sign. */
export const SIGNATURE_SCHEME = 'SDK-HMAC-SHA256';
/** How far the signer's clock may be from this one's, either way: that long a captured request can be repeated. */
const MAX_AGE_MS = 15 * 60 * 1000;
/** Longer than any header that an SDK signs with. */
const MAX_HEADER_LENGTH = 4096;

const HEADER = new RegExp(
  `^${SIGNATURE_SCHEME} Access=([A-Za-z0-9_-]{1,128}), ?SignedHeaders=([a-z0-9;_-]+), ?Signature=([0-9a-f]{64})$`,
);
const DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
/** Without these a signature would hold for another host or for good. */
const REQUIRED_HEADERS = ['host', 'x-sdk-date'] as const;

/** What an Authorization header of this scheme says. */
export interface Signature {
  readonly accessKey: string;
  /** Names in lower case, in the order in which they were signed. */
  readonly signedHeaders: readonly string[];
  /** Hex. */
  readonly signature: string;
}

export type SignableRequest = Pick<HttpRequest, 'method' | 'rawPath' | 'rawQuery' | 'header' | 'bytes'>;

/** Read an Authorization header; undefined when it is malformed, or leaves out what must be signed. */
export function parseSignature(header: string): Signature | undefined {
  const [, accessKey, names, signature] =
    header.length > MAX_HEADER_LENGTH ? [] : (HEADER.exec(header.trim()) ?? []);
  if (accessKey === undefined || names === undefined || signature === undefined) {
    return undefined;
  }
  const signedHeaders = names.split(';');
  return REQUIRED_HEADERS.every((name) => signedHeaders.includes(name))
    ? { accessKey, signedHeaders, signature }
    : undefined;
}

/** Whether a request was signed within the last or next 15 minutes, by its `X-Sdk-Date`. */
export function isTimely(request: Pick<SignableRequest, 'header'>, now: Date): boolean {
  const [, ...parts] = DATE.exec(request.header('x-sdk-date') ?? '') ?? [];
  const [year = Number.NaN, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map(Number);
  return Math.abs(Date.UTC(year, month - 1, day, hour, minute, second) - now.getTime()) <= MAX_AGE_MS;
}

/**
 * Whether a request is what was signed with the secret: method, path, query, the signed headers and the content, whose digest is
 * always worked out here. The comparison takes the same time wherever the two differ.
 *
 * @param options `host`: the host and port that the caller called.
 */
export function isSignedBy(options: {
  readonly request: SignableRequest;
  readonly signature: Signature;
  readonly secret: string;
  readonly host: string;
}): boolean {
  const expected = createHmac('sha256', options.secret).update(stringToSign(options)).digest();
  const given = Buffer.from(options.signature.signature, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function stringToSign(options: Parameters<typeof isSignedBy>[0]): string {
  const { request, signature, host } = options;
  const { signedHeaders } = signature;
  const headerOf = (name: string): string => (name === 'host' ? host : (request.header(name) ?? ''));
  const canonicalRequest = [
    request.method,
    canonicalPath(request.rawPath),
    canonicalQuery(request.rawQuery),
    ...signedHeaders.map((name) => `${name}:${headerOf(name).trim()}`),
    '',
    signedHeaders.join(';'),
    sha256(request.bytes()),
  ].join('\n');
  return [SIGNATURE_SCHEME, request.header('x-sdk-date') ?? '', sha256(canonicalRequest)].join('\n');
}

/** Every segment encoded, and a slash at the end. The gateway hands the path over decoded. */
function canonicalPath(path: string): string {
  const encoded = path.split('/').map(encode).join('/');
  return encoded.endsWith('/') ? encoded : `${encoded}/`;
}

/** By name, then by value. */
function canonicalQuery(rawQuery: string): string {
  return [...new URLSearchParams(rawQuery)]
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([leftName, left], [rightName, right]) => compare(leftName, rightName) || compare(left, right))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

/** RFC 3986: all but the unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
