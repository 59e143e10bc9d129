import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { DomainError } from '../errors.ts';

/** A request as the endpoints see it: API Gateway's event, decoded where the gateway encodes. */
export interface HttpRequest {
  readonly method: string;
  /** Address of whoever called, as the gateway saw it. */
  readonly clientAddress: string;
  /** Path as the gateway gives it: decoded once, except that `%25` stays `%25`. */
  readonly rawPath: string;
  /** Query as it was sent, without its question mark. */
  readonly rawQuery: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly pathParameters: Readonly<Record<string, string | undefined>>;
  /** Value of a header, by its name in any case. */
  header(name: string): string | undefined;
  /** Length of the content in bytes. */
  contentLength(): number;
  /** The content; empty when the request has none. */
  bytes(): Buffer;
  /**
   * The JSON object in the content.
   *
   * @throws DomainError MEDIA_TYPE_UNSUPPORTED when the content is not declared as JSON;
   *   REQUEST_CONTENT_INVALID when it is missing, malformed or anything but an object.
   */
  json(): Readonly<Record<string, unknown>>;
  /**
   * The JSON list in the content; errors as for `json`.
   */
  jsonList(): readonly unknown[];
}

const JSON_MEDIA_TYPE = /^application\/(?:json|[\w.-]+\+json)\s*(?:;|$)/i;

export function httpRequestOf(event: APIGatewayProxyEventV2): HttpRequest {
  const headers = new Map(
    Object.entries(event.headers).map(([name, value]) => [name.toLowerCase(), value] as const),
  );
  const body = event.body ?? '';
  const header = (name: string): string | undefined => headers.get(name.toLowerCase());
  const bytes = (): Buffer => Buffer.from(body, event.isBase64Encoded ? 'base64' : 'utf8');
  return {
    method: event.requestContext.http.method,
    clientAddress: event.requestContext.http.sourceIp,
    rawPath: event.rawPath,
    rawQuery: event.rawQueryString,
    query: event.queryStringParameters ?? {},
    pathParameters: event.pathParameters ?? {},
    header,
    contentLength: () => Buffer.byteLength(body, event.isBase64Encoded ? 'base64' : 'utf8'),
    bytes,
    json: () => parseJsonContent(header('content-type'), bytes(), isObject),
    jsonList: () => parseJsonContent(header('content-type'), bytes(), Array.isArray),
  };
}

function parseJsonContent<Value>(
  contentType: string | undefined,
  content: Buffer,
  isExpected: (value: unknown) => value is Value,
): Value {
  // As bk-repo answers: content of an undeclared type is refused as such, but a request with neither type nor
  // content only lacks its content.
  const isDeclaredJson = contentType !== undefined && JSON_MEDIA_TYPE.test(contentType.trim());
  if (!isDeclaredJson && (contentType !== undefined || content.length > 0)) {
    throw new DomainError('MEDIA_TYPE_UNSUPPORTED');
  }
  const value = parseJson(content);
  if (!isExpected(value)) {
    throw new DomainError('REQUEST_CONTENT_INVALID');
  }
  return value;
}

function parseJson(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'));
  } catch {
    // No cause: the parser's message quotes the content, which may hold a password.
    throw new DomainError('REQUEST_CONTENT_INVALID');
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
