import { describe, expect, it } from 'vitest';
import { toDomainError } from '../../../functions/shared/http/validation.ts';
import {
  permissionCreateRequest,
  permissionListRequest,
  roleReplicaRequest,
  roleUserRequest,
  userReplicaRequest,
} from '../../../functions/shared/identity/requests.ts';

const USER = { userId: 'u1', name: 'One', pwd: '5f4dcc3b5aa765d61d8327deb882cf99', tokens: [] };
const ROLE = { roleId: 'ops', name: 'Ops', projectId: 'p1' };
const PERMISSION = { permName: 'read', projectId: 'p1', createBy: 'ada', updatedBy: 'bob' };

/** Code and arguments of the answer that a request gets. */
function refusal(
  schema: { safeParse(value: unknown): { error?: Parameters<typeof toDomainError>[0] | undefined } },
  value: unknown,
): unknown {
  const { error } = schema.safeParse(value);
  if (error === undefined) {
    return undefined;
  }
  const { code, args } = toDomainError(error);
  return [code, ...args];
}

describe('a user from another cluster', () => {
  it('is read with text for flags, and is no administrator unless it says so', () => {
    expect(userReplicaRequest.parse({ ...USER, locked: true })).toEqual({ ...USER, admin: false });
    expect(userReplicaRequest.parse({ ...USER, admin: 'true' })).toMatchObject({ admin: true });
  });

  it.each(['userId', 'name', 'pwd', 'tokens'])('is refused without its %s', (field) => {
    expect(refusal(userReplicaRequest, { ...USER, [field]: null })).toEqual(['REQUEST_CONTENT_INVALID']);
  });

  it('has tokens with dates that exist', () => {
    const token = { name: 't', id: 'x', createdAt: '2021-01-02T03:04:05', expiredAt: null };
    expect(userReplicaRequest.parse({ ...USER, tokens: [token] }).tokens).toMatchObject([{ id: 'x' }]);
    const wrong = { ...token, expiredAt: '2021-02-30T00:00:00' };
    expect(refusal(userReplicaRequest, { ...USER, tokens: [wrong] })).toEqual(['REQUEST_CONTENT_INVALID']);
  });
});

describe('a role from another cluster', () => {
  it('is a project’s or a repository’s, which then is named', () => {
    expect(roleReplicaRequest.parse({ ...ROLE, type: 'PROJECT', repoName: null })).toEqual({
      ...ROLE,
      type: 'PROJECT',
      repoName: undefined,
      admin: false,
    });
    expect(refusal(roleReplicaRequest, { ...ROLE, type: 'REPO' })).toEqual(['REQUEST_CONTENT_INVALID']);
    expect(refusal(roleReplicaRequest, { ...ROLE, type: 'X' })).toEqual(['REQUEST_CONTENT_INVALID']);
  });

  it('is bound to a list of users of bounded length', () => {
    expect(roleUserRequest.parse({ rid: 'r', userIds: ['u1', 2] })).toEqual({
      rid: 'r',
      userIds: ['u1', '2'],
    });
    expect(refusal(roleUserRequest, { rid: 'r', userIds: Array(5_001).fill('u') })).toEqual([
      'PARAMETER_INVALID',
      'userIds',
    ]);
  });
});

describe('a permission from another cluster', () => {
  it('is a repository’s, about nothing and for nobody, unless it says more', () => {
    expect(permissionCreateRequest.parse(PERMISSION)).toEqual({
      ...PERMISSION,
      resourceType: 'REPO',
      repos: [],
      includePattern: [],
      excludePattern: [],
      users: [],
      roles: [],
      departments: [],
      actions: [],
    });
  });

  it.each([{ actions: ['FLY'] }, { resourceType: 'PLANET' }, { permName: null }, { createBy: undefined }])(
    'is refused with %j',
    (change) => {
      expect(refusal(permissionCreateRequest, { ...PERMISSION, ...change })).toEqual([
        'REQUEST_CONTENT_INVALID',
      ]);
    },
  );

  it('is listed by its project', () => {
    expect(refusal(permissionListRequest, {})).toEqual(['PARAMETER_MISSING', 'projectId']);
    expect(permissionListRequest.parse({ projectId: 'p1' })).toEqual({ projectId: 'p1' });
  });
});
