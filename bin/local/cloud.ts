import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { bootstrap, deploy, type Outputs, readAdmin, synthesize } from './deploy.ts';
import { type Endpoints, parseEndpoints, readEndpoints, type StageEndpoints } from './endpoints.ts';
import { LocalCloudError } from './errors.ts';
import { functionLogs, isMiniStackUp, startMiniStack } from './ministack.ts';
import { dropForeignDatabases, isMongoDbUp, prepareDatabases, startMongoDb } from './mongodb.ts';
import { accepts } from './network.ts';
import { paths, projectRoot } from './paths.ts';
import { causeIn, isAlive, killNow, logName, startService, stopProcess } from './processes.ts';
import { preparePython } from './python.ts';
import { readSettings } from './settings.ts';
import {
  credentials,
  databaseOf,
  operateLogCollection,
  projectId,
  region,
  type Stage,
  stages,
} from './stages.ts';
import { readState, type State, withLock, writePrivately, writeState } from './state.ts';
import { type Context, cloudEnvironment, type Log } from './toolbox.ts';

export type { Endpoints, StageEndpoints } from './endpoints.ts';

/**
 * Bring the local cloud up: two MiniStack instances with the deployed stages `source` and `target`, a server that
 * speaks MongoDB's protocol, and the front doors. When it is up already, only its endpoints are returned.
 *
 * Whatever goes wrong, what this call had started is stopped again before it throws.
 *
 * @param options.log told what goes on, one line at a time.
 * @param options.detach whether it is to outlive the calling process. When not, it ends with that process: on
 *   Ctrl-C and SIGTERM it is stopped first (unless the caller handles these signals itself), and when the process
 *   exits without having stopped it, it is killed. (After a SIGKILL, the next start or stop cleans up.)
 * @param options.signal gives up the start.
 * @throws LocalCloudError with one line that says what to do.
 */
export async function startLocalCloud(options: {
  readonly log: Log;
  readonly detach: boolean;
  readonly signal?: AbortSignal | undefined;
}): Promise<Endpoints> {
  const interruption = new AbortController();
  const signals = [interruption.signal, ...(options.signal === undefined ? [] : [options.signal])];
  const letSignalsBe = options.detach ? undefined : stopOnSignals(interruption, options.log);
  return await withLock(async () => {
    if (await isRunning()) {
      letSignalsBe?.();
      options.log('the local cloud is running already');
      return await readEndpoints();
    }
    const log = withElapsedTime(options.log);
    await tearDown(log);
    const state: State = {
      id: crypto.randomUUID(),
      processes: [],
      clouds: {},
      directories: [],
      foreignDatabases: null,
    };
    const endWithUs = (): void => killAll(state);
    process.once('exit', endWithUs);
    try {
      const endpoints = await bringUp({ log, signal: AbortSignal.any(signals), state });
      if (options.detach) {
        process.off('exit', endWithUs);
      }
      return endpoints;
    } catch (error) {
      await tearDown(log);
      throw error;
    }
  });
}

/**
 * Stop exactly what was started, and remove its runtime state; caches and logs stay. Safe to call when nothing runs.
 *
 * @throws LocalCloudError when something could not be stopped.
 */
export async function stopLocalCloud(options: { readonly log: Log }): Promise<void> {
  await withLock(async () => await tearDown(withElapsedTime(options.log)));
}

/** Whether the local cloud is up and every part of it answers. */
export async function isRunning(): Promise<boolean> {
  const state = readState();
  if (state === undefined || state.processes.length === 0 || !areAllAlive(state)) {
    return false;
  }
  let endpoints: Endpoints;
  try {
    endpoints = await readEndpoints();
  } catch {
    return false;
  }
  const checks = Object.values(endpoints.stages).flatMap((stage) => [
    isMiniStackUp(stage.aws.endpoint),
    accepts(Number(new URL(stage.apiUrl).port)),
    isMongoDbUp(stage.mongoUri, 3_000),
  ]);
  return (await Promise.all(checks)).every((up) => up);
}

/** The name of a part that has ended although nobody stopped it; undefined while all are alive. */
export function endedPart(): string | undefined {
  return readState()?.processes.find((started) => !isAlive(started))?.name;
}

function areAllAlive(state: State): boolean {
  return state.processes.every((started) => isAlive(started));
}

