import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseProcStat, parsePs, processTable } from '../../../bin/local/process-table.ts';

/** A line of /proc/<pid>/stat, fields 3 to 52 as proc_pid_stat(5) numbers them. */
function statLine(values: {
  readonly pid: number;
  readonly name: string;
  readonly state?: string;
  readonly parent: number;
  readonly group: number;
  readonly ticks: number;
}): string {
  const fields = Array.from({ length: 50 }, () => '0');
  fields[0] = values.state ?? 'S';
  fields[1] = String(values.parent);
  fields[2] = String(values.group);
  fields[19] = String(values.ticks);
  return `${values.pid} (${values.name}) ${fields.join(' ')}\n`;
}

describe('the process table', () => {
  it('reads a process whatever its name holds', () => {
    fc.assert(
      fc.property(
        fc.record({
          pid: fc.integer({ min: 1 }),
          name: fc.oneof(fc.string(), fc.constantFrom(') S 1 1', 'a) (b', '(', ')', ' ')),
          parent: fc.nat(),
          group: fc.nat(),
          ticks: fc.nat(),
        }),
        (values) => {
          expect(parseProcStat(statLine(values), 'boot')).toEqual({
            pid: values.pid,
            parent: values.parent,
            group: values.group,
            startedAt: `boot:${values.ticks}`,
          });
        },
      ),
    );
  });

  it.each(['Z', 'X'])('leaves out a process in state %s, which has ended', (state) => {
    const line = statLine({ pid: 7, name: 'node', state, parent: 1, group: 7, ticks: 3 });
    expect(parseProcStat(line, 'boot')).toBeUndefined();
  });

  it('reads the answer of ps', () => {
    const output = [
      '    1     0     1 Ss   Sun Nov 22 02:55:01 2026',
      '  812     1   812 S+   Sun Nov 22 03:10:44 2026',
      '  900   812   812 Z    Sun Nov 22 03:11:00 2026',
      '',
    ].join('\n');
    expect(parsePs(output)).toEqual([
      { pid: 1, parent: 0, group: 1, startedAt: 'Sun Nov 22 02:55:01 2026' },
      { pid: 812, parent: 1, group: 812, startedAt: 'Sun Nov 22 03:10:44 2026' },
    ]);
  });

  it('finds this very process, and its start does not change', () => {
    const self = () => processTable().find(({ pid }) => pid === process.pid);
    expect(self()).toMatchObject({ pid: process.pid, parent: process.ppid });
    expect(self()?.startedAt).toBe(self()?.startedAt);
  });
});
