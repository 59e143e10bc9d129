import { DecryptCommand, EncryptCommand, type KMSClient } from '@aws-sdk/client-kms';

/** What a ciphertext is bound to: it can only be decrypted again under the same. */
export type EncryptionContext = Readonly<Record<string, string>>;

/** Short texts under a key of KMS; ciphertexts are base64. */
export interface KmsCipher {
  encrypt(plaintext: string, context: EncryptionContext): Promise<string>;
  /** @throws Error when the ciphertext was made under another context, or another key. */
  decrypt(ciphertext: string, context: EncryptionContext): Promise<string>;
}

export function kmsCipher(options: { readonly kms: KMSClient; readonly keyId: string }): KmsCipher {
  const { kms, keyId } = options;
  return {
    async encrypt(plaintext, context) {
      const { CiphertextBlob } = await kms.send(
        new EncryptCommand({
          KeyId: keyId,
          Plaintext: Buffer.from(plaintext, 'utf8'),
          EncryptionContext: { ...context },
        }),
      );
      if (CiphertextBlob === undefined) {
        throw new Error('KMS has encrypted nothing');
      }
      return Buffer.from(CiphertextBlob).toString('base64');
    },

    async decrypt(ciphertext, context) {
      const { Plaintext } = await kms.send(
        new DecryptCommand({
          KeyId: keyId,
          CiphertextBlob: Buffer.from(ciphertext, 'base64'),
          EncryptionContext: { ...context },
        }),
      );
      if (Plaintext === undefined) {
        throw new Error('KMS has decrypted nothing');
      }
      return Buffer.from(Plaintext).toString('utf8');
    },
  };
}
