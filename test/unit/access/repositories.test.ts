import { DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import {
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
} from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, test } from 'vitest';
import { accessKeyRepository } from '../../../functions/shared/access/access-key-repository.ts';
import { accessKeyAnswer, tokenAnswer } from '../../../functions/shared/access/answers.ts';
import { kmsAccessKeySecrets } from '../../../functions/shared/access/kms-secrets.ts';
import { tokenRepository } from '../../../functions/shared/access/token-repository.ts';
import { dynamoDb, kms } from '../../../functions/shared/aws/clients.ts';

process.env['AWS_REGION'] = 'eu-central-1';
const dynamo = mockClient(DynamoDBDocumentClient);
const keyService = mockClient(KMSClient);
const table = { table: dynamoDb(), tableName: 'table' };
const tokens = tokenRepository(table);
const keys = accessKeyRepository(table);

beforeEach(() => {
  dynamo.reset();
  keyService.reset();
});

const token = {
  username: 'ops',
  project: 'apps',
  issuedDate: '2026-11-22T00:48:00.250Z',
  expiresDate: '2026-11-23T00:48:00.250Z',
};
const key = {
  accessKey: 'AK',
  username: 'ops',
  encryptedSecret: 'c2VjcmV0',
  description: 'ci',
  createdDate: '2026-11-22T00:48:00.000Z',
};

describe('a token', () => {
  test('has a partition of its own, and goes when it has expired', async () => {
    dynamo.on(PutCommand).resolves({});
    await tokens.put('d1', token);
    const item = dynamo.commandCalls(PutCommand)[0]?.args[0].input.Item;
    const expiresAt = Date.parse('2026-11-23T00:48:01Z') / 1_000;
    expect(item).toEqual({ pk: 'TOKEN#d1', sk: 'TOKEN', ...token, expiresAt });
    dynamo
      .on(GetCommand, { Key: { pk: 'TOKEN#d1', sk: 'TOKEN' }, ConsistentRead: true })
      .resolves({ Item: item ?? {} });
    expect(await tokens.get('d1')).toEqual(token);
  });

  test('that was not issued is none', async () => {
    dynamo.on(GetCommand).resolves({});
    expect(await tokens.get('d2')).toBeUndefined();
  });

  test('is answered as this field’s clients know it', () => {
    const principal = { username: 'ops', role: 'operator' } as const;
    expect(tokenAnswer({ stored: token, principal, domain: undefined })).toEqual({
      token: {
        issued_at: '2026-11-22T00:48:00.250000Z',
        expires_at: '2026-11-23T00:48:00.250000Z',
        methods: ['password'],
        user: { id: 'ops', name: 'ops', domain: { id: 'default', name: 'default' } },
        roles: [{ id: 'operator', name: 'operator' }],
        project: { id: 'apps', name: 'apps', domain: { id: 'default', name: 'default' } },
      },
    });
  });
});

describe('an access key', () => {
  test('is stored once, and read back', async () => {
    dynamo.on(PutCommand).resolves({});
    await keys.put(key);
    expect(dynamo.commandCalls(PutCommand)[0]?.args[0].input).toMatchObject({
      Item: { pk: 'ACCESS_KEY', sk: 'AK', ...key },
      ConditionExpression: 'attribute_not_exists(pk)',
    });
    dynamo
      .on(GetCommand, { Key: { pk: 'ACCESS_KEY', sk: 'AK' }, ConsistentRead: true })
      .resolves({ Item: { pk: 'ACCESS_KEY', sk: 'AK', ...key } });
    expect(await keys.get('AK')).toEqual(key);
  });

  test('is listed with the others, on however many pages, or with those of its owner', async () => {
    const other = { ...key, accessKey: 'BK', username: 'admin' };
    dynamo
      .on(QueryCommand, { ExclusiveStartKey: undefined })
      .resolves({ Items: [key], LastEvaluatedKey: { pk: 'ACCESS_KEY', sk: 'AK' } })
      .on(QueryCommand, { ExclusiveStartKey: { pk: 'ACCESS_KEY', sk: 'AK' } })
      .resolves({ Items: [other] });
    expect(await keys.list()).toEqual([key, other]);
    expect(await keys.list('admin')).toEqual([other]);
    expect(await keys.list('nobody')).toEqual([]);
  });

  test('is deleted, if it is there', async () => {
    dynamo.on(DeleteCommand).resolvesOnce({ Attributes: key }).resolves({});
    expect(await keys.delete('AK')).toBe(true);
    expect(await keys.delete('AK')).toBe(false);
  });

  test('is answered without its secret', () => {
    expect(accessKeyAnswer(key)).toEqual({
      access: 'AK',
      user_id: 'ops',
      description: 'ci',
      status: 'active',
      create_time: '2026-11-22T00:48:00.000000Z',
    });
  });

  test('has its secret encrypted for it alone', async () => {
    const secrets = kmsAccessKeySecrets({ kms: kms(), keyId: 'key' });
    keyService.on(EncryptCommand).resolves({ CiphertextBlob: Buffer.from('sealed') });
    keyService.on(DecryptCommand).resolves({ Plaintext: Buffer.from('SK') });
    const encryptedSecret = await secrets.encrypt({ accessKey: 'AK', secret: 'SK' });
    expect(encryptedSecret).toBe(Buffer.from('sealed').toString('base64'));
    expect(await secrets.decrypt({ accessKey: 'AK', encryptedSecret })).toBe('SK');
    const contexts = keyService.calls().map(({ args }) => args[0].input);
    expect(contexts).toEqual([
      { KeyId: 'key', Plaintext: Buffer.from('SK'), EncryptionContext: { accessKey: 'AK' } },
      { KeyId: 'key', CiphertextBlob: Buffer.from('sealed'), EncryptionContext: { accessKey: 'AK' } },
    ]);
  });
});
