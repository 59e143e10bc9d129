import type { Perform } from '../apply/ask.ts';
import type { Container } from '../lane/message.ts';
import type { RemoteClient } from '../remote/client.ts';
import { MAX_DIGESTS } from '../remote/digest-calls.ts';
import type { Presence } from './decide.ts';

/** What the remote has at a path. */
export type Look = (fullPath: string) => Presence;

/**
 * What the remote has at each of the paths, by their digests where it tells those, else whether anything is there. One that
 * cannot be sent is taken for missing, and fails when it is.
 */
export async function presences(
  client: Pick<RemoteClient, 'identity' | 'digests' | 'existing'>,
  question: Container & { readonly fullPaths: readonly string[] },
  perform: Perform,
): Promise<Look> {
  const { projectId, repoName } = question;
  const sendable = question.fullPaths.filter((fullPath) => fullPath.isWellFormed());
  const found = new Map<string, Presence>();
  for (let start = 0; start < sendable.length; start += MAX_DIGESTS) {
    const fullPaths = sendable.slice(start, start + MAX_DIGESTS);
    const asked = { projectId, repoName, fullPaths };
    if ((await client.identity()).extensions.has('digests')) {
      for (const [fullPath, digest] of await perform(() => client.digests(asked))) {
        found.set(fullPath, { kind: 'KNOWN', digest });
      }
    } else {
      for (const fullPath of await perform(() => client.existing(asked))) {
        found.set(fullPath, { kind: 'UNKNOWN' });
      }
    }
  }
  return (fullPath) => found.get(fullPath) ?? { kind: 'MISSING' };
}
