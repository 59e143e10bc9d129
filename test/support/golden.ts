import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const FOLDER = fileURLToPath(new URL('../../../shared/wire/golden/', import.meta.url));

/** True where the captures of the real bk-repo lie beside the project; tests that need them are skipped elsewhere. */
export const hasGolden = existsSync(FOLDER);

const exchangeSchema = z.object({
  name: z.string(),
  request: z.object({
    method: z.string(),
    path: z.string(),
    headers: z.record(z.string(), z.string()),
    body: z.string().nullable(),
  }),
  response: z.object({ status: z.number(), body: z.string() }),
});
export type GoldenExchange = z.output<typeof exchangeSchema>;

/** The captured exchanges with `/replica/*` and `/task/*`, in their order. */
export function goldenExchanges(): GoldenExchange[] {
  return goldenLines('replica_http.jsonl').map((line) => exchangeSchema.parse(line));
}

/** A captured JSON Lines file, each line parsed. */
export function goldenLines(file: string): unknown[] {
  return goldenText(file)
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line));
}

/** A captured file as it is. */
export function goldenText(file: string): string {
  return readFileSync(`${FOLDER}${file}`, 'utf8');
}
