import { asking } from '../apply/ask.ts';
import type { Clock } from '../clock.ts';
import type { FailureCode, RunFailure } from '../failure/failure.ts';
import type {
  IdentityScope,
  Listed,
  SourceIdentities,
  SourcePermission,
  SourceRole,
  SourceUser,
} from '../identity/source-identities.ts';
import type { Container } from '../lane/message.ts';
import type { RemoteClient } from '../remote/client.ts';
import { RemoteRefusalError } from '../remote/errors.ts';
import { type IdentityCalls, MAX_BOUND_USERS } from '../remote/identity-calls.ts';
import { remoteNamesOf, routeOf } from '../route/route.ts';
import type { RunRepository } from '../run/repository.ts';
import type { Run } from '../run/run.ts';
import type { Task } from '../task/task.ts';

/** Documents that are read at once. */
const PAGE = 500;
/**
 * Roles, permissions and users of one project, each: at eight calls at once they are done well within a planner's time,
 * which begins them anew when it is interrupted.
 */
const MAX_OF_A_KIND = 5_000;
const CALLS_AT_ONCE = 8;
/** A remote that has refused so much of one project refuses everything. */
const MAX_FAILURES = 100;

/** Refusal of a permission whose name is taken: it is there. */
const PERMISSION_EXISTED = 250207;

/** Ids of documents: in a permission, a role of the source's own database. */
const DOCUMENT_ID = /^[0-9a-f]{24}$/i;

export type PermissionClient = IdentityCalls & Pick<RemoteClient, 'ping' | 'nodeExists'>;

/**
 * Replicate the roles of a project and its repositories, who has them, their permissions, and the users that these name.
 * Of a task of one repository, only that repository's. What is at the remote already stays as it is. May be repeated.
 *
 * What the remote refuses is recorded with the run and fails nothing: the rest goes on without it.
 *
 * @param options `source`, `remote`: the project by its names, `repoName` empty.
 * @throws RemoteOutageError, and faults of the source's database and of the table.
 */
