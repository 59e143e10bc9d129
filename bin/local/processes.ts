import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { LocalCloudError } from './errors.ts';
import { paths, projectRoot } from './paths.ts';
import { hasEnvironment, type ProcessEntry, processTable } from './process-table.ts';
import { type StartedProcess, type State, writeState } from './state.ts';
import type { Context, InstallContext } from './toolbox.ts';

/** Present in the environment of everything that a start brought up; its value is the state's id. */
export const marker = 'LOGFERRY_LOCAL_CLOUD';

export type Environment = Readonly<Record<string, string>>;

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** A log's path as a person at the project's root would type it. */
export function logName(name: string): string {
  return relative(projectRoot, paths.log(name));
}

/**
 * The line of a log that names the cause, shortened: the first one that matches, else the last one that says
 * something.
 */
export function causeIn(name: string, pattern?: RegExp): string {
  let text: string;
  try {
    text = readFileSync(paths.log(name), 'utf8');
  } catch {
    return 'no output';
  }
  const lines = stripVTControlCharacters(text)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const found = pattern === undefined ? undefined : lines.find((line) => pattern.test(line));
  return (found ?? lines.at(-1) ?? 'no output').slice(0, 250);
}

/**
 * Run a command to its end in a process group of its own, with its output appended to `.local/logs/<log>.log`.
 * An abort kills the whole group; while it runs it is in the state, so that even a start that was killed leaves
 * nothing behind.
 *
 * @throws LocalCloudError naming the log when it cannot be started or ends with anything but 0.
 */
export async function runCommand(options: {
  readonly context: InstallContext;
  /** What it does, to begin the error with: `Deploying stage source`. */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly log: string;
  readonly env: Environment;
  readonly cwd?: string;
  readonly identity?: Identity | undefined;
  /** Tells the line of its output that names the cause of a failure. */
  readonly cause?: RegExp;
  /** What to do about a failure. */
  readonly advice?: string;
}): Promise<void> {
  const { signal, state } = options.context;
  signal?.throwIfAborted();
  const { child, started } = spawnGroup({
    ...options,
    name: options.log,
    cwd: options.cwd ?? projectRoot,
    state,
    append: true,
    stopSignal: 'SIGTERM',
    channel: false,
  });
  const kill = (): void => send(-(child.pid ?? 0), 'SIGKILL');
  signal?.addEventListener('abort', kill, { once: true });
  try {
    const failure = await new Promise<string | undefined>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, by) =>
        resolve(
          code === 0
            ? undefined
            : `ended with ${by ?? `status ${code}`}: ${causeIn(options.log, options.cause)}`,
        ),
      );
    });
    signal?.throwIfAborted();
    if (failure !== undefined) {
      const advice = options.advice === undefined ? '' : ` ${options.advice}`;
      throw new LocalCloudError(
        `${options.what} failed (${failure}); read ${logName(options.log)}.${advice}`,
      );
    }
  } finally {
    signal?.removeEventListener('abort', kill);
    if (state !== undefined) {
      state.processes = state.processes.filter((other) => other !== started);
      writeState(state);
    }
  }
}

export interface Service {
  readonly child: ChildProcess;
  /** True once the process has ended. */
  ended(): boolean;
}

/**
 * Start a program that keeps running, as leader of a process group of its own, its output in
 * `.local/logs/<name>.log`, written down in the state.
 */
export async function startService(options: {
  readonly context: Context;
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Environment;
  readonly cwd: string;
  readonly stopSignal?: StartedProcess['stopSignal'];
  readonly identity?: Identity | undefined;
  /** Open a message channel to a Node program. */
  readonly channel?: boolean;
}): Promise<Service> {
  const { child } = spawnGroup({
    ...options,
    state: options.context.state,
    append: false,
    stopSignal: options.stopSignal ?? 'SIGTERM',
    channel: options.channel === true,
  });
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  const failure = await new Promise<Error | undefined>((resolve) => {
    child.once('error', resolve);
    child.once('spawn', () => resolve(undefined));
  });
  if (failure !== undefined) {
    throw new LocalCloudError(`${options.name} could not be started: ${failure.message}.`);
  }
  child.unref();
  return { child, ended: () => ended };
}

