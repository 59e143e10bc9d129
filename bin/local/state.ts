import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { LocalCloudError } from './errors.ts';
import { paths } from './paths.ts';
import { processTable } from './process-table.ts';

const startedProcess = z.object({
  name: z.string(),
  /** Leader of a process group of its own. */
  pid: z.int().positive(),
  startedAt: z.string(),
  /** The signal that asks this program to end. */
  stopSignal: z.enum(['SIGTERM', 'SIGINT']),
});

const stateSchema = z.object({
  /** Chosen anew by every start; every process that was started carries it in its environment. */
  id: z.uuid(),
  processes: z.array(startedProcess),
  /** Endpoint of each MiniStack instance, by stage. */
  clouds: z.record(z.string(), z.url()),
  /** Directories outside `.local` that a stop removes. */
  directories: z.array(z.string()),
  /** Databases that were created on somebody else's MongoDB server, and that a stop drops again. */
  foreignDatabases: z.object({ uri: z.string(), names: z.array(z.string()) }).nullable(),
});

export type StartedProcess = z.output<typeof startedProcess>;
export type State = z.output<typeof stateSchema>;

/**
 * What is running, as the last start wrote it down; undefined when nothing is (or nothing readable: a start that
 * was cut off while writing has not started anything that it did not write down before).
 */
export function readState(): State | undefined {
  let text: string;
  try {
    text = readFileSync(paths.state, 'utf8');
  } catch {
    return undefined;
  }
  const parsed = stateSchema.safeParse(parseJson(text));
  return parsed.success ? parsed.data : undefined;
}

/** Replace the state file in one step; readable by its owner only, since a connection string may be in it. */
export function writeState(state: State): void {
  writePrivately(paths.state, `${JSON.stringify(state, undefined, 2)}\n`);
}

/** Write a file that only its owner may read, so that no reader ever sees half of it. */
export function writePrivately(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, path);
}

const lockSchema = z.object({ pid: z.int(), startedAt: z.string() });

let lastTransition: Promise<unknown> = Promise.resolve();

/**
 * Run a transition (start or stop) while no other one runs on this project. Transitions of this process wait for
 * each other.
 *
 * @throws LocalCloudError when another live process is in the middle of one.
 */
export async function withLock<Result>(transition: () => Promise<Result>): Promise<Result> {
  const before = lastTransition;
  const mine = (async () => {
    await before;
    mkdirSync(paths.local, { recursive: true });
    takeLock();
    try {
      return await transition();
    } finally {
      rmSync(paths.lock, { force: true });
    }
  })();
  lastTransition = mine.catch(() => undefined);
  return await mine;
}

/** The pid of a live process that is starting or stopping the local cloud. */
export function lockHolder(): number | undefined {
  let text: string;
  try {
    text = readFileSync(paths.lock, 'utf8');
  } catch {
    return undefined;
  }
  const holder = lockSchema.safeParse(parseJson(text)).data;
  const alive = processTable().some(
    (entry) => entry.pid === holder?.pid && entry.startedAt === holder.startedAt,
  );
  return alive ? holder?.pid : undefined;
}

function takeLock(): void {
  const self = processTable().find((entry) => entry.pid === process.pid);
  const text = JSON.stringify({ pid: process.pid, startedAt: self?.startedAt ?? '' });
  // Twice at most: a lock whose holder is dead is removed once.
  for (const attempt of [1, 2]) {
    try {
      const file = openSync(paths.lock, 'wx', 0o600);
      writeFileSync(file, text);
      closeSync(file);
      return;
    } catch (error) {
      if (attempt === 2 || !(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
        throw error;
      }
      const holder = lockHolder();
      if (holder !== undefined) {
        throw new LocalCloudError(
          `Process ${holder} is starting or stopping the local cloud just now: wait until it has ended.`,
        );
      }
      rmSync(paths.lock, { force: true });
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
