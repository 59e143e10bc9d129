import { z } from 'zod';
import { childPrefixOf, ROOT } from '../node/path.ts';

/**
 * Paths at which the target may be ahead of the log, or the log behind the target.
 *
 * What is settled takes the source's present state, which later events of the lane made. Those events come, and
 * repeating what they say of the path itself is harmless; but a copy, move or rename of it would carry the later state to
 * where the source has the earlier one. So an operation that meets such a path is settled, too.
 *
 * The reverse: the log may name a change of a path after the rename that took it away, though it was made before. So for
 * a short while after a move, rename, copy or deletion it is known where the path went.
 */

/** A path, and the instant whose state it may show; ISO 8601 UTC. */
export const aheadPathSchema = z.object({
  fullPath: z.string(),
  until: z.iso.datetime(),
  /** Where it may have gone: set on what was moved, renamed, copied, or (empty) is gone. */
  wentTo: z.array(z.string()).optional(),
});
export type AheadPath = z.infer<typeof aheadPathSchema>;

/**
 * How far the log's dates may be behind the worker's clock: its writer is asynchronous, and servers have clocks of their
 * own. Milliseconds.
 */
export const CLOCK_TOLERANCE = 10_000;

/** Longest time by which the order of two log entries is doubted (400 ms were measured); milliseconds. */
export const INVERSION_WINDOW = 2_000;

/** Characters of paths that a lane's record holds; beyond them it is forgotten what went where, then all counts as ahead. */
const MAX_CHARACTERS = 8_000;

export interface AheadPaths {
  /** Whether what is at the path, above it or under it may be ahead of an event logged at this instant. */
  meets(fullPath: string, loggedAt: string): boolean;
  /** The path shows the source's state of this instant. */
  add(fullPath: string, until: Date): void;
  /** An event logged at this instant was applied, which took the path to one of these; to none: it is just gone. */
  addTransfer(fullPath: string, wentTo: readonly string[], loggedAt: string): void;
  /**
   * Where the path may have gone just before an event logged at this instant; undefined when it did not go, empty
   * when it was deleted.
   *
   * @example after `/a` went to `/b`: counterparts('/a/x', …) // ['/b/x']
   */
  counterparts(fullPath: string, loggedAt: string): string[] | undefined;
  /** Whether something under a path was taken away just before an event logged at this instant. */
  isHollow(fullPath: string, loggedAt: string): boolean;
  /** The latest instant whose state some path may show; ISO 8601 UTC. */
  settledUntil(): string | undefined;
  /** What is still of interest to events logged from this instant on. */
  from(loggedAt: string): AheadPath[];
}

export function aheadPaths(known: readonly AheadPath[]): AheadPaths {
  let paths = [...known];

  const replace = (path: AheadPath) => {
    const kind = path.wentTo === undefined;
    paths = paths.filter(
      ({ fullPath, wentTo }) => fullPath !== path.fullPath || (wentTo === undefined) !== kind,
    );
    paths.push(path);
  };

  return {
    meets: (fullPath, loggedAt) =>
      paths.some(
        (path) =>
          path.wentTo === undefined && isCurrent(path, loggedAt) && isRelated(path.fullPath, fullPath),
      ),

    add(fullPath, until) {
      replace({ fullPath, until: until.toISOString() });
    },

    addTransfer(fullPath, wentTo, loggedAt) {
      const until = new Date(Date.parse(loggedAt) + INVERSION_WINDOW).toISOString();
      replace({ fullPath, until, wentTo: [...wentTo] });
    },

    counterparts(fullPath, loggedAt) {
      const gone = paths.filter(
        (path) =>
          path.wentTo !== undefined &&
          isCurrent(path, loggedAt) &&
          (fullPath === path.fullPath || fullPath.startsWith(childPrefixOf(path.fullPath))),
      );
      return gone.length === 0
        ? undefined
        : gone.flatMap((path) =>
            (path.wentTo ?? []).map((destination) => destination + fullPath.slice(path.fullPath.length)),
          );
    },

    isHollow: (fullPath, loggedAt) =>
      paths.some(
        (path) =>
          path.wentTo !== undefined &&
          isCurrent(path, loggedAt) &&
          path.fullPath.startsWith(childPrefixOf(fullPath)),
      ),

    settledUntil: () =>
      paths
        .filter(({ wentTo }) => wentTo === undefined)
        .map(({ until }) => until)
        .sort()
        .at(-1),

    from(loggedAt) {
      paths = paths.filter((path) => isCurrent(path, loggedAt));
      if (charactersOf(paths) > MAX_CHARACTERS) {
        paths = paths.filter(({ wentTo }) => wentTo === undefined);
      }
      if (charactersOf(paths) > MAX_CHARACTERS) {
        const until = paths.map((path) => path.until).reduce((left, right) => (left > right ? left : right));
        paths = [{ fullPath: ROOT, until }];
      }
      return [...paths];
    },
  };
}

function charactersOf(paths: readonly AheadPath[]): number {
  return paths.reduce((sum, { fullPath, wentTo = [] }) => sum + fullPath.length + wentTo.join('').length, 0);
}

function isCurrent({ until, wentTo }: AheadPath, loggedAt: string): boolean {
  const tolerance = wentTo === undefined ? CLOCK_TOLERANCE : 0;
  return Date.parse(loggedAt) <= Date.parse(until) + tolerance;
}

function isRelated(left: string, right: string): boolean {
  return left === right || left.startsWith(childPrefixOf(right)) || right.startsWith(childPrefixOf(left));
}