async function bringUp(context: Context): Promise<Endpoints> {
  const settings = readSettings(process.env);
  mkdirSync(paths.logs, { recursive: true });
  mkdirSync(paths.run, { recursive: true });
  for (const name of ['install', ...stages.flatMap((stage) => [`synth-${stage}`, `deploy-${stage}`])]) {
    writeFileSync(paths.log(name), '');
  }
  writeState(context.state);

  const failure = new AbortController();
  const branch: Context = { ...context, signal: AbortSignal.any([failure.signal, context.signal]) };
  const python = once(async () => await preparePython(branch));

  const cloud = async (stage: Stage): Promise<string> => {
    const { interpreter } = await python();
    branch.log(`starting MiniStack (${stage})`);
    const endpoint = await startMiniStack({ stage, interpreter, context: branch });
    await bootstrap(stage, endpoint, branch);
    return endpoint;
  };
  const mongoDb = async (): Promise<string> => {
    const server = await startMongoDb(branch, settings, python);
    await prepareDatabases({
      uri: server.uri,
      databases: stages.map(databaseOf),
      operateLogCollection,
      operateLogBytes: settings.operateLogBytes,
      foreign: settings.mongodbUri !== undefined,
      context: branch,
    });
    branch.log(`${server.description} is up`);
    return server.uri;
  };
  const servers = [
    partOf(failure, cloud('source')),
    partOf(failure, cloud('target')),
    partOf(failure, mongoDb()),
    partOf(failure, assemblies(branch)),
  ] as const;
  await allEnded(servers);
  const [source, target, mongoUri, assembly] = await Promise.all(servers);

  context.log('deploying stages source and target');
  const deployments = [
    partOf(
      failure,
      deploy({ stage: 'source', assembly: assembly.source, endpoint: source, mongoUri, context: branch }),
    ),
    partOf(
      failure,
      deploy({ stage: 'target', assembly: assembly.target, endpoint: target, mongoUri, context: branch }),
    ),
  ] as const;
  await allEnded(deployments);
  const [sourceOutputs, targetOutputs] = await Promise.all(deployments);

  context.log('opening the front doors');
  const ports = await openFrontDoors(context, {
    source: { endpoint: source, apiId: sourceOutputs.ApiId },
    target: { endpoint: target, apiId: targetOutputs.ApiId },
  });
  const endpoints = parseEndpoints({
    stages: {
      source: await describe('source', source, ports.source, mongoUri, sourceOutputs),
      target: await describe('target', target, ports.target, mongoUri, targetOutputs),
    },
  });
  await Promise.all(stages.map(async (stage) => await checkApi(stage, endpoints.stages[stage].apiUrl)));
  writePrivately(paths.endpoints, `${JSON.stringify(endpoints, undefined, 2)}\n`);
  context.log('the local cloud is up');
  return endpoints;
}

async function describe(
  stage: Stage,
  endpoint: string,
  port: number,
  mongoUri: string,
  outputs: Outputs,
): Promise<StageEndpoints> {
  return {
    aws: { endpoint, region, ...credentials },
    apiUrl: `http://127.0.0.1:${port}`,
    mongoUri,
    mongoDatabase: databaseOf(stage),
    operateLogCollection,
    blobBucket: outputs.BlobBucketName,
    projectId,
    admin: await readAdmin(endpoint, outputs.AdminSecretArn),
    resources: outputs,
  };
}

const frontDoorPorts = z.object({ source: z.int(), target: z.int() });

async function openFrontDoors(
  context: Context,
  apis: Readonly<Record<Stage, { readonly endpoint: string; readonly apiId: string }>>,
): Promise<z.output<typeof frontDoorPorts>> {
  const { child } = await startService({
    name: 'front-doors',
    command: process.execPath,
    args: [fileURLToPath(new URL('front-doors.ts', import.meta.url)), JSON.stringify(apis)],
    env: cloudEnvironment(),
    cwd: projectRoot,
    context,
    channel: true,
  });
  const message = await new Promise<unknown>((resolve) => {
    child.once('message', resolve);
    child.once('exit', () => resolve(undefined));
  });
  const ports = frontDoorPorts.safeParse(message);
  if (!ports.success) {
    throw new LocalCloudError(
      `The front doors ended while starting (${causeIn('front-doors')}); read ${logName('front-doors')}.`,
    );
  }
  child.disconnect();
  return ports.data;
}

/** One request through everything: the front door, the API and a function. */
async function checkApi(stage: Stage, apiUrl: string): Promise<void> {
  const response = await fetch(`${apiUrl}/`, { signal: AbortSignal.timeout(30_000) });
  await response.arrayBuffer();
  if (response.status >= 500) {
    throw new LocalCloudError(
      `The API of stage ${stage} answers with status ${response.status}; read ${logName(`ministack-${stage}`)}.`,
    );
  }
}

