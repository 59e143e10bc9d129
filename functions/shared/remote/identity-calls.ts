import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { expected } from './answer.ts';

export interface RemoteRole {
  readonly roleId: string;
  readonly name: string;
  readonly type: 'PROJECT' | 'REPO';
  readonly projectId: string;
  /** Of a REPO role. */
  readonly repoName?: string | undefined;
  /** Whether it manages its project or repository. */
  readonly admin: boolean;
}

export interface RemotePermission {
  readonly resourceType: string;
  readonly projectId: string;
  readonly permName: string;
  readonly repos: readonly string[];
  readonly includePattern: readonly string[];
  readonly excludePattern: readonly string[];
  /** User ids. */
  readonly users: readonly string[];
  /** Roles by the remote's ids of them. */
  readonly roles: readonly string[];
  /** bk-repo of January 2021 keeps neither these nor the actions. */
  readonly departments: readonly string[];
  readonly actions: readonly string[];
  readonly createBy: string;
  readonly updatedBy: string;
}

/** Users that one binding names. */
export const MAX_BOUND_USERS = 500;

/** Calls about users, roles and permissions. Errors as of every other call; all of them may be repeated. */
export interface IdentityCalls {
  /** Create a user as whom nobody can sign in until the remote's administrator lets him; one who exists stays as he is. */
  createUser(user: { readonly userId: string; readonly name: string }): Promise<void>;
  /**
   * Create a role; one that exists in its project or repository stays as it is.
   *
   * @returns the remote's own id of it (24 hex digits), by which it is bound and named in permissions.
   */
  createRole(role: RemoteRole): Promise<string>;
  /** Give users (at most `MAX_BOUND_USERS`) a role. Refused as a whole when there is no such user. */
  bindRole(binding: { readonly id: string; readonly userIds: readonly string[] }): Promise<void>;
  /** Create a permission. Refused (250207) when its project has one of this name for this type of resource. */
  createPermission(permission: RemotePermission): Promise<void>;
  /** Names of a repository's permissions; without a repository, of those of the project itself. */
  permissionNames(of: {
    readonly projectId: string;
    readonly repoName?: string | undefined;
  }): Promise<ReadonlySet<string>>;
}

const roleSchema = z.object({ id: z.string().regex(/^[0-9a-f]{24}$/i) });
const permissionsSchema = z.array(z.object({ permName: z.string() }));

export function identityCalls(options: {
  readonly post: (path: string, content: unknown) => Promise<unknown>;
  readonly get: (path: string, query: Readonly<Record<string, string>>) => Promise<unknown>;
}): IdentityCalls {
  const { post, get } = options;

  return {
    createUser: async ({ userId, name }) => {
      // The contract wants a password's hash. This is none of any password: nobody knows what it could be the hash of, nor,
      // at a bk-repo that hashes it once more, this text itself. An administrator of the source is none of the remote.
      const pwd = randomBytes(32).toString('hex');
      await post('/replica/user', { userId, name, pwd, admin: false, tokens: [] });
    },

    createRole: async (role) => expected(roleSchema, await post('/replica/role', { ...role })).id,

    bindRole: async ({ id, userIds }) => {
      await post(`/replica/role/user/${id}`, userIds);
    },

    createPermission: async (permission) => {
      await post('/replica/permission', { ...permission });
    },

    permissionNames: async ({ projectId, repoName }) => {
      const query = { projectId, ...(repoName === undefined ? {} : { repoName }) };
      const permissions = expected(permissionsSchema, await get('/replica/permission/list', query));
      return new Set(permissions.map(({ permName }) => permName));
    },
  };
}
