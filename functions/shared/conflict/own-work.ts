import { createHash } from 'node:crypto';
import { z } from 'zod';
import { INVERSION_WINDOW } from '../lane/ahead.ts';
import { childPrefixOf } from '../node/path.ts';

/**
 * What a lane has put at its target of late, or is about to.
 *
 * The source's nodes and tombstones tell what it has had at a path, but bk-repo renames and moves leave no tombstone: what
 * was put at a path from which the source has moved it on since, before the lane has come that far, would pass for somebody
 * else's. It matters for as long as the target may be ahead of the log, or the log out of order.
 */
export const ownWorkSchema = z.object({
  /** Instant up to which the log may still speak of the contents; ISO 8601 UTC. */
  until: z.iso.datetime(),
  /** Eight bytes of SHA-256 for each path with its content. */
  contents: z.instanceof(Uint8Array),
  /** Where the target itself brought whole trees: whatever is there is the lane's to events logged until then. */
  landings: z.array(z.object({ fullPath: z.string(), until: z.iso.datetime() })),
});
export type StoredOwnWork = z.infer<typeof ownWorkSchema>;

/** Bytes of a digest that are kept. */
const DIGEST_LENGTH = 8;
/** What is kept of it in a lane's item, which has 400 KB; the oldest is forgotten first. */
const MAX_CONTENTS = 8_000;
const MAX_LANDINGS = 50;
/**
 * Contents that count for longer than the log may speak of them, the last ones: a message is looked at once for all that it brings,
 * two paths for each of its 100 entries, and may be cut off behind its first one; and the log may have a path's next node
 * before the rename that took this one away, however long it has been there. Two kilobytes of the item.
 */
const MAX_LASTING = 256;

/** What is known of content at a path; a remote of the base contract tells neither kind nor digest. */
export interface KnownContent {
  readonly folder?: boolean | undefined;
  readonly sha256?: string | undefined;
}

export interface OwnWork {
  /** @returns whether it was new. */
  add(fullPath: string, content: KnownContent): boolean;
  /** An event logged at this instant has the target itself bring a tree here, where nothing was. */
  addLanding(fullPath: string, loggedAt: string): void;
  /** Whether what is at a path is known to be the lane's, to an event logged at this instant. */
  has(fullPath: string, content: KnownContent, loggedAt: string): boolean;
  /** As it is stored; undefined while there is nothing. */
  stored(until: Date): StoredOwnWork | undefined;
}

/** @param known what was stored; all of it counts if the log may still speak of it at `loggedAt`, ISO 8601 UTC. */
export function ownWork(known: StoredOwnWork | undefined, loggedAt: string): OwnWork {
  const isCurrent = known !== undefined && Date.parse(loggedAt) <= Date.parse(known.until);
  const contents = new Set(
    known === undefined ? [] : digestsIn(known.contents).slice(isCurrent ? 0 : -MAX_LASTING),
  );
  const landings = new Map(isCurrent ? known.landings.map(({ fullPath, until }) => [fullPath, until]) : []);

  return {
    add(fullPath, content) {
      const digest = digestOf(fullPath, content);
      const isNew = !contents.delete(digest);
      contents.add(digest);
      bound(contents, MAX_CONTENTS);
      return isNew;
    },

    addLanding(fullPath, at) {
      landings.delete(fullPath);
      landings.set(fullPath, new Date(Date.parse(at) + INVERSION_WINDOW).toISOString());
      bound(landings, MAX_LANDINGS);
    },

    has: (fullPath, content, at) =>
      contents.has(digestOf(fullPath, content)) ||
      [...landings].some(
        ([landing, until]) =>
          Date.parse(at) <= Date.parse(until) &&
          (fullPath === landing || fullPath.startsWith(childPrefixOf(landing))),
      ),

    stored: (until) =>
      contents.size === 0 && landings.size === 0
        ? undefined
        : {
            until: until.toISOString(),
            contents: Buffer.from([...contents].join(''), 'hex'),
            landings: [...landings].map(([fullPath, end]) => ({ fullPath, until: end })),
          },
  };
}

/** Sets and maps keep the order in which things were added. */
function bound(values: Set<string> | Map<string, string>, max: number): void {
  for (const oldest of values.keys()) {
    if (values.size <= max) {
      return;
    }
    values.delete(oldest);
  }
}

function digestOf(fullPath: string, { folder, sha256 }: KnownContent): string {
  const content = folder === true ? 'folder' : (sha256?.toLowerCase() ?? '');
  return createHash('sha256')
    .update(JSON.stringify([fullPath, content]))
    .digest()
    .subarray(0, DIGEST_LENGTH)
    .toString('hex');
}

function digestsIn(bytes: Uint8Array): string[] {
  const hex = Buffer.from(bytes).toString('hex');
  return hex.match(/.{16}/g) ?? [];
}
