import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RemoteClient } from '../../../functions/shared/remote/client.ts';
import { RemoteServer, succeed } from './remote-server.ts';

const REPOSITORY = { projectId: 'p1', repoName: 'g1' };
const METADATA = '4'.repeat(64);

describe('what a remote has, by its digests', () => {
  let server: RemoteServer;
  let client: RemoteClient;

  beforeEach(async () => {
    server = await new RemoteServer().start();
    client = server.client();
  });
  afterEach(async () => {
    await server.stop();
    await client.close();
  });

  it('is asked for in one question and told by path', async () => {
    server.answer = (_request, response) =>
      succeed(response, [
        {
          fullPath: '/a',
          folder: true,
          size: 0,
          sha256: null,
          md5: null,
          expireDate: null,
          metadata: METADATA,
        },
        {
          fullPath: '/b',
          folder: false,
          size: 5,
          sha256: 's',
          md5: 'm',
          expireDate: '2026-11-22T06:00:00.000Z',
          metadata: METADATA,
        },
      ]);
    const found = await client.digests({ ...REPOSITORY, fullPaths: ['/a', '/b', '/c'] });
    expect(server.received).toHaveLength(1);
    expect(server.received[0]?.url).toBe('/replication/replica/node/digest/list');
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual({
      ...REPOSITORY,
      fullPathList: ['/a', '/b', '/c'],
    });
    expect([...found]).toEqual([
      ['/a', { fullPath: '/a', folder: true, size: 0, metadata: METADATA }],
      [
        '/b',
        {
          fullPath: '/b',
          folder: false,
          size: 5,
          sha256: 's',
          md5: 'm',
          expireDate: new Date('2026-11-22T06:00:00Z'),
          metadata: METADATA,
        },
      ],
    ]);
  });

  it.each([
    ['of another shape', [{ fullPath: '/a', folder: true }]],
    ['with a date that is none', [{ ...file('/a'), expireDate: 'tomorrow' }]],
    ['of more than was asked for', Array.from({ length: 501 }, (_, index) => file(`/${index}`))],
  ])('is not taken from an answer %s', async (_name, data) => {
    server.answer = (_request, response) => succeed(response, data);
    await expect(client.digests({ ...REPOSITORY, fullPaths: ['/a'] })).rejects.toMatchObject({
      reason: 'NOT_BKREPO',
    });
  });

  it('is not asked for with a path that no request can hold', async () => {
    await expect(client.digests({ ...REPOSITORY, fullPaths: ['/a', '/\ud800'] })).rejects.toMatchObject({
      name: 'UnsendablePathError',
    });
    expect(server.received).toEqual([]);
  });
});

describe('what a remote has in a range', () => {
  const DIGEST = '5'.repeat(64);
  const question = {
    ...REPOSITORY,
    after: '/a',
    until: '/c',
    limit: 500,
    digest: DIGEST,
    metadata: true,
  };
  let server: RemoteServer;
  let client: RemoteClient;

  beforeEach(async () => {
    server = await new RemoteServer().start();
    client = server.client();
  });
  afterEach(async () => {
    await server.stop();
    await client.close();
  });

  it('is told without nodes where it is as expected', async () => {
    server.answer = (_request, response) =>
      succeed(response, { count: 2, digest: DIGEST, expireDates: ['2026-11-22T06:00:00.000Z'] });
    expect(await client.digestRange(question)).toEqual({
      nodes: undefined,
      expireDates: [new Date('2026-11-22T06:00:00Z')],
      next: undefined,
    });
    expect(server.received[0]?.url).toBe('/replication/replica/node/digest/range');
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual(question);
  });

  it('is told by its nodes where it is not', async () => {
    server.answer = (_request, response) =>
      succeed(response, { count: 2, digest: METADATA, nodes: [file('/b'), file('/c')], next: '/c' });
    const { nodes, next } = await client.digestRange(question);
    expect(nodes?.map(({ fullPath }) => fullPath)).toEqual(['/b', '/c']);
    expect(next).toBe('/c');
  });

  it('may be open to both sides, which no request then says', async () => {
    server.answer = (_request, response) => succeed(response, { count: 0, digest: METADATA, nodes: [] });
    const { after: _after, until: _until, ...open } = question;
    expect(await client.digestRange({ ...open, after: undefined, until: undefined })).toEqual({
      nodes: [],
      expireDates: [],
      next: undefined,
    });
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual(open);
  });

  it.each<[string, unknown]>([
    ['without nodes for another digest', { digest: METADATA }],
    ['without nodes that goes on', { digest: DIGEST, next: '/b' }],
    ['with a node at its beginning', { digest: METADATA, nodes: [file('/a')] }],
    ['with a node behind its end', { digest: METADATA, nodes: [file('/c'), file('/d')] }],
    ['out of order', { digest: METADATA, nodes: [file('/b/x'), file('/b')] }],
    // In UTF-16 it is the other way round.
    ['in the order of UTF-16', { digest: METADATA, nodes: [file('/b\u{10000}'), file('/b\uffff')] }],
    ['that goes on elsewhere', { digest: METADATA, nodes: [file('/b')], next: '/bb' }],
    ['that goes on without nodes', { digest: METADATA, nodes: [], next: '/b' }],
    [
      'of more than was asked for',
      { digest: METADATA, nodes: Array.from({ length: 501 }, () => file('/b')) },
    ],
  ])('is not taken from an answer %s', async (_name, data) => {
    server.answer = (_request, response) => succeed(response, data);
    await expect(client.digestRange(question)).rejects.toMatchObject({ reason: 'NOT_BKREPO' });
  });

  it('is not asked for by a path that no request can hold', async () => {
    await expect(client.digestRange({ ...question, until: '/\ud800' })).rejects.toMatchObject({
      name: 'UnsendablePathError',
    });
    expect(server.received).toEqual([]);
  });
});

function file(fullPath: string) {
  return { fullPath, folder: false, size: 1, sha256: 's', md5: 'm', expireDate: null, metadata: METADATA };
}
