import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import type { z } from 'zod';
import { dynamoDb } from '../aws/clients.ts';
import { systemClock } from '../clock.ts';
import { environment } from '../environment.ts';
import { type Logger, logger } from '../logger.ts';
import { type Authenticator, createAuthenticator } from '../principal/authenticator.ts';
import type { Principal, Role } from '../principal/principal.ts';
import { principalRepository } from '../principal/repository.ts';
import { authentication, type Unauthenticated } from './authentication.ts';
import { contentLimit } from './content-limit.ts';
import { successResponse } from './envelope.ts';
import { errorEnvelope } from './error-envelope.ts';
import { type Exchange, exchangeOf } from './exchange.ts';
import type { Language } from './language.ts';
import type { HttpRequest } from './request.ts';
import { validation } from './validation.ts';

export type { HttpRequest } from './request.ts';

/** What an endpoint's function is told beside its input. */
export interface RequestContext {
  readonly principal: Principal;
  readonly request: HttpRequest;
  readonly requestId: string;
  /** Of the texts in the answer. */
  readonly language: Language;
  readonly logger: Logger;
}

export interface EndpointDefinition<Schema extends z.ZodType> {
  readonly unauthenticated: Unauthenticated;
  /** Least role that may call; administrators only when nothing is said. */
  readonly requiredRole?: Role;
  readonly schema: Schema;
  /** Picks the schema's input from the request: its JSON, parameters, path. */
  readonly input: (request: HttpRequest) => unknown;
  /** The endpoint's work; what it returns is the envelope's `data` (`undefined` becomes null). */
  readonly handle: (input: z.output<Schema>, context: RequestContext) => Promise<unknown>;
}

export interface EndpointServices {
  readonly authenticator: () => Authenticator;
  readonly logger: Logger;
}

export type EndpointHandler = (
  event: APIGatewayProxyEventV2,
  context: Context,
) => Promise<APIGatewayProxyStructuredResultV2>;

/**
 * A Lambda handler for one endpoint of the bk-repo contract: authentication, content limit, validation, the
 * endpoint's own work, and bk-repo's envelope around what comes out.
 */
export function bkrepoEndpoint<Schema extends z.ZodType>(
  definition: EndpointDefinition<Schema>,
  services: EndpointServices = { authenticator: deployedAuthenticator, logger },
): EndpointHandler {
  type Input = z.output<Schema>;
  const pipeline = middy<Exchange<Input>, APIGatewayProxyStructuredResultV2>()
    .use(errorEnvelope<Input>())
    .use(
      authentication<Input>({
        authenticator: services.authenticator,
        unauthenticated: definition.unauthenticated,
        requiredRole: definition.requiredRole ?? 'admin',
      }),
    )
    .use(contentLimit<Input>())
    .use(validation(definition.schema, definition.input))
    .handler(async (exchange: Exchange<Input>) => {
      const { principal, validated, request, requestId, language, logger } = exchange;
      if (principal === undefined || validated === undefined) {
        throw new Error('The pipeline has let an unchecked request through');
      }
      return successResponse(
        await definition.handle(validated.input, { principal, request, requestId, language, logger }),
      );
    });
  return async (event, context) => {
    const exchange = exchangeOf<Input>(event, context, services.logger);
    const response = await pipeline(exchange, context);
    return exchange.request.method === 'HEAD' ? { ...response, body: '' } : response;
  };
}

let sharedAuthenticator: Authenticator | undefined;

/** The execution environment's authenticator, made at the first request: its cache outlives the requests. */
export function deployedAuthenticator(): Authenticator {
  sharedAuthenticator ??= createAuthenticator({
    principals: principalRepository({ table: dynamoDb(), tableName: environment('TABLE_NAME').TABLE_NAME }),
    clock: systemClock,
  });
  return sharedAuthenticator;
}
