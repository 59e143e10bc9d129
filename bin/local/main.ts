import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endedPart, isRunning, startLocalCloud, stopLocalCloud } from './cloud.ts';
import { type Endpoints, readEndpoints } from './endpoints.ts';
import { LocalCloudError } from './errors.ts';
import { paths, projectRoot } from './paths.ts';
import { logName } from './processes.ts';
import { stages } from './stages.ts';
import { lockHolder, readState } from './state.ts';

const usage = `Usage: npm run local [-- --detach]   start the local cloud, and stop it on Ctrl-C (or leave it running)
       npm run local:stop             stop it`;

/** The command line of `npm run local` and `npm run local:stop`. @returns the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  // Whoever reads the output may leave before the end (`| head`): that is no reason to stop half-way.
  process.stdout.on('error', () => undefined);
  const [command, ...options] = args;
  const unknown = options.filter((option) => option !== '--detach');
  try {
    if (command === 'start' && unknown.length === 0) {
      return await start(options.includes('--detach'));
    }
    if (command === 'stop' && options.length === 0) {
      await stopLocalCloud({ log: print });
      return 0;
    }
    console.error(usage);
    return 2;
  } catch (error) {
    if (!(error instanceof LocalCloudError)) {
      throw error;
    }
    console.error(error.message);
    return 1;
  }
}

async function start(detach: boolean): Promise<number> {
  if (await isRunning()) {
    print('The local cloud is running already.');
    printAddresses(await readEndpoints());
    return 0;
  }
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interruption.abort());
  }
  try {
    printAddresses(await startLocalCloud({ log: print, detach, signal: interruption.signal }));
  } catch (error) {
    if (interruption.signal.aborted) {
      return 130;
    }
    throw error;
  }
  if (detach) {
    print('It goes on in the background: stop it with npm run local:stop.');
    return 0;
  }
  print('Stop it with Ctrl-C.');
  return await stayUntilStopped(interruption.signal);
}

async function stayUntilStopped(interruption: AbortSignal): Promise<number> {
  while (!interruption.aborted) {
    if (readState() === undefined) {
      print('Stopped from elsewhere.');
      return 0;
    }
    // While somebody stops it, its parts end one after the other.
    const ended = lockHolder() === undefined ? endedPart() : undefined;
    if (ended !== undefined) {
      await stopLocalCloud({ log: print });
      throw new LocalCloudError(`${ended} has ended unexpectedly; read ${logName(ended)}.`);
    }
    await sleep(500, undefined, { signal: interruption }).catch(() => undefined);
  }
  await stopLocalCloud({ log: print });
  return 0;
}

function printAddresses(endpoints: Endpoints): void {
  for (const stage of stages) {
    const { apiUrl, aws, mongoUri, mongoDatabase } = endpoints.stages[stage];
    print(`${stage.padEnd(7)} API     ${apiUrl}`);
    print(`        AWS     ${aws.endpoint}`);
    print(`        MongoDB ${withoutPassword(mongoUri)} ${mongoDatabase}`);
  }
  print(`Credentials and everything else: ${relative(projectRoot, paths.endpoints)}`);
}

/** A connection string as it may be shown. */
export function withoutPassword(uri: string): string {
  return uri.replace(/^(mongodb(?:\+srv)?:\/\/)[^@/]*@/, '$1');
}

function print(line: string): void {
  console.log(line);
}
