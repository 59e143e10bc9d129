import { ObjectId } from 'mongodb';
import { z } from 'zod';
import { inTime } from '../mongodb/in-time.ts';

/** What the source's database says of roles, permissions and users; of a password or token it is never asked. */

export interface SourceRole {
  /** Of its document, hex: users and permissions name it so. */
  readonly id: string;
  readonly roleId: string;
  readonly name: string;
  readonly type: 'PROJECT' | 'REPO';
  /** Of a REPO role. */
  readonly repoName?: string | undefined;
  readonly admin: boolean;
}

export interface SourcePermission {
  readonly resourceType: 'PROJECT' | 'REPO' | 'NODE';
  readonly permName: string;
  readonly repos: readonly string[];
  readonly includePattern: readonly string[];
  readonly excludePattern: readonly string[];
  readonly users: readonly string[];
  /** Ids of roles. */
  readonly roles: readonly string[];
  readonly departments: readonly string[];
  readonly actions: readonly string[];
  readonly createBy: string;
  readonly updatedBy: string;
}

export interface SourceUser {
  readonly userId: string;
  readonly name: string;
  /** Ids of roles. */
  readonly roles: readonly string[];
}

/** What is asked for: a project with its repositories, or one repository without its project. */
export interface IdentityScope {
  readonly projectId: string;
  readonly repoName?: string | undefined;
}

interface ListPage {
  /** Id of the last one of the page before. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** A page, and the id that the next one begins after; undefined when there is none. */
export interface Listed<Item> {
  readonly items: readonly Item[];
  readonly last: string | undefined;
}

/** The source's roles, permissions and users, in the order of their ids. What has not bk-repo's shape is left out. */
export interface SourceIdentities {
  roles(scope: IdentityScope, page: ListPage): Promise<Listed<SourceRole>>;
  permissions(scope: IdentityScope, page: ListPage): Promise<Listed<SourcePermission>>;
  /** Users who have one of the roles. */
  usersOfRoles(roles: readonly string[], page: ListPage): Promise<Listed<SourceUser>>;
  /** Those of the users that there are. */
  users(userIds: readonly string[], page: ListPage): Promise<Listed<SourceUser>>;
}

/** Longest that the database may take for one page; milliseconds. */
const MAX_TIME = 20_000;

const texts = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);
const optionalText = z
  .string()
  .nullish()
  .transform((text) => text ?? undefined);

const identified = z.object({ _id: z.instanceof(ObjectId) });

const roleDocument = identified
  .extend({
    roleId: z.string(),
    name: z.string(),
    type: z.enum(['PROJECT', 'REPO']),
    repoName: optionalText,
    admin: z.boolean().default(false),
  })
  .transform(({ _id, ...role }) => ({ id: _id.toHexString(), ...role }));

const permissionDocument = z.object({
  resourceType: z.enum(['PROJECT', 'REPO', 'NODE']),
  permName: z.string(),
  repos: texts,
  includePattern: texts,
  excludePattern: texts,
  users: texts,
  roles: texts,
  departments: texts,
  actions: texts,
  createBy: z.string(),
  updatedBy: z.string(),
});

const userDocument = z.object({ userId: z.string(), name: z.string(), roles: texts });

interface FindOptions {
  readonly projection?: Record<string, 0 | 1>;
  readonly sort: Record<string, 1>;
  readonly limit: number;
  readonly maxTimeMS: number;
}

/** What is asked of the database. */
export interface DocumentLister {
  collection(name: string): {
    find(filter: Record<string, unknown>, options: FindOptions): { toArray(): Promise<unknown[]> };
  };
}

/** The source's identities over bk-repo's collections. */
export function mongoSourceIdentities(database: () => Promise<DocumentLister>): SourceIdentities {
  async function list<Item>(options: {
    readonly collection: string;
    readonly filter: Record<string, unknown>;
    readonly schema: z.ZodType<Item>;
    readonly projection?: Record<string, 0 | 1>;
    readonly page: ListPage;
  }): Promise<Listed<Item>> {
    const { collection, filter, schema, projection, page } = options;
    const { after, limit } = page;
    const documents = (await database()).collection(collection);
    const behind = after === undefined ? filter : { ...filter, _id: { $gt: new ObjectId(after) } };
    const shape = { ...(projection === undefined ? {} : { projection }), sort: { _id: 1 }, limit } as const;
    const found = await inTime(MAX_TIME, (limited) =>
      documents.find(behind, { ...shape, ...limited }).toArray(),
    );
    const last = found.length < limit ? undefined : identified.parse(found.at(-1))._id.toHexString();
    const items = found.flatMap((document) => {
      const { success, data } = schema.safeParse(document);
      return success ? [data] : [];
    });
    return { items, last };
  }

  // What is not named here stays in the database: the hash of a password and the tokens above all.
  const projection = { userId: 1, name: 1, roles: 1 } as const;

  return {
    roles: ({ projectId, repoName }, page) =>
      list({
        collection: 'role',
        filter: { projectId, ...(repoName === undefined ? {} : { type: 'REPO', repoName }) },
        schema: roleDocument,
        page,
      }),

    permissions: ({ projectId, repoName }, page) =>
      list({
        collection: 'permission',
        filter: {
          projectId,
          ...(repoName === undefined ? {} : { resourceType: { $in: ['REPO', 'NODE'] }, repos: repoName }),
        },
        schema: permissionDocument,
        page,
      }),

    usersOfRoles: (roles, page) =>
      list({
        collection: 'user',
        filter: { roles: { $in: [...roles] } },
        schema: userDocument,
        projection,
        page,
      }),

    users: (userIds, page) =>
      list({
        collection: 'user',
        filter: { userId: { $in: [...userIds] } },
        schema: userDocument,
        projection,
        page,
      }),
  };
}
