import { createHash, randomBytes } from 'node:crypto';
import { HeadObjectCommand, PutObjectCommand, S3ServiceException } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Stage } from '../../../bin/simulator/stage.ts';
import { type ApiAnswer, basic, callApi } from '../../support/api-client.ts';
import { multipartBody } from '../../support/multipart.ts';
import { connectStages } from '../../support/stages.ts';

let target: Stage;
let close: () => Promise<void>;
const repository = { projectId: `blobs_${randomBytes(4).toString('hex')}`, repoName: 'crates' };

beforeAll(async () => {
  const stages = await connectStages();
  target = stages.target;
  close = stages.close;
  const { projectId, repoName } = repository;
  await post('project/create', { name: projectId, displayName: projectId });
  await post('repo/create', { projectId, name: repoName, type: 'GENERIC', category: 'LOCAL' });
});
afterAll(() => close());

function authorized(): { readonly authorization: string } {
  const { username, password } = target.endpoints.admin;
  return basic(username, password);
}

function get(path: string): Promise<ApiAnswer> {
  return callApi(target.endpoints.apiUrl, { path: `/replication/replica/${path}`, headers: authorized() });
}

function post(path: string, body: unknown): Promise<ApiAnswer> {
  const call = { method: 'POST', path: `/replication/replica/${path}`, headers: authorized(), body };
  return callApi(target.endpoints.apiUrl, call);
}

function digestOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Bytes that the bucket holds under a key; undefined when there is nothing. */
async function stored(key: string): Promise<number | undefined> {
  const { s3, blobBucket } = target.cluster;
  try {
    return (await s3.send(new HeadObjectCommand({ Bucket: blobBucket, Key: key }))).ContentLength;
  } catch (error) {
    if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) {
      return undefined;
    }
    throw error;
  }
}

async function hold(content: Buffer, sha256 = digestOf(content)): Promise<string> {
  const { s3, blobBucket } = target.cluster;
  await s3.send(new PutObjectCommand({ Bucket: blobBucket, Key: sha256, Body: content }));
  return sha256;
}

describe('questions for blobs', () => {
  it('one is answered as later bk-repo versions answer', async () => {
    const sha256 = await hold(randomBytes(10));
    expect(await get(`blob/check?sha256=${sha256}`)).toMatchObject({ status: 200, code: 0, data: true });
    expect(await get(`blob/check?sha256=${sha256.toUpperCase()}&storageKey=`)).toMatchObject({ data: true });
    expect(await get(`blob/check?sha256=${'0'.repeat(64)}`)).toMatchObject({ status: 200, data: false });
    expect(await get('blob/check')).toMatchObject({ status: 400, code: 250102 });
    expect(await get('blob/check?sha256=..%2Fx')).toMatchObject({ status: 400, code: 250103 });
  });

  it('many are answered at once, with sizes', async () => {
    const held = [await hold(randomBytes(7)), await hold(randomBytes(9))];
    const absent = Array.from({ length: 498 }, () => digestOf(randomBytes(8)));
    const sha256List = [...absent.slice(0, 250), ...held, ...absent.slice(250)];
    expect(await post('blob/check/list', { ...repository, sha256List })).toMatchObject({
      status: 200,
      data: [
        { sha256: held[0], size: 7 },
        { sha256: held[1], size: 9 },
      ],
    });
    expect(await post('blob/check/list', { sha256List: [...sha256List, 'ab'.repeat(32)] })).toMatchObject({
      status: 400,
      code: 250103,
    });
  });

  it('are refused for a repository that content cannot be taken for', async () => {
    expect(
      await post('blob/check/list', { ...repository, repoName: 'nowhere', sha256List: [] }),
    ).toMatchObject({ status: 404, code: 404 });
    const { projectId } = repository;
    await target.cluster.database
      .collection('repository')
      .updateOne({ projectId, name: 'crates' }, { $set: { credentialsKey: 'cold' } });
    const question = { ...repository, sha256List: [], sha256: 'ab'.repeat(32), size: 1 };
    expect(await post('blob/check/list', question)).toMatchObject({ status: 400, code: 250108 });
    expect(await post('blob/presign', question)).toMatchObject({ status: 400, code: 250108 });
    await target.cluster.database
      .collection('repository')
      .updateOne({ projectId, name: 'crates' }, { $unset: { credentialsKey: '' } });
  });
});

