import { beforeEach, describe, expect, test } from 'vitest';
import type { StoredAccessKey } from '../../../functions/shared/access/access-key.ts';
import { createAccessKey, MAX_KEYS_OF_PRINCIPAL } from '../../../functions/shared/access/access-key.ts';
import { callerAuthenticator } from '../../../functions/shared/access/caller.ts';
import type { OidcVerifier } from '../../../functions/shared/access/oidc.ts';
import { issueToken, type StoredToken, tokenDigest } from '../../../functions/shared/access/token.ts';
import { httpRequestOf } from '../../../functions/shared/http/request.ts';
import type { StoredPrincipal } from '../../../functions/shared/principal/principal.ts';
import { type ApiRequest, apiEvent } from '../../support/api.ts';
import { CAPTURED, signedRequests } from './signed-requests.ts';

const [SIGNED] = signedRequests();
const MINUTE = 60_000;

let now: number;
let principals: Map<string, StoredPrincipal>;
let tokens: Map<string, StoredToken>;
let keys: Map<string, StoredAccessKey>;
let reads: string[];

const clock = () => new Date(now);
const repositories = {
  principals: { get: async (name: string) => principals.get(name) },
  tokens: {
    get: async (digest: string) => {
      reads.push('token');
      return tokens.get(digest);
    },
    put: async (digest: string, token: StoredToken) => {
      tokens.set(digest, token);
    },
  },
  keys: {
    get: async (key: string) => {
      reads.push('key');
      return keys.get(key);
    },
    put: async (key: StoredAccessKey) => {
      keys.set(key.accessKey, key);
    },
    list: async (name?: string) => [...keys.values()].filter(({ username }) => username === name),
  },
  secrets: {
    encrypt: async ({ accessKey, secret }: { accessKey: string; secret: string }) => `${accessKey}:${secret}`,
    decrypt: async ({ accessKey, encryptedSecret }: { accessKey: string; encryptedSecret: string }) =>
      encryptedSecret.slice(accessKey.length + 1),
  },
};

beforeEach(() => {
  now = CAPTURED.at.getTime();
  principals = new Map([['ops', { username: 'ops', role: 'operator', passwordHash: 'x' }]]);
  tokens = new Map();
  keys = new Map();
  reads = [];
});

function authenticator(options: { oidc?: OidcVerifier; trustForwardedHost?: boolean } = {}) {
  return callerAuthenticator({
    oidc: undefined,
    trustForwardedHost: false,
    ...repositories,
    clock,
    ...options,
  });
}

const requestOf = (request: ApiRequest) => httpRequestOf(apiEvent(request));
const withToken = (token: string) => requestOf({ headers: { 'X-Auth-Token': token } });
const ops = { username: 'ops', role: 'operator' };

async function issue(project?: string): Promise<string> {
  const principal = { username: 'ops', role: 'operator' } as const;
  return (await issueToken({ principal, project, tokens: repositories.tokens, clock })).token;
}

