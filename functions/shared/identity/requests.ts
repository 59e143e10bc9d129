import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { jacksonBoolean, jacksonString, optional, withDefault } from '../http/jackson.ts';
import { parseLocalDateTime } from '../http/local-date-time.ts';
import { domainRule, domainTransform, requiredParameter } from '../http/validation.ts';

/** The requests about users, roles and permissions that `/replica` takes. */

/** Users that one binding may name: the bound keeps the query far below BSON's 16 MiB. */
const MAX_USERS = 5_000;

/** `user`: a user with the hash of the password, and the tokens that it should have. */
export const userReplicaRequest = z.object({
  userId: jacksonString(),
  name: jacksonString(),
  /** The password's hash, as the sending cluster keeps it. */
  pwd: jacksonString(),
  admin: withDefault(jacksonBoolean(), false),
  tokens: z.array(
    z.object({
      name: jacksonString(),
      id: jacksonString(),
      createdAt: localDateTime(),
      expiredAt: localDateTime(),
    }),
  ),
});
export type UserReplica = z.output<typeof userReplicaRequest>;

/** Checked, and not used: no token is made from a request. */
function localDateTime() {
  return optional(z.string().transform(domainTransform((text) => parseLocalDateTime(text, 'UTC'))));
}

const roleIdentity = { roleId: jacksonString(), name: jacksonString(), projectId: jacksonString() };

/** `role`: a project's role, or a repository's, which then must be named. */
export const roleReplicaRequest = z.discriminatedUnion('type', [
  z.object({
    ...roleIdentity,
    type: z.literal('PROJECT'),
    repoName: optional(jacksonString()),
    admin: withDefault(jacksonBoolean(), false),
  }),
  z.object({
    ...roleIdentity,
    type: z.literal('REPO'),
    repoName: jacksonString(),
    admin: withDefault(jacksonBoolean(), false),
  }),
]);
export type RoleReplica = z.output<typeof roleReplicaRequest>;

/** `role/user/{rid}`: the role by the `id` that `role` answered, and the users that are to have it. */
export const roleUserRequest = z.object({
  rid: z.string(),
  userIds: z
    .array(jacksonString())
    .check(
      domainRule((ids) =>
        ids.length > MAX_USERS ? new DomainError('PARAMETER_INVALID', ['userIds']) : undefined,
      ),
    ),
});

const RESOURCE_TYPES = ['SYSTEM', 'PROJECT', 'REPO', 'NODE'] as const;
const PERMISSION_ACTIONS = ['MANAGE', 'WRITE', 'READ', 'UPDATE', 'DELETE'] as const;

const texts = () => withDefault(z.array(jacksonString()), []);

/** `permission`. Departments and actions are read, and not kept: see `identityService`. */
export const permissionCreateRequest = z.object({
  resourceType: withDefault(z.enum(RESOURCE_TYPES), 'REPO'),
  projectId: optional(jacksonString()),
  permName: jacksonString(),
  repos: texts(),
  includePattern: texts(),
  excludePattern: texts(),
  users: texts(),
  roles: texts(),
  departments: texts(),
  actions: withDefault(z.array(z.enum(PERMISSION_ACTIONS)), []),
  createBy: jacksonString(),
  updatedBy: jacksonString(),
});
export type PermissionCreation = z.output<typeof permissionCreateRequest>;

/** `permission/list`, from the query. */
export const permissionListRequest = z.object({
  projectId: requiredParameter('projectId'),
  repoName: z.string().optional(),
});
