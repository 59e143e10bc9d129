/**
 * `npm run bench`: events per second of the tail and of the apply, each as a ratio to the raw loop of the same work in
 * the same run: a plain driver cursor over the same log; a plain HTTP client that sends the same requests. Then full
 * synchronization beside `rclone copy` (full-sync.ts). `npm run bench -- tail` and the like run one of them.
 *
 * Rounds alternate and the median of the pairwise ratios is what to quote: the machine's speed drifts. All stores are the
 * local cloud's; absolute numbers say more about it than about AWS.
 */
import { createHash, randomBytes } from 'node:crypto';
import { Agent, request } from 'undici';
import { isRunning, startLocalCloud, stopLocalCloud } from '../../bin/local/cloud.ts';
import { readEndpoints } from '../../bin/local/endpoints.ts';
import { fileCreated, projectCreated } from '../../bin/simulator/log-entries.ts';
import { applyBatch } from '../../functions/shared/apply/apply-batch.ts';
import { circuit } from '../../functions/shared/apply/circuit.ts';
import { mongoSourceCatalog } from '../../functions/shared/apply/mongo-source-catalog.ts';
import { s3BlobStore } from '../../functions/shared/blob/s3-blob-store.ts';
import { systemClock } from '../../functions/shared/clock.ts';
import { mongoSourceHistory } from '../../functions/shared/conflict/source-history.ts';
import { LOG_START } from '../../functions/shared/operate-log/reader.ts';
import { createRemoteClient } from '../../functions/shared/remote/client.ts';
import { tail } from '../../functions/shared/tail/tail.ts';
import { RecordingRemote } from '../support/recording-remote.ts';
import { SANDBOX_LOG, Sandbox } from '../support/sandbox.ts';
import { burst, sandboxedTail } from '../support/sandboxed-tail.ts';
import { storedTask } from '../support/tasks.ts';
import { benchFullSync } from './full-sync.ts';
import { countRequests, type Requests } from './requests.ts';

const ROUNDS = 5;
const EVENTS = 2_000;
const FILES = 300;
const CONTENT_BYTES = 10_240;

const say = (line: string) => process.stdout.write(`${line}\n`);
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

interface Round {
  /** Events per second. */
  readonly ours: number;
  readonly raw: number;
  /** What ours asked for. */
  readonly requests: Requests;
}

const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  tail: async () => report('tail', 'plain cursor', EVENTS, await rounds(tailRound)),
  apply: async () => report('apply', 'plain HTTP client', FILES, await rounds(applyRound)),
  'full-sync': () => benchFullSync(say),
};

async function main(): Promise<void> {
  const [chosen, ...more] = process.argv.slice(2);
  const benches = chosen === undefined ? Object.values(BENCHES) : [BENCHES[chosen]];
  if (more.length > 0 || benches.includes(undefined)) {
    say(`Usage: npm run bench [-- ${Object.keys(BENCHES).join(' | ')}]`);
    process.exitCode = 2;
    return;
  }
  const startedHere = !(await isRunning());
  if (startedHere) {
    await startLocalCloud({ log: say, detach: false });
  }
  try {
    say(
      `\ntail, apply: ${ROUNDS} rounds; events per second, median (minimum to maximum); ratio: median of ours/raw pair by pair\n`,
    );
    for (const bench of benches) {
      await bench?.();
    }
  } finally {
    if (startedHere) {
      await stopLocalCloud({ log: say });
    }
  }
}

async function rounds(round: () => Promise<Round>): Promise<Round[]> {
  await round(); // Warms connections and the compiler; not counted.
  const measured: Round[] = [];
  for (let count = 0; count < ROUNDS; count += 1) {
    measured.push(await round());
  }
  return measured;
}

/** Read, archive, route, pack and send a log of `EVENTS` entries; raw: read the same log. */
async function tailRound(): Promise<Round> {
  const sandbox = await Sandbox.create((await readEndpoints()).stages.source, { logBytes: 16 * 1024 * 1024 });
  try {
    const digests = { sha256: 'a'.repeat(64), md5: 'b'.repeat(32), size: 1 };
    const entries = Array.from({ length: EVENTS }, (_, number) => ({
      createdDate: new Date(),
      ...fileCreated({
        projectId: 'bench',
        repoName: `r${number % 8}`,
        fullPath: `/file-${number}`,
        ...digests,
      }),
    }));
    const log = sandbox.database.collection(SANDBOX_LOG);
    await log.insertMany(entries);
    await sandbox.slots.create('default', LOG_START);
    await sandbox.tasks.put(storedTask());

    const raw = await perSecond(EVENTS, async () => {
      let count = 0;
      for await (const _ of log.find()) {
        count += 1;
      }
      if (count !== EVENTS) {
        throw new Error(`The cursor gave ${count} entries`);
      }
    });
    const { perSecond: ours, requests } = await counted(EVENTS, async () => {
      const [outcome] = await tail(sandboxedTail(sandbox), burst('bench'));
      if (outcome?.events !== EVENTS) {
        throw new Error(`The tail read ${outcome?.events} events`);
      }
    });
    return { ours, raw, requests };
  } finally {
    await sandbox.destroy();
  }
}

