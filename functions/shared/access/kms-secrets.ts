import type { KMSClient } from '@aws-sdk/client-kms';
import { kmsCipher } from '../aws/kms-cipher.ts';
import type { AccessKeySecrets } from './access-key.ts';

/** AccessKeySecrets over KMS, with the access key as encryption context: a secret copied to another key is void. */
export function kmsAccessKeySecrets(options: {
  readonly kms: KMSClient;
  readonly keyId: string;
}): AccessKeySecrets {
  const cipher = kmsCipher(options);
  return {
    encrypt: ({ accessKey, secret }) => cipher.encrypt(secret, { accessKey }),
    decrypt: ({ accessKey, encryptedSecret }) => cipher.decrypt(encryptedSecret, { accessKey }),
  };
}
