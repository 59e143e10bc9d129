import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ComparedCluster } from '../../bin/simulator/comparison.ts';
import type { Stage } from '../../bin/simulator/stage.ts';
import { s3BlobStore } from '../../functions/shared/blob/s3-blob-store.ts';
import { nodeCollectionOf } from '../../functions/shared/mongodb/sharding.ts';
import { createRemoteClient } from '../../functions/shared/remote/client.ts';
import { RemoteOutageError } from '../../functions/shared/remote/errors.ts';
import { type Digests, digestsOf, generatedContent } from '../support/content-stream.ts';
import { CuttingProxy } from '../support/cutting-proxy.ts';
import { applyFiles, type LaneFile } from '../support/one-lane.ts';
import { SinkRemote } from '../support/sink-remote.ts';
import { connectStages } from '../support/stages.ts';

const MIB = 1024 * 1024;

/**
 * The local object store keeps everything in memory, several times over: the sizes that count take some 6 GB of it and
 * are asked for by LOGFERRY_LARGE_FILES=full.
 */
const isFull = process.env['LOGFERRY_LARGE_FILES'] === 'full';
const PRESIGNED_BYTES = (isFull ? 1024 : 320) * MIB + 1;
const FORM_BYTES = (isFull ? 300 : 100) * MIB + 1;

/** The worker's whole memory, at its highest. Below the content's size in either form. */
const MAX_MEMORY_BYTES = 256_000_000;

const PART_BYTES = 32 * MIB;
const TIMEOUT_MS = 600_000;

let source: Stage;
let target: Stage;
let close: () => Promise<void>;

beforeAll(async () => {
  const stages = await connectStages();
  ({ source, target } = stages);
  close = stages.close;
});
afterAll(() => close());

/** Put generated content into a bucket under its digest; no more than a part of it is held. */
async function putContent(cluster: ComparedCluster, content: () => Iterable<Buffer>): Promise<Digests> {
  const { s3, blobBucket: Bucket } = cluster;
  const digests = await digestsOf(content());
  const { sha256: Key } = digests;
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const parts: { readonly ETag: string | undefined; readonly PartNumber: number }[] = [];
  let chunks: Buffer[] = [];
  let bytes = 0;
  const flush = async () => {
    const PartNumber = parts.length + 1;
    const Body = Buffer.concat(chunks);
    const { ETag } = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
    parts.push({ ETag, PartNumber });
    chunks = [];
    bytes = 0;
  };
  for (const chunk of content()) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= PART_BYTES) {
      await flush();
    }
  }
  if (bytes > 0) {
    await flush();
  }
  await s3.send(
    new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts: parts } }),
  );
  return digests;
}

async function removeContent(cluster: ComparedCluster, sha256: string): Promise<void> {
  await cluster.s3.send(new DeleteObjectCommand({ Bucket: cluster.blobBucket, Key: sha256 }));
}

/** When a blob was last written; undefined when there is none. */
async function written(cluster: ComparedCluster, sha256: string): Promise<Date | undefined> {
  try {
    const { s3, blobBucket: Bucket } = cluster;
    return (await s3.send(new HeadObjectCommand({ Bucket, Key: sha256 }))).LastModified;
  } catch (error) {
    if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) {
      return undefined;
    }
    throw error;
  }
}

async function storedDigests(cluster: ComparedCluster, sha256: string): Promise<Digests> {
  const { stream } = await s3BlobStore({ s3: cluster.s3, bucket: cluster.blobBucket }).open(sha256);
  return digestsOf(stream);
}

/** Live nodes under a path, at the target. */
function nodes(projectId: string, folder: boolean) {
  return target.cluster.database
    .collection(nodeCollectionOf(projectId))
    .find({ projectId, folder, deleted: null })
    .sort({ fullPath: 1 })
    .toArray();
}

const reportSchema = z.object({
  applied: z.number(),
  failures: z.array(z.string()),
  bytesRead: z.number(),
  peakBytes: z.number(),
});

/** Apply files in a worker of its own. */
async function work(order: {
  readonly remote: Stage['asRemote'];
  readonly repository: { readonly projectId: string; readonly repoName: string };
  readonly files: readonly LaneFile[];
}) {
  const worker = fileURLToPath(new URL('support/file-worker.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [worker], {
    env: {
      ...process.env,
      ORDER: JSON.stringify({ ...order, s3: source.endpoints.aws, bucket: source.endpoints.blobBucket }),
    },
    timeout: TIMEOUT_MS,
  });
  return reportSchema.parse(JSON.parse(stdout));
}

function newRepository() {
  return { projectId: `large_${randomBytes(3).toString('hex')}`, repoName: 'crates' };
}

