import middy from '@middy/core';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { z } from 'zod';
import type { CallerAuthenticator } from '../access/caller.ts';
import { deployedCallers } from '../access/deployed-callers.ts';
import { environment } from '../environment.ts';
import { type Logger, logger } from '../logger.ts';
import type { Principal, Role } from '../principal/principal.ts';
import { contentLimit } from './content-limit.ts';
import type { EndpointHandler } from './endpoint.ts';
import { jsonResponse } from './envelope.ts';
import { errorEnvelope } from './error-envelope.ts';
import { type Exchange, exchangeOf } from './exchange.ts';
import { jsonOf } from './json-content.ts';
import { type Language, languageOf } from './language.ts';
import { projectAuthentication } from './v3-authentication.ts';
import { v3EntryOf, v3Error } from './v3-error-catalogue.ts';
import { validation } from './validation.ts';

/** What an endpoint of the second contract is told beside its input. */
export interface V3Context {
  readonly principal: Principal;
  /** The bk-repo project that the request is about; none: all there are. */
  readonly projectId: string | undefined;
  readonly language: Language;
  readonly logger: Logger;
}

export interface V3EndpointDefinition<Schema extends z.ZodType> {
  /** Least role that may call. */
  readonly requiredRole: Role;
  /** Of the request's JSON object. */
  readonly schema: Schema;
  /** The endpoint's work; what it returns is the answer as it is. */
  readonly handle: (input: z.output<Schema>, context: V3Context) => Promise<unknown>;
}

export interface V3Services {
  readonly authenticator: () => CallerAuthenticator;
  readonly deploymentProject: () => string;
  readonly logger: Logger;
}

/**
 * A Lambda handler for one endpoint of the second contract, below `/v3/{project_id}`: token or signature, content limit,
 * validation, the endpoint's own work; an error leaves as `{error_code, error_msg}`, in the language of `X-Language`.
 */
export function v3Endpoint<Schema extends z.ZodType>(
  definition: V3EndpointDefinition<Schema>,
  services: V3Services = {
    authenticator: deployedCallers,
    deploymentProject: () => environment('PROJECT_ID').PROJECT_ID,
    logger,
  },
): EndpointHandler {
  type Input = z.output<Schema>;
  const pipeline = middy<Exchange<Input>, APIGatewayProxyStructuredResultV2>()
    .use(
      errorEnvelope<Input>(({ error, language }) =>
        jsonResponse(v3EntryOf(error.code).status, v3Error(error, language)),
      ),
    )
    .use(projectAuthentication<Input>({ ...services, requiredRole: definition.requiredRole }))
    .use(contentLimit<Input>())
    .use(validation(definition.schema, jsonOf))
    .handler(async (exchange: Exchange<Input>) => {
      const { principal, validated, projectId, language, logger } = exchange;
      if (principal === undefined || validated === undefined) {
        throw new Error('The pipeline has let an unchecked request through');
      }
      return jsonResponse(
        200,
        await definition.handle(validated.input, { principal, projectId, language, logger }),
      );
    });
  return (event, context) => {
    const exchange = exchangeOf<Input>(event, context, services.logger);
    return pipeline({ ...exchange, language: languageOf(exchange.request.header('x-language')) }, context);
  };
}
