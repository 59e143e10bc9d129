import { Long, ObjectId } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeCollectionOf } from '../../../functions/shared/mongodb/sharding.ts';
import { nodeDigestRange, nodeDigestRangeRequest } from '../../../functions/shared/node/digest-range.ts';
import { nodeDigestListRequest, nodeDigests } from '../../../functions/shared/node/digests.ts';
import { nodesOf } from '../../../functions/shared/node/store.ts';
import { digestCalls } from '../../../functions/shared/remote/digest-calls.ts';
import { EXTENSIONS } from '../../../functions/shared/remote/version.ts';
import { comparison, type Difference } from '../../../functions/shared/sweep/compare.ts';
import { mongoSourceNodes } from '../../../functions/shared/sweep/source-nodes.ts';
import { openTestDatabase } from '../../support/test-database.ts';

const FROM = new Date('2026-11-22T01:00:00.000Z');
const TO = new Date('2026-11-22T02:00:00.000Z');
const before = new Date(FROM.getTime() - 1);
const within = new Date(FROM.getTime() + 1);
/** Ids hold whole seconds: one of the window's last second counts. */
const after = new Date(TO.getTime() + 1_001);
const window = { from: FROM, to: TO };

let test: Awaited<ReturnType<typeof openTestDatabase>>;
beforeAll(async () => {
  test = await openTestDatabase();
});
afterAll(() => test.close());

let serial = 0;
/** An id of that time: the seconds of `at`, then a number. */
function idAt(at: Date): ObjectId {
  serial += 1;
  const seconds = Math.floor(at.getTime() / 1_000)
    .toString(16)
    .padStart(8, '0');
  return new ObjectId(seconds + serial.toString(16).padStart(16, '0'));
}

function file(projectId: string, fullPath: string, fields: Readonly<Record<string, unknown>> = {}) {
  return {
    _id: idAt(before),
    projectId,
    repoName: 'r',
    fullPath,
    folder: false,
    size: Long.fromNumber(3),
    sha256: 'aa',
    md5: 'bb',
    metadata: [],
    lastModifiedDate: before,
    ...fields,
  };
}

describe('what was touched within a window', () => {
  const live = (fullPath: string, fields: Readonly<Record<string, unknown>>) =>
    file('touched', fullPath, fields);
  const nodes = mongoSourceNodes(async () => test.database);
  const touched = (limit: number, behind?: string) =>
    nodes.touched({ projectId: 'touched', repoName: 'r', window, limit, after: behind });

  beforeAll(async () => {
    await test.database
      .collection(nodeCollectionOf('touched'))
      .insertMany([
        live('/\u{10000}', { lastModifiedDate: within }),
        live('/\uffff', { lastModifiedDate: within, deleted: null }),
        live('/at-its-ends', { lastModifiedDate: FROM }),
        live('/at-its-ends/too', { lastModifiedDate: TO }),
        live('/before', {}),
        live('/created-with-an-older-date', { _id: idAt(within) }),
        live('/since', { lastModifiedDate: after, _id: idAt(after) }),
        live('/gone', { lastModifiedDate: within, deleted: within }),
        live('/gone-before', { lastModifiedDate: before, deleted: before }),
        live('/changed-and-gone-since', { lastModifiedDate: within, deleted: after }),
        live('/overwritten', { lastModifiedDate: before, deleted: within }),
        live('/overwritten', { lastModifiedDate: within, deleted: new Date(within.getTime() + 1) }),
        live('/overwritten', { lastModifiedDate: after, deleted: null }),
        live('/', { folder: true, lastModifiedDate: within }),
        { ...live('/elsewhere', { lastModifiedDate: within }), repoName: 'other' },
      ]);
  });

  const wanted = [
    '/at-its-ends',
    '/at-its-ends/too',
    '/changed-and-gone-since',
    '/created-with-an-older-date',
    '/gone',
    '/overwritten',
    // UTF-16 would have these the other way round.
    '/\uffff',
    '/\u{10000}',
  ];

  it('is found in the order of paths, each once', async () => {
    expect(await touched(500)).toEqual({ fullPaths: wanted, next: undefined });
  });

  it.each([1, 2, 3])('is found by pages of %s documents', async (limit) => {
    const found: string[] = [];
    let behind: string | undefined;
    for (let page = 0; page < 20; page += 1) {
      const { fullPaths, next } = await touched(limit, behind);
      found.push(...fullPaths);
      if (next === undefined) {
        break;
      }
      behind = next;
    }
    expect(found).toEqual(wanted);
  });

  it('may be there or have left a tombstone', async () => {
    const question = { projectId: 'touched', repoName: 'r', fullPaths: wanted };
    expect([...(await nodes.tombstonesAt(question))].sort()).toEqual([
      '/changed-and-gone-since',
      '/gone',
      '/overwritten',
    ]);
    const there = (await nodes.liveAt(question)).map(({ fullPath }) => fullPath);
    expect(there.sort()).toEqual(
      wanted.filter((fullPath) => !['/changed-and-gone-since', '/gone'].includes(fullPath)).sort(),
    );
  });
});

