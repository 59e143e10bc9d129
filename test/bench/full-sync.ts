import { randomBytes } from 'node:crypto';
import { CreateBucketCommand, DeleteBucketCommand, DeleteObjectsCommand } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { SimulatedSource } from '../../bin/simulator/source.ts';
import type { RunLog, Stage } from '../../bin/simulator/stage.ts';
import { nodeCollectionOf } from '../../functions/shared/mongodb/sharding.ts';
import { PAGE_NODES } from '../../functions/shared/sync/plan-run.ts';
import { shareOf } from '../../functions/shared/sync/replicate-page.ts';
import { SYNCHRONIZERS } from '../../lib/synchronization.ts';
import { generatedContent } from '../support/content-stream.ts';
import { connectStages } from '../support/stages.ts';
import { prepareRclone, rcloneCopy } from './rclone.ts';
import { countedSync } from './sync-requests.ts';

/**
 * Full synchronization of one repository between the two stages, beside `rclone copy` of the same contents between the
 * buckets of the same two stages, one after the other in the same run and with as many files at once.
 */

const count = (fallback: number) => z.coerce.number().int().positive().default(fallback);

/** Sizes, for those who want it quicker. */
const sizes = z
  .object({
    LOGFERRY_BENCH_FILES: count(5_000),
    LOGFERRY_BENCH_LARGE_MB: count(400),
    LOGFERRY_BENCH_ROUNDS: count(1),
  })
  .parse(process.env);

const SMALL_BYTES = 10_240;
const LARGE_FILES = 3;
const MEGABYTE = 1_000_000;

/** Longest that a run may take; milliseconds. */
const PATIENCE = 1_800_000;

type Say = (line: string) => void;

interface Shape {
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
}

/** Seconds that each took. */
interface Round {
  readonly ours: number;
  readonly rclone: number;
}

export async function benchFullSync(say: Say): Promise<void> {
  const stages = await connectStages();
  try {
    const rclone = await prepareRclone(say);
    const small = { name: 'full sync, small', files: sizes.LOGFERRY_BENCH_FILES, bytes: SMALL_BYTES };
    const large = {
      name: 'full sync, large',
      files: LARGE_FILES,
      bytes: sizes.LOGFERRY_BENCH_LARGE_MB * MEGABYTE,
    };
    const smallRounds = await rounds(() => round({ ...stages, rclone, shape: small }));
    report(say, small, smallRounds, { unit: 'files/s', amount: small.files });
    const largeRounds = await rounds(() => round({ ...stages, rclone, shape: large }));
    report(say, large, largeRounds, { unit: 'MB/s', amount: (large.files * large.bytes) / MEGABYTE });
    await reportNothingToDo(say, stages);
  } finally {
    await stages.close();
  }
}

async function rounds(one: () => Promise<Round>): Promise<Round[]> {
  const measured: Round[] = [];
  for (let index = 0; index < sizes.LOGFERRY_BENCH_ROUNDS; index += 1) {
    measured.push(await one());
  }
  return measured;
}

/** Copy new contents by rclone, then synchronize the repository that holds them. */
async function round(options: {
  readonly source: Stage;
  readonly target: Stage;
  readonly rclone: string;
  readonly shape: Shape;
}): Promise<Round> {
  const { source, target, rclone, shape } = options;
  const projectId = `bench_${randomBytes(4).toString('hex')}`;
  await plant(source, projectId, shape);
  const keys = await contentsOf(source, projectId);
  const bucket = `bench-${randomBytes(4).toString('hex')}`;
  const { s3 } = target.cluster;
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  try {
    const copied = await secondsOf(() =>
      rcloneCopy({
        rclone,
        from: { stage: source.endpoints, bucket: source.endpoints.blobBucket },
        to: { stage: target.endpoints, bucket },
        keys,
        transfers: filesAtOnce(shape),
      }),
    );
    await empty(target, bucket, keys);
    const synchronized = await secondsOf(() => synchronize(source, target.asRemote, projectId, shape.files));
    return { ours: synchronized, rclone: copied };
  } finally {
    await s3.send(new DeleteBucketCommand({ Bucket: bucket }));
    await empty(source, source.endpoints.blobBucket, keys);
    await empty(target, target.endpoints.blobBucket, keys);
  }
}

