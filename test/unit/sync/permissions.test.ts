import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunFailure } from '../../../functions/shared/failure/failure.ts';
import type {
  Listed,
  SourceIdentities,
  SourcePermission,
  SourceRole,
  SourceUser,
} from '../../../functions/shared/identity/source-identities.ts';
import {
  RemoteAmbiguousError,
  RemoteOutageError,
  RemoteRefusalError,
} from '../../../functions/shared/remote/errors.ts';
import type { RemotePermission } from '../../../functions/shared/remote/identity-calls.ts';
import { type PermissionClient, syncPermissions } from '../../../functions/shared/sync/permissions.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { storedTask } from '../../support/tasks.ts';

const id = (number: number): string => number.toString(16).padStart(24, '0');

const MANAGER: SourceRole = { id: id(1), roleId: 'manage', name: '管理员', type: 'PROJECT', admin: true };
const REPO_ROLE: SourceRole = {
  id: id(2),
  roleId: 'repo',
  name: 'r',
  type: 'REPO',
  repoName: 'g1',
  admin: false,
};
const JACK: SourceUser = { userId: 'jack', name: 'Jack', roles: [id(1)] };
const ANN: SourceUser = { userId: 'ann', name: 'Ann', roles: [id(1), id(2), id(77)] };
const BOB: SourceUser = { userId: 'bob', name: 'Bob', roles: [] };

function permission(fields: Partial<SourcePermission> = {}): SourcePermission {
  return {
    resourceType: 'PROJECT',
    permName: 'pp',
    repos: [],
    includePattern: [],
    excludePattern: [],
    users: [],
    roles: [],
    departments: [],
    actions: ['READ'],
    createBy: 'admin',
    updatedBy: 'admin',
    ...fields,
  };
}

class World {
  roles: SourceRole[] = [MANAGER, REPO_ROLE];
  permissions: SourcePermission[] = [];
  users: SourceUser[] = [JACK, ANN, BOB];

  readonly remoteUsers = new Set<string>();
  readonly remoteRoles = new Map<string, string>();
  readonly bindings: string[] = [];
  readonly remotePermissions: RemotePermission[] = [];
  readonly failures: RunFailure[] = [];
  /** Names of calls that are answered with this. */
  readonly faults = new Map<string, Error>();
  calls = 0;

  #call(name: string): void {
    this.calls += 1;
    const fault = this.faults.get(name);
    if (fault !== undefined) {
      throw fault;
    }
  }

  readonly client: PermissionClient = {
    ping: async () => this.#call('ping'),
    nodeExists: async () => false,
    createUser: async ({ userId }) => {
      this.#call(`user ${userId}`);
      this.remoteUsers.add(userId);
    },
    createRole: async (role) => {
      this.#call(`role ${role.roleId}`);
      const key = JSON.stringify(role);
      const known = this.remoteRoles.get(key) ?? id(1_000 + this.remoteRoles.size);
      this.remoteRoles.set(key, known);
      return known;
    },
    bindRole: async ({ id: rid, userIds }) => {
      this.#call(`bind ${rid}`);
      if (
        !userIds.every((userId) => this.remoteUsers.has(userId)) ||
        ![...this.remoteRoles.values()].includes(rid)
      ) {
        throw new RemoteRefusalError({ status: 400, code: 250202, text: 'user for auth not exist' });
      }
      this.bindings.push(...userIds.map((userId) => `${rid} ${userId}`));
    },
    createPermission: async (created) => {
      this.#call(`permission ${created.permName}`);
      if (this.remotePermissions.some(({ permName }) => permName === created.permName)) {
        throw new RemoteRefusalError({ status: 400, code: 250207, text: 'duplicate permission name' });
      }
      this.remotePermissions.push(created);
    },
    permissionNames: async ({ repoName }) => {
      this.#call('list');
      const listed = this.remotePermissions.filter(({ resourceType, repos }) =>
        repoName === undefined
          ? resourceType === 'PROJECT'
          : resourceType === 'REPO' && repos.includes(repoName),
      );
      return new Set(listed.map(({ permName }) => permName));
    },
  };

  readonly identities: SourceIdentities = {
    roles: async ({ repoName }, page) =>
      paged(
        this.roles.filter((role) => repoName === undefined || role.repoName === repoName),
        page,
      ),
    permissions: async ({ repoName }, page) =>
      paged(
        this.permissions.filter(({ repos }) => repoName === undefined || repos.includes(repoName)),
        page,
      ),
    usersOfRoles: async (roles, page) =>
      paged(
        this.users.filter((user) => user.roles.some((role) => roles.includes(role))),
        page,
      ),
    users: async (userIds, page) =>
      paged(
        this.users.filter(({ userId }) => userIds.includes(userId)),
        page,
      ),
  };

  sync(fields: Partial<Task> = {}): Promise<void> {
    const task = storedTask({ type: 'FULL', includeAllProject: false, localProjectId: 'p1', ...fields });
    return syncPermissions({
      task,
      run: { runId: 'run-1' },
      client: this.client,
      source: { projectId: 'p1', repoName: '' },
      remote: { projectId: task.remoteProjectId ?? 'p1', repoName: '' },
      identities: this.identities,
      runs: {
        recordPermissionFailures: async ({ failures }) => {
          this.failures.push(...failures);
        },
      },
      clock: () => new Date('2026-11-22T00:00:00Z'),
    });
  }

  get failed(): string[] {
    return this.failures.map(({ name, reason }) => `${name}: ${reason}`);
  }
}

