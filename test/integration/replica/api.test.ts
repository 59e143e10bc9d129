import { createHash, randomBytes } from 'node:crypto';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { type Db, MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEndpoints, type StageEndpoints } from '../../../bin/local/endpoints.ts';
import { nodeCollectionOf } from '../../../functions/shared/mongodb/sharding.ts';
import { parseEnvelope } from '../../support/api.ts';
import { multipartBody } from '../../support/multipart.ts';

const PROJECT = `api_${randomBytes(4).toString('hex')}`;
const REPOSITORY = { projectId: PROJECT, repoName: 'crates' };
/** The deployed API answers within its own 30 s, a cold start included. */
const TIMEOUT_MS = 40_000;

let target: StageEndpoints;
let client: MongoClient;
let database: Db;
let s3: S3Client;

beforeAll(async () => {
  target = (await readEndpoints()).stages.target;
  client = await MongoClient.connect(target.mongoUri);
  database = client.db(target.mongoDatabase);
  const { endpoint, region, accessKeyId, secretAccessKey } = target.aws;
  s3 = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
  });
});
afterAll(async () => {
  s3.destroy();
  await client.close();
});

async function send(options: {
  readonly path: string;
  readonly prefix?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: Buffer;
}) {
  const { path, prefix = '/replication', headers = authorized(), json, body } = options;
  const content = json === undefined ? body : Buffer.from(JSON.stringify(json, null, 2));
  const response = await fetch(`${target.apiUrl}${prefix}/replica/${path}`, {
    method: content === undefined ? 'GET' : 'POST',
    headers: { ...headers, ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(content === undefined ? {} : { body: new Uint8Array(content) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const { code, message, data } = parseEnvelope(await response.text());
  return { status: response.status, code, message, data };
}

function authorized(): { readonly authorization: string } {
  const { username, password } = target.admin;
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}

function upload(options: {
  readonly fullPath: string;
  readonly content: Buffer;
  readonly prefix?: string;
  readonly repoName?: string;
  readonly fields?: Readonly<Record<string, string>>;
}) {
  const { fullPath, content, prefix = '/replication', repoName = REPOSITORY.repoName, fields } = options;
  const parts = {
    size: String(content.length),
    sha256: digest('sha256', content),
    md5: digest('md5', content),
    userId: 'ada',
    ...fields,
  };
  // As bk-repo's sender: a double slash before the path, every segment encoded.
  const path = `/${fullPath.split('/').map(encodeURIComponent).join('/')}`;
  return send({
    path: `file/${PROJECT}/${repoName}${path}`,
    prefix,
    headers: { ...authorized(), 'content-type': 'multipart/form-data; boundary=edge' },
    body: multipartBody('edge', [
      { name: 'file', fileName: encodeURIComponent(fullPath), type: 'application/octet-stream', content },
      ...Object.entries(parts).map(([name, value]) => ({ name, content: Buffer.from(value) })),
    ]),
  });
}

function digest(algorithm: 'sha256' | 'md5', content: Buffer): string {
  return createHash(algorithm).update(content).digest('hex');
}

function node(fullPath: string) {
  return database.collection(nodeCollectionOf(PROJECT)).findOne({ ...REPOSITORY, fullPath, deleted: null });
}

describe('the deployed replica API', () => {
  it('answers ping and version to administrators only, under both prefixes', async () => {
    for (const prefix of ['/replication', '/api/replication']) {
      expect(await send({ path: 'ping', prefix })).toMatchObject({ status: 200, code: 0, data: null });
      expect(await send({ path: 'version', prefix })).toMatchObject({
        status: 200,
        data: expect.stringMatching(/^1\.0\.0\+logferry\.[0-9a-f]{32}/),
      });
    }
    expect(await send({ path: 'ping', headers: {} })).toMatchObject({
      status: 400,
      code: 250113,
      message: 'Header Authorization missing',
    });
    expect(
      await send({ path: 'file/p/r//x', headers: { 'accept-language': 'zh-CN' }, body: Buffer.from('x') }),
    ).toMatchObject({ status: 401, code: 401, message: 'Authentication Required' });
  });

  it('creates a project and a repository once', async () => {
    const project = { name: PROJECT, displayName: PROJECT, operator: 'ada' };
    const created = await send({ path: 'project/create', json: project });
    expect(created).toMatchObject({ status: 200, data: { name: PROJECT, createdBy: 'ada' } });
    expect(await send({ path: 'project/create', json: { ...project, operator: 'bob' } })).toEqual(created);
    const repository = { projectId: PROJECT, name: 'crates', type: 'GENERIC', category: 'LOCAL' };
    expect(await send({ path: 'repo/create', json: repository })).toMatchObject({
      status: 200,
      data: { name: 'crates', configuration: { type: 'rpm-local' }, createdBy: 'system' },
    });
    expect(
      await send({
        path: 'repo/create',
        headers: { ...authorized(), 'accept-language': 'zh' },
        json: { ...repository, projectId: 'nowhere' },
      }),
    ).toMatchObject({ status: 400, code: 251001, message: '项目crates不存在' });
  });

  it.for([
    '/plain.bin',
    '/目录/说明 文件.txt',
    '/100%.txt',
    '/100%25.txt',
    '/a+b&c=d;e.txt',
    '/what?#now!.txt',
    '/q"[x]\'.txt',
  ])('receives a file under the name %s', async (fullPath) => {
    const content = randomBytes(1_000);
    const received = await upload({
      fullPath,
      content,
      prefix: '/api/replication',
      fields: { 'metadata[名 称]': '值', expires: '2' },
    });
    expect(received).toMatchObject({
      status: 200,
      data: { fullPath, size: 1_000, metadata: { '名 称': '值' } },
    });
    expect(await node(fullPath)).toMatchObject({
      sha256: digest('sha256', content),
      md5: digest('md5', content),
      createdBy: 'ada',
      metadata: [{ key: '名 称', value: '值' }],
      expireDate: expect.any(Date),
    });
    const { Body: body } = await s3.send(
      new GetObjectCommand({ Bucket: target.blobBucket, Key: digest('sha256', content) }),
    );
    expect(Buffer.from((await body?.transformToByteArray()) ?? []).equals(content)).toBe(true);
    const query = new URLSearchParams({ ...REPOSITORY, fullPath });
    expect(await send({ path: `node/exist?${query}` })).toMatchObject({ data: true });
  });

  it('receives as much as a request can hold, and refuses more with a clear text', async () => {
    const content = randomBytes(4 * 1024 * 1024);
    expect(await upload({ fullPath: '/large', content })).toMatchObject({ status: 200 });
    expect(await upload({ fullPath: '/larger', content: randomBytes(4.5 * 1024 * 1024) })).toMatchObject({
      status: 413,
      code: 413,
      message: expect.stringMatching(/4\.4/),
    });
    expect(await node('/larger')).toBeNull();
  });

  it('refuses content that is not what is claimed, and files without a repository', async () => {
    const content = randomBytes(10);
    const wrong = await upload({ fullPath: '/wrong', content, fields: { sha256: '0'.repeat(64) } });
    expect(wrong).toMatchObject({ status: 400, code: 250103, message: 'Invalid parameter sha256' });
    expect(await node('/wrong')).toBeNull();
    expect(await upload({ fullPath: '/x', content, repoName: 'nosuch' })).toMatchObject({
      status: 404,
      code: 404,
      message: `Repository[${PROJECT}/nosuch] not found`,
    });
  });

  it('overwrites a file by a second upload', async () => {
    await upload({ fullPath: '/twice', content: Buffer.from('first') });
    await upload({ fullPath: '/twice', content: Buffer.from('second') });
    expect(await node('/twice')).toMatchObject({ sha256: digest('sha256', Buffer.from('second')) });
    const tombstones = database
      .collection(nodeCollectionOf(PROJECT))
      .find({ ...REPOSITORY, fullPath: '/twice', deleted: { $ne: null } });
    expect(await tombstones.toArray()).toHaveLength(1);
  });

  it('creates a folder, saves metadata on it, lists it and deletes it', async () => {
    const folder = { ...REPOSITORY, fullPath: '/shelf/empty' };
    expect(
      await send({ path: 'node/create', json: { ...folder, folder: 'true', operator: 'ada' } }),
    ).toMatchObject({
      status: 200,
      data: { folder: true, size: 0, sha256: null, nodeInfo: { name: 'empty' } },
    });
    expect(
      await send({
        path: 'metadata/save',
        json: { ...folder, metadata: { n: 1, list: [1, 'a'], o: { x: true } } },
      }),
    ).toMatchObject({ status: 200, data: null });
    expect((await node(folder.fullPath))?.['metadata']).toEqual([
      { key: 'n', value: 1 },
      { key: 'list', value: [1, 'a'] },
      { key: 'o', value: { x: true } },
    ]);
    const list = { ...REPOSITORY, fullPathList: ['/', '/shelf//empty', '/shelf', '/none', '/shelf'] };
    const there = await send({ path: 'node/exist/list', json: list });
    expect(there).toMatchObject({ status: 200 });
    expect(new Set(Object(there.data))).toEqual(new Set(['/shelf', '/shelf/empty']));
    const deletion = { ...REPOSITORY, fullPath: '/shelf', operator: 'bob' };
    expect(await send({ path: 'node/delete', json: deletion })).toMatchObject({ status: 200, data: null });
    expect(await send({ path: 'node/delete', json: deletion })).toMatchObject({ status: 200, data: null });
    expect(await send({ path: 'node/exist/list', json: list })).toMatchObject({ data: [] });
  });

  it('renames, copies, moves and updates, and logs each with the clusters that it came by', async () => {
    await upload({ fullPath: '/story/a/file', content: Buffer.from('story') });
    const origin = ['0'.repeat(32), 'f'.repeat(32)];
    const headers = { ...authorized(), 'x-logferry-origin': `${origin.join(', ')},nonsense` };
    const transfer = { srcProjectId: PROJECT, srcRepoName: 'crates', operator: 'bob' };
    const calls: readonly (readonly [path: string, json: Readonly<Record<string, unknown>>])[] = [
      ['node/rename', { ...REPOSITORY, fullPath: '/story/a', newFullPath: '/story/b', operator: 'bob' }],
      ['node/copy', { ...transfer, srcFullPath: '/story/b', destFullPath: '/story/c' }],
      ['node/move', { ...transfer, srcFullPath: '/story/c/file', destFullPath: '/story/d/moved' }],
      ['node/update', { ...REPOSITORY, fullPath: '/story/d/moved', expires: 2, operator: 'bob' }],
      ['metadata/save', { ...REPOSITORY, fullPath: '/story/b', metadata: { k: 'v', 'a.b': 1 } }],
      ['metadata/delete', { ...REPOSITORY, fullPath: '/story/b', keyList: ['k'] }],
      ['node/delete', { ...REPOSITORY, fullPath: '/story/c', operator: 'bob' }],
      ['repo/update', { projectId: PROJECT, name: 'crates', description: 'told', operator: 'bob' }],
    ];
    for (const [path, json] of calls) {
      expect(await send({ path, headers, json })).toMatchObject({ status: 200, code: 0, data: null });
    }
    expect((await node('/story/b'))?.['metadata']).toEqual([{ key: 'a.b', value: 1 }]);
    expect(await node('/story/b/file')).toMatchObject({ sha256: digest('sha256', Buffer.from('story')) });
    expect(await node('/story/d/moved')).toMatchObject({ createdBy: 'bob', expireDate: expect.any(Date) });
    expect(await node('/story/c')).toBeNull();

    const log = await database
      .collection('operate_log')
      .find({ resourceKey: { $gte: `/${PROJECT}/crates`, $lt: `/${PROJECT}/crates0` }, origin })
      .sort({ $natural: 1 })
      .toArray();
    expect(log.map(({ resourceType, operateType }) => `${resourceType} ${operateType}`)).toEqual([
      'NODE RENAME',
      'NODE COPY',
      'NODE MOVE',
      'NODE UPDATE',
      'METADATA UPDATE',
      'METADATA UPDATE',
      'NODE DELETE',
      'REPOSITORY UPDATE',
    ]);
    expect(log.map(({ userId }) => userId)).toEqual([
      'bob',
      'bob',
      'bob',
      'bob',
      'system',
      'system',
      'bob',
      'bob',
    ]);
  });

  it('answers HEAD without a body', async () => {
    const response = await fetch(`${target.apiUrl}/replication/replica/ping`, {
      method: 'HEAD',
      headers: authorized(),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    expect({ status: response.status, body: await response.text() }).toEqual({ status: 200, body: '' });
  });

  it('deletes a repository with its files only when that is forced', async () => {
    const repository = { projectId: PROJECT, name: 'brief', type: 'GENERIC', category: 'LOCAL' };
    await send({ path: 'repo/create', json: repository });
    await upload({ fullPath: '/f', content: Buffer.from('f'), repoName: 'brief' });
    const deletion = { projectId: PROJECT, name: 'brief', operator: 'bob' };
    expect(await send({ path: 'repo/delete', json: deletion })).toMatchObject({ status: 400, code: 251005 });
    expect(await send({ path: 'repo/delete', json: { ...deletion, forced: true } })).toMatchObject({
      status: 200,
    });
    expect(await send({ path: 'repo/delete', json: deletion })).toMatchObject({ status: 400, code: 251003 });
  });

  it('makes the folders above once when many files arrive at once', async () => {
    const paths = Array.from({ length: 8 }, (_, index) => `/race/deep/er/${index}.txt`);
    const received = await Promise.all(
      paths.map((fullPath) => upload({ fullPath, content: Buffer.from(fullPath) })),
    );
    expect(received.map(({ status }) => status)).toEqual(paths.map(() => 200));
    const live = await database
      .collection(nodeCollectionOf(PROJECT))
      .find({ ...REPOSITORY, fullPath: { $gte: '/race', $lt: '/race0' }, deleted: null })
      .toArray();
    expect(live.map((found) => String(found['fullPath'])).sort()).toEqual(
      ['/race', '/race/deep', '/race/deep/er', ...paths].sort(),
    );
  });
});
