import { DecryptCommand, EncryptCommand, type KMSClient } from '@aws-sdk/client-kms';

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
  const { kms, keyId } = options;
  return {
    async encrypt({ taskKey, password }) {
      const { CiphertextBlob } = await kms.send(
        new EncryptCommand({
          KeyId: keyId,
          Plaintext: Buffer.from(password, 'utf8'),
          EncryptionContext: { taskKey },
        }),
      );
      if (CiphertextBlob === undefined) {
        throw new Error('KMS has encrypted nothing');
      }
      return Buffer.from(CiphertextBlob).toString('base64');
    },

    async decrypt({ taskKey, encryptedPassword }) {
      const { Plaintext } = await kms.send(
        new DecryptCommand({
          KeyId: keyId,
          CiphertextBlob: Buffer.from(encryptedPassword, 'base64'),
          EncryptionContext: { taskKey },
        }),
      );
      if (Plaintext === undefined) {
        throw new Error('KMS has decrypted nothing');
      }
      return Buffer.from(Plaintext).toString('utf8');
    },
  };
}
