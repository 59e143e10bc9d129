import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BSON } from 'mongodb';
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

const userSchema = z.object({ collection: z.literal('user'), doc: z.record(z.string(), z.unknown()) });

/** The users whom the captured system had from its beginning, as documents: an administrator, and one who is none. */
export function goldenUsers(): Record<string, unknown>[] {
  return goldenLines('collections.jsonl').flatMap((line) => {
    const user = userSchema.safeParse(line);
    return user.success ? [BSON.EJSON.deserialize(user.data.doc)] : [];
  });
}

const senderRequestSchema = z.object({
  n: z.number(),
  method: z.string(),
  path: z.string(),
  headers: z.array(z.tuple([z.string(), z.string()])).transform((pairs) => Object.fromEntries(pairs)),
  body: z.string().default(''),
  multipart: z.array(z.object({ headers: z.array(z.string()), value: z.string() })).optional(),
  response: z.object({ status: z.number(), body: z.string() }),
});

export interface GoldenSenderRequest extends Omit<z.output<typeof senderRequestSchema>, 'multipart'> {}

/** What a real bk-repo's replication sent, in its order, and what the real receiver answered. */
export function goldenSenderRequests(): GoldenSenderRequest[] {
  return goldenLines('wire_dump.jsonl').map((line) => {
    const { multipart, ...request } = senderRequestSchema.parse(line);
    if (multipart === undefined) {
      return request;
    }
    const boundary = /boundary=(.+)$/.exec(request.headers['Content-Type'] ?? '')?.[1] ?? '';
    const parts = multipart.map(
      ({ headers, value }) => `--${boundary}\r\n${headers.join('\r\n')}\r\n\r\n${value}\r\n`,
    );
    return { ...request, body: `${parts.join('')}--${boundary}--\r\n` };
  });
}
