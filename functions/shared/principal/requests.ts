import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { jacksonString, optional } from '../http/jackson.ts';
import { domainRule } from '../http/validation.ts';
import { ROLES } from './principal.ts';

/** Names that stand in an address and in HTTP Basic as they are. */
const USERNAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/;

/** Characters of a password; the least is that of OWASP's Application Security Verification Standard 4.0, section 2.1.1. */
const MIN_PASSWORD = 12;
const MAX_PASSWORD = 1_024;

/** `principal/create`. */
export const principalCreateRequest = z.object({
  username: jacksonString().check(
    domainRule((name) =>
      USERNAME.test(name) ? undefined : new DomainError('PARAMETER_INVALID', ['username']),
    ),
  ),
  password: z
    .string()
    .check(
      domainRule(({ length }) =>
        length >= MIN_PASSWORD && length <= MAX_PASSWORD
          ? undefined
          : new DomainError('PARAMETER_INVALID', ['password']),
      ),
    ),
  role: z.enum(ROLES),
  /** Empty is none, as missing. */
  projectId: optional(jacksonString()).transform((name) => name || undefined),
});
export type PrincipalCreation = z.output<typeof principalCreateRequest>;

/** `principal/delete/{username}`. */
export const principalDeleteRequest = z.object({ username: z.string() });
