import { beforeEach, describe, expect, test, vi } from 'vitest';
import { createAuthenticator } from '../../../functions/shared/principal/authenticator.ts';
import {
  hashPassword,
  UNMATCHABLE_HASH,
  verifyPassword,
} from '../../../functions/shared/principal/password.ts';
import { permits, ROLES, type StoredPrincipal } from '../../../functions/shared/principal/principal.ts';

vi.mock('../../../functions/shared/principal/password.ts', { spy: true });

/** Hashing is slow by purpose, under a busy machine more so. */
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const START = Date.parse('2026-11-22T01:00:00Z');
const stored = new Map<string, StoredPrincipal>();
let now: Date;
let reads: string[];

const passwordHash = await hashPassword('pass:word');

beforeEach(() => {
  vi.clearAllMocks();
  now = new Date(START);
  reads = [];
  stored.clear();
  stored.set('admin', { username: 'admin', role: 'admin', passwordHash });
});

function authenticator() {
  return createAuthenticator({
    principals: {
      get: async (username) => {
        reads.push(username);
        return stored.get(username);
      },
    },
    clock: () => now,
  });
}

const right = { username: 'admin', password: 'pass:word' };

describe('authenticate', () => {
  test('knows user and password together', async () => {
    const { authenticate } = authenticator();
    expect(await authenticate(right)).toEqual({ username: 'admin', role: 'admin' });
    expect(await authenticate({ ...right, password: 'pass' })).toBeUndefined();
    expect(await authenticate({ ...right, username: 'ghost' })).toBeUndefined();
    expect(await authenticate({ username: 'admin:pass', password: 'word' })).toBeUndefined();
  });

  test('an unknown user costs the work of a known one', async () => {
    await authenticator().authenticate({ username: 'ghost', password: 'word' });
    expect(verifyPassword).toHaveBeenCalledExactlyOnceWith('word', UNMATCHABLE_HASH);
    const costOf = (hash: string) => hash.split('$')[2];
    expect(costOf(UNMATCHABLE_HASH)).toBe(costOf(passwordHash));
  });

  test('a success is remembered for under a minute', async () => {
    const { authenticate } = authenticator();
    await authenticate(right);
    now = new Date(START + 49_999);
    await authenticate(right);
    expect(reads).toEqual(['admin']);
    now = new Date(START + 60_000);
    stored.clear();
    expect(await authenticate(right)).toBeUndefined();
    expect(reads).toEqual(['admin', 'admin']);
  });

  test('a failure is not', async () => {
    const { authenticate } = authenticator();
    const wrong = { ...right, password: 'new' };
    expect(await authenticate(wrong)).toBeUndefined();
    stored.set('admin', { username: 'admin', role: 'viewer', passwordHash: await hashPassword('new') });
    expect(await authenticate(wrong)).toEqual({ username: 'admin', role: 'viewer' });
  });

  test('a remembered success does not let another password in', async () => {
    const { authenticate } = authenticator();
    await authenticate(right);
    expect(await authenticate({ ...right, password: '' })).toBeUndefined();
    expect(await authenticate({ ...right, password: 'pass:word ' })).toBeUndefined();
  });
});

describe('roles', () => {
  test('each permits itself and what stands below it', () => {
    const permitted = ROLES.flatMap((role) =>
      ROLES.filter((required) => permits({ username: 'u', role }, required)).map(
        (required) => `${role}>${required}`,
      ),
    );
    expect(permitted).toEqual([
      'admin>admin',
      'admin>operator',
      'admin>viewer',
      'operator>operator',
      'operator>viewer',
      'viewer>viewer',
    ]);
  });
});
