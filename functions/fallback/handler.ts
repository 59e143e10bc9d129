import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { systemClock } from '../shared/clock.ts';
import { environment } from '../shared/environment.ts';
import { errorEnvelope } from '../shared/http/error-envelope.ts';
import { type Exchange, exchangeOf } from '../shared/http/exchange.ts';
import { unmatched } from '../shared/http/unmatched.ts';
import { logger } from '../shared/logger.ts';

const { ROUTES: routes } = environment('ROUTES');

const pipeline = middy<Exchange<never>, APIGatewayProxyStructuredResultV2>()
  .use(errorEnvelope<never>())
  .handler(async ({ request }: Exchange<never>) => ({
    statusCode: 404,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(unmatched({ routes, path: request.rawPath, now: systemClock() })),
  }));

/** Trigger: the API's $default route. bk-repo answers such requests before it asks who calls, and so does this. */
export function handler(
  event: APIGatewayProxyEventV2,
  context: Context,
): Promise<APIGatewayProxyStructuredResultV2> {
  return pipeline(exchangeOf<never>(event, context, logger), context);
}
