import type { AccessKeyRepository } from '../access/access-key.ts';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import { permits, type StoredPrincipal } from './principal.ts';
import type { PrincipalRepository } from './repository.ts';
import type { PrincipalCreation } from './requests.ts';

/** Attempts at a deletion that others get in the way of, who delete at the same time. */
const ATTEMPTS = 4;

/**
 * Make a principal, who can sign in from then on.
 *
 * @throws DomainError RESOURCE_EXISTED when there is one of that name: it stays as it is.
 */
export async function createPrincipal(options: {
  readonly request: PrincipalCreation;
  readonly principals: Pick<PrincipalRepository, 'create'>;
  readonly hashPassword: (password: string) => Promise<string>;
  readonly clock: Clock;
}): Promise<StoredPrincipal> {
  const { request, principals, hashPassword, clock } = options;
  const { username, password, role, projectId } = request;
  const principal: StoredPrincipal = {
    username,
    role,
    ...(projectId === undefined ? {} : { projectId }),
    passwordHash: await hashPassword(password),
    createdDate: clock().toISOString(),
  };
  if (!(await principals.create(principal))) {
    throw new DomainError('RESOURCE_EXISTED', [username]);
  }
  return principal;
}

/**
 * Delete a principal with its access keys; its tokens are good for nothing without it. An administrator of all projects remains,
 * whoever is deleted at the same moment. Repeating one that was cut off removes the keys that it has left.
 *
 * @throws DomainError RESOURCE_NOT_FOUND; OPERATION_UNSUPPORTED when no administrator would remain; SYSTEM_BUSY when others were in the
 * way each time.
 */
export async function deletePrincipal(options: {
  readonly username: string;
  readonly principals: Pick<PrincipalRepository, 'list' | 'remove'>;
  readonly keys: Pick<AccessKeyRepository, 'list' | 'delete'>;
}): Promise<void> {
  const { username, principals, keys } = options;
  const owned = await keys.list(username);
  if (!(await removed(username, principals)) && owned.length === 0) {
    throw new DomainError('RESOURCE_NOT_FOUND', [username]);
  }
  for (const { accessKey } of owned) {
    await keys.delete(accessKey);
  }
}

/** @returns false when there is no such principal. */
async function removed(
  username: string,
  principals: Pick<PrincipalRepository, 'list' | 'remove'>,
): Promise<boolean> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const listed = await principals.list();
    if (!listed.some((principal) => principal.username === username)) {
      return false;
    }
    const remaining = listed.find(
      (principal) => principal.username !== username && permits(principal, 'admin'),
    );
    if (remaining === undefined) {
      throw new DomainError('OPERATION_UNSUPPORTED');
    }
    if (await principals.remove({ username, remainingAdmin: remaining.username })) {
      return true;
    }
  }
  throw new DomainError('SYSTEM_BUSY');
}