/** Ids of documents stand for positions here. */
function paged<Item>(
  items: readonly Item[],
  page: { readonly after?: string | undefined; readonly limit: number },
): Listed<Item> {
  const start = page.after === undefined ? 0 : Number(page.after);
  const end = start + page.limit;
  return { items: items.slice(start, end), last: end < items.length ? String(end) : undefined };
}

const refusal = (code: number) => new RemoteRefusalError({ status: 400, code, text: 'no' });

describe('roles and permissions of a project', () => {
  it('are created under the remote’s names, with the users they name, bound by the remote’s ids', async () => {
    const world = new World();
    world.permissions = [
      permission({ users: ['bob', 'ghost'], roles: [id(1), 'by-name'] }),
      permission({ resourceType: 'REPO', permName: 'rp', repos: ['g1', 'g2'], roles: [id(2)] }),
    ];
    await world.sync({ remoteProjectId: 'q1' });
    expect([...world.remoteUsers].sort()).toEqual(['ann', 'bob', 'jack']);
    const { id: _manager, ...manager } = MANAGER;
    const { id: _role, ...role } = REPO_ROLE;
    expect([...world.remoteRoles.keys()].map((key) => JSON.parse(key))).toEqual([
      { ...manager, projectId: 'q1' },
      { ...role, projectId: 'q1' },
    ]);
    expect(world.bindings.sort()).toEqual([`${id(1_000)} ann`, `${id(1_000)} jack`, `${id(1_001)} ann`]);
    expect(world.remotePermissions).toEqual([
      permission({ users: ['bob', 'ghost'], roles: [id(1_000), 'by-name'], projectId: 'q1' } as object),
      permission({
        resourceType: 'REPO',
        permName: 'rp',
        repos: ['g1', 'g2'],
        roles: [id(1_001)],
        projectId: 'q1',
      } as object),
    ]);
    expect(world.failures).toEqual([]);
  });

  it('of a task of one repository are that repository’s alone', async () => {
    const world = new World();
    world.permissions = [
      permission(),
      permission({ resourceType: 'REPO', permName: 'rp', repos: ['g1', 'g2'], roles: [id(1), id(2)] }),
      permission({ resourceType: 'REPO', permName: 'other', repos: ['g2'] }),
    ];
    await world.sync({ localRepoName: 'g1', remoteRepoName: 'h1' });
    expect([...world.remoteRoles.keys()].map((key) => JSON.parse(key))).toEqual([
      expect.objectContaining({ roleId: 'repo', projectId: 'p1', repoName: 'h1' }),
    ]);
    expect([...world.remoteUsers]).toEqual(['ann']);
    expect(world.remotePermissions).toEqual([
      expect.objectContaining({ permName: 'rp', repos: ['h1'], roles: [id(1_000)] }),
    ]);
    expect(world.failures).toEqual([
      expect.objectContaining({
        source: { projectId: 'p1', repoName: 'g1' },
        remote: { projectId: 'p1', repoName: 'h1' },
        kind: 'PERMISSION',
        name: `role ${id(1)} of permission rp`,
      }),
    ]);
  });

  it('that are there already stay, and are no failure', async () => {
    const world = new World();
    world.permissions = [permission(), permission({ resourceType: 'NODE', permName: 'np', repos: ['g1'] })];
    await world.sync();
    await world.sync();
    expect(world.remotePermissions.map(({ permName }) => permName).sort()).toEqual(['np', 'pp']);
    expect(world.failures).toEqual([]);
  });
});

