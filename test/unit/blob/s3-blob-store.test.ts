import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  GetObjectCommand,
  HeadObjectCommand,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { BlobNotFoundError } from '../../../functions/shared/blob/blob-store.ts';
import { s3BlobStore } from '../../../functions/shared/blob/s3-blob-store.ts';

const CONTENT = Buffer.from('a crate of apples');
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

const s3 = mockClient(S3Client);
const store = s3BlobStore({ s3: new S3Client({ region: 'eu-central-1' }), bucket: 'blobs' });

const missing = { message: 'missing', $metadata: { httpStatusCode: 404 } };

beforeEach(() => s3.reset());

/** A body as the SDK gives it: a stream with its three ways to be read. */
function bodyOf(content: Buffer) {
  return Object.assign(Readable.from([content]), {
    transformToByteArray: async () => new Uint8Array(content),
    transformToString: async () => content.toString(),
    transformToWebStream: () => new Blob([new Uint8Array(content)]).stream(),
  });
}

describe('opening a blob', () => {
  it('streams the object of that key, with its length', async () => {
    s3.on(GetObjectCommand, { Bucket: 'blobs', Key: SHA256 }).resolves({
      Body: bodyOf(CONTENT),
      ContentLength: CONTENT.length,
    });
    const { size, stream } = await store.open(SHA256);
    expect(size).toBe(CONTENT.length);
    expect(await buffer(stream)).toEqual(CONTENT);
  });

  it('asks for the range that it is asked for', async () => {
    s3.on(GetObjectCommand).resolves({
      Body: bodyOf(CONTENT.subarray(2, 5)),
      ContentLength: 3,
    });
    const { size } = await store.open(SHA256, { range: { start: 2, end: 4 } });
    expect(size).toBe(3);
    expect(s3.commandCalls(GetObjectCommand)[0]?.args[0].input.Range).toBe('bytes=2-4');
  });

  it('tells what is missing apart from what failed', async () => {
    const refused = new S3ServiceException({
      name: 'AccessDenied',
      $fault: 'client',
      $metadata: { httpStatusCode: 403 },
    });
    s3.on(GetObjectCommand).rejectsOnce(new NoSuchKey(missing)).rejectsOnce(refused);
    await expect(store.open(SHA256)).rejects.toBeInstanceOf(BlobNotFoundError);
    await expect(store.open(SHA256)).rejects.toBe(refused);
  });
});

describe('asking for a blob', () => {
  it('answers by the key', async () => {
    s3.on(HeadObjectCommand).resolvesOnce({ ContentLength: 0 }).rejectsOnce(new NotFound(missing));
    expect(await store.exists(SHA256)).toBe(true);
    expect(await store.exists(SHA256)).toBe(false);
  });
});

describe('putting a blob', () => {
  it('writes what is not there, with the checksum that S3 compares', async () => {
    s3.on(HeadObjectCommand).rejects(new NotFound(missing));
    s3.on(PutObjectCommand).resolves({});
    await store.put({ sha256: SHA256, content: CONTENT });
    expect(s3.commandCalls(PutObjectCommand)[0]?.args[0].input).toMatchObject({
      Bucket: 'blobs',
      Key: SHA256,
      Body: CONTENT,
      ChecksumSHA256: createHash('sha256').update(CONTENT).digest('base64'),
    });
  });

  it('leaves what is there, unless its size shows that it is something else', async () => {
    s3.on(PutObjectCommand).resolves({});
    s3.on(HeadObjectCommand)
      .resolvesOnce({ ContentLength: CONTENT.length })
      .resolvesOnce({ ContentLength: CONTENT.length - 1 });
    await store.put({ sha256: SHA256, content: CONTENT });
    expect(s3.commandCalls(PutObjectCommand)).toHaveLength(0);
    await store.put({ sha256: SHA256, content: CONTENT });
    expect(s3.commandCalls(PutObjectCommand)).toHaveLength(1);
  });
});