/** Stop what the state names, and remove the state and everything that belongs to it. */
async function tearDown(log: Log): Promise<void> {
  const state = readState();
  if (state !== undefined) {
    log('stopping the local cloud');
    await saveFunctionLogs(state);
    // Commands of a start that was cut off, then servers, those first that are clients of the others.
    const order = ['front-doors', 'ministack-source', 'ministack-target', 'mongod', 'ferretdb', 'postgresql'];
    const groups = Map.groupBy(state.processes, ({ name }) => order.indexOf(name));
    const left = [];
    for (const [, started] of [...groups].sort(([one], [other]) => one - other)) {
      left.push(...(await Promise.all(started.map((one) => stopProcess(one, state.id)))).flat());
    }
    if (left.length > 0) {
      const pids = left.map(({ pid }) => pid).join(', ');
      throw new LocalCloudError(`The processes ${pids} could not be stopped: end them, then stop again.`);
    }
    // Not before: nobody is left who would make them again.
    const foreignLeft = await dropForeignDatabases(state).then(
      () => false,
      () => true,
    );
    if (foreignLeft) {
      log(
        `the databases ${state.foreignDatabases?.names.join(', ')} could not be dropped: drop them by hand`,
      );
    }
  }
  removeFiles(state);
  if (state !== undefined) {
    log('stopped');
  }
}

/** Remove what a start wrote; the state last, so that what is left after an error can be removed another time. */
function removeFiles(state: State | undefined): void {
  const files = [paths.run, paths.endpoints, ...stages.map(paths.outputs), paths.state];
  for (const path of [...(state?.directories ?? []), ...files]) {
    rmSync(path, { recursive: true, force: true });
  }
}

/** Keep what the functions logged; that it cannot be had (a crash) is no reason not to stop. */
async function saveFunctionLogs(state: State): Promise<void> {
  await Promise.allSettled(
    Object.entries(state.clouds).map(async ([stage, endpoint]) => {
      writePrivately(paths.log(`functions-${stage}`), await functionLogs(endpoint));
    }),
  );
}

/**
 * On Ctrl-C and the like: give up a start that is under way, stop what is up, then end as the signal would have
 * ended this process. Signals that the caller handles itself are left to it.
 *
 * @returns what undoes this.
 */
function stopOnSignals(interruption: AbortController, log: Log): () => void {
  const names = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).filter(
    (name) => process.listenerCount(name) === 0,
  );
  const undo = (): void => {
    for (const name of names) {
      process.off(name, listener);
    }
  };
  const listener = (signal: NodeJS.Signals): void => {
    undo();
    interruption.abort();
    void stopLocalCloud({ log })
      .catch((error: unknown) => log(error instanceof Error ? error.message : String(error)))
      .finally(() => process.kill(process.pid, signal));
  };
  for (const name of names) {
    process.on(name, listener);
  }
  return undo;
}

/** The last resort, when a process that must not leave anything behind exits without having stopped it. */
function killAll(state: State): void {
  if (readState()?.id !== state.id) {
    return;
  }
  for (const started of state.processes) {
    killNow(started, state.id);
  }
  try {
    removeFiles(state);
  } catch {
    // Something dying still wrote: the next start or stop removes it.
  }
}

/**
 * The assemblies of both stages, one after the other: each bundles every function, which keeps two cores busy and takes
 * 2 GB, and both write the same bundles.
 */
async function assemblies(context: Context): Promise<Readonly<Record<'source' | 'target', string>>> {
  return { source: await synthesize('source', context), target: await synthesize('target', context) };
}

/**
 * A part of several that run at the same time: when it fails, the others are given up, and fail for the same
 * reason.
 */
async function partOf<Result>(failure: AbortController, part: Promise<Result>): Promise<Result> {
  try {
    return await part;
  } catch (reason) {
    failure.abort(reason);
    throw failure.signal.reason;
  }
}

/** Wait until all have ended, well or not; nothing may still be starting while the state is torn down. */
async function allEnded(parts: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(parts);
}

function once<Result>(make: () => Promise<Result>): () => Promise<Result> {
  let made: Promise<Result> | undefined;
  return async () => {
    made ??= make();
    return await made;
  };
}

/** Begin each line with the seconds since now. */
function withElapsedTime(log: Log): Log {
  const start = performance.now();
  return (line) => log(`${((performance.now() - start) / 1_000).toFixed(1).padStart(6)} s  ${line}`);
}
