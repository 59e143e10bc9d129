import { Double, Int32, Long } from 'mongodb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mongoSourceCatalog } from '../../../functions/shared/apply/mongo-source-catalog.ts';
import { systemClock } from '../../../functions/shared/clock.ts';
import { nodeCollectionOf } from '../../../functions/shared/mongodb/sharding.ts';
import { nodeDigests } from '../../../functions/shared/node/digests.ts';
import { metadataRequest } from '../../../functions/shared/node/metadata.ts';
import { metadataDigest } from '../../../functions/shared/node/metadata-digest.ts';
import { receiverOf } from '../../../functions/shared/receiver.ts';
import { openTestDatabase } from '../../support/test-database.ts';

let test: Awaited<ReturnType<typeof openTestDatabase>>;

beforeAll(async () => {
  test = await openTestDatabase();
});
afterAll(() => test.close());

it('digests metadata alike at the source, whoever wrote it there, and at the receiver that was sent it', async () => {
  // As bk-repo's own driver stores what clients have sent.
  const stored: Readonly<Record<string, unknown>> = {
    int: new Int32(7),
    long: Long.fromNumber(7),
    'long.large': Long.fromNumber(2 ** 40),
    double: new Double(7),
    fraction: 0.1,
    huge: 1e300,
    zero: new Double(-0),
    text: '7',
    truth: true,
    list: [Long.fromNumber(1), 'a', null, { z: 1, a: [] }],
    object: { z: { y: Long.fromNumber(3) }, ä: 'ü', '2': 2, '1': 1 },
    at: new Date('2026-11-22T06:00:00.123Z'),
    $dollar: 'x',
    '': 'nameless',
  };
  const metadata = Object.entries(stored).map(([key, value]) => ({ key, value }));
  await test.database.collection(nodeCollectionOf('source')).insertOne({
    projectId: 'source',
    repoName: 'r',
    fullPath: '/a',
    folder: true,
    size: 0,
    createdBy: 'admin',
    metadata,
  });
  const node = await mongoSourceCatalog(async () => test.database).node('source', 'r', '/a');
  const sent: unknown = JSON.parse(JSON.stringify(node?.metadata));

  const { nodes } = receiverOf({ database: test.database, clock: systemClock });
  const target = { projectId: 'target', repoName: 'r' };
  await nodes.create({
    ...target,
    fullPath: '/a',
    folder: true,
    overwrite: false,
    expires: 0,
    size: undefined,
    sha256: undefined,
    md5: undefined,
    metadata: [],
    operator: 'ada',
    createdBy: undefined,
    createdDate: undefined,
    lastModifiedDate: undefined,
  });
  const digestAtTarget = async () => {
    const question = { ...target, fullPathList: ['/a'] };
    const [found] = await nodeDigests({ database: test.database, question });
    return found?.metadata;
  };
  expect(await digestAtTarget()).toBe(metadataDigest({}));
  // In another order than it has at the source.
  const [first, ...rest] = metadataRequest.parse(sent);
  await nodes.saveMetadata({ ...target, fullPath: '/a', metadata: rest });
  expect(await digestAtTarget()).not.toBe(metadataDigest(node?.metadata ?? {}));
  await nodes.saveMetadata({ ...target, fullPath: '/a', metadata: first === undefined ? [] : [first] });
  expect(await digestAtTarget()).toBe(metadataDigest(node?.metadata ?? {}));
});