/** Apply `FILES` uploads of one lane, as batches from the queue; raw: send the same requests one after another. */
async function applyRound(): Promise<Round> {
  const { stages } = await readEndpoints();
  const sandbox = await Sandbox.create(stages.source);
  const remote = await RecordingRemote.start();
  const client = createRemoteClient({
    url: remote.url,
    username: 'admin',
    password: 'bench',
    allowPrivate: true,
  });
  const agent = new Agent();
  try {
    const blobs = s3BlobStore({ s3: sandbox.s3, bucket: sandbox.names.bucket });
    const log = sandbox.database.collection(SANDBOX_LOG);
    await sandbox.slots.create('default', LOG_START);
    const task = storedTask();
    await sandbox.tasks.put(task);
    await log.insertOne({ createdDate: new Date(), ...projectCreated('bench') });
    for (let number = 0; number < FILES; number += 1) {
      const content = randomBytes(CONTENT_BYTES);
      const sha256 = createHash('sha256').update(content).digest('hex');
      const md5 = createHash('md5').update(content).digest('hex');
      await blobs.put({ sha256, content });
      const file = { projectId: 'bench', repoName: 'r', fullPath: `/file-${number}`, size: CONTENT_BYTES };
      await log.insertOne({ createdDate: new Date(), ...fileCreated({ ...file, sha256, md5 }) });
    }
    await tail(sandboxedTail(sandbox), burst('bench'));
    const messages = await sandbox.drain();

    const { perSecond: ours, requests } = await counted(FILES, async () => {
      for (const message of messages) {
        await applyBatch({
          message,
          deliveries: 1,
          circuit: circuit(),
          signal: AbortSignal.timeout(300_000),
          dependencies: {
            tasks: sandbox.tasks,
            lanes: sandbox.lanes,
            remotes: { clientFor: async () => client },
            catalog: mongoSourceCatalog(async () => sandbox.database),
            history: mongoSourceHistory(async () => sandbox.database),
            conflictStops: { stop: async () => false },
            blobs,
            loadOperation: (key) => sandbox.archive.loadOperation(key),
            clock: systemClock,
            timeZone: 'UTC',
            logger: silent,
          },
        });
      }
    });
    const sent = [...remote.requests];
    const raw = await perSecond(FILES, async () => {
      for (const { method, path, headers, body } of sent) {
        const { connection: _, host: __, 'transfer-encoding': ___, ...kept } = headers;
        const answer = await request(new URL(path, remote.url), {
          dispatcher: agent,
          method: method === 'GET' ? 'GET' : 'POST',
          headers: kept,
          ...(body.length === 0 ? {} : { body }),
        });
        await answer.body.dump();
      }
    });
    return { ours, raw, requests };
  } finally {
    await client.close();
    await agent.close();
    await remote.stop();
    await sandbox.destroy();
  }
}

async function counted(
  events: number,
  work: () => Promise<void>,
): Promise<{ readonly perSecond: number; readonly requests: Requests }> {
  const counter = countRequests();
  counter.start();
  try {
    return { perSecond: await perSecond(events, work), requests: counter.counts };
  } finally {
    counter.stop();
  }
}

async function perSecond(events: number, work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (events * 1_000) / (performance.now() - start);
}

/** @param events of one round. */
function report(name: string, baseline: string, events: number, measured: readonly Round[]): void {
  const spread = (values: readonly number[]) =>
    `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)})`;
  say(`${name.padEnd(18)}${spread(measured.map(({ ours }) => ours))} events/s`);
  say(`${baseline.padEnd(18)}${spread(measured.map(({ raw }) => raw))} events/s`);
  say(`${'ratio'.padEnd(18)}${median(measured.map(({ ours, raw }) => ours / raw)).toFixed(3)}`);
  const of = (service: keyof Requests) =>
    median(measured.map(({ requests }) => (requests[service] * 1_000) / events)).toFixed(1);
  say(
    `requests for 1,000 events: DynamoDB ${of('dynamoDb')}, S3 ${of('s3')}, SQS ${of('sqs')}, remote ${of('remote')}\n`,
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

await main();
