import type { Dispatcher } from 'undici';
import { z } from 'zod';
import {
  ContentMismatchError,
  ContentReadError,
  type OutageReason,
  RemoteAmbiguousError,
  RemoteOutageError,
  RemoteRefusalError,
} from './errors.ts';

/** An HTTP answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** bk-repo's envelope, as far as a caller needs it. */
const envelopeSchema = z.object({
  code: z.number(),
  message: z.string().nullish(),
  data: z.unknown(),
});
type Envelope = z.infer<typeof envelopeSchema>;

/** Codes of the contract that decide what an answer means. */
const SYSTEM_BUSY = 250101;
const HEADER_MISSING = 250113;

/** Characters of a remote's text that are kept: it goes into logs and failure records. */
const MAX_TEXT = 300;

/** Longest `Retry-After` that is believed; seconds. */
const MAX_RETRY_AFTER = 3_600;

/**
 * The one place that says what an answer of a remote means.
 *
 * @returns the envelope's `data`.
 * @throws RemoteOutageError, RemoteRefusalError or RemoteAmbiguousError.
 */
export function dataOf(answer: Answer): unknown {
  const { status } = answer;
  const envelope = envelopeOf(answer.text);
  if (status >= 200 && status < 300) {
    if (envelope === undefined) {
      throw new RemoteOutageError('NOT_BKREPO');
    }
    if (envelope.code !== 0) {
      throw refusalOf(answer, envelope);
    }
    return envelope.data;
  }
  if (status < 400) {
    throw new RemoteOutageError('REDIRECTED', { details: redirectionOf(answer) });
  }
  throw status < 500 ? clientErrorOf(answer, envelope) : serverErrorOf(answer, envelope);
}

function clientErrorOf(answer: Answer, envelope: Envelope | undefined): Error {
  const asRefusal = refusalOf(answer, envelope);
  switch (answer.status) {
    case 401:
      // Nothing of the answer is kept: bk-repo repeats a malformed Authorization header in its text.
      return new RemoteOutageError('UNAUTHORIZED');
    case 408:
      return new RemoteOutageError('TIMED_OUT', { details: 'HTTP 408' });
    case 425:
    case 429:
      return new RemoteOutageError('THROTTLED', { retryAfter: retryAfterOf(answer) });
    case 403:
      // A user without rights is refused everything; a firewall in front may refuse one path only.
      return new RemoteAmbiguousError({ asOutage: new RemoteOutageError('FORBIDDEN'), asRefusal });
    case 404:
    case 405:
      // Without an envelope it is no bk-repo that answers, or one that does not know this endpoint.
      return envelope === undefined
        ? new RemoteAmbiguousError({
            asOutage: new RemoteOutageError('NOT_BKREPO', { details: `HTTP ${answer.status}` }),
            asRefusal,
          })
        : asRefusal;
    default:
      return envelope?.code === HEADER_MISSING
        ? new RemoteOutageError('UNAUTHORIZED', { details: 'the Authorization header does not arrive' })
        : asRefusal;
  }
}

function serverErrorOf(answer: Answer, envelope: Envelope | undefined): Error {
  const asOutage = new RemoteOutageError(envelope?.code === SYSTEM_BUSY ? 'BUSY' : 'SERVER_ERROR', {
    details: `HTTP ${answer.status}`,
    retryAfter: retryAfterOf(answer),
  });
  return answer.status === 500 && envelope !== undefined
    ? new RemoteAmbiguousError({ asOutage, asRefusal: refusalOf(answer, envelope) })
    : asOutage;
}

function refusalOf(answer: Answer, envelope: Envelope | undefined): RemoteRefusalError {
  return new RemoteRefusalError({
    status: answer.status,
    code: envelope?.code,
    text: printable(envelope?.message ?? ''),
  });
}

function envelopeOf(text: string): Envelope | undefined {
  try {
    const result = envelopeSchema.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}

/** Error codes of S3 by which it says that content is not of the digest or length that the request claims. */
const MISMATCH_CODES: ReadonlySet<string> = new Set([
  'BadDigest',
  'InvalidDigest',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);
/** Error codes of S3 by which a connection, and not the request, is at fault. */
const CUT_CODES: ReadonlySet<string> = new Set(['IncompleteBody', 'RequestTimeout']);
/** Error codes of S3 by which the credentials behind an address have passed. */
const EXPIRED_CODES: ReadonlySet<string> = new Set(['ExpiredToken', 'InvalidToken', 'TokenRefreshRequired']);

/**
 * What an object store says to a presigned PUT, in S3's words.
 *
 * @returns false when the address is not good, or not any more (403): another one may be.
 * @throws ContentMismatchError when the store found other content than was claimed; RemoteRefusalError for content that
 * it never takes; else RemoteOutageError, for a store that is down or wrongly set up.
 */
export function isStored(answer: Answer): boolean {
  const { status } = answer;
  const code = /<Code>(\w{1,64})<\/Code>/.exec(answer.text)?.[1] ?? '';
  const details = code === '' ? `HTTP ${status}` : `HTTP ${status}, ${code}`;
  if (status >= 200 && status < 300) {
    return true;
  }
  if (status < 400) {
    throw new RemoteOutageError('REDIRECTED', { details: redirectionOf(answer) });
  }
  if (status === 403 || EXPIRED_CODES.has(code)) {
    return false;
  }
  if (MISMATCH_CODES.has(code)) {
    throw new ContentMismatchError(`the store of the remote says ${code}`);
  }
  if (CUT_CODES.has(code)) {
    throw new RemoteOutageError('CONNECTION_CUT', { details });
  }
  if (code === 'EntityTooLarge') {
    throw new RemoteRefusalError({ status, text: code });
  }
  if (status === 429 || status === 503) {
    throw new RemoteOutageError('THROTTLED', { details, retryAfter: retryAfterOf(answer) });
  }
  throw new RemoteOutageError(status < 500 ? 'STORE_REFUSED' : 'SERVER_ERROR', {
    details,
    retryAfter: retryAfterOf(answer),
  });
}

/**
 * An answer's data in the shape that is expected of it.
 *
 * @throws RemoteOutageError NOT_BKREPO
 */
export function expected<Schema extends z.ZodType>(schema: Schema, data: unknown): z.output<Schema> {
  const result = schema.safeParse(data);
  if (!result.success) {
    throw new RemoteOutageError('NOT_BKREPO', { details: 'an answer of another shape' });
  }
  return result.data;
}

/** Read an answer whole. @throws RemoteOutageError NOT_BKREPO for one of more bytes than that. */
export async function readAnswer(response: Dispatcher.ResponseData, maxBytes: number): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    const buffer = Buffer.from(chunk);
    bytes += buffer.length;
    if (bytes > maxBytes) {
      response.body.destroy();
      throw new RemoteOutageError('NOT_BKREPO', { details: `an answer of more than ${maxBytes} bytes` });
    }
    chunks.push(buffer);
  }
  return {
    status: response.statusCode,
    headers: response.headers,
    text: Buffer.concat(chunks).toString('utf8'),
  };
}

