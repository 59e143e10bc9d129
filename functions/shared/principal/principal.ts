import { z } from 'zod';

/** From the most to the least that may be done; each may do what those after it may. */
export const ROLES = ['admin', 'operator', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

/** Somebody who has signed in. */
export interface Principal {
  readonly username: string;
  readonly role: Role;
  /** Name of the bk-repo project that the role is for; all there are when there is none. */
  readonly projectId?: string | undefined;
}

/** A principal as it is stored: the password only as a scrypt hash in PHC form (`password.ts`). */
export const storedPrincipalSchema = z.object({
  username: z.string().min(1),
  role: z.enum(ROLES),
  projectId: z.string().min(1).optional(),
  passwordHash: z.string(),
  /** When it was made; the first administrator is from the deployment and has none. */
  createdDate: z.iso.datetime().optional(),
});
export type StoredPrincipal = z.infer<typeof storedPrincipalSchema>;

/** Whether a principal has a role, or one that may do more, for all projects. */
export function permits(principal: Principal, requiredRole: Role): boolean {
  return principal.projectId === undefined && hasRole(principal, requiredRole);
}

/** Whether a principal has a role, or one that may do more, for whatever it has it. */
export function hasRole(principal: Principal, requiredRole: Role): boolean {
  return ROLES.indexOf(principal.role) <= ROLES.indexOf(requiredRole);
}

/**
 * Whether what was given out at an instant (ISO 8601 UTC) was given to an earlier principal of the same name: it was deleted
 * since, and its tokens and keys are not its successor's.
 */
export function isOfPredecessor({ createdDate }: StoredPrincipal, givenDate: string): boolean {
  return createdDate !== undefined && Date.parse(givenDate) < Date.parse(createdDate);
}

/** Who a stored principal is, without anything to sign in with. */
export function principalOf({ username, role, projectId }: StoredPrincipal): Principal {
  return { username, role, ...(projectId === undefined ? {} : { projectId }) };
}
