import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import {
  hashPassword,
  UNMATCHABLE_HASH,
  verifyPassword,
} from '../../../functions/shared/principal/password.ts';

/** Hashing is slow by purpose, under a busy machine more so. */
vi.setConfig({ testTimeout: 30_000 });

describe('a hash', () => {
  test('names its parameters, its salt and nothing of the password', async () => {
    const hash = await hashPassword('correct horse');
    expect(hash).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await hashPassword('correct horse')).not.toBe(hash);
  });

  test('matches its password and no other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.string(), async (password, other) => {
        const hash = await hashPassword(password);
        expect(await verifyPassword(password, hash)).toBe(true);
        expect(await verifyPassword(other, hash)).toBe(other === password);
      }),
      { numRuns: 3 },
    );
  });

  test('is checked under the parameters stored with it', async () => {
    // Test vector of RFC 7914, section 12: scrypt("password", "NaCl", N=1024, r=8, p=16, dkLen=64).
    const key = Buffer.from(
      'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
      'hex',
    );
    const text = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
    const hash = `$scrypt$ln=10,r=8,p=16$${text(Buffer.from('NaCl'))}$${text(key)}`;
    expect(await verifyPassword('password', hash)).toBe(true);
    expect(await verifyPassword('Password', hash)).toBe(false);
  });

  test.each(['', 'password', '$argon2id$v=19$m=1,t=1,p=1$c2FsdA$a2V5', '$scrypt$ln=30,r=8,p=1$c2FsdA$a2V5'])(
    '%s is refused, not matched',
    async (text) => {
      await expect(verifyPassword('password', text)).rejects.toThrow('no scrypt hash');
    },
  );

  test('that nobody has matches nobody', async () => {
    expect(await verifyPassword('', UNMATCHABLE_HASH)).toBe(false);
  });
});
