import { DomainError } from '../errors.ts';
import { errorResponse } from './envelope.ts';
import { ERROR_CATALOGUE } from './error-catalogue.ts';
import type { EndpointMiddleware } from './exchange.ts';

/**
 * Middleware: whatever is thrown behind it leaves as bk-repo's envelope, in the caller's language. What is no
 * DomainError is logged in full and answered as SYSTEM_BUSY, without a word of its cause.
 */
export function errorEnvelope<Input>(): EndpointMiddleware<Input> {
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
      middyRequest.response = errorResponse({ error, language, requestId });
    },
  };
}
