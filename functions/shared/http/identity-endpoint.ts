import middy from '@middy/core';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { z } from 'zod';
import type { DomainError, ErrorCode } from '../errors.ts';
import { logger } from '../logger.ts';
import { contentLimit } from './content-limit.ts';
import type { EndpointHandler } from './endpoint.ts';
import { jsonResponse } from './envelope.ts';
import { errorEnvelope } from './error-envelope.ts';
import { type EndpointMiddleware, type Exchange, exchangeOf } from './exchange.ts';
import type { HttpRequest } from './request.ts';
import { validation } from './validation.ts';

export interface IdentityEndpointDefinition<Schema extends z.ZodType> {
  /** Who may call; nothing for an endpoint that signs in itself. */
  readonly authentication?: EndpointMiddleware<z.output<Schema>>;
  readonly schema: Schema;
  readonly input: (request: HttpRequest) => unknown;
  readonly handle: (input: z.output<Schema>) => Promise<IdentityAnswer>;
}

export interface IdentityAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const BAD_REQUEST = { code: 400, title: 'Bad Request' } as const;
const UNAUTHORIZED = { code: 401, title: 'Unauthorized' } as const;

interface IdentityError {
  readonly code: number;
  readonly title: string;
  readonly message: string;
}

/** The only place that turns domain errors into those of an identity service; it has English texts only. */
const IDENTITY_CATALOGUE: Readonly<Partial<Record<ErrorCode, IdentityError>>> = {
  REQUEST_CONTENT_INVALID: { ...BAD_REQUEST, message: 'The request body is invalid.' },
  PARAMETER_MISSING: { ...BAD_REQUEST, message: 'A required parameter is missing.' },
  PARAMETER_INVALID: { ...BAD_REQUEST, message: 'The value of a parameter is invalid.' },
  CONTENT_TOO_LARGE: { ...BAD_REQUEST, message: 'The request body is too large.' },
  AUTHENTICATION_FAILED: { ...UNAUTHORIZED, message: 'The username or password is wrong.' },
  AUTHENTICATION_MALFORMED: { ...UNAUTHORIZED, message: 'The authorization header is invalid.' },
  TOKEN_INVALID: { ...UNAUTHORIZED, message: 'The token must be provided, and valid.' },
  SIGNATURE_INVALID: { ...UNAUTHORIZED, message: 'The signature is invalid.' },
  ACCESS_DENIED: { code: 403, title: 'Forbidden', message: 'You have no right to perform this action.' },
  RESOURCE_NOT_FOUND: { code: 404, title: 'Not Found', message: 'The resource could not be found.' },
};
const FAULT: IdentityError = {
  code: 500,
  title: 'Internal Server Error',
  message: 'The request could not be processed.',
};

function identityError(error: DomainError): APIGatewayProxyStructuredResultV2 {
  const { code, message, title } = IDENTITY_CATALOGUE[error.code] ?? FAULT;
  return jsonResponse(code, { error: { code, message, title } });
}

/** A Lambda handler for one endpoint that hands out tokens or access keys; an error leaves as `{error: {code, message, title}}`. */
export function identityEndpoint<Schema extends z.ZodType>(
  definition: IdentityEndpointDefinition<Schema>,
): EndpointHandler {
  type Input = z.output<Schema>;
  const pipeline = middy<Exchange<Input>, APIGatewayProxyStructuredResultV2>()
    .use(errorEnvelope<Input>(({ error }) => identityError(error)))
    .use(definition.authentication === undefined ? [] : [definition.authentication])
    .use(contentLimit<Input>())
    .use(validation(definition.schema, definition.input))
    .handler(async ({ validated }: Exchange<Input>) => {
      if (validated === undefined) {
        throw new Error('The pipeline has let an unchecked request through');
      }
      const { status, headers = {}, body } = await definition.handle(validated.input);
      return body === undefined ? { statusCode: status, headers } : jsonResponse(status, body, headers);
    });
  return (event, context) => pipeline(exchangeOf<Input>(event, context, logger), context);
}
