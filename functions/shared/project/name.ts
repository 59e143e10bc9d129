import { DomainError } from '../errors.ts';

/** Names of projects and repositories, and display names of projects (bk-repo of January 2021). */
const NAME = /^[a-zA-Z_][a-zA-Z0-9\-_]{1,31}$/;

/**
 * Refuse a name that bk-repo would refuse.
 *
 * @throws DomainError PARAMETER_INVALID naming the parameter.
 */
export function checkName(name: string, parameter: string): void {
  if (!NAME.test(name)) {
    throw new DomainError('PARAMETER_INVALID', [parameter]);
  }
}
