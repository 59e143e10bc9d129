import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  establishFirstAdmin,
  type FirstAdminSecret,
  readFirstAdminSecret,
} from '../../../functions/shared/principal/first-admin.ts';
import type { StoredPrincipal } from '../../../functions/shared/principal/principal.ts';

const SECRET: FirstAdminSecret = { username: 'admin', password: 'first', versionId: 'v1' };

describe('establishFirstAdmin', () => {
  let stored: Map<string, StoredPrincipal>;
  let secret: FirstAdminSecret;

  beforeEach(() => {
    stored = new Map();
    secret = SECRET;
  });

  function establish(type: 'Create' | 'Update' | 'Delete', physicalResourceId?: string): Promise<string> {
    return establishFirstAdmin(
      { type, physicalResourceId },
      {
        principals: {
          get: async (username) => stored.get(username),
          put: async (principal) => {
            stored.set(principal.username, principal);
          },
        },
        secret: async () => secret,
        hashPassword: async (password) => `hash of ${password}`,
      },
    );
  }

  it('makes the administrator', async () => {
    expect(await establish('Create')).toBe('admin@v1');
    expect([...stored.values()]).toEqual([
      { username: 'admin', role: 'admin', passwordHash: 'hash of first' },
    ]);
  });

  it('leaves a changed password while the secret is the same', async () => {
    const id = await establish('Create');
    const changed = { username: 'admin', role: 'admin', passwordHash: 'hash of another' } as const;
    stored.set('admin', changed);
    expect(await establish('Update', id)).toBe(id);
    expect(stored.get('admin')).toEqual(changed);
  });

  it('sets the password when the secret has changed', async () => {
    const id = await establish('Create');
    secret = { ...SECRET, password: 'second', versionId: 'v2' };
    expect(await establish('Update', id)).toBe('admin@v2');
    expect(stored.get('admin')?.passwordHash).toBe('hash of second');
  });

  it('makes the administrator again when the table has lost it', async () => {
    const id = await establish('Create');
    stored.clear();
    expect(await establish('Update', id)).toBe(id);
    expect(stored.has('admin')).toBe(true);
  });

  it('leaves the administrator at deletion, without reading the secret', async () => {
    const id = await establish('Create');
    secret = { ...SECRET, username: '' };
    expect(await establish('Delete', id)).toBe(id);
    expect(stored.has('admin')).toBe(true);
  });
});

describe('readFirstAdminSecret', () => {
  const secrets = mockClient(SecretsManagerClient);
  beforeEach(() => secrets.reset());

  const read = (text: string | undefined): Promise<FirstAdminSecret> => {
    secrets
      .on(GetSecretValueCommand, { SecretId: 'admin-secret' })
      .resolves({ VersionId: 'v1', ...(text === undefined ? {} : { SecretString: text }) });
    return readFirstAdminSecret({ secrets: new SecretsManagerClient({}), secretId: 'admin-secret' });
  };

  it('reads user name, password and version', async () => {
    expect(await read('{"username":"admin","password":"first"}')).toEqual(SECRET);
  });

  it.each([
    undefined,
    'hunter2',
    '{"username":"admin"}',
    '{"username":"a:b","password":"hunter2"}',
    '{"username":"admin","password":""}',
  ])('refuses %j without repeating it', async (text) => {
    const error: unknown = await read(text).catch((thrown: unknown) => thrown);
    expect(String(error)).toBe(
      'Error: The secret of the first administrator is not {"username", "password"}',
    );
    expect(error).not.toHaveProperty('cause');
  });
});
