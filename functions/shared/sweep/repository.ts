import type { Task } from '../task/task.ts';
import type {
  FoundCounts,
  GapName,
  Guarded,
  Repair,
  RequestedSweep,
  Sweep,
  SweepCursor,
  SweepState,
  SweepStatus,
  SweepWindow,
} from './sweep.ts';

/** Sweeps that are kept of a task. */
export const MAX_KEPT_SWEEPS = 50;

/** A sweep by its name. */
export interface SweepName {
  readonly taskKey: string;
  readonly sweepId: string;
}

/** What the holder of a sweep's newest epoch has found since it last said so. */
export interface SweepProgress extends SweepName {
  readonly epoch: number;
  readonly cursor: SweepCursor;
  readonly planned: boolean;
  readonly guarded: readonly Guarded[];
  readonly agreed: readonly Guarded[] | undefined;
  /** Added to the sweep's. */
  readonly found: FoundCounts;
  readonly at: Date;
}

/** Sweeps in the one table. Every write is conditional. Reads are strongly consistent. */
export interface SweepRepository {
  /** What a task's sweeps have to know; revision 0 when there is nothing yet. */
  state(taskKey: string): Promise<SweepState>;
  get(taskKey: string, sweepId: string): Promise<Sweep | undefined>;
  /** Newest first, at most `MAX_KEPT_SWEEPS`. */
  list(taskKey: string): Promise<Sweep[]>;
  /**
   * Begin a sweep of a task that has none going, and note the next dues. Of a sweep that was requested, the request is taken
   * back. Older ones than are kept are removed.
   *
   * @param start `state`: the task's, as it was decided from.
   * @returns false, and nothing written, when that has changed, or the task is not REPLICATING any more.
   */
  begin(start: {
    readonly sweep: Sweep;
    readonly state: SweepState;
    readonly dues: Pick<SweepState, 'nextDue' | 'fullDue'>;
  }): Promise<boolean>;
  /** Note what is asked for while a sweep goes. @returns false, and nothing written, when the state has changed. */
  request(request: {
    readonly taskKey: string;
    readonly state: SweepState;
    readonly requested: RequestedSweep;
  }): Promise<boolean>;
  /** Go on with a GUARDED sweep, agreed. @returns false, and nothing written, when the state or the sweep has changed. */
  resume(resumed: { readonly sweep: Sweep; readonly state: SweepState; readonly at: Date }): Promise<boolean>;
  /** Forget an active sweep that is gone. */
  forget(forgotten: { readonly taskKey: string; readonly state: SweepState }): Promise<void>;
  /** Take a sweep over, with the next epoch. Undefined, and nothing written, when another was first or it has ended. */
  claim(sweep: Sweep, at: Date): Promise<Sweep | undefined>;
  /** @returns false, and nothing written, when the sweep was taken over or has ended. */
  save(progress: SweepProgress): Promise<boolean>;
  /** Note that somebody looks after the sweep. One that has ended is left alone. */
  touch(touched: SweepName & { readonly stalled?: Sweep['stalled']; readonly at: Date }): Promise<void>;
  /**
   * End a sweep. Its success moves what later sweeps begin from; that of a GAP, the task's open gaps.
   *
   * @param end `repair`: what becomes of its gap: it is closed, or swept again, not before an instant.
   * @returns false, and nothing written, when it has ended already.
   */
  end(
    end: SweepName & {
      readonly status: Exclude<SweepStatus, 'RUNNING'>;
      readonly reason?: string | undefined;
      readonly repair: 'CLOSED' | { readonly notBefore: Date };
      readonly at: Date;
    },
  ): Promise<boolean>;
  /**
   * Ask for a task to be repaired after a gap, once; the task counts it among its open gaps. Repeating it changes nothing, and
   * a task that is gone is left alone.
   */
  requestRepair(request: {
    readonly taskKey: Task['key'];
    readonly gap: GapName;
    readonly window: SweepWindow;
    readonly at: Date;
  }): Promise<void>;
  /** Gaps that the task is still to be repaired after, the oldest first. */
  repairs(taskKey: string): Promise<Repair[]>;
}
