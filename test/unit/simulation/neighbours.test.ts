import { describe, expect, it } from 'vitest';
import { Scenario } from '../../simulation/scenario.ts';

const SEEDS = [1, 2, 3, 4] as const;
/** By how much worlds differ by chance. */
const TOLERANCE = 1.25;

/** Of all entries, milliseconds of simulated time: the machine has no part in it. */
async function lags(remotes: readonly 'extended'[]) {
  const all: number[] = [];
  for (const seed of SEEDS) {
    all.push(...(await new Scenario(seed, { remotes }).measureLag()));
  }
  const sorted = all.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return { median: at(0.5), p95: at(0.95), longest: at(1) };
}

describe('a remote that nobody answers at', () => {
  it('leaves its neighbour the lag that it has alone', { timeout: 300_000 }, async () => {
    const [alone, beside] = [await lags(['extended']), await lags(['extended', 'extended'])];
    const shown = (key: keyof typeof alone) => `${key} ${alone[key]} and ${beside[key]} ms`;
    process.stdout.write(
      `lag of a remote, alone and beside a silent one: ${shown('median')}, ${shown('p95')}, ${shown('longest')}\n`,
    );
    expect(beside.median).toBeLessThan(TOLERANCE * alone.median);
    expect(beside.p95).toBeLessThan(TOLERANCE * alone.p95);
  });
});
