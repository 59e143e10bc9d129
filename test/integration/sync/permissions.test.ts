import { ObjectId } from 'mongodb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunFailure } from '../../../functions/shared/failure/failure.ts';
import { mongoSourceIdentities } from '../../../functions/shared/identity/source-identities.ts';
import { createRemoteClient, type RemoteClient } from '../../../functions/shared/remote/client.ts';
import { syncPermissions } from '../../../functions/shared/sync/permissions.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { connectStages } from '../../support/stages.ts';
import { storedTask } from '../../support/tasks.ts';
import { openTestDatabase } from '../../support/test-database.ts';

const HASH = '5f4dcc3b5aa765d61d8327deb882cf99';
const TOKEN = '2c1e4b6d8f0a4c5e9b7d1f3a5c7e9b1d';
const suffix = new ObjectId().toHexString().slice(-8);
const PROJECT = `perm${suffix}`;
const NAMES = ['ann', 'jack', 'bob', 'nobody'];
const userId = (name: string): string => `${name}-${suffix}`;

let opened: Awaited<ReturnType<typeof openTestDatabase>>;
let stages: Awaited<ReturnType<typeof connectStages>>;
let client: RemoteClient;

beforeAll(async () => {
  opened = await openTestDatabase();
  stages = await connectStages();
  client = createRemoteClient({ ...stages.target.asRemote, allowPrivate: true });
});
afterAll(async () => {
  const { database } = stages.target.cluster;
  await database.collection('role').deleteMany({ projectId: PROJECT });
  await database.collection('permission').deleteMany({ projectId: PROJECT });
  await database.collection('user').deleteMany({ userId: { $in: NAMES.map(userId) } });
  await client.close();
  await stages.close();
  await opened.close();
});

async function sync(fields: Partial<Task> = {}): Promise<RunFailure[]> {
  const failures: RunFailure[] = [];
  const task = storedTask({
    type: 'FULL',
    includeAllProject: false,
    localProjectId: 'ops',
    remoteProjectId: PROJECT,
    ...fields,
  });
  await syncPermissions({
    task,
    run: { runId: 'run' },
    client,
    source: { projectId: 'ops', repoName: '' },
    remote: { projectId: PROJECT, repoName: '' },
    identities: mongoSourceIdentities(async () => opened.database),
    runs: {
      recordPermissionFailures: async (options) => {
        failures.push(...options.failures);
      },
    },
    clock: () => new Date(),
  });
  return failures;
}

function target(collection: string, filter: Record<string, unknown>) {
  return stages.target.cluster.database.collection(collection).find(filter).toArray();
}

it('a project’s roles, their holders, permissions and users are at the receiver, without what they sign in with', async () => {
  const manager = new ObjectId();
  const repoManager = new ObjectId();
  const elsewhere = new ObjectId();
  const refused = new ObjectId();
  const role = {
    roleId: 'project_manage',
    type: 'PROJECT',
    name: '项目管理员',
    projectId: 'ops',
    admin: true,
  };
  const repoRole = { roleId: 'repo_manage', type: 'REPO', name: '仓库管理员', projectId: 'ops', admin: true };
  await opened.database.collection('role').insertMany([
    { _id: manager, ...role },
    { _id: repoManager, ...repoRole, repoName: 'generic-local' },
    { _id: elsewhere, ...role, projectId: 'other' },
    // The receiver refuses a repository's role without the repository.
    { _id: refused, ...repoRole, roleId: 'refused' },
  ]);
  const user = (name: string, roles: readonly ObjectId[], admin = false) => ({
    userId: userId(name),
    name,
    pwd: HASH,
    admin,
    locked: false,
    tokens: [{ _id: TOKEN, name: 't', createdAt: new Date(), expiredAt: null }],
    roles: roles.map((id) => id.toHexString()),
    asstUsers: [],
    group: false,
  });
  await opened.database
    .collection('user')
    .insertMany([
      user('ann', [manager, repoManager], true),
      user('jack', [manager, elsewhere]),
      user('bob', []),
      user('nobody', [elsewhere]),
    ]);
  const permission = {
    resourceType: 'PROJECT',
    projectId: 'ops',
    permName: 'pp',
    repos: [],
    includePattern: ['/a/**'],
    excludePattern: [],
    users: [userId('bob')],
    roles: [manager.toHexString(), refused.toHexString()],
    departments: [],
    actions: ['READ'],
    createBy: 'system',
    createAt: new Date(),
    updatedBy: 'system',
    updateAt: new Date(),
  };
  await opened.database
    .collection('permission')
    .insertMany([
      { ...permission },
      { ...permission, resourceType: 'REPO', permName: 'rp', repos: ['generic-local'], users: [], roles: [] },
      { ...permission, projectId: 'other', permName: 'of another project' },
    ]);

  const failures = await sync();

  const roles = await target('role', { projectId: PROJECT });
  expect(
    roles.map(({ roleId, type, name, repoName, admin }) => ({ roleId, type, name, repoName, admin })),
  ).toEqual(
    expect.arrayContaining([
      { roleId: 'project_manage', type: 'PROJECT', name: '项目管理员', repoName: undefined, admin: true },
      { roleId: 'repo_manage', type: 'REPO', name: '仓库管理员', repoName: 'generic-local', admin: true },
    ]),
  );
  expect(roles).toHaveLength(2);
  const idOf = (roleId: string): string =>
    roles.find((each) => each['roleId'] === roleId)?._id.toHexString() ?? 'none';

  const users = await target('user', { userId: { $in: NAMES.map(userId) } });
  expect(Object.fromEntries(users.map((each) => [each['name'], [...each['roles']].sort()]))).toEqual({
    ann: [idOf('project_manage'), idOf('repo_manage')].sort(),
    jack: [idOf('project_manage')],
    bob: [],
  });
  expect(users.every(({ admin }) => admin === false)).toBe(true);
  const stored = JSON.stringify(users);
  expect(stored).not.toContain(HASH);
  expect(stored).not.toContain(TOKEN);

  const permissions = await target('permission', { projectId: PROJECT });
  expect(permissions.map(({ permName }) => permName).sort()).toEqual(['pp', 'rp']);
  expect(permissions.find(({ permName }) => permName === 'pp')).toMatchObject({
    resourceType: 'PROJECT',
    includePattern: ['/a/**'],
    users: [userId('bob')],
    roles: [idOf('project_manage')],
  });

  const named = failures.map(({ kind, name, reason }) => `${kind} ${name}: ${reason}`);
  expect(named).toEqual([
    expect.stringMatching(/^PERMISSION role refused: HTTP 400, code 250104/),
    `PERMISSION role ${refused.toHexString()} of permission pp: The remote has no such role from this task`,
  ]);

  // Again: nothing is there twice, and only what was refused is refused again.
  expect((await sync()).map(({ name }) => name)).toEqual(['role refused']);
  expect(await target('role', { projectId: PROJECT })).toEqual(roles);
  expect(await target('permission', { projectId: PROJECT })).toEqual(permissions);
});
