import { DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { mockClient } from 'aws-sdk-client-mock';
import { expect, test } from 'vitest';
import { kmsCredentials } from '../../../functions/shared/task/credentials.ts';

test('a password is encrypted for its task and decrypted for it alone', async () => {
  const kms = new KMSClient({ region: 'eu-central-1' });
  const mock = mockClient(kms);
  const credentials = kmsCredentials({ kms, keyId: 'key-1' });
  const context = { KeyId: 'key-1', EncryptionContext: { taskKey: 'task-1' } };
  mock
    .on(EncryptCommand, { ...context, Plaintext: Buffer.from('pässword') })
    .resolves({ CiphertextBlob: Uint8Array.from([1, 2, 255]) });
  mock
    .on(DecryptCommand, { ...context, CiphertextBlob: Buffer.from([1, 2, 255]) })
    .resolves({ Plaintext: Buffer.from('pässword') });

  const encryptedPassword = await credentials.encrypt({ taskKey: 'task-1', password: 'pässword' });
  expect(encryptedPassword).toBe('AQL/');
  expect(await credentials.decrypt({ taskKey: 'task-1', encryptedPassword })).toBe('pässword');
  await expect(credentials.decrypt({ taskKey: 'task-2', encryptedPassword })).rejects.toThrow();
});
