import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { jacksonInteger, jacksonString, optional, withDefault } from '../http/jackson.ts';
import type { HttpRequest } from '../http/request.ts';
import { domainRule } from '../http/validation.ts';

/** As bk-repo pages its lists. */
const DEFAULT_PAGE_SIZE = 20;
const MAX_PAGE_SIZE = 100;
const MAX_PAGE_NUMBER = 1_000_000;

/** Ids that one request may name. */
const MAX_IDS = 1_000;

/** The path and query of a page of failures. */
export const failureListRequest = z.object({
  taskKey: z.string(),
  pageNumber: pageParameter('pageNumber', 1, MAX_PAGE_NUMBER),
  pageSize: pageParameter('pageSize', DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
});

/** The failures that are to be retried or dismissed: those named, or all. */
export const failureSelectionRequest = z.object({
  taskKey: z.string(),
  ids: optional(z.array(jacksonString())).check(
    domainRule((ids) =>
      ids !== undefined && ids.length > MAX_IDS ? new DomainError('PARAMETER_INVALID', ['ids']) : undefined,
    ),
  ),
});
/** The task's key from the path, and the ids from the content, which may be left out. */
export function failureSelectionInput(request: HttpRequest): unknown {
  const content = request.contentLength() === 0 ? {} : request.json();
  return { ...content, ...request.pathParameters };
}

export type FailureSelection = z.output<typeof failureSelectionRequest>;

function pageParameter(name: string, value: number, max: number) {
  return withDefault(jacksonInteger(), value).check(
    domainRule((number) =>
      number < 1 || number > max ? new DomainError('PARAMETER_INVALID', [name]) : undefined,
    ),
  );
}
