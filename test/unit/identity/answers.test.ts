import { ObjectId } from 'mongodb';
import { describe, expect, it } from 'vitest';
import { permissionAnswer, roleAnswer, userAnswer } from '../../../functions/shared/identity/answers.ts';

const ID = new ObjectId('6b0241b6a404394a0a25dc62');
const USER = {
  _id: ID,
  userId: 'u1',
  name: 'One',
  pwd: 'stored hash',
  admin: false,
  locked: false,
  tokens: [
    { _id: 'known', name: 't1', createdAt: new Date('2021-01-02T03:04:05Z'), expiredAt: null },
    { _id: 'secret', name: 't2', createdAt: new Date('2021-01-02T03:04:05Z') },
  ],
  roles: [ID.toHexString()],
  asstUsers: [],
  group: null,
};
const REQUEST = { userId: 'u1', name: 'x', pwd: 'another hash', admin: true, tokens: [] };

describe('the answer about a user', () => {
  it('repeats no hash and no token that the request did not hold', () => {
    const answer = userAnswer(USER, REQUEST, 'UTC');
    expect(answer).toMatchObject({ userId: 'u1', name: 'One', pwd: null, tokens: [], group: false });
    expect(JSON.stringify(answer)).not.toMatch(/stored hash|secret|known/);
  });

  it('shows what the request held as it is stored', () => {
    const token = { name: 'x', id: 'known', createdAt: undefined, expiredAt: undefined };
    expect(userAnswer(USER, { ...REQUEST, pwd: 'stored hash', tokens: [token] }, 'Asia/Shanghai')).toEqual({
      userId: 'u1',
      name: 'One',
      pwd: 'stored hash',
      admin: false,
      locked: false,
      tokens: [{ name: 't1', id: 'known', createdAt: '2021-01-02T11:04:05', expiredAt: null }],
      roles: ['6b0241b6a404394a0a25dc62'],
      asstUsers: [],
      group: false,
    });
  });
});

it('the answer about a role leaves its repository out', () => {
  const role = {
    _id: ID,
    roleId: 'r',
    type: 'REPO' as const,
    name: 'R',
    projectId: 'p',
    repoName: 'g',
    admin: true,
  };
  expect(roleAnswer(role)).toEqual({
    id: '6b0241b6a404394a0a25dc62',
    roleId: 'r',
    type: 'REPO',
    name: 'R',
    projectId: 'p',
    repoName: null,
    admin: true,
  });
});

it('the answer about a permission has dates of the deployment’s zone', () => {
  const at = new Date('2026-11-22T01:13:30.156Z');
  const permission = {
    _id: ID,
    resourceType: 'SYSTEM',
    permName: 'all',
    repos: [],
    includePattern: ['/a/**'],
    excludePattern: [],
    users: ['u1'],
    roles: [],
    departments: [],
    actions: [],
    createBy: 'ada',
    createAt: at,
    updatedBy: 'bob',
    updateAt: at,
  };
  expect(permissionAnswer(permission, 'UTC')).toEqual({
    id: '6b0241b6a404394a0a25dc62',
    resourceType: 'SYSTEM',
    projectId: null,
    permName: 'all',
    repos: [],
    includePattern: ['/a/**'],
    excludePattern: [],
    users: ['u1'],
    roles: [],
    departments: [],
    actions: [],
    createBy: 'ada',
    createAt: '2026-11-22T01:13:30.156',
    updatedBy: 'bob',
    updateAt: '2026-11-22T01:13:30.156',
  });
});
