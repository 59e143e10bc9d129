import { createHash } from 'node:crypto';
import { type Collection, type Db, type Filter, ObjectId } from 'mongodb';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import { isDuplicateKey } from '../mongodb/duplicate-key.ts';
import { indexedCollection } from '../mongodb/indexes.ts';
import {
  PERMISSION_INDEXES,
  type Permission,
  type PermissionDocument,
  permissionDocumentSchema,
  ROLE_INDEXES,
  type Role,
  roleDocumentSchema,
  USER_INDEXES,
  type User,
  type UserDocument,
  userDocumentSchema,
} from './documents.ts';
import type { PermissionCreation, RoleReplica, UserReplica } from './requests.ts';

/**
 * Users, roles and permissions of bk-repo's database, taken over from another cluster by the rules of bk-repo of
 * January 2021. What is there already is never changed, but for the roles that a user is given.
 */
export interface IdentityService {
  /**
   * Create a user with the password's hash as it comes, or return the one of that id as it is. (bk-repo hashes the
   * hash once more, so that its replicated users cannot sign in.)
   *
   * @throws DomainError USER_TOKEN_INVALID for a token that the user does not have: none is made from a request.
   * Nothing is changed then, where bk-repo leaves the user behind.
   */
  replicateUser(request: UserReplica): Promise<User>;
  /** Create a role, or return the one of that id in its project or repository as it is. */
  replicateRole(request: RoleReplica): Promise<Role>;
  /**
   * Give users a role.
   *
   * @param binding.rid the role document's `_id` in hex, not its `roleId`.
   * @throws DomainError USER_NOT_FOUND for the first question, ROLE_NOT_FOUND for the second, as bk-repo asks them.
   */
  bindRole(binding: { readonly rid: string; readonly userIds: readonly string[] }): Promise<void>;
  /**
   * Create a permission. Its actions and departments are not kept, as bk-repo does not: what a permission allows is
   * given to it at the cluster itself.
   *
   * @throws DomainError PERMISSION_EXISTED for a name that its project has for this type of resource.
   */
  createPermission(request: PermissionCreation): Promise<void>;
  /** A repository's permissions; without a repository, those of the project itself. */
  permissions(of: {
    readonly projectId: string;
    readonly repoName?: string | undefined;
  }): Promise<Permission[]>;
}

const OBJECT_ID = /^[0-9a-fA-F]{24}$/;

export function identityService(options: { readonly database: Db; readonly clock: Clock }): IdentityService {
  const { database, clock } = options;

  const users = () => indexedCollection<UserDocument>({ database, name: 'user', indexes: USER_INDEXES });
  const roles = () => indexedCollection<Role>({ database, name: 'role', indexes: ROLE_INDEXES });
  const permissions = () =>
    indexedCollection<PermissionDocument>({ database, name: 'permission', indexes: PERMISSION_INDEXES });

  async function findUser(userId: string): Promise<User | undefined> {
    const document = await (await users()).findOne({ userId });
    return document === null ? undefined : userDocumentSchema.parse(document);
  }

  async function checkUsers(userIds: readonly string[]): Promise<void> {
    const found = await (await users()).countDocuments({ userId: { $in: [...userIds] } });
    if (found < userIds.length) {
      throw new DomainError('USER_NOT_FOUND');
    }
  }

  async function checkRole(rid: string): Promise<void> {
    const role = OBJECT_ID.test(rid) ? await (await roles()).findOne({ _id: new ObjectId(rid) }) : null;
    if (role === null) {
      throw new DomainError('ROLE_NOT_FOUND');
    }
  }

  return {
    async replicateUser({ userId, name, pwd, admin, tokens }) {
      const existing = await findUser(userId);
      const held = new Set(existing?.tokens.map(({ _id }) => _id));
      if (tokens.some(({ id }) => !held.has(id))) {
        throw new DomainError('USER_TOKEN_INVALID');
      }
      if (existing !== undefined) {
        return existing;
      }
      const user = {
        _id: new ObjectId(),
        userId,
        name,
        pwd,
        admin,
        locked: false,
        tokens: [],
        roles: [],
        asstUsers: [],
        group: false,
      };
      return (await insertUnlessThere(await users(), user)) ? user : winnerOf(await findUser(userId));
    },

    async replicateRole({ roleId, type, name, projectId, repoName, admin }) {
      const collection = await roles();
      const identity = type === 'REPO' ? { roleId, projectId, repoName } : { roleId, projectId, type };
      const find = async (filter: Filter<Role>): Promise<Role | undefined> => {
        const document = await collection.findOne(filter);
        return document === null ? undefined : roleDocumentSchema.parse(document);
      };
      const existing = await find(identity);
      if (existing !== undefined) {
        return existing;
      }
      // No index keeps roles apart: two requests at once are, by an id that both derive alike.
      const role = {
        _id: derivedId([roleId, type, projectId, repoName]),
        roleId,
        type,
        name,
        projectId,
        ...(repoName === undefined ? {} : { repoName }),
        admin,
      };
      return (await insertUnlessThere(collection, role)) ? role : winnerOf(await find({ _id: role._id }));
    },

    async bindRole({ rid, userIds }) {
      const distinct = [...new Set(userIds)];
      await checkUsers(distinct);
      await checkRole(rid);
      await (await users()).updateMany(
        { userId: { $in: distinct } },
        { $addToSet: { roles: rid.toLowerCase() } },
      );
    },

    async createPermission({ departments: _departments, actions: _actions, ...creation }) {
      const { resourceType, projectId, permName } = creation;
      const collection = await permissions();
      const identity = { resourceType, projectId: projectId ?? null, permName };
      if ((await collection.findOne(identity)) !== null) {
        throw new DomainError('PERMISSION_EXISTED');
      }
      const { repos, includePattern, excludePattern, users, roles, createBy, updatedBy } = creation;
      const now = clock();
      await collection.insertOne({
        _id: new ObjectId(),
        resourceType,
        ...(projectId === undefined ? {} : { projectId }),
        permName,
        repos,
        includePattern,
        excludePattern,
        users,
        roles,
        departments: [],
        actions: [],
        createBy,
        createAt: now,
        updatedBy,
        updateAt: now,
      });
    },

    async permissions({ projectId, repoName }) {
      const filter =
        repoName === undefined
          ? { resourceType: 'PROJECT', projectId }
          : { resourceType: 'REPO', projectId, repos: repoName };
      const found = await (await permissions()).find(filter).sort({ _id: 1 }).toArray();
      return found.map((document) => permissionDocumentSchema.parse(document));
    },
  };
}

/** @returns false when a document with a unique key of this one's is there already. */
async function insertUnlessThere<Shape extends { readonly _id: ObjectId }>(
  collection: Pick<Collection<Shape>, 'insertOne'>,
  document: Parameters<Collection<Shape>['insertOne']>[0],
): Promise<boolean> {
  try {
    await collection.insertOne(document);
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) {
      return false;
    }
    throw error;
  }
}

/** What another request has created in the meantime; when that is gone again, the caller is to come back. */
function winnerOf<Document>(document: Document | undefined): Document {
  if (document === undefined) {
    throw new DomainError('SYSTEM_BUSY');
  }
  return document;
}

function derivedId(identity: readonly (string | undefined)[]): ObjectId {
  return new ObjectId(createHash('sha256').update(JSON.stringify(identity)).digest().subarray(0, 12));
}
