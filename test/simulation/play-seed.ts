import type { RemoteKind } from './destination.ts';
import { Scenario, type SeedResult } from './scenario.ts';

/** Play one seed to its end; what does not hold is told and not thrown. */
export async function playSeed(
  seed: number,
): Promise<
  | SeedResult
  | { readonly error: string; readonly remotes: readonly RemoteKind[]; readonly log: readonly string[] }
> {
  const scenario = new Scenario(seed);
  try {
    return await scenario.run();
  } catch (error) {
    const text =
      error instanceof Error && error.name !== 'Divergence' ? (error.stack ?? error.message) : String(error);
    return {
      error: text,
      remotes: scenario.destinations.map(({ kind }) => kind),
      log: [...scenario.source.transcript, ...scenario.warnings].sort(),
    };
  }
}
