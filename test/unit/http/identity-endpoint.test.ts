import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { accessKeyRequest, tokenRequest } from '../../../functions/shared/access/requests.ts';
import { DomainError } from '../../../functions/shared/errors.ts';
import { identityEndpoint } from '../../../functions/shared/http/identity-endpoint.ts';
import { jsonOf } from '../../../functions/shared/http/json-content.ts';
import { administratorAuthentication } from '../../../functions/shared/http/v3-authentication.ts';
import type { Principal } from '../../../functions/shared/principal/principal.ts';
import { type ApiRequest, apiEvent, lambdaContext } from '../../support/api.ts';

beforeEach(() => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterEach(() => {
  vi.restoreAllMocks();
});

function answerOf(handler: ReturnType<typeof identityEndpoint>, request: ApiRequest) {
  return handler(apiEvent({ method: 'POST', ...request }), lambdaContext);
}

describe('an identity endpoint', () => {
  const echo = (
    handle: () => Promise<{ status: number; headers?: Record<string, string>; body?: unknown }>,
  ) => identityEndpoint({ schema: z.object({}), input: () => ({}), handle });

  test('answers as it is told', async () => {
    const made = echo(async () => ({ status: 201, headers: { 'x-subject-token': 't' }, body: { a: 1 } }));
    expect(await answerOf(made, {})).toEqual({
      statusCode: 201,
      headers: { 'content-type': 'application/json', 'x-subject-token': 't' },
      body: '{"a":1}',
    });
    expect(
      await answerOf(
        echo(async () => ({ status: 204 })),
        {},
      ),
    ).toEqual({ statusCode: 204, headers: {} });
  });

  test.each([
    [new DomainError('PARAMETER_INVALID', ['x']), 400, 'Bad Request'],
    [new DomainError('AUTHENTICATION_FAILED'), 401, 'Unauthorized'],
    [new DomainError('SIGNATURE_INVALID'), 401, 'Unauthorized'],
    [new DomainError('ACCESS_DENIED'), 403, 'Forbidden'],
    [new DomainError('RESOURCE_NOT_FOUND', ['secret name']), 404, 'Not Found'],
    [new Error('no table at 10.0.0.7'), 500, 'Internal Server Error'],
  ])('refuses %s', async (error, code, title) => {
    const failing = echo(async () => {
      throw error;
    });
    const { statusCode, body } = await answerOf(failing, {});
    expect(statusCode).toBe(code);
    expect(JSON.parse(body ?? '')).toEqual({ error: { code, title, message: expect.any(String) } });
    expect(body).not.toMatch(/secret name|10\.0\.0\.7/);
  });
});

describe('an administrator', () => {
  const admin: Principal = { username: 'admin', role: 'admin' };
  const limited: Principal = { ...admin, projectId: 'apps' };
  const guarded = identityEndpoint({
    authentication: administratorAuthentication({
      authenticator: () => ({
        callerOf: async (request) => {
          const token = request.header('x-auth-token') ?? '';
          const known = { all: admin, apps: limited, eye: { username: 'eye', role: 'viewer' } as const };
          const [, principal] = Object.entries(known).find(([name]) => name === token) ?? [];
          if (principal === undefined) {
            throw new DomainError('TOKEN_INVALID');
          }
          return { principal };
        },
      }),
      passwords: () => ({
        authenticate: async ({ username, password }) =>
          username === 'admin' && password === 'p:w' ? admin : undefined,
      }),
    }),
    schema: z.object({}),
    input: () => ({}),
    handle: async () => ({ status: 204 }),
  });
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });

  test.each<[string, Record<string, string>, number]>([
    ['by password', basic('admin:p:w'), 204],
    ['with a wrong password', basic('admin:x'), 401],
    ['with a password that cannot be read', { authorization: 'Basic !' }, 401],
    ['by token', { 'x-auth-token': 'all' }, 204],
    ['by an unknown token, whatever the password', { 'x-auth-token': 'x', ...basic('admin:p:w') }, 401],
    ['of one project', { 'x-auth-token': 'apps' }, 403],
    ['who is none', { 'x-auth-token': 'eye' }, 403],
    ['without anything', {}, 401],
  ])('%s', async (_name, headers, status) => {
    expect((await answerOf(guarded, { headers })).statusCode).toBe(status);
  });
});

describe('requests', () => {
  const user = { name: 'admin', password: 'secret' };
  const sign = (identity: unknown, scope?: unknown) => tokenRequest.safeParse({ auth: { identity, scope } });
  const identity = { methods: ['password'], password: { user } };

  test.each([
    [undefined, undefined],
    [null, undefined],
    [{ domain: { name: 'd' } }, undefined],
    [{ project: { id: 'p' } }, 'p'],
    [{ project: { name: 'apps' } }, 'apps'],
    [{ project: { id: '', name: 'apps' } }, 'apps'],
    [{ project: {} }, undefined],
  ])('sign in for the scope %j', (scope, project) => {
    expect(sign(identity, scope).data).toEqual({
      username: 'admin',
      password: 'secret',
      domain: undefined,
      project,
    });
  });

  test.each([
    { methods: ['token'], password: { user } },
    { methods: ['password'] },
    { methods: ['password'], password: { user: { name: 'admin' } } },
    { methods: ['password'], password: { user: { ...user, name: 'x'.repeat(257) } } },
  ])('that do not sign in with a password are none: %#', (bad) => {
    expect(sign(bad).success).toBe(false);
  });

  test('for an access key name its principal', () => {
    expect(accessKeyRequest.parse({ credential: { user_id: 'ops', description: null } })).toEqual({
      username: 'ops',
      description: '',
    });
    expect(accessKeyRequest.safeParse({ credential: { user_id: '' } }).success).toBe(false);
  });

  test('hold a JSON object', () => {
    expect(jsonOf({ bytes: () => Buffer.from('{"a":1}') })).toEqual({ a: 1 });
    expect(() => jsonOf({ bytes: () => Buffer.from('[]') })).toThrow(
      new DomainError('REQUEST_CONTENT_INVALID'),
    );
  });
});
