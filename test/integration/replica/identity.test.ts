import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import {
  type IdentityService,
  identityService,
} from '../../../functions/shared/identity/identity-service.ts';
import { openTestDatabase } from '../../support/test-database.ts';

type Opened = Awaited<ReturnType<typeof openTestDatabase>>;

const NOW = new Date('2026-11-22T01:13:29.319Z');
const HASH = '5f4dcc3b5aa765d61d8327deb882cf99';
const NO_PERSON = { repos: [], includePattern: [], excludePattern: [], users: [], roles: [] };

let opened: Opened;
let identities: IdentityService;

beforeAll(async () => {
  opened = await openTestDatabase();
  identities = identityService({ database: opened.database, clock: () => NOW });
});
afterAll(() => opened.close());

function replicate(userId: string, change: object = {}) {
  return identities.replicateUser({ userId, name: userId, pwd: HASH, admin: false, tokens: [], ...change });
}

async function refusal(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof DomainError ? error.code : String(error);
}

/** Documents of a collection without their ids. */
function documents(collection: string, filter: Record<string, unknown>) {
  return opened.database
    .collection(collection)
    .find(filter, { projection: { _id: 0 } })
    .toArray();
}

describe('users from another cluster', () => {
  it('are stored in bk-repo’s shape, with the hash as it came', async () => {
    await replicate('stored', { admin: true });
    expect(await documents('user', { userId: 'stored' })).toEqual([
      {
        userId: 'stored',
        name: 'stored',
        pwd: HASH,
        admin: true,
        locked: false,
        tokens: [],
        roles: [],
        asstUsers: [],
        group: false,
      },
    ]);
  });

  it('stay as they are when they are there', async () => {
    const first = await replicate('kept');
    expect(await replicate('kept', { name: 'other', pwd: 'other', admin: true })).toEqual(first);
    expect(await documents('user', { userId: 'kept' })).toMatchObject([{ pwd: HASH, admin: false }]);
  });

  it('are one user when two requests bring it at once', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => replicate('raced')));
    expect(new Set(answers.map(({ _id }) => _id.toHexString())).size).toBe(1);
    expect(await documents('user', { userId: 'raced' })).toHaveLength(1);
  });

  it('are refused with a token that they do not have, and not stored', async () => {
    const token = { name: 't', id: 'foreign', createdAt: undefined, expiredAt: undefined };
    expect(await refusal(replicate('tokened', { tokens: [token] }))).toBe('USER_TOKEN_INVALID');
    expect(await documents('user', { userId: 'tokened' })).toEqual([]);
    await opened.database.collection('user').insertOne({
      userId: 'holder',
      name: 'holder',
      pwd: HASH,
      admin: false,
      locked: false,
      tokens: [{ _id: 'foreign', name: 't', createdAt: NOW }],
    });
    expect(await replicate('holder', { tokens: [token] })).toMatchObject({ userId: 'holder', roles: [] });
  });
});

describe('roles from another cluster', () => {
  const role = { roleId: 'ops', name: '角色', admin: false, projectId: 'p1' } as const;

  it('are one for each project or repository, and stay as they are', async () => {
    const project = { ...role, type: 'PROJECT', repoName: undefined } as const;
    const created = await identities.replicateRole(project);
    expect(await identities.replicateRole({ ...project, name: 'other', admin: true })).toEqual(created);
    const repository = { ...role, type: 'REPO', repoName: 'g1' } as const;
    const other = await identities.replicateRole(repository);
    expect(await identities.replicateRole(repository)).toEqual(other);
    expect(await documents('role', { roleId: 'ops' })).toEqual([
      { roleId: 'ops', type: 'PROJECT', name: '角色', projectId: 'p1', admin: false },
      { roleId: 'ops', type: 'REPO', name: '角色', projectId: 'p1', repoName: 'g1', admin: false },
    ]);
  });

  it('are one role when two requests bring it at once', async () => {
    const raced = { ...role, roleId: 'raced', type: 'PROJECT', repoName: undefined } as const;
    await Promise.all(Array.from({ length: 6 }, () => identities.replicateRole(raced)));
    expect(await documents('role', { roleId: 'raced' })).toHaveLength(1);
  });

  it('are given to users once, by the id that was answered', async () => {
    const { _id } = await identities.replicateRole({
      ...role,
      roleId: 'bound',
      type: 'PROJECT',
      repoName: undefined,
    });
    const rid = _id.toHexString();
    await replicate('first');
    await replicate('second');
    await identities.bindRole({ rid, userIds: ['first', 'second', 'first'] });
    await identities.bindRole({ rid: rid.toUpperCase(), userIds: ['second'] });
    await identities.bindRole({ rid, userIds: [] });
    expect(await documents('user', { userId: { $in: ['first', 'second'] } })).toMatchObject([
      { roles: [rid] },
      { roles: [rid] },
    ]);
    expect(await refusal(identities.bindRole({ rid: 'bound', userIds: ['first'] }))).toBe('ROLE_NOT_FOUND');
    expect(await refusal(identities.bindRole({ rid: 'f'.repeat(24), userIds: [] }))).toBe('ROLE_NOT_FOUND');
    expect(await refusal(identities.bindRole({ rid: 'bound', userIds: ['ghost'] }))).toBe('USER_NOT_FOUND');
    expect(await refusal(identities.bindRole({ rid, userIds: ['first', 'ghost'] }))).toBe('USER_NOT_FOUND');
  });
});