/** Text from a remote, safe to log: one line, bounded. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').slice(0, MAX_TEXT);
}

/** Status and origin only: a whole address may carry a token. */
function redirectionOf(answer: Answer): string {
  const location = headerOf(answer, 'location');
  const target = location !== undefined && URL.canParse(location) ? ` to ${new URL(location).origin}` : '';
  return `HTTP ${answer.status}${target}`;
}

function retryAfterOf(answer: Answer): number | undefined {
  const seconds = Number(headerOf(answer, 'retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, MAX_RETRY_AFTER) : undefined;
}

function headerOf(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Causes by the `code` of Node's and undici's errors; those of TLS are too many to list. */
const REASON_OF_CODE: Readonly<Record<string, OutageReason>> = {
  ADDRESS_FORBIDDEN: 'ADDRESS_FORBIDDEN',
  ENOTFOUND: 'UNKNOWN_HOST',
  EAI_AGAIN: 'UNKNOWN_HOST',
  ECONNREFUSED: 'CONNECTION_REFUSED',
  EHOSTUNREACH: 'UNREACHABLE',
  ENETUNREACH: 'UNREACHABLE',
  EADDRNOTAVAIL: 'UNREACHABLE',
  ETIMEDOUT: 'TIMED_OUT',
  UND_ERR_CONNECT_TIMEOUT: 'TIMED_OUT',
  UND_ERR_HEADERS_TIMEOUT: 'TIMED_OUT',
  UND_ERR_BODY_TIMEOUT: 'TIMED_OUT',
  ECONNRESET: 'CONNECTION_CUT',
  ECONNABORTED: 'CONNECTION_CUT',
  EPIPE: 'CONNECTION_CUT',
  UND_ERR_SOCKET: 'CONNECTION_CUT',
  UND_ERR_CLOSED: 'CONNECTION_CUT',
  UND_ERR_DESTROYED: 'CONNECTION_CUT',
  UND_ERR_INFO: 'CONNECTION_CUT',
};

/** Codes of OpenSSL's verification and of Node's TLS. */
const TLS_CODE =
  /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|CRL_|EPROTO$|UNABLE_TO_|.*SELF_SIGNED|INVALID_CA$|INVALID_PURPOSE$|HOSTNAME_MISMATCH$|PATH_LENGTH_EXCEEDED$)/;

/**
 * What an exchange that brought no answer means: an outage, unless it was ended by ourselves (the content was not as
 * claimed or could not be read, the caller gave up), which is handed back as it is.
 */
export function failureOf(error: unknown): unknown {
  if (
    error instanceof ContentMismatchError ||
    error instanceof ContentReadError ||
    error instanceof RemoteOutageError
  ) {
    return error;
  }
  const code = codeOf(error);
  if (code === undefined) {
    return isTimeout(error) ? new RemoteOutageError('TIMED_OUT', { cause: error }) : error;
  }
  const reason = REASON_OF_CODE[code];
  if (reason !== undefined) {
    return new RemoteOutageError(reason, { cause: error });
  }
  if (TLS_CODE.test(code)) {
    return new RemoteOutageError('TLS_FAILED', { details: code, cause: error });
  }
  // What undici's parser finds wrong (HPE_…) and limits that the answer breaks.
  return code.startsWith('HPE_') || code.startsWith('UND_ERR_')
    ? new RemoteOutageError('NOT_BKREPO', { details: code, cause: error })
    : error;
}

/** The error's own code, else that of the first attempt (an AggregateError of several addresses) or of its cause. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) {
    return undefined;
  }
  if ('code' in error && typeof error.code === 'string') {
    return error.code;
  }
  if (error instanceof AggregateError && error.errors.length > 0) {
    return codeOf(error.errors[0]);
  }
  return error.cause === undefined ? undefined : codeOf(error.cause);
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}
