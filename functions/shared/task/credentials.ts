import type { KMSClient } from '@aws-sdk/client-kms';
import { kmsCipher } from '../aws/kms-cipher.ts';

/** Keeps the passwords of remotes: encrypted under a key that no function holds, and bound to one task. */
export interface RemoteCredentials {
  /** The password as KMS ciphertext in base64; it can only be decrypted again for the same task. */
  encrypt(options: { readonly taskKey: string; readonly password: string }): Promise<string>;
  /** @throws Error when the ciphertext was made for another task, or under another key. */
  decrypt(options: { readonly taskKey: string; readonly encryptedPassword: string }): Promise<string>;
}

/** RemoteCredentials over KMS, with the task key as encryption context: a ciphertext copied to another task is void. */
export function kmsCredentials(options: {
  readonly kms: KMSClient;
  readonly keyId: string;
}): RemoteCredentials {
  const cipher = kmsCipher(options);
  return {
    encrypt: ({ taskKey, password }) => cipher.encrypt(password, { taskKey }),
    decrypt: ({ taskKey, encryptedPassword }) => cipher.decrypt(encryptedPassword, { taskKey }),
  };
}
