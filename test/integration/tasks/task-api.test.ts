import { createServer, type Server } from 'node:http';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DecryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { DeleteCommand, DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readEndpoints, type StageEndpoints } from '../../../bin/local/endpoints.ts';
import { hashPassword } from '../../../functions/shared/principal/password.ts';
import { principalRepository } from '../../../functions/shared/principal/repository.ts';
import { runRepository } from '../../../functions/shared/run/table-runs.ts';
import { principalKeyOf, taskKeyOf } from '../../../functions/shared/table.ts';
import { taskRepository } from '../../../functions/shared/task/repository.ts';
import { taskSchema } from '../../../functions/shared/task/task.ts';
import { type ApiCall, basic, callApi } from '../../support/api-client.ts';

const taskDataSchema = z.looseObject({
  id: z.string(),
  key: z.string(),
  status: z.string(),
  createdDate: z.string(),
  setting: z.looseObject({ remoteClusterInfo: z.looseObject({ url: z.string(), password: z.null() }) }),
});
const taskListSchema = z.array(taskDataSchema);

const PREFIXES = ['/replication', '/api/replication'];
const VIEWER = { username: 'test-viewer', password: 'viewer: a colon' };

let source: StageEndpoints;
let target: StageEndpoints;
let table: DynamoDBDocumentClient;
let tableName: string;
let admin: { readonly authorization: string };
const created: string[] = [];

beforeAll(async () => {
  ({ source, target } = (await readEndpoints()).stages);
  admin = basic(source.admin.username, source.admin.password);
  table = DynamoDBDocumentClient.from(new DynamoDBClient(awsOf(source)), {
    marshallOptions: { removeUndefinedValues: true },
  });
  tableName = source.resources['TableName'] ?? '';
  await principalRepository({ table, tableName }).put({
    username: VIEWER.username,
    role: 'viewer',
    passwordHash: await hashPassword(VIEWER.password),
  });
});

afterAll(async () => {
  for (const key of created) {
    await call({ method: 'DELETE', path: `/replication/task/delete/${key}` });
  }
  await table.send(new DeleteCommand({ TableName: tableName, Key: principalKeyOf(VIEWER.username) }));
});

