import { createServer, type Server } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { guardedFetch } from '../../../functions/shared/access/guarded-fetch.ts';
import { isJwt, type OidcVerifier, oidcVerifier } from '../../../functions/shared/access/oidc.ts';

const NOW = new Date('2026-11-22T00:48:00Z');
const seconds = (offset: number) => Math.floor(NOW.getTime() / 1_000) + offset;

type Key = Awaited<ReturnType<typeof generateKeyPair>>;

let server: Server;
let issuer: string;
let own: Key;
let stranger: Key;
let asked: string[];
let served: { keys: unknown; status: number; issuer: string };
let verifier: OidcVerifier;

/** An issuer of OpenID Connect on loopback. */
beforeAll(async () => {
  [own, stranger] = [await generateKeyPair('RS256'), await generateKeyPair('RS256')];
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const isKeys = request.url === '/realm/keys';
    const discovery = { issuer: served.issuer, jwks_uri: `${issuer}/keys` };
    response.writeHead(served.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isKeys ? { keys: served.keys } : discovery));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  issuer = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/realm`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(async () => {
  asked = [];
  served = {
    keys: [{ ...(await exportJWK(own.publicKey)), kid: 'k1', use: 'sig' }],
    status: 200,
    issuer,
  };
  verifier = newVerifier(true);
});

function newVerifier(allowPrivate: boolean): OidcVerifier {
  const fetch = guardedFetch({ allowPrivate });
  return oidcVerifier({ issuer, audience: 'logferry', rolesClaim: 'groups', fetch, clock: () => NOW });
}

function token(
  claims: Readonly<Record<string, unknown>> = {},
  signer: Key = own,
  kid = 'k1',
): Promise<string> {
  const payload = {
    iss: issuer,
    aud: 'logferry',
    sub: 'jane',
    exp: seconds(300),
    groups: ['operator'],
    ...claims,
  };
  return new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid }).sign(signer.privateKey);
}

describe('a token of the issuer', () => {
  test('signs in whom it names, until it expires', async () => {
    expect(await verifier.verify(await token())).toEqual({
      principal: { username: 'jane', role: 'operator' },
      until: new Date(seconds(300) * 1_000),
    });
  });

  test.each([
    [['staff', 'viewer', 'admin'], 'admin'],
    ['viewer', 'viewer'],
  ])('with the roles %j may do what the first of them may', async (groups, role) => {
    expect((await verifier.verify(await token({ groups })))?.principal.role).toBe(role);
  });

  test('has the issuer asked once, and for its keys', async () => {
    for (let times = 0; times < 3; times += 1) {
      await verifier.verify(await token());
    }
    expect(asked).toEqual(['/realm/.well-known/openid-configuration', '/realm/keys']);
  });
});

describe('a token that does not count', () => {
  test.each<[string, () => Promise<string>]>([
    ['for another audience', () => token({ aud: 'other' })],
    ['that has expired', () => token({ exp: seconds(-61) })],
    ['that is not yet valid', () => token({ nbf: seconds(61) })],
    ['that never expires', () => token({ exp: undefined })],
    ['of nobody', () => token({ sub: undefined })],
    ['without a role', () => token({ groups: ['staff'] })],
    ['without the claim', () => token({ groups: undefined })],
    ['signed by another', () => token({}, stranger)],
    ['with a key that the issuer has not', () => token({}, stranger, 'k2')],
    [
      'that was changed',
      async () => (await token()).replace(/\.[^.]+\./, `.${Buffer.from('{"iss":1}').toString('base64url')}.`),
    ],
  ])('%s', async (_name, made) => {
    expect(await verifier.verify(await made())).toBeUndefined();
  });

  test('signed with the public key as a secret', async () => {
    const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(own.publicKey)));
    const payload = { iss: issuer, aud: 'logferry', sub: 'jane', exp: seconds(300), groups: ['admin'] };
    const forged = await new SignJWT(payload).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(secret);
    expect(await verifier.verify(forged)).toBeUndefined();
  });

  test('of another issuer, of which nobody is asked', async () => {
    expect(await verifier.verify(await token({ iss: 'https://elsewhere.example' }))).toBeUndefined();
    expect(asked).toEqual([]);
  });
});

describe('an issuer', () => {
  test('that fails is a fault, not a refusal, and is asked again', async () => {
    served.status = 503;
    await expect(verifier.verify(await token())).rejects.toThrow('The OIDC issuer answered 503');
    served.status = 200;
    expect(await verifier.verify(await token())).toBeDefined();
  });

  test('that redirects is not followed', async () => {
    served.status = 302;
    await expect(verifier.verify(await token())).rejects.toThrow('302');
  });

  test('that calls itself by another name is none', async () => {
    served.issuer = 'https://elsewhere.example';
    await expect(verifier.verify(await token())).rejects.toThrow('another name');
  });

  test('in a range that the deployment does not permit is not reached', async () => {
    await expect(newVerifier(false).verify(await token())).rejects.toThrow('not permitted');
    expect(asked).toEqual([]);
  });
});

test.each([
  ['eyJh.eyJz.c2ln', true],
  ['eyJh.eyJz', false],
  ['abc.def.ghi', false],
  ['lkjhgfdsa', false],
  ['', false],
])('%j has the form of a JWT: %s', (text, expected) => {
  expect(isJwt(text)).toBe(expected);
});
