import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { type ProcessEntry, processTable } from '../../../bin/local/process-table.ts';
import { family, isAlive, marker, stopProcess } from '../../../bin/local/processes.ts';
import type { StartedProcess } from '../../../bin/local/state.ts';

function entry(pid: number, parent: number, group: number, startedAt = `t${pid}`): ProcessEntry {
  return { pid, parent, group, startedAt };
}

function started(pid: number, startedAt = `t${pid}`): StartedProcess {
  return { name: 'part', pid, startedAt, stopSignal: 'SIGTERM' };
}

function pids(entries: readonly ProcessEntry[]): readonly number[] {
  return entries.map(({ pid }) => pid).sort((one, other) => one - other);
}

/** Numbers that no process has: beyond Linux' greatest pid (2^22). */
const ABSENT = 5_000_000;

describe('what belongs to a started process', () => {
  it('is its group, and its descendants in groups of their own', () => {
    const table = [
      entry(ABSENT, 1, ABSENT),
      entry(ABSENT + 1, ABSENT, ABSENT),
      entry(ABSENT + 2, ABSENT, ABSENT + 2),
      entry(ABSENT + 3, ABSENT + 2, ABSENT + 3),
      entry(ABSENT + 4, 1, ABSENT + 4),
    ];
    expect(pids(family(started(ABSENT), 'id', table))).toEqual([ABSENT, ABSENT + 1, ABSENT + 2, ABSENT + 3]);
  });

  it('is nothing when the pid was given to another process', () => {
    const table = [entry(ABSENT, 1, ABSENT, 'later'), entry(ABSENT + 1, ABSENT, ABSENT)];
    expect(family(started(ABSENT), 'id', table)).toEqual([]);
    expect(isAlive(started(ABSENT), table)).toBe(false);
  });

  it('is nothing when the leader is gone and nobody in the group carries the marker', () => {
    expect(family(started(ABSENT), 'id', [entry(ABSENT + 1, 1, ABSENT)])).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('stopping', () => {
  const id = 'the-id-of-this-test';
  let leader: ChildProcess | undefined;

  afterEach(() => {
    if (leader?.pid !== undefined) {
      try {
        process.kill(-leader.pid, 'SIGKILL');
      } catch {
        // All gone, as it should be.
      }
    }
  });

  /** A group of two: a leader, and a child of it that does not end when it is asked to. */
  async function startStubborn(): Promise<StartedProcess> {
    const child = 'process.on("SIGTERM", () => {}); process.send("ready"); setInterval(() => {}, 1_000)';
    const program = `
      const child = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}],
        { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
      child.once('message', () => process.send('ready'));
      setInterval(() => {}, 1_000);
    `;
    leader = spawn(process.execPath, ['-e', program], {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { ...process.env, [marker]: id },
    });
    await once(leader, 'message');
    const found = processTable().find(({ pid }) => pid === leader?.pid);
    return started(found?.pid ?? 0, found?.startedAt);
  }

  it('ends the whole group, by force what ignores the request', async () => {
    const part = await startStubborn();
    const members = family(part, id, processTable());
    expect(members).toHaveLength(2);
    expect(await stopProcess(part, id, 0.3)).toEqual([]);
    const left = processTable().filter(({ pid }) => members.some((member) => member.pid === pid));
    expect(left).toEqual([]);
  });

  it('ends what a killed leader left behind, by the marker', async () => {
    const part = await startStubborn();
    process.kill(part.pid, 'SIGKILL');
    await expect.poll(() => isAlive(part)).toBe(false);
    expect(family(part, 'another id', processTable())).toEqual([]);
    expect(family(part, id, processTable())).toHaveLength(1);
    expect(await stopProcess(part, id, 0.3)).toEqual([]);
    expect(processTable().filter(({ group }) => group === part.pid)).toEqual([]);
  });

  it('leaves a process alone that was started at another time', async () => {
    const part = await startStubborn();
    expect(await stopProcess({ ...part, startedAt: 'another time' }, id, 0.3)).toEqual([]);
    expect(isAlive(part)).toBe(true);
  });
});
