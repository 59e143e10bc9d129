/** What became of a task's events, in numbers: `read` is the sum of the others, at any time. */
export interface TaskAccount {
  /** Events that the task's slot has read since it first saw the task. */
  readonly read: number;
  readonly applied: number;
  /** Made void by a later event before they were applied. */
  readonly superseded: number;
  /** Not the task's: another project or repository, nothing to replicate, or from the remote itself. */
  readonly filtered: number;
  readonly conflicted: number;
  readonly failed: number;
  /** Sent to a lane and not yet applied; read while the task was left out, and not yet replayed to it. */
  readonly pending: number;
}

/** Counters of a lane, as they are stored (`lane/repository.ts`). */
export interface LaneCounts {
  readonly dispatched: number;
  readonly applied: number;
  readonly superseded: number;
  readonly conflicted: number;
  readonly failed: number;
  readonly filtered: number;
}

/**
 * The account of a task from stored counters.
 *
 * The counters move one after the other (a message is applied, and the slot's ordinal moves, around the moment at
 * which its lane notes it as sent), so one read in between may be behind another: what was applied was sent, and
 * what was sent was read, whichever was noted first. Of what a task still has to get from the archive it is not known
 * which of it is the task's: until then all of it is pending.
 */
export function accountOf(options: {
  readonly slot: { readonly nextOrdinal: number } | undefined;
  readonly task: {
    readonly startOrdinal?: number | undefined;
    readonly ordinalOffset?: number | undefined;
    readonly catchUp?: { readonly nextOrdinal: number; readonly notBefore?: number | undefined } | undefined;
  };
  readonly lanes: readonly LaneCounts[];
}): TaskAccount {
  const { slot, task, lanes } = options;
  const settledOf = (lane: LaneCounts): number =>
    lane.applied + lane.superseded + lane.conflicted + lane.failed + lane.filtered;
  const sum = (countOf: (lane: LaneCounts) => number): number =>
    lanes.reduce((total, lane) => total + countOf(lane), 0);

  const settled = sum(settledOf);
  const dispatched = sum((lane) => Math.max(lane.dispatched, settledOf(lane)));
  const seen =
    slot === undefined || task.startOrdinal === undefined
      ? 0
      : Math.max(0, slot.nextOrdinal + (task.ordinalOffset ?? 0) - task.startOrdinal);
  const read = Math.max(seen, dispatched);
  const { nextOrdinal: owedFrom = slot?.nextOrdinal, notBefore = 0 } = task.catchUp ?? {};
  const behind =
    slot === undefined || owedFrom === undefined
      ? 0
      : Math.max(0, slot.nextOrdinal - Math.max(owedFrom, notBefore));
  const waiting = Math.min(behind, read - dispatched);
  return {
    read,
    applied: sum((lane) => lane.applied),
    superseded: sum((lane) => lane.superseded),
    filtered: read - dispatched - waiting + sum((lane) => lane.filtered),
    conflicted: sum((lane) => lane.conflicted),
    failed: sum((lane) => lane.failed),
    pending: dispatched - settled + waiting,
  };
}