/** Files that a run has under way at once when all its pages are still to be done. */
function filesAtOnce({ files }: Shape): number {
  const pages = Math.ceil(files / PAGE_NODES);
  const share = shareOf({ pages: { planned: pages, sent: pages, done: 0 } });
  return Math.min(files, share * Math.min(SYNCHRONIZERS, pages));
}

/** A repository whose files have contents that nobody has had before. */
async function plant(source: Stage, projectId: string, { files, bytes }: Shape): Promise<void> {
  const { operateLogCollection } = source.endpoints;
  const simulated = new SimulatedSource({ ...source.cluster, operateLogCollection });
  await simulated.createProject(projectId);
  await simulated.createRepository(projectId, 'generic');
  const atOnce = Math.max(1, Math.floor((100 * MEGABYTE) / bytes));
  for (let start = 0; start < files; start += atOnce) {
    await simulated.plant(projectId, 'generic', {
      files: Array.from({ length: Math.min(atOnce, files - start) }, (_, index) => {
        const fullPath = `/file-${String(start + index).padStart(6, '0')}`;
        return { fullPath, content: Buffer.concat([...generatedContent(projectId + fullPath, bytes)]) };
      }),
    });
  }
}

async function contentsOf(source: Stage, projectId: string): Promise<string[]> {
  const nodes = await source.cluster.database
    .collection(nodeCollectionOf(projectId))
    .find({ projectId, folder: false })
    .toArray();
  return nodes.map((node) => z.object({ sha256: z.string() }).parse(node).sha256);
}

async function empty({ cluster }: Stage, bucket: string, keys: readonly string[]): Promise<void> {
  for (let start = 0; start < keys.length; start += 1_000) {
    const objects = keys.slice(start, start + 1_000).map((Key) => ({ Key }));
    await cluster.s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: objects } }));
  }
}

/** One full task from its creation to the end of its run, as its caller sees it. */
async function synchronize(
  source: Stage,
  remote: Stage['asRemote'],
  projectId: string,
  nodes: number,
): Promise<void> {
  const taskKey = await source.copyAll(remote, { localProjectId: projectId });
  try {
    expectAll(await source.runEnded({ taskKey, patienceMs: PATIENCE }), nodes);
  } finally {
    await source.call('DELETE', `/replication/task/delete/${taskKey}`);
  }
}

function expectAll(run: RunLog, nodes: number): void {
  if (run.status !== 'SUCCESS' || run.replicationProgress.successNode !== nodes) {
    throw new Error(`The run is not what it should be: ${JSON.stringify(run)}`);
  }
}

/** What a second full synchronization of the same nodes takes, and what it asks of everything around it. */
async function reportNothingToDo(
  say: Say,
  { source, target }: { readonly source: Stage; readonly target: Stage },
): Promise<void> {
  const shape = { name: '', files: sizes.LOGFERRY_BENCH_FILES, bytes: 100 };
  const projectId = `bench_${randomBytes(4).toString('hex')}`;
  await plant(source, projectId, shape);
  await synchronize(source, target.asRemote, projectId, shape.files);
  const seconds = await secondsOf(() => synchronize(source, target.asRemote, projectId, shape.files));
  const requests = await countedSync({ source, target, projectId });
  const perThousand = Object.entries(requests).map(
    ([name, asked]) => `${name} ${((asked * 1_000) / shape.files).toFixed(1)}`,
  );
  say(`full sync of ${shape.files} nodes with nothing to do: ${seconds.toFixed(1)} s`);
  say(`requests for 1,000 nodes: ${perThousand.join(', ')}\n`);
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1_000;
}

function report(
  say: Say,
  shape: Shape,
  measured: readonly Round[],
  { unit, amount }: { readonly unit: string; readonly amount: number },
): void {
  const figures = (which: keyof Round) =>
    measured.map((each) => (amount / each[which]).toFixed(1)).join(', ');
  const ratios = measured.map(({ ours, rclone }) => (rclone / ours).toFixed(3)).join(', ');
  say(`${shape.name}: ${shape.files} files of ${shape.bytes} bytes, ${filesAtOnce(shape)} at once`);
  say(`${'logferry'.padEnd(18)}${figures('ours')} ${unit}`);
  say(`${'rclone copy'.padEnd(18)}${figures('rclone')} ${unit}`);
  say(`${'ratio'.padEnd(18)}${ratios}\n`);
}
