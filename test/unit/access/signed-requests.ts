import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { ApiRequest } from '../../support/api.ts';

const fileSchema = z.object({
  requests: z.array(
    z.object({
      method: z.string(),
      path: z.string(),
      headers: z.record(z.string(), z.string()),
      body: z.string(),
    }),
  ),
});

/** Secret of the key `AK` that the captured requests were signed with, and when. */
export const CAPTURED = { accessKey: 'AK', secret: 'SK', at: new Date('2026-11-22T00:48:00Z') } as const;

/** Seven requests as the service's own SDK sends them. */
export function signedRequests(): readonly (ApiRequest & { readonly path: string })[] {
  const text = readFileSync(new URL('signed-requests.json', import.meta.url), 'utf8');
  return fileSchema.parse(JSON.parse(text)).requests;
}
