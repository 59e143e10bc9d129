import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Principal } from '../principal/principal.ts';

/** As this field's services have it: a client that keeps its token signs in once a day. */
const TOKEN_LIFETIME_MS = 24 * 60 * 60 * 1000;
const TOKEN_BYTES = 48;

/** A token as it is stored: by its digest alone, so that the table holds nothing to sign in with. */
export const storedTokenSchema = z.object({
  username: z.string(),
  /** Project that it is for: the deployment's project id, or the name of a bk-repo project. Any when there is none. */
  project: z.string().optional(),
  issuedDate: z.iso.datetime(),
  expiresDate: z.iso.datetime(),
});
export type StoredToken = z.output<typeof storedTokenSchema>;

export interface TokenRepository {
  put(digest: string, token: StoredToken): Promise<void>;
  get(digest: string): Promise<StoredToken | undefined>;
}

/** SHA-256 in hex. A token is random enough that its digest needs no salt. */
export function tokenDigest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Issue a token to somebody who has signed in; the token itself is in the answer only. */
export async function issueToken(options: {
  readonly principal: Principal;
  readonly project: string | undefined;
  readonly tokens: Pick<TokenRepository, 'put'>;
  readonly clock: Clock;
}): Promise<{ readonly token: string; readonly stored: StoredToken }> {
  const { principal, project, tokens, clock } = options;
  const now = clock();
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const stored: StoredToken = {
    username: principal.username,
    ...(project === undefined ? {} : { project }),
    issuedDate: now.toISOString(),
    expiresDate: new Date(now.getTime() + TOKEN_LIFETIME_MS).toISOString(),
  };
  await tokens.put(tokenDigest(token), stored);
  return { token, stored };
}
