import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RemoteClient } from '../../../functions/shared/remote/client.ts';
import {
  ContentMismatchError,
  ContentReadError,
  RemoteOutageError,
  RemoteRefusalError,
} from '../../../functions/shared/remote/errors.ts';
import { objectStore } from '../../../functions/shared/remote/object-store.ts';
import { RemoteServer, respond, succeed } from './remote-server.ts';

const REPOSITORY = { projectId: 'p1', repoName: 'g1' };
const CONTENT = randomBytes(300_000).toString('base64');
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
const SIZE = Buffer.byteLength(CONTENT);
const CHECKSUM = Buffer.from(SHA256, 'hex').toString('base64');
const HEADERS = { 'content-length': String(SIZE), 'x-amz-checksum-sha256': CHECKSUM };

/** In several pieces, as content comes from a store. */
const opening = (content: string) => async () => ({
  size: Buffer.byteLength(content),
  stream: Readable.from((content.match(/.{1,65536}/gs) ?? []).map((piece) => Buffer.from(piece))),
});

function xml(code: string): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>secret words</Message></Error>`;
}

describe('content into the store of a remote', () => {
  let server: RemoteServer;
  let store: RemoteServer;
  let client: RemoteClient;
  let presigned: number;

  beforeEach(async () => {
    server = await new RemoteServer().start();
    store = await new RemoteServer().start();
    client = server.client();
    presigned = 0;
    server.answer = (_request, response) => {
      presigned += 1;
      const url = `http://127.0.0.1:${store.port}/bucket/${SHA256}?X-Amz-Signature=s${presigned}&n=1%2F2`;
      succeed(response, { url, headers: HEADERS, expiresIn: 300 });
    };
    store.answer = (_request, response) => response.writeHead(200).end();
  });
  afterEach(async () => {
    await server.stop();
    await store.stop();
    await client.close();
  });

  const put = (content = CONTENT) =>
    client.putContent({ ...REPOSITORY, sha256: SHA256, size: SIZE }, opening(content));

  const failure = async (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => 'stored',
      (error: unknown) => error,
    );

  it('goes to the address that the remote gives out, with its headers and nothing else of ours', async () => {
    await put();
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual({ ...REPOSITORY, sha256: SHA256, size: SIZE });
    expect(server.received[0]).toMatchObject({ method: 'POST', url: '/replication/replica/blob/presign' });
    const [request] = store.received;
    expect(request).toMatchObject({
      method: 'PUT',
      url: `/bucket/${SHA256}?X-Amz-Signature=s1&n=1%2F2`,
      headers: HEADERS,
      body: CONTENT,
      complete: true,
    });
    expect(request?.headers.authorization).toBeUndefined();
  });

  it('is never received whole when it is not what it is claimed to be', async () => {
    const damaged = `${CONTENT.slice(0, -1)}#`;
    expect(await failure(put(damaged))).toBeInstanceOf(ContentMismatchError);
    expect(await failure(put(CONTENT.slice(1)))).toBeInstanceOf(ContentMismatchError);
    expect(store.received.filter(({ complete }) => complete)).toEqual([]);
  });

  it('that cannot be read is not the remote’s fault', async () => {
    const open = async () => ({
      size: SIZE,
      stream: Readable.from(
        (async function* () {
          yield Buffer.from(CONTENT.slice(0, 10));
          throw new Error('the disk is gone');
        })(),
      ),
    });
    const error = await failure(client.putContent({ ...REPOSITORY, sha256: SHA256, size: SIZE }, open));
    expect(error).toBeInstanceOf(ContentReadError);
  });

  it('is put once more, to a new address, when the first is not good any more or the connection is cut', async () => {
    store.answer = ({ url }, response) => {
      if (url.includes('=s1')) {
        response.writeHead(403).end(xml('AccessDenied'));
      } else {
        response.writeHead(200).end();
      }
    };
    await put();
    expect(presigned).toBe(2);
    expect(store.received.map(({ url }) => /=s\d/.exec(url)?.[0])).toEqual(['=s1', '=s2']);

    store.intercept = (request) => {
      if (!request.url?.includes('=s3')) {
        return false;
      }
      request.once('data', () => request.socket.destroy());
      return true;
    };
    await put();
    expect(presigned).toBe(4);
  });

  it.each([
    [403, 'SignatureDoesNotMatch', 'STORE_REFUSED'],
    [404, 'NoSuchBucket', 'STORE_REFUSED'],
    [400, 'IncompleteBody', 'CONNECTION_CUT'],
    [307, 'TemporaryRedirect', 'REDIRECTED'],
    [503, 'SlowDown', 'THROTTLED'],
    [500, 'InternalError', 'SERVER_ERROR'],
  ])('waits when the store says %i %s', async (status, code, reason) => {
    store.answer = (_request, response) => response.writeHead(status).end(xml(code));
    const error = await failure(put());
    expect(error).toBeInstanceOf(RemoteOutageError);
    expect(error).toMatchObject({ reason });
    expect(String(error)).not.toMatch(/Signature=|secret words/);
  });

  it.each(['BadDigest', 'XAmzContentChecksumMismatch'])('is damaged when the store says %s', async (code) => {
    store.answer = (_request, response) => response.writeHead(400).end(xml(code));
    expect(await failure(put())).toBeInstanceOf(ContentMismatchError);
  });

  it('is refused for good when it is too large for the store, or for the remote', async () => {
    store.answer = (_request, response) => response.writeHead(400).end(xml('EntityTooLarge'));
    expect(await failure(put())).toBeInstanceOf(RemoteRefusalError);
    server.answer = (_request, response) =>
      respond(response, 413, { code: 413, message: 'too large', data: null, traceId: null });
    expect(await failure(put())).toBeInstanceOf(RemoteRefusalError);
  });

  it.each([
    { url: 'ftp://127.0.0.1/x', headers: {} },
    { url: 'http://127.0.0.1/x', headers: { authorization: 'Basic eDp4' } },
    { url: 'http://127.0.0.1/x', headers: { host: 'elsewhere' } },
    { url: 'http://127.0.0.1/x', headers: { 'x-amz-a': 'b'.repeat(2_000) } },
    { url: 'not an address', headers: {} },
    null,
  ])('goes nowhere with %j', async (data) => {
    server.answer = (_request, response) => succeed(response, data);
    expect(await failure(put())).toMatchObject({ reason: 'NOT_BKREPO' });
    expect(store.received).toEqual([]);
  });
});

