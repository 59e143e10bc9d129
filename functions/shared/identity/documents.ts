import { type IndexDescription, ObjectId } from 'mongodb';
import { z } from 'zod';

/** Users, roles and permissions as bk-repo keeps them; dates are instants. */

const texts = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);

export const userDocumentSchema = z.object({
  _id: z.instanceof(ObjectId),
  userId: z.string(),
  name: z.string(),
  /** Hash of the password. */
  pwd: z.string(),
  admin: z.boolean(),
  locked: z.boolean(),
  /** Credentials like the password: whoever has an `_id` signs in with it. */
  tokens: z
    .array(
      z.object({
        _id: z.string(),
        name: z.string().nullish(),
        createdAt: z.date(),
        expiredAt: z.date().nullish(),
      }),
    )
    .nullish()
    .transform((list) => list ?? []),
  /** Hex ids of role documents. */
  roles: texts,
  asstUsers: texts,
  group: z.boolean().nullish(),
});
export type User = z.output<typeof userDocumentSchema>;
export type UserDocument = z.input<typeof userDocumentSchema>;

export const roleDocumentSchema = z.object({
  _id: z.instanceof(ObjectId),
  roleId: z.string(),
  type: z.enum(['PROJECT', 'REPO']),
  name: z.string(),
  projectId: z.string(),
  repoName: z.string().nullish(),
  admin: z.boolean(),
});
export type Role = z.output<typeof roleDocumentSchema>;

export const permissionDocumentSchema = z.object({
  _id: z.instanceof(ObjectId),
  resourceType: z.string(),
  projectId: z.string().nullish(),
  permName: z.string(),
  repos: texts,
  includePattern: texts,
  excludePattern: texts,
  users: texts,
  roles: texts,
  departments: texts,
  actions: texts,
  createBy: z.string(),
  createAt: z.date(),
  updatedBy: z.string(),
  updateAt: z.date(),
});
export type Permission = z.output<typeof permissionDocumentSchema>;
export type PermissionDocument = z.input<typeof permissionDocumentSchema>;

/** Indexes by bk-repo's names. Those on parts of a permission's users and roles are left from an older shape. */
export const USER_INDEXES: readonly IndexDescription[] = [
  { name: 'userId_idx', key: { userId: 1 }, unique: true },
  { name: 'tokens_iid_idx', key: { 'tokens._id': 1 } },
  { name: 'roles_idx', key: { roles: 1 } },
  { name: 'group_idx', key: { group: 1 } },
  { name: 'asstUsers_idx', key: { asstUsers: 1 } },
];
export const ROLE_INDEXES: readonly IndexDescription[] = [
  { name: 'roleId_idx', key: { roleId: 1 } },
  { name: 'type_idx', key: { type: 1 } },
  { name: 'projectId_idx', key: { projectId: 1 } },
  { name: 'repoName_idx', key: { repoName: 1 } },
];
export const PERMISSION_INDEXES: readonly IndexDescription[] = [
  { name: 'resourceType_idx', key: { resourceType: 1 } },
  { name: 'projectId_idx', key: { projectId: 1 } },
  { name: 'repos_idx', key: { repos: 1 } },
  { name: 'includePattern_idx', key: { includePattern: 1 } },
  { name: 'excludePattern_idx', key: { excludePattern: 1 } },
  { name: 'users_iid_idx', key: { 'users._id': 1 } },
  { name: 'users_action_idx', key: { 'users.action': 1 } },
  { name: 'roles_iid_idx', key: { 'roles._id': 1 } },
  { name: 'roles_action_idx', key: { 'roles.action': 1 } },
];