describe('a token', () => {
  test('is known for a day, with the project that it is for, and stored by its digest alone', async () => {
    const token = await issue('apps');
    expect([...tokens.keys()]).toEqual([tokenDigest(token)]);
    expect(JSON.stringify([...tokens])).not.toContain(token);
    expect(await authenticator().callerOf(withToken(token))).toEqual({ principal: ops, project: 'apps' });
    now += 24 * 60 * MINUTE - 1;
    expect(await authenticator().callerOf(withToken(token))).toMatchObject({ principal: ops });
    now += 1;
    await expect(authenticator().callerOf(withToken(token))).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  test('is remembered for under a minute, and never longer than it lasts', async () => {
    const callers = authenticator();
    const token = await issue();
    await callers.callerOf(withToken(token));
    tokens.clear();
    now += 49_000;
    await callers.callerOf(withToken(token));
    expect(reads).toHaveLength(1);
    now += 2_000;
    await expect(callers.callerOf(withToken(token))).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
    const last = await issue();
    now += 24 * 60 * MINUTE - 10_000;
    await callers.callerOf(withToken(last));
    now += 10_000;
    await expect(callers.callerOf(withToken(last))).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  test('goes with its principal', async () => {
    const token = await issue();
    principals.set('ops', { username: 'ops', role: 'viewer', projectId: 'apps', passwordHash: 'x' });
    expect((await authenticator().callerOf(withToken(token))).principal).toEqual({
      username: 'ops',
      role: 'viewer',
      projectId: 'apps',
    });
    principals.clear();
    await expect(authenticator().callerOf(withToken(token))).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  test('is not that of a later principal of the same name', async () => {
    const token = await issue();
    const successor = { username: 'ops', role: 'admin', passwordHash: 'y' } as const;
    principals.set('ops', { ...successor, createdDate: clock().toISOString() });
    expect(await authenticator().callerOf(withToken(token))).toMatchObject({ principal: { role: 'admin' } });
    principals.set('ops', { ...successor, createdDate: new Date(now + 1).toISOString() });
    await expect(authenticator().callerOf(withToken(token))).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  test.each(['unknown', 'a'.repeat(20_000), 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.AAAA'])(
    'that nobody was given is none',
    async (token) => {
      await expect(authenticator().callerOf(withToken(token))).rejects.toMatchObject({
        code: 'TOKEN_INVALID',
      });
    },
  );

  test.each([{}, { authorization: 'Basic b3BzOng=' }, { 'x-auth-token': '' }])(
    'must be there: %j',
    async (headers) => {
      await expect(authenticator().callerOf(requestOf({ headers }))).rejects.toMatchObject({
        code: 'TOKEN_INVALID',
      });
    },
  );

  test('of the configured issuer is asked of it, and of nobody else', async () => {
    const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.c2lnbmVk';
    const jane = { username: 'jane', role: 'viewer' } as const;
    const oidc: OidcVerifier = {
      verify: async (token) =>
        token === jwt ? { principal: jane, until: new Date(now + 10_000) } : undefined,
    };
    const callers = authenticator({ oidc });
    expect(await callers.callerOf(withToken(jwt))).toEqual({ principal: jane });
    expect(reads).toEqual([]);
    await expect(callers.callerOf(withToken(`${jwt}x`))).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });
});

describe('a signed request', () => {
  const request = (headers: Record<string, string> = {}) =>
    requestOf({ ...SIGNED, headers: { ...SIGNED?.headers, ...headers } });
  const addKey = (username = 'ops', secret: string = CAPTURED.secret) =>
    keys.set('AK', {
      accessKey: 'AK',
      username,
      encryptedSecret: `AK:${secret}`,
      description: '',
      createdDate: clock().toISOString(),
    });
  const refused = { code: 'SIGNATURE_INVALID' };

  test('is its key’s owner’s', async () => {
    addKey();
    expect(await authenticator().callerOf(request())).toEqual({ principal: ops });
  });

  test.each([15 * MINUTE, -15 * MINUTE])(
    'counts when the clocks are %i ms apart, and not at more',
    async (apart) => {
      addKey();
      now += apart;
      expect(await authenticator().callerOf(request())).toEqual({ principal: ops });
      now += Math.sign(apart) * 1_000;
      await expect(authenticator().callerOf(request())).rejects.toMatchObject(refused);
    },
  );

  test('with an unknown key, another secret, or nobody behind its key is refused', async () => {
    await expect(authenticator().callerOf(request())).rejects.toMatchObject(refused);
    addKey('ghost');
    await expect(authenticator().callerOf(request())).rejects.toMatchObject(refused);
    addKey();
    addKey('ops', 'another');
    await expect(authenticator().callerOf(request())).rejects.toMatchObject(refused);
    await expect(
      authenticator().callerOf(request({ Authorization: 'SDK-HMAC-SHA256 Access=AK' })),
    ).rejects.toMatchObject(refused);
  });

  test('with the key of an earlier principal of the same name is refused', async () => {
    addKey();
    const createdDate = new Date(now + 1).toISOString();
    principals.set('ops', { username: 'ops', role: 'admin', passwordHash: 'y', createdDate });
    await expect(authenticator().callerOf(request())).rejects.toMatchObject(refused);
  });

  test('was signed for the host that a trusted proxy says was called', async () => {
    addKey();
    const behind = request({ Host: 'api.internal', 'X-Forwarded-Host': '127.0.0.1:18999' });
    expect(await authenticator({ trustForwardedHost: true }).callerOf(behind)).toEqual({ principal: ops });
    await expect(authenticator().callerOf(behind)).rejects.toMatchObject(refused);
    const direct = request({ 'X-Forwarded-Host': 'elsewhere' });
    expect(await authenticator().callerOf(direct)).toEqual({ principal: ops });
  });

  test('has its secret decrypted once in a while only', async () => {
    addKey();
    const callers = authenticator();
    await callers.callerOf(request());
    await callers.callerOf(request());
    expect(reads).toEqual(['key']);
    keys.clear();
    now += 51_000;
    await expect(callers.callerOf(request())).rejects.toMatchObject(refused);
  });
});

describe('an access key', () => {
  const create = (username = 'ops') =>
    createAccessKey({ username, description: 'ci', ...repositories, clock });

  test('is made with a secret that is stored encrypted, bound to it', async () => {
    const { key, secret } = await create();
    expect(key.accessKey).toMatch(/^[A-Z2-9]{20}$/);
    expect(secret).toMatch(/^[\w-]{40}$/);
    expect(keys.get(key.accessKey)).toEqual({
      accessKey: key.accessKey,
      username: 'ops',
      encryptedSecret: `${key.accessKey}:${secret}`,
      description: 'ci',
      createdDate: clock().toISOString(),
    });
    expect((await create()).key.accessKey).not.toBe(key.accessKey);
  });

  test('is for a principal, who has so many at most', async () => {
    await expect(create('ghost')).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    for (let made = 0; made < MAX_KEYS_OF_PRINCIPAL; made += 1) {
      await create();
    }
    await expect(create()).rejects.toMatchObject({ code: 'PARAMETER_INVALID' });
  });
});
