/**
 * What can come of a call to a remote besides its answer. Three kinds, because they are treated differently: an
 * outage is nobody's fault and is waited out, a refusal concerns this one call, and some answers are either.
 */

/** Why a remote cannot be worked with now, and how that is said to people. */
export const OUTAGE_TEXTS = {
  ADDRESS_INVALID: 'the address is not an http or https URL',
  ADDRESS_FORBIDDEN: 'the address lies in a range that this deployment does not connect to',
  UNKNOWN_HOST: 'unknown host',
  CONNECTION_REFUSED: 'connection refused',
  UNREACHABLE: 'host unreachable',
  TIMED_OUT: 'timed out',
  CONNECTION_CUT: 'the connection was cut',
  TLS_FAILED: 'TLS failed',
  UNAUTHORIZED: '401: wrong user name or password',
  FORBIDDEN: '403: the user is not an administrator',
  REDIRECTED: 'the address redirects elsewhere',
  NOT_BKREPO: 'not a bk-repo replication service',
  THROTTLED: 'too many requests',
  SERVER_ERROR: 'server error',
  BUSY: 'the service is busy',
  STORE_REFUSED: 'its object store refuses what it lets us put there',
} as const;
export type OutageReason = keyof typeof OUTAGE_TEXTS;

/** The remote is down, unreachable or wrongly set up. No event is at fault. */
export class RemoteOutageError extends Error {
  readonly reason: OutageReason;
  /** The remote's own wish, from `Retry-After`; seconds. */
  readonly retryAfter: number | undefined;
  readonly details: string | undefined;

  constructor(
    reason: OutageReason,
    options: {
      readonly details?: string | undefined;
      readonly retryAfter?: number | undefined;
      readonly cause?: unknown;
    } = {},
  ) {
    const { details, retryAfter, cause } = options;
    super(
      details === undefined ? OUTAGE_TEXTS[reason] : `${OUTAGE_TEXTS[reason]} (${details})`,
      cause === undefined ? {} : { cause },
    );
    this.name = 'RemoteOutageError';
    this.reason = reason;
    this.retryAfter = retryAfter;
    this.details = details;
  }
}

/** The remote does not do this call, however often it is asked. */
export class RemoteRefusalError extends Error {
  readonly status: number;
  /** Code of the envelope; undefined when the answer was none. */
  readonly code: number | undefined;

  constructor(refusal: {
    readonly status: number;
    readonly code?: number | undefined;
    readonly text: string;
  }) {
    const code = refusal.code === undefined ? '' : `, code ${refusal.code}`;
    super(`HTTP ${refusal.status}${code}: ${refusal.text}`);
    this.name = 'RemoteRefusalError';
    this.status = refusal.status;
    this.code = refusal.code;
  }
}

/**
 * An answer that may be a refusal or an outage. bk-repo of January 2021 turns every refusal of its inner services
 * into HTTP 500 with code 250101 "busy", which is also what it says when it is: who wants to know asks something
 * else (`ping`, `node/exist`) and believes the one or the other.
 */
export class RemoteAmbiguousError extends Error {
  readonly asOutage: RemoteOutageError;
  readonly asRefusal: RemoteRefusalError;

  constructor(readings: { readonly asOutage: RemoteOutageError; readonly asRefusal: RemoteRefusalError }) {
    super(readings.asRefusal.message);
    this.name = 'RemoteAmbiguousError';
    this.asOutage = readings.asOutage;
    this.asRefusal = readings.asRefusal;
  }
}

/** The content to be sent is not what its digest or size claims: the upload was given up before its end. */
export class ContentMismatchError extends Error {
  constructor(details: string) {
    super(`The content is not what it is claimed to be: ${details}`);
    this.name = 'ContentMismatchError';
  }
}

/** The source's own content could not be read to the end; the remote is not at fault. */
export class ContentReadError extends Error {
  constructor(cause: unknown) {
    super('The content could not be read', { cause });
    this.name = 'ContentReadError';
  }
}

/** A path that cannot be written in an address or in JSON without becoming another one (a lone surrogate in it). */
export class UnsendablePathError extends Error {
  constructor() {
    super('The path is not well-formed Unicode');
    this.name = 'UnsendablePathError';
  }
}

/**
 * The remote took a file under another name than it was sent under: something on the way reads addresses differently.
 * What is under that other name now is not what belongs there.
 */
export class MisnamedNodeError extends Error {
  readonly storedAs: string;

  constructor(storedAs: string) {
    super(`The remote does not take the name as it is sent: it stored ${storedAs}`);
    this.name = 'MisnamedNodeError';
    this.storedAs = storedAs;
  }
}
