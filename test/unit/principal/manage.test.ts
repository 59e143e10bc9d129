import { beforeEach, describe, expect, test } from 'vitest';
import { principalAnswer } from '../../../functions/shared/principal/answer.ts';
import { createPrincipal, deletePrincipal } from '../../../functions/shared/principal/manage.ts';
import type { StoredPrincipal } from '../../../functions/shared/principal/principal.ts';
import { principalCreateRequest } from '../../../functions/shared/principal/requests.ts';

const NOW = new Date('2026-11-22T01:13:36.189Z');
const PASSWORD = 'correct horse battery';

let stored: Map<string, StoredPrincipal>;
/** Access keys by their owners. */
let owners: Map<string, string>;
/** Called before each removal: what others do at the same time. */
let meanwhile: () => void;

const principals = {
  create: async (principal: StoredPrincipal) => {
    const isNew = !stored.has(principal.username);
    if (isNew) {
      stored.set(principal.username, principal);
    }
    return isNew;
  },
  list: async () => [...stored.values()],
  remove: async ({ username, remainingAdmin }: { username: string; remainingAdmin: string }) => {
    meanwhile();
    const remaining = stored.get(remainingAdmin);
    return (
      remaining?.role === 'admin' && remaining.projectId === undefined && stored.delete(username) === true
    );
  },
};
const keys = {
  list: async (username?: string) =>
    [...owners]
      .filter(([, owner]) => owner === username)
      .map(([accessKey]) => ({
        accessKey,
        username: username ?? '',
        encryptedSecret: '',
        description: '',
        createdDate: NOW.toISOString(),
      })),
  delete: async (accessKey: string) => owners.delete(accessKey),
};

const person = (username: string, role: StoredPrincipal['role'], projectId?: string): StoredPrincipal => ({
  username,
  role,
  passwordHash: '$scrypt$…',
  ...(projectId === undefined ? {} : { projectId }),
});
const create = (request: object) =>
  createPrincipal({
    request: principalCreateRequest.parse({
      username: 'jack',
      password: PASSWORD,
      role: 'viewer',
      ...request,
    }),
    principals,
    hashPassword: async (password) => `hash of ${password.length}`,
    clock: () => NOW,
  });
const remove = (username: string) => deletePrincipal({ username, principals, keys });

beforeEach(() => {
  stored = new Map(
    [person('admin', 'admin'), person('ops', 'operator')].map((each) => [each.username, each]),
  );
  owners = new Map();
  meanwhile = () => undefined;
});

describe('a principal', () => {
  test('is made with the hash of its password, and answered with neither', async () => {
    const principal = await create({ role: 'operator', projectId: 'apps' });
    expect(stored.get('jack')).toEqual({
      username: 'jack',
      role: 'operator',
      projectId: 'apps',
      passwordHash: 'hash of 21',
      createdDate: NOW.toISOString(),
    });
    expect(principalAnswer(principal, 'Asia/Shanghai')).toEqual({
      username: 'jack',
      role: 'operator',
      projectId: 'apps',
      createdDate: '2026-11-22T09:13:36.189',
    });
    expect(principalAnswer(person('admin', 'admin'), 'UTC')).toEqual({
      username: 'admin',
      role: 'admin',
      projectId: null,
      createdDate: null,
    });
  });

  test('of a name that is taken is not made', async () => {
    await expect(create({ username: 'ops', role: 'admin' })).rejects.toMatchObject({
      code: 'RESOURCE_EXISTED',
    });
    expect(stored.get('ops')?.role).toBe('operator');
  });

  test.each([
    { username: '' },
    { username: 'a:b' },
    { username: 'a/b' },
    { username: '..' },
    { username: 'a'.repeat(129) },
    { password: 'eleven char' },
    { password: 'a'.repeat(1_025) },
    { password: 123_456_789_012 },
    { password: null },
    { role: 'root' },
    { role: undefined },
  ])('is not made of %j', (fields) => {
    const request = { username: 'jack', password: PASSWORD, role: 'viewer', ...fields };
    expect(principalCreateRequest.safeParse(request).success).toBe(false);
  });

  test.each([undefined, null, ''])('is for all projects where its project is %j', async (projectId) => {
    expect(await create({ projectId })).not.toHaveProperty('projectId');
  });
});

describe('a deletion', () => {
  test('takes the principal and its access keys, and nobody else’s', async () => {
    owners = new Map([
      ['one', 'ops'],
      ['two', 'admin'],
      ['three', 'ops'],
    ]);
    await remove('ops');
    expect([...stored.keys()]).toEqual(['admin']);
    expect([...owners.keys()]).toEqual(['two']);
    await expect(remove('ops')).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
  });

  test('that was cut off can be repeated for the keys that it has left', async () => {
    owners.set('one', 'gone');
    await remove('gone');
    expect(owners.size).toBe(0);
  });

  test.each([[], [person('boss', 'admin', 'apps')]])(
    'leaves the last administrator of all projects',
    async (...others) => {
      for (const other of others) {
        stored.set(other.username, other);
      }
      await expect(remove('admin')).rejects.toMatchObject({ code: 'OPERATION_UNSUPPORTED' });
      expect(stored.has('admin')).toBe(true);
    },
  );

  test('counts on nobody who is deleted at the same moment', async () => {
    stored.set('boss', person('boss', 'admin'));
    meanwhile = () => stored.delete('boss');
    await expect(remove('admin')).rejects.toMatchObject({ code: 'OPERATION_UNSUPPORTED' });
    expect(stored.has('admin')).toBe(true);
  });

  test('gives up when others are in the way each time', async () => {
    let others = 0;
    meanwhile = () => {
      stored.delete(others === 0 ? 'admin' : `boss${others}`);
      others += 1;
      stored.set(`boss${others}`, person(`boss${others}`, 'admin'));
    };
    await expect(remove('ops')).rejects.toMatchObject({ code: 'SYSTEM_BUSY' });
    expect(stored.has('ops')).toBe(true);
  });
});