export async function syncPermissions(options: {
  readonly task: Task;
  readonly run: Pick<Run, 'runId'>;
  readonly client: PermissionClient;
  readonly source: Container;
  readonly remote: Container;
  readonly identities: SourceIdentities;
  readonly runs: Pick<RunRepository, 'recordPermissionFailures'>;
  readonly clock: Clock;
}): Promise<void> {
  const { task, run, client, source, remote, identities, runs, clock } = options;
  const route = routeOf(task);
  const scope: IdentityScope = { projectId: source.projectId, repoName: route.localRepoName };
  const covered = { projectId: source.projectId, repoName: route.localRepoName ?? '' };
  const target = remoteNamesOf(route, covered);
  const remoteRepo = (repoName: string): string => remoteNamesOf(route, { ...covered, repoName }).repoName;
  const perform = asking({ client, remote, patient: false });
  const failures: RunFailure[] = [];

  try {
    await replicate();
  } finally {
    await runs.recordPermissionFailures({ taskKey: task.key, runId: run.runId, failures });
  }

  async function replicate(): Promise<void> {
    const roles = await all('roles', (page) => identities.roles(scope, page));
    const permissions = await all('permissions', (page) => identities.permissions(scope, page));
    const users = await usersOf(roles, permissions);

    const created = new Set<string>();
    await each([...users.values()], async ({ userId, name }) => {
      if (await accepted(`user ${userId}`, () => client.createUser({ userId, name }))) {
        created.add(userId);
      }
    });
    const remoteIds = new Map<string, string>();
    await each(roles, async (role) => {
      const id = await createRole(role);
      if (id !== undefined) {
        remoteIds.set(role.id, id);
        const holders = [...users.values()].filter((user) => user.roles.includes(role.id));
        await bind(
          role,
          id,
          holders.map(({ userId }) => userId).filter((userId) => created.has(userId)),
        );
      }
    });
    const names = existingNames();
    await each(permissions, async (permission) => {
      if (!(await names(permission)).has(permission.permName)) {
        await createPermission(permission, remoteIds);
      }
    });
  }

  /** Users that hold one of the roles, or that a permission names, by their ids. */
  async function usersOf(
    roles: readonly SourceRole[],
    permissions: readonly SourcePermission[],
  ): Promise<ReadonlyMap<string, SourceUser>> {
    const named = [...new Set(permissions.flatMap((permission) => permission.users))];
    const found: SourceUser[] = [];
    for (const ids of chunksOf(
      roles.map(({ id }) => id),
      PAGE,
    )) {
      found.push(...(await all('users of roles', (page) => identities.usersOfRoles(ids, page))));
    }
    for (const ids of chunksOf(named, PAGE)) {
      found.push(...(await all('users of permissions', (page) => identities.users(ids, page))));
    }
    return new Map(found.map((user) => [user.userId, user]));
  }

  async function createRole(role: SourceRole): Promise<string | undefined> {
    const { roleId, name, type, repoName, admin } = role;
    let id: string | undefined;
    await accepted(describe(role), async () => {
      id = await client.createRole({
        roleId,
        name,
        type,
        projectId: target.projectId,
        ...(repoName === undefined ? {} : { repoName: remoteRepo(repoName) }),
        admin,
      });
    });
    return id;
  }

  async function bind(role: SourceRole, id: string, userIds: readonly string[]): Promise<void> {
    for (const some of chunksOf(userIds, MAX_BOUND_USERS)) {
      await accepted(`users of ${describe(role)}`, () => client.bindRole({ id, userIds: some }));
    }
  }

  async function createPermission(
    permission: SourcePermission,
    remoteIds: ReadonlyMap<string, string>,
  ): Promise<void> {
    const { repos, roles, permName } = permission;
    const isThere = await accepted(
      `permission ${permName}`,
      () =>
        client.createPermission({
          ...permission,
          projectId: target.projectId,
          repos: repos
            .filter((repo) => scope.repoName === undefined || repo === scope.repoName)
            .map(remoteRepo),
          roles: roles.flatMap((role) => remoteIds.get(role) ?? (DOCUMENT_ID.test(role) ? [] : [role])),
        }),
      PERMISSION_EXISTED,
    );
    for (const role of isThere ? roles : []) {
      if (DOCUMENT_ID.test(role) && !remoteIds.has(role)) {
        fail(
          `role ${role} of permission ${permName}`,
          'ABANDONED',
          'The remote has no such role from this task',
        );
      }
    }
  }

  /** The names that the remote has among permissions of the same kind and place; asked for once each. */
  function existingNames(): (permission: SourcePermission) => Promise<ReadonlySet<string>> {
    const asked = new Map<string, Promise<ReadonlySet<string>>>();
    return async ({ resourceType, repos }) => {
      const [repo] = repos.filter((name) => scope.repoName === undefined || name === scope.repoName);
      if (resourceType === 'NODE' || (resourceType === 'REPO' && repo === undefined)) {
        return new Set();
      }
      const repoName = resourceType === 'REPO' && repo !== undefined ? remoteRepo(repo) : undefined;
      const key = repoName ?? '';
      const names = asked.get(key) ?? permissionNames(repoName);
      asked.set(key, names);
      return names;
    };
  }

  /** None where the remote does not list them: then it says so of each that it has. */
  async function permissionNames(repoName: string | undefined): Promise<ReadonlySet<string>> {
    try {
      return await perform(() => client.permissionNames({ projectId: target.projectId, repoName }));
    } catch (error) {
      if (error instanceof RemoteRefusalError) {
        return new Set();
      }
      throw error;
    }
  }

  /** @returns false when the remote refused, which is recorded. A refusal with the code `fine` is none. */
  async function accepted(name: string, call: () => Promise<void>, fine?: number): Promise<boolean> {
    if (failures.length >= MAX_FAILURES) {
      return false;
    }
    try {
      await perform(call);
      return true;
    } catch (error) {
      if (!(error instanceof RemoteRefusalError)) {
        throw error;
      }
      if (error.code === fine) {
        return true;
      }
      fail(name, 'REMOTE_REFUSED', error.message);
      return false;
    }
  }

  function fail(name: string, code: FailureCode, reason: string): void {
    if (failures.length < MAX_FAILURES) {
      const isLast = failures.length === MAX_FAILURES - 1;
      failures.push({
        taskKey: task.key,
        runId: run.runId,
        source: covered,
        remote: target,
        kind: 'PERMISSION',
        name,
        code,
        reason: isLast ? `${reason} (the last that is tried: too many were refused)` : reason,
        at: clock().toISOString(),
      });
    }
  }

  async function all<Item>(
    what: string,
    list: (page: { readonly after: string | undefined; readonly limit: number }) => Promise<Listed<Item>>,
  ): Promise<readonly Item[]> {
    const items: Item[] = [];
    let after: string | undefined;
    do {
      const page = await list({ after, limit: PAGE });
      items.push(...page.items);
      after = page.last;
    } while (after !== undefined && items.length < MAX_OF_A_KIND);
    if (after !== undefined) {
      fail(what, 'ABANDONED', `Only the first ${items.length} are replicated`);
    }
    return items;
  }
}

function describe({ roleId, repoName }: SourceRole): string {
  return repoName === undefined ? `role ${roleId}` : `role ${roleId} of ${repoName}`;
}

async function each<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  for (const some of chunksOf(items, CALLS_AT_ONCE)) {
    await Promise.all(some.map(work));
  }
}

function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  const chunks: Item[][] = [];
  for (let start = 0; start < items.length; start += size) {
    chunks.push(items.slice(start, start + size));
  }
  return chunks;
}