/** Spawn a group leader and write it down in the same breath: nothing can come between the two. */
function spawnGroup(options: {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Environment;
  readonly cwd: string;
  readonly state: State | undefined;
  readonly append: boolean;
  readonly stopSignal: StartedProcess['stopSignal'];
  readonly identity?: Identity | undefined;
  readonly channel: boolean;
}): { readonly child: ChildProcess; readonly started: StartedProcess | undefined } {
  const { state } = options;
  mkdirSync(paths.logs, { recursive: true });
  const output = openSync(paths.log(options.name), options.append ? 'a' : 'w');
  const child = spawn(options.command, [...options.args], {
    cwd: options.cwd,
    env: { ...options.env, ...(state && { [marker]: state.id }) },
    stdio: ['ignore', output, output, ...(options.channel ? (['ipc'] as const) : [])],
    detached: true,
    ...options.identity,
  });
  closeSync(output);
  const entry = processTable().find(({ pid }) => pid === child.pid);
  if (state === undefined || entry === undefined) {
    return { child, started: undefined };
  }
  const { name, stopSignal } = options;
  const started: StartedProcess = { name, pid: entry.pid, startedAt: entry.startedAt, stopSignal };
  state.processes.push(started);
  writeState(state);
  return { child, started };
}

/**
 * Wait until a service answers.
 *
 * @returns false when the process ended before it answered (its port may have been taken meanwhile: worth
 *   another try with another port).
 * @throws LocalCloudError when it neither answers nor ends within the time.
 */
export async function waitUntilUp(options: {
  readonly name: string;
  readonly service: Service;
  readonly probe: () => Promise<boolean>;
  readonly timeoutSeconds: number;
  readonly context: Context;
}): Promise<boolean> {
  const deadline = Date.now() + options.timeoutSeconds * 1_000;
  while (Date.now() < deadline) {
    options.context.signal.throwIfAborted();
    if (options.service.ended()) {
      return false;
    }
    if (await options.probe()) {
      return true;
    }
    await sleep(50);
  }
  throw new LocalCloudError(
    `${options.name} did not answer within ${options.timeoutSeconds} s; read ${logName(options.name)}.`,
  );
}

/** Whether this very process (not another one with its pid) is alive. */
export function isAlive(started: StartedProcess, table: readonly ProcessEntry[] = processTable()): boolean {
  return table.some((entry) => entry.pid === started.pid && entry.startedAt === started.startedAt);
}

/**
 * What belongs to a started process: itself, its process group, and its descendants in other groups (PostgreSQL
 * gives every backend a session of its own). When the leader is gone, its group is only ours if a member
 * carries the marker of this start: nothing is ever killed on the strength of a number alone.
 */
export function family(
  started: StartedProcess,
  id: string,
  table: readonly ProcessEntry[],
): readonly ProcessEntry[] {
  const leader = table.find((entry) => entry.pid === started.pid);
  if (leader !== undefined && leader.startedAt !== started.startedAt) {
    return [];
  }
  const group = table.filter((entry) => entry.group === started.pid);
  if (leader === undefined && !group.some((entry) => hasEnvironment(entry.pid, marker, id))) {
    return [];
  }
  const found = new Map(group.map((entry) => [entry.pid, entry]));
  if (leader !== undefined) {
    found.set(leader.pid, leader);
  }
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const entry of table) {
      if (found.has(entry.parent)) {
        found.set(entry.pid, entry);
      }
    }
  }
  return [...found.values()];
}

/**
 * End a started process with all its family: first as it likes to be asked, then, after the grace, by force.
 *
 * @returns what is still alive after that (empty, unless the system holds on to a process).
 */
export async function stopProcess(
  started: StartedProcess,
  id: string,
  graceSeconds = 5,
): Promise<readonly ProcessEntry[]> {
  const members = family(started, id, processTable());
  if (members.length === 0) {
    return [];
  }
  send(-started.pid, started.stopSignal);
  let left = await waitForEnd(members, graceSeconds);
  if (left.length > 0) {
    for (const entry of left) {
      send(entry.pid, 'SIGKILL');
    }
    left = await waitForEnd(left, graceSeconds);
  }
  // A member of the group that was born after the first look (a Lambda worker just spawned).
  const late = family(started, id, processTable());
  for (const entry of late) {
    send(entry.pid, 'SIGKILL');
  }
  return await waitForEnd([...left, ...late], graceSeconds);
}

/** Kill at once and without waiting, for use while this process exits. */
export function killNow(started: StartedProcess, id: string): void {
  for (const entry of family(started, id, processTable())) {
    send(entry.pid, 'SIGKILL');
  }
}

async function waitForEnd(
  members: readonly ProcessEntry[],
  seconds: number,
): Promise<readonly ProcessEntry[]> {
  const deadline = Date.now() + seconds * 1_000;
  for (;;) {
    const table = processTable();
    const left = members.filter((member) =>
      table.some((entry) => entry.pid === member.pid && entry.startedAt === member.startedAt),
    );
    if (left.length === 0 || Date.now() > deadline) {
      return left;
    }
    await sleep(25);
  }
}

/** Signal a process, or with a negative number a group, that may have ended meanwhile. */
function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) {
      throw error;
    }
  }
}
