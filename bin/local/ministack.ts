import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { LocalCloudError } from './errors.ts';
import { answers, freePort } from './network.ts';
import { paths } from './paths.ts';
import { causeIn, logName, startService, waitUntilUp } from './processes.ts';
import { credentials, region, type Stage } from './stages.ts';
import { type State, writeState } from './state.ts';
import { type Context, pathWithThisNode } from './toolbox.ts';

/**
 * Start one cloud.
 *
 * Lambda functions inherit this process's environment, so it is given no more than it needs: with `node` of the
 * PATH being this Node. The listeners beside its one port are switched off, and so are Docker (which it would
 * sweep for its own containers) and persistence.
 *
 * @returns its endpoint.
 */
export async function startMiniStack(options: {
  readonly stage: Stage;
  readonly interpreter: string;
  readonly context: Context;
}): Promise<string> {
  const { state } = options.context;
  const name = `ministack-${options.stage}`;
  const home = join(paths.run, options.stage);
  mkdirSync(home, { recursive: true });
  const temporary = makeTemporary(options.stage, state);
  for (const _attempt of [1, 2, 3]) {
    const port = await freePort();
    const service = await startService({
      context: options.context,
      name,
      command: options.interpreter,
      args: ['-m', 'ministack'],
      env: {
        PATH: pathWithThisNode(),
        HOME: home,
        TMPDIR: temporary,
        LANG: 'C.UTF-8',
        PYTHONUNBUFFERED: '1',
        BIND_HOST: '127.0.0.1',
        GATEWAY_PORT: String(port),
        // The host in the URLs that it gives out (queues, custom resources); a name may resolve to ::1.
        MINISTACK_HOST: '127.0.0.1',
        MINISTACK_REGION: region,
        SFTP_ENABLED: '0',
        IOT_MTLS_ENABLED: '0',
        PERSIST_STATE: '0',
        S3_PERSIST: '0',
        STATE_DIR: join(home, 'state'),
        S3_DATA_DIR: join(home, 's3'),
        LAMBDA_EXECUTOR: 'local',
        DOCKER_HOST: `unix://${join(home, 'no-docker.sock')}`,
      },
      cwd: home,
    });
    const endpoint = `http://127.0.0.1:${port}`;
    state.clouds[options.stage] = endpoint;
    writeState(state);
    const up = await waitUntilUp({
      name,
      service,
      probe: async () => await isMiniStackUp(endpoint),
      timeoutSeconds: 60,
      context: options.context,
    });
    if (up) {
      return endpoint;
    }
  }
  throw new LocalCloudError(
    `MiniStack (${options.stage}) ended while starting (${causeIn(name)}); read ${logName(name)}.`,
  );
}

/**
 * Where MiniStack unpacks the functions' code and runs it: outside the project. Inside it, an import that is not
 * bundled would be found in the project's `node_modules`, so that what fails on AWS would work here; and the
 * project's `"type": "module"` would apply to files that Lambda reads as CommonJS.
 */
function makeTemporary(stage: Stage, state: State): string {
  const directory = mkdtempSync(join(tmpdir(), `logferry-${stage}-`));
  state.directories.push(directory);
  writeState(state);
  writeFileSync(join(directory, 'package.json'), '{ "type": "commonjs" }\n');
  return directory;
}

export async function isMiniStackUp(endpoint: string): Promise<boolean> {
  return await answers(`${endpoint}/_ministack/health`);
}

const logGroups = z.object({ logGroups: z.array(z.object({ logGroupName: z.string() })) });
const logEvents = z.object({
  events: z.array(z.object({ timestamp: z.number(), message: z.string() })),
});

/**
 * What the functions have logged, oldest first, one line per event: it is in the cloud's CloudWatch Logs and would
 * be gone with it. At most the first 10,000 events of each function.
 */
export async function functionLogs(endpoint: string): Promise<string> {
  const { logGroups: groups } = logGroups.parse(await logsCall(endpoint, 'DescribeLogGroups', {}));
  const lines: { readonly timestamp: number; readonly text: string }[] = [];
  for (const { logGroupName } of groups) {
    const { events } = logEvents.parse(
      await logsCall(endpoint, 'FilterLogEvents', { logGroupName, limit: 10_000 }),
    );
    const name = logGroupName.split('/').at(-1) ?? logGroupName;
    for (const { timestamp, message } of events) {
      lines.push({ timestamp, text: `${new Date(timestamp).toISOString()} ${name} ${message.trimEnd()}\n` });
    }
  }
  return lines
    .sort((left, right) => left.timestamp - right.timestamp)
    .map(({ text }) => text)
    .join('');
}

async function logsCall(endpoint: string, operation: string, input: object): Promise<unknown> {
  const response = await fetch(`${endpoint}/`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `Logs_20140328.${operation}`,
      authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/20260101/${region}/logs/aws4_request, SignedHeaders=host, Signature=none`,
    },
    body: JSON.stringify(input),
    signal: AbortSignal.timeout(10_000),
  });
  return await response.json();
}