describe('a pushed blob', () => {
  async function push(content: Buffer, query: string, fields: Readonly<Record<string, string>> = {}) {
    const parts = Object.entries(fields).map(([name, value]) => ({ name, content: Buffer.from(value) }));
    const body = multipartBody('edge', [
      { name: 'file', fileName: 'blob', type: 'application/octet-stream', content },
      ...parts,
    ]);
    const { apiUrl } = target.endpoints;
    const response = await fetch(`${apiUrl}/replication/replica/blob/push${query}`, {
      method: 'POST',
      headers: { ...authorized(), 'content-type': 'multipart/form-data; boundary=edge' },
      body: new Uint8Array(body),
      signal: AbortSignal.timeout(40_000),
    });
    const { code } = z.object({ code: z.number() }).parse(await response.json());
    return { status: response.status, code };
  }

  it('is stored under its digest, and nothing but that', async () => {
    const content = randomBytes(100_000);
    const sha256 = digestOf(content);
    expect(await push(content, '', { sha256: digestOf(randomBytes(1)) })).toEqual({
      status: 400,
      code: 250103,
    });
    expect(await push(content, `?sha256=${sha256}&size=1`)).toEqual({ status: 400, code: 250103 });
    expect(await stored(sha256)).toBeUndefined();
    expect(await push(content, '', { sha256, size: '100000' })).toEqual({ status: 200, code: 0 });
    expect(await stored(sha256)).toBe(100_000);
    const more = randomBytes(1_000);
    expect(await push(more, `?sha256=${digestOf(more)}&size=1000`)).toEqual({ status: 200, code: 0 });
    expect(await stored(digestOf(more))).toBe(1_000);
  });

  it('is refused where it does not fit into a request', async () => {
    const content = randomBytes(4_700_000);
    expect(await push(content, `?sha256=${digestOf(content)}`)).toEqual({ status: 413, code: 413 });
  });
});

describe('an address to put a blob to', () => {
  const uploadSchema = z.object({
    url: z.url(),
    headers: z.record(z.string(), z.string()),
    expiresIn: z.number(),
  });

  async function presigned(content: Buffer) {
    const sha256 = digestOf(content);
    const answer = await post('blob/presign', { ...repository, sha256, size: content.length });
    return { sha256, ...uploadSchema.parse(answer.data) };
  }

  async function put(
    url: string,
    headers: Readonly<Record<string, string>>,
    content: Buffer,
  ): Promise<number> {
    const { 'content-length': _length, ...rest } = headers;
    const response = await fetch(url, { method: 'PUT', headers: rest, body: new Uint8Array(content) });
    await response.text();
    return response.status;
  }

  it('takes the content that it was given out for, again too', async () => {
    const content = randomBytes(5_000_000);
    const { sha256, url, headers, expiresIn } = await presigned(content);
    expect(expiresIn).toBeLessThanOrEqual(900);
    expect(await put(url, headers, content)).toBe(200);
    expect(await put(url, headers, content)).toBe(200);
    expect(await stored(sha256)).toBe(5_000_000);
  });

  it('replaces something else under that digest', async () => {
    const content = randomBytes(1_000);
    const { sha256, url, headers } = await presigned(content);
    await hold(Buffer.from('damaged'), sha256);
    expect(await put(url, headers, content)).toBe(200);
    expect(await stored(sha256)).toBe(1_000);
  });

  it('takes nothing else', async () => {
    const content = randomBytes(1_000);
    const { sha256, url, headers } = await presigned(content);
    const other = randomBytes(1_000);
    const otherChecksum = createHash('sha256').update(other).digest('base64');
    expect(await put(url, headers, other)).toBe(400);
    expect(await put(url, {}, other)).toBe(403);
    expect(await put(url, { ...headers, 'x-amz-checksum-sha256': otherChecksum }, other)).toBe(403);
    expect(await put(url, headers, randomBytes(999))).toBe(403);
    expect(await put(url.replace(sha256, digestOf(other)), headers, content)).toBe(403);
    expect(await stored(sha256)).toBeUndefined();
    expect(await stored(digestOf(other))).toBeUndefined();
  });

  it('is given out for what one PUT can have', async () => {
    const sha256 = 'ab'.repeat(32);
    expect(await post('blob/presign', { sha256, size: 5 * 1024 ** 3 })).toMatchObject({ status: 200 });
    expect(await post('blob/presign', { sha256, size: 5 * 1024 ** 3 + 1 })).toMatchObject({ status: 413 });
    expect(await post('blob/presign', { sha256 })).toMatchObject({ status: 400, code: 250104 });
  });
});

it('the version announces all of it', async () => {
  expect((await get('version')).data).toMatch(
    /^1\.0\.0\+logferry\.[0-9a-f]{32}\.blob\.presigned\.digests\.ranges$/,
  );
});
