import type { Clock } from '../clock.ts';
import type { Conflict } from '../conflict/conflict.ts';
import { type OwnWork, ownWork, type StoredOwnWork } from '../conflict/own-work.ts';
import type { SweepFailure } from '../failure/failure.ts';
import { aheadPaths, CLOCK_TOLERANCE } from '../lane/ahead.ts';
import { type LaneRepair, type LaneRepository, type LaneState, laneId } from '../lane/repository.ts';
import { RemoteOutageError } from '../remote/errors.ts';
import type { PartLedger } from '../sweep/part-ledger.ts';
import type { PartCounts, StoredPart } from '../sweep/parts.ts';
import { hasContainers, LaneContendedError } from './apply-batch.ts';
import type { LaneKnowledge } from './lane-settling.ts';
import type { Outcome } from './outcome.ts';
import type { SourceNode } from './source-catalog.ts';

/**
 * How long a delivery may work after it has noted what it is about to do: as long as a Lambda runs, so that what a worker has
 * settled before it died is noted for no earlier than it was settled; milliseconds.
 */
const WORKING_TIME = 900_000;

/** Before anything that a lane takes for ahead of the log. */
const LONG_AGO = new Date(0).toISOString();

/** A path, and what the source has there. */
interface PartPath {
  readonly fullPath: string;
  readonly node?: SourceNode | undefined;
}

/** What a delivery does of a part, and how that is written. */
export interface PartRecord {
  /** The part's paths, each once. */
  readonly fullPaths: readonly string[];
  readonly knowledge: LaneKnowledge;
  readonly own: OwnWork;
  /** Paths that need nothing: an earlier delivery has put right those that it has begun. */
  alike(paths: readonly PartPath[]): void;
  /** What became of a path. */
  tell(path: PartPath, outcome: Outcome): void;
  /** What became of the definition of the lane's project and repository. */
  tellDefinition(outcome: Outcome): void;
  conflicts(found: readonly Conflict[]): void;
  /**
   * Write what is about to be changed at the remote, before it is.
   *
   * @throws LaneContendedError when another delivery has moved the lane, or done the part.
   */
  begin(paths: readonly PartPath[]): Promise<void>;
  /** As the lane's own work is written (`ConflictGuard`). @throws LaneContendedError */
  remember(): Promise<void>;
  /** Show on the lane the outage that has ended the delivery, if that was one. */
  interrupted(error: unknown): Promise<void>;
  /** @throws LaneContendedError as `begin`. */
  finish(): Promise<PartCounts>;
}

