import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import type { PrincipalRepository } from '../principal/repository.ts';

/** Keys that one principal may have at a time. */
export const MAX_KEYS_OF_PRINCIPAL = 10;
const SECRET_BYTES = 30;
/** Twenty letters and digits, as this field's access keys are. */
const KEY_LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const KEY_LENGTH = 20;

/**
 * An access key as it is stored. Whoever checks a signature needs the secret itself: it is KMS ciphertext in base64, bound to
 * its key by the encryption context `{accessKey}`.
 */
export const storedAccessKeySchema = z.object({
  accessKey: z.string(),
  username: z.string(),
  encryptedSecret: z.string(),
  description: z.string(),
  createdDate: z.iso.datetime(),
});
export type StoredAccessKey = z.output<typeof storedAccessKeySchema>;

/** Access keys in the one table. Reads are strongly consistent. */
export interface AccessKeyRepository {
  put(key: StoredAccessKey): Promise<void>;
  get(accessKey: string): Promise<StoredAccessKey | undefined>;
  /** All keys, or those of one principal. */
  list(username?: string): Promise<readonly StoredAccessKey[]>;
  /** @returns whether it was there. */
  delete(accessKey: string): Promise<boolean>;
}

/** Keeps the secrets of access keys. */
export interface AccessKeySecrets {
  encrypt(options: { readonly accessKey: string; readonly secret: string }): Promise<string>;
  /** @throws Error when the ciphertext was made for another access key. */
  decrypt(options: { readonly accessKey: string; readonly encryptedSecret: string }): Promise<string>;
}

/**
 * Make an access key for a principal; the secret is in the answer only.
 *
 * @throws DomainError RESOURCE_NOT_FOUND for an unknown principal; PARAMETER_INVALID `user_id` when it has as many as it may.
 */
export async function createAccessKey(options: {
  readonly username: string;
  readonly description: string;
  readonly principals: Pick<PrincipalRepository, 'get'>;
  readonly keys: Pick<AccessKeyRepository, 'put' | 'list'>;
  readonly secrets: Pick<AccessKeySecrets, 'encrypt'>;
  readonly clock: Clock;
}): Promise<{ readonly key: StoredAccessKey; readonly secret: string }> {
  const { username, description, principals, keys, secrets, clock } = options;
  if ((await principals.get(username)) === undefined) {
    throw new DomainError('RESOURCE_NOT_FOUND', [username]);
  }
  if ((await keys.list(username)).length >= MAX_KEYS_OF_PRINCIPAL) {
    throw new DomainError('PARAMETER_INVALID', ['user_id']);
  }
  const accessKey = [...randomBytes(KEY_LENGTH)]
    .map((byte) => KEY_LETTERS.charAt(byte % KEY_LETTERS.length))
    .join('');
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const key: StoredAccessKey = {
    accessKey,
    username,
    encryptedSecret: await secrets.encrypt({ accessKey, secret }),
    description,
    createdDate: clock().toISOString(),
  };
  await keys.put(key);
  return { key, secret };
}