describe('permissions from another cluster', () => {
  const creation = {
    resourceType: 'REPO',
    projectId: 'p1',
    permName: 'perm1',
    ...NO_PERSON,
    repos: ['g1'],
    departments: ['d1'],
    actions: ['READ' as const],
    createBy: 'ada',
    updatedBy: 'bob',
  } as const;
  const create = (change: object) =>
    identities.createPermission({ ...creation, repos: ['g1'], departments: [], actions: [], ...change });

  it('are stored in bk-repo’s shape, without actions and departments', async () => {
    await create({ departments: ['d1'], actions: ['READ'], users: ['u1'] });
    expect(await documents('permission', { permName: 'perm1' })).toEqual([
      {
        resourceType: 'REPO',
        projectId: 'p1',
        permName: 'perm1',
        ...NO_PERSON,
        repos: ['g1'],
        users: ['u1'],
        departments: [],
        actions: [],
        createBy: 'ada',
        createAt: NOW,
        updatedBy: 'bob',
        updateAt: NOW,
      },
    ]);
  });

  it('have names of their own in a project, for each type of resource', async () => {
    await create({ permName: 'twice' });
    expect(await refusal(create({ permName: 'twice' }))).toBe('PERMISSION_EXISTED');
    await create({ permName: 'twice', resourceType: 'NODE' });
    await create({ permName: 'twice', projectId: 'p2' });
    await create({ permName: 'twice', resourceType: 'SYSTEM', projectId: undefined });
    expect(await refusal(create({ permName: 'twice', resourceType: 'SYSTEM', projectId: undefined }))).toBe(
      'PERMISSION_EXISTED',
    );
  });

  it('are listed for a project itself, or for one of its repositories', async () => {
    await create({ permName: 'of-project', projectId: 'p3', resourceType: 'PROJECT', repos: [] });
    await create({ permName: 'of-g1', projectId: 'p3', repos: ['g1', 'g2'] });
    await create({ permName: 'of-g2', projectId: 'p3', repos: ['g2'] });
    const names = async (repoName?: string) =>
      (await identities.permissions({ projectId: 'p3', repoName })).map(({ permName }) => permName);
    expect(await names()).toEqual(['of-project']);
    expect(await names('g1')).toEqual(['of-g1']);
    expect(await names('g2')).toEqual(['of-g1', 'of-g2']);
    expect(await names('g3')).toEqual([]);
  });
});

it('the collections have bk-repo’s indexes', async () => {
  const names = async (collection: string) =>
    (await opened.database.collection(collection).listIndexes().toArray()).map(({ name }) => name).sort();
  await identities.permissions({ projectId: 'p1' });
  expect(await names('user')).toEqual(
    ['_id_', 'asstUsers_idx', 'group_idx', 'roles_idx', 'tokens_iid_idx', 'userId_idx'].sort(),
  );
  expect(await names('role')).toEqual(['_id_', 'projectId_idx', 'repoName_idx', 'roleId_idx', 'type_idx']);
  expect(await names('permission')).toEqual(
    [
      '_id_',
      'excludePattern_idx',
      'includePattern_idx',
      'projectId_idx',
      'repos_idx',
      'resourceType_idx',
      'roles_action_idx',
      'roles_iid_idx',
      'users_action_idx',
      'users_iid_idx',
    ].sort(),
  );
});
