import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { DomainError } from '../errors.ts';
import { ERROR_CATALOGUE, messageOf } from './error-catalogue.ts';
import type { Language } from './language.ts';

/** Challenge that goes with every 401, as bk-repo sends it. */
const BASIC_CHALLENGE = 'Basic realm="Authentication Required"';

/** HTTP 200 with bk-repo's envelope around `data`; `undefined` becomes null, and `traceId` is null on success. */
export function successResponse(data: unknown): APIGatewayProxyStructuredResultV2 {
  return jsonResponse(200, { code: 0, message: null, data: data ?? null, traceId: null });
}

/** An error in bk-repo's envelope; `traceId` is the request's id, which the log lines of the request carry. */
export function errorResponse(options: {
  readonly error: DomainError;
  readonly language: Language;
  readonly requestId: string;
}): APIGatewayProxyStructuredResultV2 {
  const { error, language, requestId } = options;
  const { code, status } = ERROR_CATALOGUE[error.code];
  return jsonResponse(
    status,
    { code, message: messageOf(error, language), data: null, traceId: requestId },
    status === 401 ? { 'www-authenticate': BASIC_CHALLENGE } : {},
  );
}

/** An answer with a JSON body. */
export function jsonResponse(
  statusCode: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): APIGatewayProxyStructuredResultV2 {
  return {
    statusCode,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  };
}
