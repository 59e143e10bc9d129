import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { paths } from './paths.ts';
import type { Environment } from './processes.ts';
import type { State } from './state.ts';

/** Tell the person at the terminal what is going on, one line at a time. */
export type Log = (line: string) => void;

/** What an installation is given. Without a state, what it runs is not written down. */
export interface InstallContext {
  readonly log: Log;
  readonly signal?: AbortSignal;
  readonly state?: State;
}

/** What every step of a start is given. */
export interface Context extends InstallContext {
  readonly signal: AbortSignal;
  /** Where everything that is started is written down first. */
  readonly state: State;
}

/** The environment for programs that download: the caller's own, with its proxy and registry settings. */
export function downloadEnvironment(extra: Environment = {}): Record<string, string> {
  return { ...inherited(/^PYTHON/), PATH: pathWithThisNode(), ...extra };
}

/**
 * The environment for programs of the local cloud: this Node is first on the PATH (the Lambda workers run the
 * `node` of the PATH); the caller's AWS settings are left out, so that no real account can be reached by
 * accident, and so is a proxy, because everything is on loopback.
 */
export function cloudEnvironment(extra: Environment = {}): Record<string, string> {
  return {
    ...inherited(/^PYTHON|^AWS_|^CDK_|^(https?|all|no)_proxy$/i),
    PATH: pathWithThisNode(),
    ...extra,
  };
}

function inherited(without: RegExp): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !without.test(entry[0]),
    ),
  );
}

/** The PATH with the directory of the running Node in front. */
export function pathWithThisNode(): string {
  return [dirname(process.execPath), process.env['PATH'] ?? ''].filter((part) => part !== '').join(delimiter);
}

/** The first executable of that name on the PATH. */
export function findOnPath(name: string, searchPath = process.env['PATH'] ?? ''): string | undefined {
  return searchPath
    .split(delimiter)
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, name))
    .find((candidate) => isExecutable(candidate));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** What a short command prints, or undefined when it cannot be run or fails. */
export async function outputOf(
  command: string,
  args: readonly string[],
  env?: Environment,
): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(command, [...args], {
      timeout: 30_000,
      ...(env && { env }),
    });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

/**
 * Install something into `.local/tools/<name>-<digest of what it is made from>` unless it is there already.
 * A directory counts only once its installation has ended well; older ones of the same name are removed.
 */
export async function installOnce(options: {
  readonly name: string;
  readonly madeFrom: readonly string[];
  /** A last check of an installation found in place (its interpreter may be gone, say). */
  readonly works?: (directory: string) => Promise<boolean>;
  readonly install: (directory: string) => Promise<void>;
}): Promise<string> {
  const digest = createHash('sha256').update(JSON.stringify(options.madeFrom)).digest('hex').slice(0, 12);
  const directory = join(paths.tools, `${options.name}-${digest}`);
  const complete = join(directory, '.complete');
  if (existsSync(complete) && (await (options.works?.(directory) ?? true))) {
    return directory;
  }
  mkdirSync(paths.tools, { recursive: true });
  for (const old of readdirSync(paths.tools).filter((name) => name.startsWith(`${options.name}-`))) {
    rmSync(join(paths.tools, old), { recursive: true, force: true });
  }
  mkdirSync(directory);
  await options.install(directory);
  writeFileSync(complete, '');
  return directory;
}