describe('a store', () => {
  const limits = { connectTimeout: 1_000, idleTimeout: 1_000, maxAnswerBytes: 1_000, connections: 1 };
  const request = { headers: {}, size: 1, content: Readable.from(['x']) };

  it('lies where remotes may lie', async () => {
    const store = objectStore({ ...limits, allowPrivate: false, secure: false });
    for (const url of ['http://127.0.0.1:1/x', 'http://169.254.169.254/x', 'http://[::1]:1/x']) {
      await expect(store.put({ ...request, url })).rejects.toMatchObject({ reason: 'ADDRESS_FORBIDDEN' });
    }
    await store.close();
  });

  it('is spoken to over TLS when its remote is', async () => {
    const store = objectStore({ ...limits, allowPrivate: true, secure: true });
    const url = 'http://127.0.0.1:1/x?X-Amz-Signature=secret';
    const error: unknown = await store.put({ ...request, url }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ reason: 'ADDRESS_INVALID' });
    expect(String(error)).not.toContain('secret');
    await store.close();
  });
});

it('content that a remote holds is asked for by its digests', async () => {
  const server = await new RemoteServer().start();
  const client = server.client();
  server.answer = (_request, response) => succeed(response, [{ sha256: SHA256, size: 7 }]);
  expect(await client.heldContent({ ...REPOSITORY, sha256s: [SHA256, 'x'] })).toEqual(new Map([[SHA256, 7]]));
  expect(server.received[0]).toMatchObject({ url: '/replication/replica/blob/check/list' });
  expect(JSON.parse(server.received[0]?.body ?? '')).toEqual({ ...REPOSITORY, sha256List: [SHA256, 'x'] });
  await server.stop();
  await client.close();
});

it('the node of content that a remote holds is made in one call, its metadata of any type', async () => {
  const server = await new RemoteServer().start();
  const client = server.client();
  await client.createFile({
    ...REPOSITORY,
    fullPath: '/a b/ü.bin',
    size: 7,
    sha256: SHA256,
    md5: 'm',
    expires: 3,
    operator: 'ada',
    createdBy: 'bob',
    createdDate: '2020-02-29T12:34:56.789',
    metadata: { count: 1, list: ['x', { deep: true }], gone: null },
  });
  expect(server.received).toHaveLength(1);
  expect(JSON.parse(server.received[0]?.body ?? '')).toEqual({
    ...REPOSITORY,
    fullPath: '/a b/ü.bin',
    folder: false,
    overwrite: true,
    size: 7,
    sha256: SHA256,
    md5: 'm',
    expires: 3,
    operator: 'ada',
    createdBy: 'bob',
    createdDate: '2020-02-29T12:34:56.789',
    metadata: { count: 1, list: ['x', { deep: true }] },
  });
  await server.stop();
  await client.close();
});