describe('two databases', () => {
  const source = { projectId: 'here', repoName: 'r' };
  const remote = { projectId: 'there', repoName: 'r' };
  const alike = [
    '/a',
    '/a b',
    '/a/b',
    '/a0',
    '/b/c',
    '/é',
    '/\ue000',
    '/\uffff',
    '/\u{10000}',
    '/\u{10000}/x',
  ];
  const answers: { readonly nodes?: unknown }[] = [];

  const client: Parameters<typeof comparison>[0]['client'] = {
    identity: async () => ({ clusterId: 'c'.repeat(32), extensions: new Set(EXTENSIONS) }),
    ping: async () => {},
    nodeExists: async () => false,
    existing: async () => new Set(),
    ...digestCalls({
      post: async (path, content) => {
        if (path === '/replica/node/digest/list') {
          const question = nodeDigestListRequest.parse(content);
          return nodeDigests({ database: test.database, question });
        }
        const question = nodeDigestRangeRequest.parse(content);
        const answer = await nodeDigestRange({ database: test.database, question });
        answers.push(answer);
        // As it travels.
        return JSON.parse(JSON.stringify(answer));
      },
    }),
  };
  const compare = comparison({
    nodes: mongoSourceNodes(async () => test.database),
    client,
    includeMetadata: true,
  });

  async function all(limit: number): Promise<{ differences: Difference[]; compared: number }> {
    const differences: Difference[] = [];
    let compared = 0;
    let behind: string | undefined;
    for (let bound = 0; bound < 50; bound += 1) {
      const page = await compare.all({ source, remote, after: behind, limit });
      differences.push(...page.differences);
      compared += page.compared;
      if (page.next === undefined) {
        return { differences, compared };
      }
      behind = page.next;
    }
    throw new Error('The comparison does not end');
  }

  beforeAll(async () => {
    const metadata = [{ key: 'n', value: Long.fromNumber(7) }];
    const expireDate = new Date('2027-01-01T00:00:00Z');
    for (const projectId of ['here', 'there']) {
      const nodes = await nodesOf(test.database, projectId);
      await nodes.insertMany(
        alike.map((fullPath) => ({
          ...file(projectId, fullPath, { metadata, expireDate, deleted: null }),
          createdBy: 'admin',
          createdDate: before,
          lastModifiedBy: 'admin',
          path: '/',
          name: 'x',
          size: Long.fromNumber(3),
          lastModifiedDate: before,
        })),
      );
    }
  });

  it.each([1, 3, 10, 500])('of equal nodes are equal by their digests alone, %s at a time', async (limit) => {
    answers.length = 0;
    expect(await all(limit)).toEqual({ differences: [], compared: alike.length });
    expect(answers.filter(({ nodes }) => nodes !== undefined)).toEqual([]);
  });

  it('differ in what was made so, wherever it is', async () => {
    const here = test.database.collection(nodeCollectionOf('here'));
    const there = test.database.collection(nodeCollectionOf('there'));
    await there.insertMany([
      file('there', '/!first'),
      file('there', '/a/extra'),
      file('there', '/\u{1f600}last'),
    ]);
    await there.deleteOne({ projectId: 'there', fullPath: '/a0' });
    await there.updateOne({ projectId: 'there', fullPath: '/\uffff' }, { $set: { sha256: 'cc' } });
    await here.insertOne(file('here', '/a/extra', { deleted: within, lastModifiedDate: within }));
    const wanted = [
      { fullPath: '/!first', kind: 'EXTRA', isDeleted: false },
      { fullPath: '/a/extra', kind: 'EXTRA', isDeleted: true },
      { fullPath: '/a0', kind: 'MISSING', isDeleted: false },
      { fullPath: '/\uffff', kind: 'DIFFERENT', isDeleted: false },
      { fullPath: '/\u{1f600}last', kind: 'EXTRA', isDeleted: false },
    ];
    for (const limit of [1, 4, 500]) {
      expect(await all(limit)).toEqual({ differences: wanted, compared: alike.length });
    }
    expect(await compare.changed({ source, remote, window, limit: 500 })).toEqual({
      compared: 1,
      differences: [{ fullPath: '/a/extra', kind: 'EXTRA', isDeleted: true }],
      next: undefined,
    });
  });
});