function awsOf({ aws }: StageEndpoints) {
  const { endpoint, region, accessKeyId, secretAccessKey } = aws;
  return { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
}

function call(request: ApiCall) {
  return callApi(source.apiUrl, { ...request, headers: { ...admin, ...request.headers } });
}

function remote(overrides: object = {}) {
  return { url: `${target.apiUrl}/replication`, ...target.admin, ...overrides };
}

function taskRequest(overrides: object = {}) {
  // Of a project that nothing is logged for, and waiting: no event of another test is its.
  return {
    type: 'FULL',
    localProjectId: 'nothing-here',
    setting: { remoteClusterInfo: remote() },
    ...overrides,
  };
}

async function listTasks() {
  return taskListSchema.parse((await call({ path: '/replication/task/list' })).data);
}

describe('connect/test', () => {
  test.each(PREFIXES.flatMap((prefix) => ['GET', 'POST'].map((method) => ({ method, prefix }))))(
    '$method under $prefix reaches a remote',
    async ({ method, prefix }) => {
      const answer = await call({ method, path: `${prefix}/task/connect/test`, body: remote() });
      expect(answer).toMatchObject({ status: 200, code: 0, message: null, data: null, traceId: null });
      expect(answer.headers['content-type']).toBe('application/json');
    },
  );

  test.each([' ', '/', '// '])('an address as it is pasted (%j behind it) is understood', async (tail) => {
    const url = `${target.apiUrl.replace('http://', ' ')}/replication${tail}`;
    const answer = await call({
      method: 'POST',
      path: '/replication/task/connect/test',
      body: remote({ url }),
    });
    expect(answer).toMatchObject({ status: 200, code: 0 });
  });
});

describe('a task', () => {
  test('is created, shown, listed and deleted, its password only encrypted', async () => {
    const setting = {
      includePermission: true,
      remoteClusterInfo: remote(),
      executionPlan: { executeImmediately: false, executeTime: '2099-01-01T00:00:00+08:00' },
    };
    const body = taskRequest({ localRepoName: 'r', setting });
    const answer = await call({ method: 'POST', path: '/api/replication/task/create', body });
    expect(answer).toMatchObject({ status: 200, code: 0, message: null, traceId: null });
    const task = taskDataSchema.parse(answer.data);
    created.push(task.key);
    expect(task).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      key: expect.stringMatching(/^[0-9a-f]{32}$/),
      createdBy: source.admin.username,
      createdDate: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?$/),
      lastModifiedBy: source.admin.username,
      lastModifiedDate: task.createdDate,
      includeAllProject: false,
      localProjectId: 'nothing-here',
      localRepoName: 'r',
      remoteProjectId: null,
      remoteRepoName: null,
      type: 'FULL',
      setting: {
        includeMetadata: true,
        includePermission: true,
        conflictStrategy: 'SKIP',
        remoteClusterInfo: {
          url: `${target.apiUrl}/replication`,
          certificate: null,
          username: target.admin.username,
          password: null,
        },
        executionPlan: {
          executeImmediately: false,
          executeTime: '2098-12-31T16:00:00',
          cronExpression: null,
          nextExecuteTimes: ['2098-12-31T16:00:00'],
          roundedUpTo: 'MINUTE',
        },
      },
      status: 'WAITING',
    });

    expect((await call({ path: `/replication/task/detail/${task.key}` })).data).toEqual(task);
    expect(await listTasks()).toContainEqual(task);

    const { Item } = await table.send(
      new GetCommand({ TableName: tableName, Key: taskKeyOf(task.key), ConsistentRead: true }),
    );
    expect(JSON.stringify(Item)).not.toContain(target.admin.password);
    const { encryptedPassword } = taskSchema.parse(Item).setting.remoteClusterInfo;
    const kms = new KMSClient(awsOf(source));
    const decrypt = (taskKey: string) =>
      kms.send(
        new DecryptCommand({
          CiphertextBlob: Buffer.from(encryptedPassword, 'base64'),
          EncryptionContext: { taskKey },
        }),
      );
    expect(Buffer.from((await decrypt(task.key)).Plaintext ?? []).toString()).toBe(target.admin.password);
    await expect(decrypt('0'.repeat(32))).rejects.toThrow();

    const deletion = { method: 'DELETE', path: `/replication/task/delete/${task.key}` };
    expect(await call(deletion)).toMatchObject({ status: 200, code: 0, data: null });
    expect((await call({ path: `/replication/task/detail/${task.key}` })).data).toBeNull();
    expect(await call(deletion)).toMatchObject({
      status: 400,
      code: 250106,
      message: `Resource ${task.key} not found`,
    });
  });

  test('that is incremental follows the log from the answer on, and has an account', async () => {
    const answer = await call({
      method: 'POST',
      path: '/replication/task/create',
      body: taskRequest({ type: 'INCREMENTAL' }),
    });
    const task = taskDataSchema.parse(answer.data);
    created.push(task.key);
    expect(task.status).toBe('REPLICATING');
    const slots = await call({ path: '/replication/slot/list' });
    expect(slots.data).toContainEqual(
      expect.objectContaining({
        name: 'default',
        nextOrdinal: expect.any(Number),
        lag: { events: expect.any(Number), seconds: expect.any(Number) },
      }),
    );
    const account = await call({ path: `/replication/task/account/${task.key}` });
    const none = { applied: 0, failed: 0, pending: 0, repaired: 0 };
    expect(account).toMatchObject({ status: 200, data: none });
  });

  test('that is unknown has no detail, no account and cannot be deleted', async () => {
    expect(await call({ path: '/replication/task/detail/nosuchkey' })).toMatchObject({
      status: 200,
      data: null,
    });
    const english = { status: 400, code: 250106, message: 'Resource nosuchkey not found', data: null };
    expect(await call({ path: '/replication/task/account/nosuchkey' })).toMatchObject(english);
    const deletion = { method: 'DELETE', path: '/replication/task/delete/nosuchkey' };
    expect(await call(deletion)).toMatchObject(english);
    expect(await call({ ...deletion, headers: { 'accept-language': 'zh-CN' } })).toMatchObject({
      ...english,
      message: '资源nosuchkey不存在',
    });
  });
});

