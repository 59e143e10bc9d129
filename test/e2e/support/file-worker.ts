/**
 * A worker in a process of its own, whose memory can be measured. Run by large-files.test.ts; the order is in the
 * environment variable ORDER as JSON, the report goes to the standard output.
 */
import { existsSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { s3BlobStore } from '../../../functions/shared/blob/s3-blob-store.ts';
import { createRemoteClient } from '../../../functions/shared/remote/client.ts';
import { applyFiles } from '../../support/one-lane.ts';

const order = z
  .object({
    s3: z.object({
      endpoint: z.string(),
      region: z.string(),
      accessKeyId: z.string(),
      secretAccessKey: z.string(),
    }),
    bucket: z.string(),
    remote: z.object({ url: z.string(), username: z.string(), password: z.string() }),
    repository: z.object({ projectId: z.string(), repoName: z.string() }),
    files: z.array(
      z.object({
        fullPath: z.string(),
        size: z.number(),
        sha256: z.string(),
        md5: z.string(),
        metadata: z.record(z.string(), z.unknown()),
      }),
    ),
  })
  .parse(JSON.parse(process.env['ORDER'] ?? ''));

const { endpoint, region, accessKeyId, secretAccessKey } = order.s3;
const s3 = new S3Client({
  endpoint,
  region,
  credentials: { accessKeyId, secretAccessKey },
  forcePathStyle: true,
});
const store = s3BlobStore({ s3, bucket: order.bucket });
let bytesRead = 0;
const client = createRemoteClient({ ...order.remote, allowPrivate: true });
const report = await applyFiles({
  repository: order.repository,
  files: order.files,
  client,
  blobs: {
    open: async (sha256) => {
      const { size, stream } = await store.open(sha256);
      return { size, stream: Readable.from(counted(stream), { objectMode: false }) };
    },
  },
});
await client.close();

/**
 * The most memory that this process has had, in bytes. (`resourceUsage().maxRSS` begins with what the parent had when
 * it forked; where the kernel does not tell, it has to do.)
 */
function peakMemory(): number {
  const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '';
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS;
  return Number(kibibytes) * 1024;
}

async function* counted(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    bytesRead += chunk.length;
    yield chunk;
  }
}
s3.destroy();
process.stdout.write(
  JSON.stringify({
    applied: report.counters?.applied ?? 0,
    failures: report.failures.map(({ reason }) => reason),
    bytesRead,
    peakBytes: peakMemory(),
  }),
);
