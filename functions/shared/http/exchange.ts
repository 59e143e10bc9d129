import type middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import type { Logger } from '../logger.ts';
import type { Principal } from '../principal/principal.ts';
import { type Language, languageOf } from './language.ts';
import { type HttpRequest, httpRequestOf } from './request.ts';

/**
 * One request on its way through the pipeline. The middlewares add to it what they find out, in their order:
 * authentication the principal, validation the input.
 */
export interface Exchange<Input> {
  readonly request: HttpRequest;
  /** Identifies the request in the answer to an error (`traceId`) and in every log line. */
  readonly requestId: string;
  readonly language: Language;
  readonly logger: Logger;
  principal?: Principal;
  /** The bk-repo project that a request of the second contract is about; none: all there are. */
  projectId?: string | undefined;
  /** Wrapped, so that an input that is `undefined` differs from none. */
  validated?: { readonly input: Input };
}

export type EndpointMiddleware<Input> = middy.MiddlewareObj<
  Exchange<Input>,
  APIGatewayProxyStructuredResultV2
>;

export function exchangeOf<Input>(
  event: APIGatewayProxyEventV2,
  context: Context,
  logger: Logger,
): Exchange<Input> {
  const request = httpRequestOf(event);
  const requestId = event.requestContext.requestId || context.awsRequestId;
  const requestLogger = logger.createChild();
  requestLogger.addContext(context);
  requestLogger.appendKeys({ requestId, method: request.method, path: request.rawPath });
  return {
    request,
    requestId,
    language: languageOf(request.header('accept-language')),
    logger: requestLogger,
  };
}
