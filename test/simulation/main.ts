import { parseArgs } from 'node:util';
import { FAULTS, type FaultKind } from './faults.ts';
import { playSeed } from './play-seed.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '40' },
    first: { type: 'string', default: '1' },
    /** End at the first seed that does not hold. */
    stop: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

const first = Number(values.first);
const count = Number(values.seeds);
const begun = performance.now();
const struck = new Map<string, number>();
const killed = new Map<string, number>();
const totals = { changes: 0, entries: 0, lost: 0, simulated: 0 };
const diverged: number[] = [];
for (let seed = first; seed < first + count; seed += 1) {
  const outcome = await playSeed(seed);
  if ('error' in outcome) {
    diverged.push(seed);
    process.stdout.write(`seed ${seed} (${outcome.remotes.join(' and ')}): ${outcome.error}\n`);
    if (values.verbose) {
      process.stdout.write(`${outcome.log.join('\n')}\n`);
    }
    if (values.stop) {
      break;
    }
    continue;
  }
  totals.changes += outcome.changes;
  totals.entries += outcome.entries;
  totals.lost += outcome.lost;
  totals.simulated += outcome.simulated;
  for (const [kind, times] of outcome.struck) {
    struck.set(kind, (struck.get(kind) ?? 0) + times);
  }
  for (const [point, times] of outcome.killedAt) {
    killed.set(point, (killed.get(point) ?? 0) + times);
  }
  if (values.verbose) {
    const hours = Math.round(outcome.simulated / 3_600);
    process.stdout.write(
      `seed ${seed}: trace ${outcome.trace.toString(16)}, ${outcome.changes} changes, ${hours} h, ` +
        `${Math.round(performance.now() - begun)} ms since the beginning\n`,
    );
  }
}
const seconds = (performance.now() - begun) / 1_000;
const kinds: FaultKind[] = Object.keys(FAULTS).filter((kind): kind is FaultKind => kind in FAULTS);
for (const kind of kinds) {
  process.stdout.write(`${kind}: ${struck.get(kind) ?? 0}\n`);
}
process.stdout.write(`places of death: ${killed.size}\n`);
if (values.verbose) {
  process.stdout.write(
    `${[...killed]
      .sort()
      .map(([point, times]) => `  ${point}: ${times}`)
      .join('\n')}\n`,
  );
}
process.stdout.write(
  `${count} seeds from ${first}, ${diverged.length} diverged${diverged.length === 0 ? '' : ` (${diverged.join()})`}; ` +
    `${totals.changes} changes, ${totals.entries} entries (${totals.lost} lost unread), ${Math.round(totals.simulated / 3_600)} h simulated; ` +
    `${seconds.toFixed(1)} s, ${Math.round((seconds * 1_000) / count)} ms each\n`,
);
process.exit(diverged.length === 0 ? 0 : 1);
