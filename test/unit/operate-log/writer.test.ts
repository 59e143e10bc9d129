import { MongoServerError, ObjectId } from 'mongodb';
import { describe, expect, it } from 'vitest';
import { archivedForm, parseLogDocument } from '../../../functions/shared/operate-log/event.ts';
import { mongoOperateLogWriter, type ReceivedChange } from '../../../functions/shared/operate-log/writer.ts';

const NOW = new Date('2026-11-22T01:02:03.456Z');
const NODE = { projectId: 'harbour', repoName: 'crates', fullPath: 'a//b', operator: 'ada' };
const CLUSTERS = ['a'.repeat(32), 'b'.repeat(32)];

/** A log that refuses its first insertions. */
function playedLog(...refusals: readonly Error[]) {
  const left = [...refusals];
  const entries: Record<string, unknown>[] = [];
  const attempts: unknown[] = [];
  return {
    entries,
    attempts,
    insertOne: async (entry: Record<string, unknown>) => {
      attempts.push(entry['_id']);
      const refusal = left.shift();
      if (refusal !== undefined) {
        throw refusal;
      }
      entries.push(entry);
    },
  };
}

async function written(change: ReceivedChange, origin: readonly string[] = []) {
  const log = playedLog();
  await writerTo(log, origin).record(change);
  const [entry] = log.entries;
  if (entry === undefined) {
    throw new Error('Nothing was written');
  }
  return entry;
}

function writerTo(log: ReturnType<typeof playedLog>, origin: readonly string[] = []) {
  return mongoOperateLogWriter({
    log,
    clock: () => NOW,
    timeZone: 'Asia/Shanghai',
    clientAddress: '192.0.2.1',
    origin,
  });
}

describe('an entry', () => {
  it('has bk-repo’s fields in bk-repo’s order, and the origin behind them', async () => {
    const entry = await written({ kind: 'NODE_RENAME', request: { ...NODE, newFullPath: '/c' } }, CLUSTERS);
    expect(Object.entries(entry)).toEqual([
      ['_id', expect.any(ObjectId)],
      ['createdDate', NOW],
      ['resourceType', 'NODE'],
      ['resourceKey', '/harbour/cratesa//b'],
      ['operateType', 'RENAME'],
      ['userId', 'ada'],
      ['clientAddress', '192.0.2.1'],
      [
        'description',
        {
          projectId: 'harbour',
          repoName: 'crates',
          request:
            '{\n  "projectId" : "harbour",\n  "repoName" : "crates",\n  "fullPath" : "a//b",\n' +
            '  "newFullPath" : "/c",\n  "operator" : "ada"\n}',
        },
      ],
      ['origin', CLUSTERS],
    ]);
  });

  it('of a change made here names no origin', async () => {
    expect(await written({ kind: 'NODE_DELETE', request: NODE })).not.toHaveProperty('origin');
  });

  it('of a node’s creation holds what was left out as null, and dates of the server’s zone', async () => {
    const entry = await written({
      kind: 'NODE_CREATE',
      request: {
        ...NODE,
        folder: true,
        overwrite: false,
        expires: 0,
        size: undefined,
        sha256: undefined,
        md5: undefined,
        metadata: undefined,
        createdBy: 'carol',
        createdDate: new Date('2021-01-01T19:04:05.678Z'),
        lastModifiedBy: 'dave',
        lastModifiedDate: undefined,
      },
    });
    expect(JSON.parse(requestTextOf(entry))).toEqual({
      projectId: 'harbour',
      repoName: 'crates',
      fullPath: 'a//b',
      folder: true,
      expires: 0,
      overwrite: false,
      size: null,
      sha256: null,
      md5: null,
      metadata: null,
      operator: 'ada',
      createdBy: 'carol',
      createdDate: '2021-01-02T03:04:05.678',
      lastModifiedBy: 'dave',
      lastModifiedDate: null,
    });
  });

  it('is text where MongoDB would refuse a key', async () => {
    for (const key of ['a.b', '$k']) {
      const entry = await written({
        kind: 'METADATA_SAVE',
        request: { ...NODE, metadata: [{ key, value: [1, { x: 'y' }] }] },
      });
      expect(JSON.parse(requestTextOf(entry))).toEqual({ ...NODE, metadata: { [key]: [1, { x: 'y' }] } });
    }
    const entry = await written({
      kind: 'REPOSITORY_UPDATE',
      request: {
        projectId: 'harbour',
        name: 'crates',
        public: undefined,
        description: undefined,
        configuration: { type: 'rpm-local', webHook: { webHookList: [] }, settings: { 'a.b': 1 } },
        operator: 'ada',
      },
    });
    expect(JSON.parse(requestTextOf(entry))).toMatchObject({ configuration: { settings: { 'a.b': 1 } } });
  });
});

