import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * A live process (never a zombie). `startedAt` is opaque and only compared: together with the pid it names a
 * process for good, because a pid alone may be given to another process later.
 */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly startedAt: string;
}

/**
 * Parse one line of Linux' `/proc/<pid>/stat` (proc_pid_stat(5)). The command name stands in parentheses and may
 * itself hold spaces and parentheses, so fields are counted from the last closing one.
 *
 * @returns undefined for a zombie or an unreadable line.
 */
export function parseProcStat(line: string, bootId: string): ProcessEntry | undefined {
  const pid = Number.parseInt(line, 10);
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state, parent, group] = fields;
  // Field 22, start time in clock ticks since boot; the first field after the name is field 3.
  const ticks = fields[19];
  if (
    !Number.isInteger(pid) ||
    state === undefined ||
    ticks === undefined ||
    state === 'Z' ||
    state === 'X'
  ) {
    return undefined;
  }
  return { pid, parent: Number(parent), group: Number(group), startedAt: `${bootId}:${ticks}` };
}

/** Parse `ps -axo pid=,ppid=,pgid=,stat=,lstart=`, for systems without `/proc`. */
export function parsePs(output: string): readonly ProcessEntry[] {
  return output.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line);
    const [, pid, parent, group, state, startedAt] = match ?? [];
    return startedAt === undefined || state?.startsWith('Z') === true
      ? []
      : [{ pid: Number(pid), parent: Number(parent), group: Number(group), startedAt }];
  });
}

/**
 * All live processes. Synchronous, so that nothing can come between starting a process and writing down which
 * one it is. `/proc` comes first because slim images have no `ps`.
 */
export function processTable(): readonly ProcessEntry[] {
  if (process.platform !== 'linux') {
    return parsePs(execFileSync('ps', ['-axo', 'pid=,ppid=,pgid=,stat=,lstart='], { encoding: 'utf8' }));
  }
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const line = readOrUndefined(`/proc/${pid}/stat`);
      const entry = line === undefined ? undefined : parseProcStat(line, bootId);
      return entry === undefined ? [] : [entry];
    });
}

/** Whether a process was started with this environment variable (Linux only; elsewhere the answer is no). */
export function hasEnvironment(pid: number, name: string, value: string): boolean {
  const environment = process.platform === 'linux' ? readOrUndefined(`/proc/${pid}/environ`) : undefined;
  return environment?.split('\0').includes(`${name}=${value}`) === true;
}

/** A process may end between listing and reading. */
function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