describe('a run', () => {
  const NOW = new Date('2026-11-22T01:00:00.500Z');

  /** A task that waits, and a run of it that no planner knows of. */
  async function running() {
    const setting = {
      remoteClusterInfo: remote(),
      executionPlan: { executeImmediately: false, executeTime: '2099-01-01T00:00:00' },
    };
    const answer = await call({
      method: 'POST',
      path: '/replication/task/create',
      body: taskRequest({ setting }),
    });
    const { key } = taskDataSchema.parse(answer.data);
    created.push(key);
    const runs = runRepository({ table, tableName });
    const task = await taskRepository({ table, tableName }).get(key);
    const start = task && (await runs.begin({ task, trigger: 'EXECUTE', at: NOW }));
    if (!start?.begun) {
      throw new Error('The run did not begin');
    }
    return { key, runs, run: start.run };
  }

  test('is shown while it goes, and is interrupted at once and for good', async () => {
    const { key, runs, run } = await running();
    const lane = { projectId: 'nothing-here', repoName: 'r' };
    await runs.addPages({
      taskKey: key,
      runId: run.runId,
      from: 0,
      pages: [{ source: lane, remote: lane, through: '/z', nodes: 4, bytes: 40 }],
      containers: [{ source: { ...lane, repoName: '' }, remote: { ...lane, repoName: '' } }],
      cursor: {},
      currentRepository: 'nothing-here/r',
      at: NOW,
    });
    const advance = (from: string | undefined, to: string) =>
      runs.advance({
        taskKey: key,
        runId: run.runId,
        page: 1,
        source: lane,
        from,
        to,
        done: false,
        counters: {
          totalNode: 0,
          successNode: 1,
          conflictedNode: 1,
          failedNode: 0,
          totalBytes: 0,
          doneBytes: 10,
        },
        failures: [],
      });
    await advance(undefined, '/b');
    const progress = {
      totalProject: 1,
      totalRepo: 1,
      totalNode: 4,
      replicatedProject: 0,
      successProject: 0,
      failedProject: 0,
      replicatedRepo: 0,
      successRepo: 0,
      failedRepo: 0,
      replicatedNode: 2,
      successNode: 1,
      conflictedNode: 1,
      failedNode: 0,
      totalBytes: 40,
      doneBytes: 10,
    };
    const latest = { path: `/replication/task/log/latest/${key}` };
    expect((await call(latest)).data).toEqual({
      taskKey: key,
      status: 'REPLICATING',
      replicationProgress: progress,
      startTime: '2026-11-22T01:00:00.5',
      endTime: null,
      errorReason: null,
      id: run.runId,
      trigger: 'EXECUTE',
      currentRepository: 'nothing-here/r',
      failedPermission: 0,
      nodesPerSecond: expect.any(Number),
      bytesPerSecond: expect.any(Number),
      secondsLeft: null,
    });
    const refused = { status: 400, code: 250303, data: null };
    for (const path of ['execute', 'toggle/status']) {
      const answer = await call({ method: 'POST', path: `/replication/task/${path}/${key}` });
      expect(answer).toMatchObject({ ...refused, message: 'task status invalid' });
    }

    const interrupt = { method: 'POST', path: `/replication/task/interrupt/${key}` };
    expect(await call(interrupt)).toMatchObject({ status: 200, code: 0, data: null });
    // What a worker had under way counts, and changes nothing else.
    expect(await advance('/b', '/d')).toBe('advanced');
    const [log, ...others] = z
      .array(z.looseObject({}))
      .parse((await call({ path: `/api/replication/task/log/list/${key}` })).data);
    expect(others).toEqual([]);
    expect(log).toMatchObject({
      status: 'INTERRUPTED',
      replicationProgress: {
        ...progress,
        replicatedNode: 4,
        successNode: 2,
        conflictedNode: 2,
        doneBytes: 20,
      },
      endTime: expect.any(String),
      errorReason: `Interrupted by ${source.admin.username}`,
      currentRepository: null,
    });
    expect((await call({ path: `/replication/task/detail/${key}` })).data).toMatchObject({
      status: 'INTERRUPTED',
    });
    for (const [language, message] of [
      ['en', 'task status invalid'],
      ['zh-CN', '任务状态不正确'],
    ] as const) {
      const headers = { 'accept-language': language };
      expect(await call({ ...interrupt, headers })).toMatchObject({ ...refused, message });
    }
  });

  test('lists what it could not replicate, until that is dismissed', async () => {
    const { key, runs, run } = await running();
    const container = { projectId: 'nothing-here', repoName: '' };
    const failures = ['a', 'b', 'c'].map((name) => ({
      taskKey: key,
      runId: run.runId,
      source: container,
      remote: container,
      kind: 'PERMISSION' as const,
      name,
      code: 'REMOTE_REFUSED' as const,
      reason: `no ${name}`,
      at: NOW.toISOString(),
    }));
    await runs.recordPermissionFailures({ taskKey: key, runId: run.runId, failures });
    const pageSchema = z.looseObject({
      records: z.array(z.looseObject({ id: z.string(), name: z.string() })),
    });
    const listed = async (query: string) =>
      pageSchema.parse((await call({ path: `/replication/task/failure/list/${key}${query}` })).data);
    const all = await listed('');
    expect(all).toMatchObject({ pageNumber: 1, pageSize: 20, totalRecords: 3, totalPages: 1 });
    expect(all.records.map(({ name }) => name).sort()).toEqual(['a', 'b', 'c']);
    expect(all.records[0]).toEqual({
      id: expect.any(String),
      projectId: 'nothing-here',
      repoName: null,
      remoteProjectId: 'nothing-here',
      remoteRepoName: null,
      fullPath: null,
      kind: 'PERMISSION',
      name: all.records[0]?.name,
      code: 'REMOTE_REFUSED',
      reason: `no ${all.records[0]?.name}`,
      date: '2026-11-22T01:00:00.5',
      runId: run.runId,
      sweepId: null,
      ordinal: null,
      eventId: null,
    });
    expect((await listed('?pageNumber=2&pageSize=2')).records).toEqual(all.records.slice(2));
    const dismiss = { method: 'POST', path: `/replication/task/failure/dismiss/${key}` };
    await call({ ...dismiss, body: { ids: [all.records[0]?.id] } });
    expect((await listed('')).records).toEqual(all.records.slice(1));
    await call(dismiss);
    expect((await listed('')).records).toEqual([]);
  });
});