describe('a large file', { timeout: 2 * TIMEOUT_MS }, () => {
  it(`goes between two logferry ends in bounded memory, once (${PRESIGNED_BYTES} bytes)`, async () => {
    const repository = newRepository();
    const content = () => generatedContent(repository.projectId, PRESIGNED_BYTES);
    const digests = await putContent(source.cluster, content);
    const metadata = { count: 7, tags: ['a', { deep: true }], 'dot.ted': 'x' };
    const first = { ...digests, fullPath: '/releases/image.bin', metadata };
    const report = await work({ remote: target.asRemote, repository, files: [first] });
    expect(report).toMatchObject({ applied: 1, failures: [], bytesRead: PRESIGNED_BYTES });
    expect(report.peakBytes).toBeLessThan(MAX_MEMORY_BYTES);
    expect(await storedDigests(target.cluster, digests.sha256)).toEqual(digests);
    const at = await written(target.cluster, digests.sha256);

    // Of another worker, that knows of nothing, and twice.
    const copies = ['/copies/one.bin', '/copies/two.bin'].map((fullPath) => ({ ...first, fullPath }));
    const again = await work({ remote: target.asRemote, repository, files: copies });
    expect(again).toMatchObject({ applied: 2, failures: [], bytesRead: 0 });
    expect(await written(target.cluster, digests.sha256)).toEqual(at);

    const found = await nodes(repository.projectId, false);
    expect(found.map(({ fullPath, size, sha256, md5 }) => [fullPath, Number(size), sha256, md5])).toEqual(
      ['/copies/one.bin', '/copies/two.bin', '/releases/image.bin'].map((fullPath) => [
        fullPath,
        digests.size,
        digests.sha256,
        digests.md5,
      ]),
    );
    expect(found[2]?.['metadata']).toEqual(Object.entries(metadata).map(([key, value]) => ({ key, value })));
    await removeContent(source.cluster, digests.sha256);
    await removeContent(target.cluster, digests.sha256);
    process.stderr.write(`worker's memory: ${Math.round(report.peakBytes / MIB)} MiB (presigned)\n`);
  });

  it(`goes to a remote of the base contract in bounded memory (${FORM_BYTES} bytes)`, async () => {
    const sink = await SinkRemote.start();
    const repository = newRepository();
    const content = () => generatedContent(repository.projectId, FORM_BYTES);
    const digests = await putContent(source.cluster, content);
    const report = await work({
      remote: { url: sink.url, username: 'admin', password: 'password' },
      repository,
      files: [{ ...digests, fullPath: '/releases/image.bin', metadata: { build: '42' } }],
    });
    expect(report).toMatchObject({ applied: 1, failures: [], bytesRead: FORM_BYTES });
    expect(report.peakBytes).toBeLessThan(MAX_MEMORY_BYTES);
    const { size, sha256, md5 } = digests;
    expect(sink.files).toEqual([
      {
        path: `/replication/replica/file/${repository.projectId}/crates/releases/image.bin`,
        size,
        sha256,
        fields: { size: String(size), sha256, md5, userId: 'ada', 'metadata[build]': '42' },
      },
    ]);
    await removeContent(source.cluster, sha256);
    await sink.stop();
    process.stderr.write(`worker's memory: ${Math.round(report.peakBytes / MIB)} MiB (form)\n`);
  });
});

describe('an upload that is cut in the middle twice, then let through', () => {
  let store: CuttingProxy;
  let api: CuttingProxy;

  beforeEach(async () => {
    const { aws, apiUrl } = target.endpoints;
    store = await CuttingProxy.start({ target: aws.endpoint, rule: ({ method }) => method === 'PUT' });
    api = await CuttingProxy.start({
      target: apiUrl,
      rule: ({ path }) => path.startsWith('/replication/replica/file/'),
      rewrite: (text) => text.replace(aws.endpoint, store.origin),
    });
  });
  afterEach(async () => {
    await api.stop();
    await store.stop();
  });

  it.each([
    ['into the store', 3 * MIB, () => store],
    ['as a form', 200_000, () => api],
  ])('%s: leaves nothing until it is whole, then one node', async (_way, size, proxyOf) => {
    const proxy = proxyOf();
    const repository = newRepository();
    const content = randomBytes(size);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const md5 = createHash('md5').update(content).digest('hex');
    const { s3, blobBucket: Bucket } = source.cluster;
    await s3.send(new PutObjectCommand({ Bucket, Key: sha256, Body: content }));
    const file = { fullPath: '/a/b.bin', size, sha256, md5, metadata: {} };
    const client = createRemoteClient({
      ...target.asRemote,
      url: `${api.origin}/replication`,
      allowPrivate: true,
    });
    const blobs = s3BlobStore({ s3, bucket: Bucket });
    const deliver = () => applyFiles({ repository, files: [file], client, blobs });

    // A client tries a second time by itself.
    proxy.cuts = 2;
    const outage: unknown = await deliver().catch((error: unknown) => error);
    expect(outage).toBeInstanceOf(RemoteOutageError);
    expect(outage).toMatchObject({ reason: 'CONNECTION_CUT' });
    expect(await written(target.cluster, sha256)).toBeUndefined();
    expect(await nodes(repository.projectId, false)).toEqual([]);

    expect((await deliver()).counters).toMatchObject({ applied: 1, failed: 0 });
    expect(proxy.passed).toEqual(['cut', 'cut', 'whole']);
    const found = await nodes(repository.projectId, false);
    expect(found).toMatchObject([{ fullPath: '/a/b.bin', sha256, md5 }]);
    const whole = await target.cluster.s3.send(
      new GetObjectCommand({ Bucket: target.endpoints.blobBucket, Key: sha256 }),
    );
    expect(
      createHash('sha256')
        .update((await whole.Body?.transformToByteArray()) ?? '')
        .digest('hex'),
    ).toBe(sha256);
    await client.close();
  });
});
