/**
 * The main job on the local cloud, from nothing to verified artifacts: `npm run demo`.
 *
 * Brings the local cloud up (or uses the one that runs), creates an incremental task over the API, changes the source
 * as bk-repo does, watches the account until it closes, and compares both ends. Exits 0 only if all agree.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { S3Client } from '@aws-sdk/client-s3';
import { MongoClient } from 'mongodb';
import { z } from 'zod';
import { isRunning, startLocalCloud, stopLocalCloud } from './local/cloud.ts';
import { readEndpoints, type StageEndpoints } from './local/endpoints.ts';
import { type ComparedCluster, compareProjects, type RepositoryComparison } from './simulator/comparison.ts';
import { SimulatedSource } from './simulator/source.ts';
import { playStory, storyProjects } from './simulator/story.ts';

/** The first run of the tailer's schedule comes up to 70 s after the deployment; the rest is slack for a slow machine. */
const PATIENCE_MS = 300_000;

const say = (line: string) => process.stdout.write(`${line}\n`);

const accountSchema = z.object({
  read: z.number(),
  applied: z.number(),
  superseded: z.number(),
  filtered: z.number(),
  conflicted: z.number(),
  failed: z.number(),
  pending: z.number(),
});
type Account = z.output<typeof accountSchema>;

async function main(): Promise<boolean> {
  const startedHere = !(await isRunning());
  if (startedHere) {
    await startLocalCloud({ log: say, detach: true });
  }
  const clients: MongoClient[] = [];
  try {
    const { source, target } = (await readEndpoints()).stages;
    const ends = [await connect(source, clients), await connect(target, clients)] as const;
    return await demonstrate({ source, target, ends });
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    if (startedHere) {
      await stopLocalCloud({ log: say });
    }
  }
}

async function demonstrate(options: {
  readonly source: StageEndpoints;
  readonly target: StageEndpoints;
  readonly ends: readonly [ComparedCluster, ComparedCluster];
}): Promise<boolean> {
  const { source, target, ends } = options;
  const suffix = randomBytes(3).toString('hex');
  const { taskKey } = await createTask(source, target);
  say(`Task ${taskKey} replicates ${source.apiUrl} to ${target.apiUrl}`);
  try {
    const simulated = new SimulatedSource({
      ...ends[0],
      operateLogCollection: source.operateLogCollection,
    });
    const entries = await playStory(simulated, suffix);
    say(`Wrote ${entries} changes at the source; the tailer's schedule fires within 70 s`);
    const account = await watch(source, taskKey, entries);
    const comparisons = await compareProjects({
      source: ends[0],
      target: ends[1],
      projects: Object.values(storyProjects(suffix)),
    });
    return report(account, comparisons);
  } finally {
    await call(source, 'DELETE', `/replication/task/delete/${taskKey}`);
  }
}

async function connect(stage: StageEndpoints, clients: MongoClient[]): Promise<ComparedCluster> {
  const client = await MongoClient.connect(stage.mongoUri);
  clients.push(client);
  const { endpoint, region, accessKeyId, secretAccessKey } = stage.aws;
  return {
    database: client.db(stage.mongoDatabase),
    s3: new S3Client({
      endpoint,
      region,
      credentials: { accessKeyId, secretAccessKey },
      forcePathStyle: true,
    }),
    blobBucket: stage.blobBucket,
  };
}

async function createTask(source: StageEndpoints, target: StageEndpoints): Promise<{ taskKey: string }> {
  const task = await call(source, 'POST', '/replication/task/create', {
    type: 'INCREMENTAL',
    includeAllProject: true,
    setting: {
      remoteClusterInfo: { url: `${target.apiUrl}/replication`, ...target.admin },
      executionPlan: { executeImmediately: true },
    },
  });
  return { taskKey: z.object({ key: z.string() }).parse(task).key };
}

/** Show the account until every entry is accounted for and none is pending. */
async function watch(source: StageEndpoints, taskKey: string, entries: number): Promise<Account> {
  const deadline = Date.now() + PATIENCE_MS;
  let shown = '';
  for (;;) {
    const account = accountSchema.parse(await call(source, 'GET', `/replication/task/account/${taskKey}`));
    const line = Object.entries(account)
      .map(([name, count]) => `${name} ${count}`)
      .join('  ');
    if (line !== shown) {
      say(`  ${new Date().toISOString().slice(11, 19)}  ${line}`);
      shown = line;
    }
    if (account.read >= entries && account.pending === 0) {
      return account;
    }
    if (Date.now() > deadline) {
      throw new Error(`The account did not close in ${PATIENCE_MS / 1000} s: see .local/logs`);
    }
    await wait(1_000);
  }
}

function report(account: Account, comparisons: readonly RepositoryComparison[]): boolean {
  const rows = comparisons.map((of) => [
    `${of.projectId}/${of.repoName}`,
    String(of.folders),
    String(of.files),
    String(of.bytesVerified),
    of.differences.length === 0 ? 'equal' : `${of.differences.length} differences`,
  ]);
  const header = ['repository', 'folders', 'files', 'bytes verified', 'result'];
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  say('');
  for (const row of [header, ...rows]) {
    say(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  }
  const differences = comparisons.flatMap((of) =>
    of.differences.map((text) => `${of.projectId}/${of.repoName}: ${text}`),
  );
  for (const difference of differences) {
    say(difference);
  }
  const files = comparisons.reduce((sum, of) => sum + of.files, 0);
  const agree = differences.length === 0 && account.failed === 0 && files > 0;
  say('');
  say(agree ? `All ${files} artifacts verified at the target.` : 'Source and target differ.');
  return agree;
}

async function call(stage: StageEndpoints, method: string, path: string, body?: unknown): Promise<unknown> {
  const { username, password } = stage.admin;
  const response = await fetch(stage.apiUrl + path, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const envelope = z
    .object({ code: z.number(), message: z.string().nullable(), data: z.unknown() })
    .parse(await response.json());
  if (envelope.code !== 0) {
    throw new Error(`${method} ${path} answered ${envelope.code}: ${envelope.message}`);
  }
  return envelope.data;
}

process.exitCode = (await main()) ? 0 : 1;