describe('bad input', () => {
  let before: unknown;
  let notBkRepo: Server;

  beforeAll(async () => {
    notBkRepo = createServer((_request, response) => response.end('<html>hello</html>'));
    await new Promise<void>((resolve) => notBkRepo.listen(0, '127.0.0.1', resolve));
  });

  afterAll(() => {
    notBkRepo.close();
  });

  beforeEach(async () => {
    before = await listTasks();
  });

  const create = { method: 'POST', path: '/replication/task/create' };
  const json = { 'content-type': 'application/json' };
  const connectError = (reason: string) => ({
    english: `remote cluster connect error, reason: ${reason}`,
    chinese: `远程集群连接失败，错误原因: ${reason}`,
  });

  function portOf(server: Server): number {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** A port of this machine that nothing listens on. */
  async function closedPort(): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = portOf(server);
    await new Promise((resolve) => server.close(resolve));
    return port;
  }

  const invalid = { status: 400, code: 250104, english: 'Invalid request content', chinese: '请求内容无效' };

  test.each<{
    readonly name: string;
    readonly request: () => ApiCall | Promise<ApiCall>;
    readonly status: number;
    readonly code: number;
    readonly english: string;
    readonly chinese: string;
  }>([
    { name: 'no JSON', request: () => ({ ...create, headers: json, body: '{oops' }), ...invalid },
    { name: 'no content', request: () => ({ ...create, headers: json, body: '' }), ...invalid },
    { name: 'null', request: () => ({ ...create, headers: json, body: 'null' }), ...invalid },
    { name: 'no setting', request: () => ({ ...create, body: { includeAllProject: true } }), ...invalid },
    {
      name: 'no password',
      request: () => ({
        ...create,
        body: taskRequest({ setting: { remoteClusterInfo: remote({ password: null }) } }),
      }),
      ...invalid,
    },
    {
      name: 'a wrong enum',
      request: () => ({ ...create, body: taskRequest({ type: 'SOMETIMES' }) }),
      ...invalid,
    },
    {
      name: 'another content type',
      request: () => ({ ...create, headers: { 'content-type': 'text/plain' }, body: 'x' }),
      status: 415,
      code: 250114,
      english: 'Media Type Unsupported',
      chinese: '不支持的Media Type',
    },
    {
      name: 'no local project',
      request: () => ({ ...create, body: taskRequest({ localProjectId: null }) }),
      status: 400,
      code: 250102,
      english: 'Parameter localProjectId is missing',
      chinese: '参数localProjectId不能为空',
    },
    {
      name: 'a bad cron expression',
      request: () => ({
        ...create,
        body: taskRequest({
          setting: {
            remoteClusterInfo: remote(),
            executionPlan: { executeImmediately: false, cronExpression: '* * *' },
          },
        }),
      }),
      status: 400,
      code: 250103,
      english: 'Invalid parameter * * *',
      chinese: '参数* * *无效',
    },
    {
      name: 'an unreachable remote',
      request: async () => ({
        ...create,
        body: taskRequest({
          setting: {
            remoteClusterInfo: remote({ url: `http://127.0.0.1:${await closedPort()}/replication` }),
          },
        }),
      }),
      status: 400,
      code: 250301,
      ...connectError('connection refused'),
    },
    {
      name: 'an unknown host',
      request: () => ({
        ...create,
        body: taskRequest({ setting: { remoteClusterInfo: remote({ url: 'http://no-such-host.invalid' }) } }),
      }),
      status: 400,
      code: 250301,
      ...connectError('unknown host'),
    },
    {
      name: 'a wrong password at the remote',
      request: () => ({
        ...create,
        body: taskRequest({ setting: { remoteClusterInfo: remote({ password: 'x' }) } }),
      }),
      status: 400,
      code: 250301,
      ...connectError('401: wrong user name or password'),
    },
    {
      name: 'a remote that is no bk-repo',
      request: () => ({
        method: 'POST',
        path: '/replication/task/connect/test',
        body: remote({ url: `http://127.0.0.1:${portOf(notBkRepo)}` }),
      }),
      status: 400,
      code: 250301,
      ...connectError('not a bk-repo replication service'),
    },
    {
      name: 'a certificate that is none',
      request: () => ({
        method: 'POST',
        path: '/replication/task/connect/test',
        body: remote({ certificate: 'xyz' }),
      }),
      status: 400,
      code: 250302,
      english: 'remote cluster ssl error',
      chinese: '远程集群SSL证书错误',
    },
    {
      name: 'no header',
      request: () => ({ ...create, headers: { authorization: '' }, body: taskRequest() }),
      status: 401,
      code: 401,
      english: 'Authentication Required',
      chinese: 'Authentication Required',
    },
    {
      name: 'a wrong password',
      request: () => ({ ...create, headers: basic(source.admin.username, 'nope'), body: '{oops' }),
      status: 401,
      code: 401,
      english: 'Authorization value check failed',
      chinese: 'Authorization value check failed',
    },
    {
      name: 'no administrator',
      request: () => ({ ...create, headers: basic(VIEWER.username, VIEWER.password), body: '{oops' }),
      status: 403,
      code: 403,
      english: 'Access Denied',
      chinese: 'Access Denied',
    },
    {
      name: 'a wrong method',
      request: () => ({ path: create.path }),
      status: 405,
      code: 250108,
      english: 'Operation unsupported',
      chinese: '不支持的操作',
    },
  ])('$name', async ({ request, status, code, english, chinese }) => {
    for (const [language, message] of [
      ['en', english],
      ['zh-CN', chinese],
    ] as const) {
      const { headers, ...rest } = await request();
      const answer = await call({ ...rest, headers: { ...headers, 'accept-language': language } });
      expect(answer).toMatchObject({
        status,
        code,
        message,
        data: null,
        traceId: expect.stringMatching(/./),
      });
      expect(answer.headers['content-type']).toBe('application/json');
      expect(answer.headers['www-authenticate']).toBe(
        status === 401 ? 'Basic realm="Authentication Required"' : undefined,
      );
    }
    expect(await listTasks()).toEqual(before);
  });

  test('without any Authorization header, /task is challenged and /replica names the header', async () => {
    const task = await callApi(source.apiUrl, { path: '/replication/task/list' });
    expect(task).toMatchObject({ status: 401, code: 401, message: 'Authentication Required' });
    const replica = await callApi(source.apiUrl, { path: '/replication/replica/ping' });
    expect(replica).toMatchObject({ status: 400, code: 250113, message: 'Header Authorization missing' });
  });
});
