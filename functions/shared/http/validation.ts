import { z } from 'zod';
import { DomainError } from '../errors.ts';
import type { EndpointMiddleware } from './exchange.ts';
import type { HttpRequest } from './request.ts';

/**
 * Middleware: the endpoint's input, taken from the request and passed through its schema.
 *
 * A value that does not fit the schema is REQUEST_CONTENT_INVALID. A rule that answers with another error says so
 * with `domainRule`, `domainTransform` or `requiredParameter`; as in bk-repo, which reads the whole body before it
 * applies a rule, it counts only when everything else fits.
 */
export function validation<Schema extends z.ZodType>(
  schema: Schema,
  inputOf: (request: HttpRequest) => unknown,
): EndpointMiddleware<z.output<Schema>> {
  return {
    before: async (middyRequest) => {
      const exchange = middyRequest.event;
      const result = await schema.safeParseAsync(inputOf(exchange.request));
      if (!result.success) {
        const faults = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.code}`);
        exchange.logger.info('Request does not fit its schema', { faults });
        throw toDomainError(result.error);
      }
      exchange.validated = { input: result.data };
    },
  };
}

/**
 * A rule for `schema.check(…)` that answers with an error of its own.
 *
 * @example z.string().check(domainRule((name) => NAME.test(name) ? undefined : new DomainError('PARAMETER_INVALID', ['name'])))
 */
export function domainRule<Value>(
  rule: (value: Value) => DomainError | undefined,
): (context: z.core.ParsePayload<Value>) => void {
  return (context) => {
    const error = rule(context.value);
    if (error !== undefined) {
      context.issues.push({ code: 'custom', input: undefined, params: { error } });
    }
  };
}

/** A function for `schema.transform(…)` whose DomainErrors become the answer; others are thrown on. */
export function domainTransform<Value, Result>(
  transform: (value: Value) => Result,
): (value: Value, context: z.core.$RefinementCtx<Value>) => Result {
  return (value, context) => {
    try {
      return transform(value);
    } catch (error) {
      if (!(error instanceof DomainError)) {
        throw error;
      }
      context.issues.push({ code: 'custom', input: undefined, params: { error } });
      return z.NEVER;
    }
  };
}

/** A parameter of the query that must be there: PARAMETER_MISSING with its name when it is not. */
export function requiredParameter(name: string) {
  return z.optional(z.string()).transform(
    domainTransform((value) => {
      if (value === undefined) {
        throw new DomainError('PARAMETER_MISSING', [name]);
      }
      return value;
    }),
  );
}

/** The error that a failed validation answers with: the first rule's own, unless something did not fit at all. */
export function toDomainError(failure: z.ZodError): DomainError {
  const errors = failure.issues.map((issue) => {
    const error: unknown = issue.code === 'custom' ? issue.params?.['error'] : undefined;
    return error instanceof DomainError ? error : new DomainError('REQUEST_CONTENT_INVALID');
  });
  return (
    errors.find((error) => error.code === 'REQUEST_CONTENT_INVALID') ??
    errors[0] ??
    new DomainError('REQUEST_CONTENT_INVALID')
  );
}
