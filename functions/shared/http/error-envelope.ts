import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { DomainError } from '../errors.ts';
import { errorResponse } from './envelope.ts';
import { ERROR_CATALOGUE } from './error-catalogue.ts';
import type { EndpointMiddleware } from './exchange.ts';
import type { Language } from './language.ts';

/** Makes the answer to an error, in one of the contracts' envelopes. */
export type ErrorResponse = (options: {
  readonly error: DomainError;
  readonly language: Language;
  readonly requestId: string;
}) => APIGatewayProxyStructuredResultV2;

/**
 * Middleware: whatever is thrown behind it leaves in the envelope, bk-repo's by default, in the caller's language. What is no
 * DomainError is logged in full and answered as SYSTEM_BUSY, without a word of its cause.
 */
export function errorEnvelope<Input>(respond: ErrorResponse = errorResponse): EndpointMiddleware<Input> {
  return {
    onError: (middyRequest) => {
      const { language, requestId, logger } = middyRequest.event;
      const cause = middyRequest.error;
      const error =
        cause instanceof DomainError
          ? cause
          : new DomainError('SYSTEM_BUSY', [], { cause: cause ?? undefined });
      if (ERROR_CATALOGUE[error.code].status >= 500) {
        logger.error('Request failed', { error: cause ?? error });
      } else {
        logger.info('Request refused', { code: error.code });
      }
      middyRequest.response = respond({ error, language, requestId });
    },
  };
}
