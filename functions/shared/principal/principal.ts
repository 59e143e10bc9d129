import { z } from 'zod';

/** From the most to the least that may be done; each may do what those after it may. */
export const ROLES = ['admin', 'operator', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

/** Somebody who has signed in. */
export interface Principal {
  readonly username: string;
  readonly role: Role;
}

/** A principal as it is stored: the password only as a scrypt hash in PHC form (`password.ts`). */
export const storedPrincipalSchema = z.object({
  username: z.string().min(1),
  role: z.enum(ROLES),
  passwordHash: z.string(),
});
export type StoredPrincipal = z.infer<typeof storedPrincipalSchema>;

export function permits(principal: Principal, requiredRole: Role): boolean {
  return ROLES.indexOf(principal.role) <= ROLES.indexOf(requiredRole);
}
