import type { Principal } from '../principal/principal.ts';
import type { StoredAccessKey } from './access-key.ts';
import type { StoredToken } from './token.ts';

const DEFAULT_DOMAIN = 'default';

/** A token as its answer's body tells of it; instants are ISO 8601 in UTC with six digits of a fraction, as this field's are. */
export function tokenAnswer(options: {
  readonly stored: StoredToken;
  readonly principal: Principal;
  readonly domain: string | undefined;
}) {
  const { stored, principal, domain = DEFAULT_DOMAIN } = options;
  return {
    token: {
      issued_at: instantText(stored.issuedDate),
      expires_at: instantText(stored.expiresDate),
      methods: ['password'],
      user: { id: principal.username, name: principal.username, domain: { id: domain, name: domain } },
      roles: [{ id: principal.role, name: principal.role }],
      ...(stored.project === undefined
        ? {}
        : { project: { id: stored.project, name: stored.project, domain: { id: domain, name: domain } } }),
    },
  };
}

/** An access key without its secret. */
export function accessKeyAnswer(key: StoredAccessKey) {
  return {
    access: key.accessKey,
    user_id: key.username,
    description: key.description,
    status: 'active',
    create_time: instantText(key.createdDate),
  };
}

function instantText(instant: string): string {
  return instant.replace('Z', '000Z');
}
