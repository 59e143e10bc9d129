import { formatLocalDateTime } from '../http/local-date-time.ts';
import type { StoredPrincipal } from './principal.ts';

/** A principal as the API answers it: nothing to sign in with. Dates are local to `timeZone`. */
export function principalAnswer(
  { username, role, projectId, createdDate }: StoredPrincipal,
  timeZone: string,
) {
  return {
    username,
    role,
    projectId: projectId ?? null,
    createdDate: createdDate === undefined ? null : formatLocalDateTime(new Date(createdDate), timeZone),
  };
}