describe('every kind of entry', () => {
  const transfer = {
    srcProjectId: 'harbour',
    srcRepoName: 'crates',
    srcFullPath: '/a',
    destProjectId: undefined,
    destRepoName: 'depot',
    destFullPath: '/b',
    overwrite: true,
    operator: 'ada',
  };
  const repository = { projectId: 'harbour', name: 'crates', operator: 'ada' };
  const file = { folder: false, overwrite: true, expires: 3, size: 4, sha256: '00', md5: '11' };
  const dates = { createdBy: undefined, createdDate: undefined, lastModifiedDate: undefined };
  const remote = {
    type: 'remote' as const,
    url: 'http://upstream.test/',
    credentials: { username: null, password: null },
    network: { proxy: null, connectTimeout: 1, readTimeout: 2 },
    cache: { enabled: true, expiration: -1 },
    settings: {},
  };
  const changes: readonly ReceivedChange[] = [
    {
      kind: 'PROJECT_CREATE',
      request: { name: 'harbour', displayName: 'Harbour', description: undefined, operator: 'ada' },
    },
    {
      kind: 'REPOSITORY_CREATE',
      request: {
        ...repository,
        type: 'GENERIC',
        category: 'REMOTE',
        public: true,
        description: 'd',
        configuration: remote,
        storageCredentialsKey: undefined,
      },
    },
    {
      kind: 'REPOSITORY_UPDATE',
      request: { ...repository, public: false, description: undefined, configuration: undefined },
    },
    { kind: 'REPOSITORY_DELETE', request: { ...repository, forced: true } },
    {
      kind: 'NODE_CREATE',
      request: { ...NODE, ...file, ...dates, metadata: [{ key: 'k', value: { deep: [1] } }] },
    },
    { kind: 'NODE_RENAME', request: { ...NODE, newFullPath: '/c' } },
    { kind: 'NODE_UPDATE', request: { ...NODE, expires: 3 } },
    { kind: 'NODE_MOVE', request: transfer },
    { kind: 'NODE_COPY', request: transfer },
    { kind: 'NODE_DELETE', request: NODE },
    { kind: 'METADATA_SAVE', request: { ...NODE, metadata: [{ key: 'k', value: 'v' }] } },
    { kind: 'METADATA_SAVE', request: { ...NODE, metadata: [{ key: 'a.b', value: 'v' }] } },
    { kind: 'METADATA_DELETE', request: { ...NODE, keyList: ['k'] } },
  ];

  it.for(changes)('$kind is read back', async (change) => {
    const entry = await written(change, CLUSTERS);
    expect(parseLogDocument(archivedForm(entry))).toMatchObject({
      change: { kind: change.kind, operator: 'ada' },
      origin: CLUSTERS,
    });
  });
});

describe('a log that does not take an entry', () => {
  const change: ReceivedChange = { kind: 'NODE_DELETE', request: NODE };

  it('is offered the same one again', async () => {
    const log = playedLog(new Error('gone'), new Error('gone'));
    await writerTo(log).record(change);
    expect(log.entries).toHaveLength(1);
    expect(new Set(log.attempts.map(String)).size).toBe(1);
  });

  it('that has taken it after all ends the matter', async () => {
    const taken = new MongoServerError({ message: 'there', code: 11_000 });
    await writerTo(playedLog(new Error('gone'), taken)).record(change);
  });

  it('fails the request in the end, and is not asked for ever', async () => {
    const log = playedLog(...Array.from({ length: 9 }, () => new Error('gone')));
    await expect(writerTo(log).record(change)).rejects.toThrow('gone');
    expect(log.attempts).toHaveLength(3);
  });
});

function requestTextOf(entry: Readonly<Record<string, unknown>>): string {
  const description = entry['description'];
  const request =
    typeof description === 'object' && description !== null && 'request' in description
      ? description.request
      : undefined;
  return typeof request === 'string' ? request : '';
}
