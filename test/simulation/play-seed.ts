import { type RemoteKind, Scenario, type SeedResult } from './scenario.ts';

/** Play one seed to its end; what does not hold is told and not thrown. */
export async function playSeed(
  seed: number,
  { sweeps = false }: { readonly sweeps?: boolean } = {},
): Promise<
  SeedResult | { readonly error: string; readonly remote: RemoteKind; readonly log: readonly string[] }
> {
  const scenario = new Scenario(seed, sweeps);
  try {
    return await scenario.run();
  } catch (error) {
    const text =
      error instanceof Error && error.name !== 'Divergence' ? (error.stack ?? error.message) : String(error);
    return {
      error: text,
      remote: scenario.remote,
      log: [...scenario.source.transcript, ...scenario.warnings].sort(),
    };
  }
}