export function partRecord(options: {
  readonly part: StoredPart;
  readonly state: LaneState | undefined;
  readonly lanes: Pick<LaneRepository, 'recordOutage' | 'recordOwnWork'>;
  readonly parts: Pick<PartLedger, 'begin' | 'finish'>;
  readonly clock: Clock;
}): PartRecord {
  const { part, state, lanes, parts, clock } = options;
  const { taskKey, sweepId, source, remote, slotName } = part;
  const appliedOrdinal = state?.appliedOrdinal ?? 0;
  const name = { taskKey, source, remote, slotName };
  const fullPaths = [...new Set(part.fullPaths)];
  const begunBefore = new Set((part.begun ?? []).flatMap((index) => part.fullPaths[index] ?? []));
  const knowledge: LaneKnowledge = {
    containersEnsured: hasContainers(state, remote),
    containersRefused: undefined,
    ahead: aheadPaths(state?.ahead ?? []),
  };
  // The log may still speak of it, however long ago it was: where the log is, a part does not know.
  const own = ownWork(state?.ownWork, state?.ownWork?.until ?? LONG_AGO);
  const results = new Map<string, Exclude<keyof PartCounts, 'checked'>>();
  const failures: SweepFailure[] = [];
  let definition: Exclude<keyof PartCounts, 'checked'> | undefined;
  let conflicts: readonly Conflict[] = [];
  let repairs = state?.repairs ?? 0;
  let hasBegun = false;

  const ownUntil = (until: Date): StoredOwnWork | undefined => {
    const known = state?.ownWork === undefined ? 0 : Date.parse(state.ownWork.until);
    return own.stored(new Date(Math.max(known, until.getTime() + CLOCK_TOLERANCE)));
  };

  const stepOf = (step: Pick<LaneRepair, 'repaired' | 'ahead' | 'ownWork'>): LaneRepair => ({
    ...name,
    appliedOrdinal,
    repairs,
    containersEnsured: knowledge.containersEnsured,
    ...step,
  });

  const contended = () => new LaneContendedError(laneId(name));

  const failureOf = ({ code, reason }: Extract<Outcome, { kind: 'FAILED' }>) => ({
    taskKey,
    sweepId,
    part: part.part,
    source,
    remote,
    code,
    reason,
    at: clock().toISOString(),
  });

  return {
    fullPaths,
    knowledge,
    own,

    alike(paths) {
      for (const { fullPath, node } of paths.filter((path) => begunBefore.has(path.fullPath))) {
        results.set(fullPath, node === undefined ? 'removed' : 'repaired');
      }
    },

    tell({ fullPath, node }, outcome) {
      switch (outcome.kind) {
        case 'APPLIED':
          results.set(fullPath, node === undefined ? 'removed' : 'repaired');
          break;
        case 'CONFLICTED':
          results.set(fullPath, 'conflicted');
          break;
        case 'FAILED':
          results.set(fullPath, 'failed');
          failures.push({ ...failureOf(outcome), kind: 'NODE', fullPath });
          break;
        default:
          // A later event has made it void.
          results.set(fullPath, 'unchanged');
      }
    },

    tellDefinition(outcome) {
      switch (outcome.kind) {
        case 'APPLIED':
          definition = 'repaired';
          break;
        case 'FAILED':
          definition = 'failed';
          failures.push({ ...failureOf(outcome), kind: source.repoName === '' ? 'PROJECT' : 'REPOSITORY' });
          break;
        default:
          definition = 'unchanged';
      }
    },

    conflicts(found) {
      conflicts = found;
    },

    async begin(paths) {
      if (paths.length === 0) {
        return;
      }
      for (const { fullPath } of paths) {
        begunBefore.add(fullPath);
      }
      const until = new Date(clock().getTime() + WORKING_TIME);
      const ahead = aheadPaths(state?.ahead ?? []);
      for (const fullPath of begunBefore) {
        ahead.add(fullPath, until);
      }
      const isWritten = await parts.begin({
        part,
        begun: [...begunBefore].map((fullPath) => part.fullPaths.indexOf(fullPath)),
        lane: stepOf({ repaired: 0, ahead: ahead.from(LONG_AGO), ownWork: ownUntil(until) }),
      });
      if (!isWritten) {
        throw contended();
      }
      repairs += 1;
      hasBegun = true;
    },

    async remember() {
      const stored = ownUntil(new Date(clock().getTime() + WORKING_TIME));
      // What is known before the part has begun is written with its beginning.
      if (!hasBegun || stored === undefined) {
        return;
      }
      if (!(await lanes.recordOwnWork({ ...name, from: appliedOrdinal, repairs, ownWork: stored }))) {
        throw contended();
      }
    },

    async interrupted(error) {
      if (!(error instanceof RemoteOutageError)) {
        return;
      }
      // The part's beginning has ended the outage that the lane has shown.
      const shown = hasBegun ? undefined : state?.outage;
      if (shown?.reason !== error.message) {
        await lanes.recordOutage(name, {
          since: shown?.since ?? clock().toISOString(),
          reason: error.message,
        });
      }
    },

    async finish() {
      const at = clock();
      for (const fullPath of begunBefore) {
        knowledge.ahead.add(fullPath, at);
      }
      const all = [...results.values(), ...(definition === undefined ? [] : [definition])];
      const countOf = (result: string) => all.filter((each) => each === result).length;
      const told = {
        repaired: countOf('repaired'),
        removed: countOf('removed'),
        conflicted: countOf('conflicted'),
        failed: countOf('failed'),
      };
      const checked = fullPaths.length + (definition === undefined ? 0 : 1);
      const unchanged = checked - told.repaired - told.removed - told.conflicted - told.failed;
      const counts = { checked, unchanged, ...told };
      const isWritten = await parts.finish({
        part,
        counts,
        failures,
        conflicts,
        lane: stepOf({
          repaired: told.repaired + told.removed,
          ahead: knowledge.ahead.from(LONG_AGO),
          ownWork: ownUntil(at),
        }),
        at,
      });
      if (!isWritten) {
        throw contended();
      }
      return counts;
    },
  };
}
