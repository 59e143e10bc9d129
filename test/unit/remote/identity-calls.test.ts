import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RemoteClient } from '../../../functions/shared/remote/client.ts';
import { RemoteServer, respond, succeed } from './remote-server.ts';

const ROLE_ID = '6b0241b6a404394a0a25dc62';

describe('users, roles and permissions', () => {
  let server: RemoteServer;
  let client: RemoteClient;

  beforeEach(async () => {
    server = await new RemoteServer().start();
    client = server.client();
  });
  afterEach(async () => {
    await server.stop();
    await client.close();
  });
  const sent = () => server.received.map(({ method, url, body }) => [method, url, body && JSON.parse(body)]);

  it('are created in the shape of the contract', async () => {
    const role = { roleId: 'repo_manage', name: '仓库管理员', projectId: 'p1', repoName: 'g1', admin: true };
    server.answer = (_request, response) => succeed(response, { id: ROLE_ID, ...role, repoName: null });
    expect(await client.createRole({ ...role, type: 'REPO' })).toBe(ROLE_ID);
    await client.bindRole({ id: ROLE_ID, userIds: ['u1', 'u2'] });
    const permission = {
      resourceType: 'REPO',
      projectId: 'p1',
      permName: 'perm1',
      repos: ['g1'],
      includePattern: ['/a/**'],
      excludePattern: [],
      users: ['u1'],
      roles: [ROLE_ID],
      departments: [],
      actions: ['READ'],
      createBy: 'admin',
      updatedBy: 'admin',
    };
    await client.createPermission(permission);
    expect(sent()).toEqual([
      ['POST', '/replication/replica/role', { ...role, type: 'REPO' }],
      ['POST', `/replication/replica/role/user/${ROLE_ID}`, ['u1', 'u2']],
      ['POST', '/replication/replica/permission', permission],
    ]);
  });

  it('bring no password, no token and no administrator along', async () => {
    await client.createUser({ userId: 'u1', name: 'u1 name' });
    await client.createUser({ userId: 'u1', name: 'u1 name' });
    const [first, second] = sent().map(([, , body]) => body);
    expect(first).toEqual({
      userId: 'u1',
      name: 'u1 name',
      pwd: expect.stringMatching(/^[0-9a-f]{64}$/),
      admin: false,
      tokens: [],
    });
    expect(second.pwd).not.toBe(first.pwd);
  });

  it('are listed by their names', async () => {
    server.answer = (_request, response) => succeed(response, [{ permName: 'perm1' }, { permName: 'perm2' }]);
    expect([...(await client.permissionNames({ projectId: 'p1' }))]).toEqual(['perm1', 'perm2']);
    await client.permissionNames({ projectId: 'p1', repoName: 'a&b' });
    expect(server.received.map(({ url }) => url)).toEqual([
      '/replication/replica/permission/list?projectId=p1',
      '/replication/replica/permission/list?projectId=p1&repoName=a%26b',
    ]);
  });

  it.each([
    ['a role without an id', { roleId: 'r' }],
    ['a role with an id that would be another address', { id: '../permission' }],
  ])('are not taken from %s', async (_name, data) => {
    server.answer = (_request, response) => succeed(response, data);
    const role = { roleId: 'r', name: 'r', type: 'PROJECT', projectId: 'p1', admin: false } as const;
    await expect(client.createRole(role)).rejects.toMatchObject({ reason: 'NOT_BKREPO' });
  });

  it('may be refused', async () => {
    server.answer = (_request, response) =>
      respond(response, 400, { code: 250202, message: 'user for auth not exist', data: null });
    await expect(client.bindRole({ id: ROLE_ID, userIds: ['ghost'] })).rejects.toMatchObject({
      name: 'RemoteRefusalError',
      code: 250202,
    });
  });
});
