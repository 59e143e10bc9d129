import { z } from 'zod';
import { DomainError } from '../errors.ts';
import type { HttpRequest } from './request.ts';

const jsonObject = z.record(z.string(), z.unknown());

/**
 * The JSON object in a request's content, whatever type is declared: the contract's default is JSON.
 *
 * @throws DomainError REQUEST_CONTENT_INVALID
 */
export function jsonOf(request: Pick<HttpRequest, 'bytes'>): Readonly<Record<string, unknown>> {
  try {
    return jsonObject.parse(JSON.parse(request.bytes().toString('utf8')));
  } catch {
    // No cause: the parser's message quotes the content, which may hold a password.
    throw new DomainError('REQUEST_CONTENT_INVALID');
  }
}
