import { formatLocalDateTime } from '../http/local-date-time.ts';
import type { Permission, Role, User } from './documents.ts';
import type { UserReplica } from './requests.ts';

/**
 * A user as the contract answers it; dates in the zone of that IANA name.
 *
 * bk-repo shows every hash and token that it has. Here the answer repeats only those that the request held: a hash of
 * bk-repo's is as good as the password.
 */
export function userAnswer(user: User, request: UserReplica, timeZone: string) {
  const { userId, name, admin, locked, roles, asstUsers } = user;
  const sent = new Set(request.tokens.map(({ id }) => id));
  return {
    userId,
    name,
    pwd: user.pwd === request.pwd ? user.pwd : null,
    admin,
    locked,
    tokens: user.tokens
      .filter(({ _id }) => sent.has(_id))
      .map((token) => ({
        name: token.name ?? null,
        id: token._id,
        createdAt: formatLocalDateTime(token.createdAt, timeZone),
        expiredAt:
          token.expiredAt === undefined || token.expiredAt === null
            ? null
            : formatLocalDateTime(token.expiredAt, timeZone),
      })),
    roles,
    asstUsers,
    group: user.group ?? false,
  };
}

/** A role as the contract answers it: without its repository's name, as bk-repo leaves it out. */
export function roleAnswer({ _id, roleId, type, name, projectId, admin }: Role) {
  return { id: _id.toHexString(), roleId, type, name, projectId, repoName: null, admin };
}

/** A permission as the contract answers it; dates in the zone of that IANA name. */
export function permissionAnswer(permission: Permission, timeZone: string) {
  const { _id, projectId, createAt, updateAt, ...rest } = permission;
  return {
    id: _id.toHexString(),
    projectId: projectId ?? null,
    ...rest,
    createAt: formatLocalDateTime(createAt, timeZone),
    updateAt: formatLocalDateTime(updateAt, timeZone),
  };
}