describe('what the remote refuses', () => {
  it('is recorded, and the rest goes on without it', async () => {
    const world = new World();
    world.permissions = [permission({ roles: [id(1)] }), permission({ permName: 'qq' })];
    world.faults
      .set('role manage', refusal(250104))
      .set('user jack', refusal(250103))
      .set('permission qq', refusal(250104));
    await world.sync();
    expect(world.failed).toEqual([
      'user jack: HTTP 400, code 250103: no',
      'role manage: HTTP 400, code 250104: no',
      `permission qq: HTTP 400, code 250104: no`,
      `role ${id(1)} of permission pp: The remote has no such role from this task`,
    ]);
    expect(world.bindings).toEqual([`${id(1_000)} ann`]);
    expect(world.remotePermissions).toEqual([expect.objectContaining({ permName: 'pp', roles: [] })]);
  });

  it('may look like an outage: then the remote is asked again, and believed', async () => {
    const world = new World();
    const asOutage = new RemoteOutageError('BUSY');
    world.faults.set('role manage', new RemoteAmbiguousError({ asOutage, asRefusal: refusal(250101) }));
    await world.sync();
    expect(world.failed).toEqual(['role manage: HTTP 400, code 250101: no']);
    expect(world.remoteRoles.size).toBe(1);
  });

  it('is not all tried when it is everything', async () => {
    const world = new World();
    world.users = Array.from({ length: 1_000 }, (_, index) => ({
      userId: `u${index}`,
      name: '',
      roles: [id(1)],
    }));
    for (const { userId } of world.users) {
      world.faults.set(`user ${userId}`, refusal(404));
    }
    await world.sync();
    expect(world.failures).toHaveLength(100);
    expect(world.failures.at(-1)?.reason).toContain('too many were refused');
    expect(world.calls).toBeLessThan(150);
  });

  it('is told apart from a remote that is down', async () => {
    const world = new World();
    world.faults.set('role repo', new RemoteOutageError('CONNECTION_REFUSED'));
    world.faults.set('user jack', refusal(250103));
    await expect(world.sync()).rejects.toThrow('connection refused');
    expect(world.failed).toEqual(['user jack: HTTP 400, code 250103: no']);
  });
});

it('are all found, however many pages they are', async () => {
  const world = new World();
  world.roles = Array.from({ length: 1_201 }, (_, index) => ({
    ...MANAGER,
    id: id(index),
    roleId: `r${index}`,
  }));
  world.users = [{ userId: 'u', name: 'u', roles: world.roles.map((role) => role.id) }];
  await world.sync();
  expect(world.bindings).toHaveLength(1_201);
});

it('say when there are more than are replicated', async () => {
  const world = new World();
  world.permissions = Array.from({ length: 5_400 }, (_, index) => permission({ permName: `p${index}` }));
  await world.sync();
  expect(world.remotePermissions).toHaveLength(5_000);
  expect(world.failed).toEqual(['permissions: Only the first 5000 are replicated']);
});

it('whatever is refused, no role is bound to a user who was refused, and no permission names a role of the source', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(['user jack', 'user ann', 'role manage', 'role repo', 'permission pp', 'list']),
      async (names) => {
        const world = new World();
        world.permissions = [permission({ roles: [id(1), id(2)] })];
        for (const name of names) {
          world.faults.set(name, refusal(250104));
        }
        await world.sync();
        const refused = names.filter((name) => name !== 'list');
        for (const name of refused) {
          expect(world.failed.some((failure) => failure.startsWith(name))).toBe(true);
        }
        expect(world.bindings.length > 0).toBe(
          (!names.includes('role manage') && !(names.includes('user jack') && names.includes('user ann'))) ||
            (!names.includes('role repo') && !names.includes('user ann')),
        );
        const named = world.remotePermissions.flatMap(({ roles }) => roles);
        expect(named.every((role) => [...world.remoteRoles.values()].includes(role))).toBe(true);
      },
    ),
  );
});
