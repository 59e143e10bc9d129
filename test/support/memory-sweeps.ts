import { MAX_KEPT_SWEEPS, type SweepRepository } from '../../functions/shared/sweep/repository.ts';
import { type Repair, type Sweep, type SweepState, sweepSchema } from '../../functions/shared/sweep/sweep.ts';
import type { Task } from '../../functions/shared/task/task.ts';

/** A gap's item, until and after it is repaired. */
interface StoredRepair extends Repair {
  readonly endedAt?: string;
}

/** Sweeps over plain memory, with the conditions of those in DynamoDB. */
export class MemorySweeps {
  readonly sweeps = new Map<string, Sweep>();
  readonly states = new Map<string, SweepState>();
  readonly gaps = new Map<string, StoredRepair>();
  readonly tasks: Map<string, Task>;

  /** @param tasks where they are kept; another's, to share them. */
  constructor(tasks: Map<string, Task> = new Map()) {
    this.tasks = tasks;
  }

  #stateOf(taskKey: string): SweepState {
    return this.states.get(taskKey) ?? { revision: 0 };
  }

  #isState(taskKey: string, known: SweepState): boolean {
    return this.#stateOf(taskKey).revision === known.revision;
  }

  #setState(taskKey: string, fields: Partial<SweepState>): void {
    const state = this.#stateOf(taskKey);
    const all = { ...state, ...fields, revision: state.revision + 1 };
    const { revision, ...rest } = all;
    this.states.set(taskKey, {
      ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
      revision,
    });
  }

  #setSweep(sweep: Sweep, fields: Partial<Sweep>): Sweep {
    const changed = sweepSchema.parse({ ...sweep, ...fields });
    this.sweeps.set(sweep.sweepId, changed);
    return changed;
  }

  #addOpenGaps(taskKey: string, count: number): void {
    const task = this.tasks.get(taskKey);
    if (task !== undefined) {
      const openGaps = (task.openGaps ?? 0) + count;
      this.tasks.set(taskKey, { ...task, openGaps, revision: task.revision + 1 });
    }
  }

  #newestFirst(taskKey: string): Sweep[] {
    return [...this.sweeps.values()]
      .filter((sweep) => sweep.taskKey === taskKey)
      .sort((left, right) => (left.sweepId < right.sweepId ? 1 : -1));
  }

  readonly repository: SweepRepository = {
    state: async (taskKey) => this.#stateOf(taskKey),
    get: async (_taskKey, sweepId) => this.sweeps.get(sweepId),
    list: async (taskKey) => this.#newestFirst(taskKey).slice(0, MAX_KEPT_SWEEPS),

    begin: async ({ sweep, state, dues }) => {
      const { taskKey, sweepId, gap, trigger } = sweep;
      const repair = gap === undefined ? undefined : this.gaps.get(gapId(taskKey, gap));
      const isOpen = gap === undefined || (repair !== undefined && repair.endedAt === undefined);
      if (!this.#isState(taskKey, state) || this.tasks.get(taskKey)?.status !== 'REPLICATING' || !isOpen) {
        return false;
      }
      for (const { sweepId: old } of this.#newestFirst(taskKey).slice(MAX_KEPT_SWEEPS)) {
        this.sweeps.delete(old);
      }
      this.sweeps.set(sweepId, sweepSchema.parse(sweep));
      this.#setState(taskKey, {
        activeSweepId: sweepId,
        ...dues,
        ...(trigger === 'REQUESTED' ? { requested: undefined } : {}),
      });
      if (gap !== undefined && repair !== undefined) {
        this.gaps.set(gapId(taskKey, gap), { ...repair, sweepId });
      }
      return true;
    },

    request: async ({ taskKey, state, requested }) => {
      const isAsKnown = this.#isState(taskKey, state);
      if (isAsKnown) {
        this.#setState(taskKey, { requested });
      }
      return isAsKnown;
    },

    resume: async ({ sweep, state, at }) => {
      const stored = this.sweeps.get(sweep.sweepId);
      if (stored?.status !== 'GUARDED' || !this.#isState(sweep.taskKey, state)) {
        return false;
      }
      const { endedAt: _, reason: __, stalled: ___, ...rest } = stored;
      this.#setSweep(rest, {
        status: 'RUNNING',
        allowDeletions: true,
        planned: false,
        guarded: [],
        agreed: sweep.guarded,
        cursor: { phase: 'DONE' },
        touchedAt: at.toISOString(),
      });
      this.#setState(sweep.taskKey, { activeSweepId: sweep.sweepId });
      return true;
    },

    forget: async ({ taskKey, state }) => {
      if (this.#isState(taskKey, state)) {
        this.#setState(taskKey, { activeSweepId: undefined });
      }
    },

    claim: async (sweep, at) => {
      const stored = this.sweeps.get(sweep.sweepId);
      return stored?.status === 'RUNNING' && stored.epoch === sweep.epoch
        ? this.#setSweep(stored, { epoch: sweep.epoch + 1, touchedAt: at.toISOString() })
        : undefined;
    },

    save: async ({ sweepId, epoch, cursor, planned, guarded, agreed, found, at }) => {
      const stored = this.sweeps.get(sweepId);
      if (stored?.status !== 'RUNNING' || stored.epoch !== epoch) {
        return false;
      }
      this.#setSweep(stored, {
        cursor,
        planned,
        guarded: [...guarded],
        agreed: agreed === undefined ? undefined : [...agreed],
        touchedAt: at.toISOString(),
        compared: stored.compared + found.compared,
        missing: stored.missing + found.missing,
        different: stored.different + found.different,
        extra: stored.extra + found.extra,
        deleted: stored.deleted + found.deleted,
        refused: stored.refused + found.refused,
        partsSent: stored.partsSent + found.partsSent,
      });
      return true;
    },

    touch: async ({ sweepId, stalled, at }) => {
      const stored = this.sweeps.get(sweepId);
      if (stored?.status === 'RUNNING') {
        this.#setSweep(stored, {
          touchedAt: at.toISOString(),
          ...(stalled === undefined ? {} : { stalled }),
        });
      }
    },

    end: async ({ taskKey, sweepId, status, reason, repair, at }) => {
      const stored = this.sweeps.get(sweepId);
      if (stored?.status !== 'RUNNING') {
        return false;
      }
      const endedAt = at.toISOString();
      this.#setSweep(stored, { status, endedAt, ...(reason === undefined ? {} : { reason }) });
      const { changedSince = '', activeSweepId } = this.#stateOf(taskKey);
      const isCovered = status === 'SUCCESS' && stored.kind !== 'GAP' && changedSince < stored.startedAt;
      this.#setState(taskKey, {
        ...(isCovered ? { changedSince: stored.startedAt } : {}),
        ...(activeSweepId === sweepId ? { activeSweepId: undefined } : {}),
      });
      const gap = stored.gap === undefined ? undefined : gapId(taskKey, stored.gap);
      const known = gap === undefined ? undefined : this.gaps.get(gap);
      if (gap !== undefined && known !== undefined) {
        const change = repair === 'CLOSED' ? { endedAt } : { notBefore: repair.notBefore.toISOString() };
        this.gaps.set(gap, { ...known, ...change });
        this.#addOpenGaps(taskKey, repair === 'CLOSED' ? -1 : 0);
      }
      return true;
    },

    requestRepair: async ({ taskKey, gap, window, at }) => {
      const id = gapId(taskKey, gap);
      if (!this.gaps.has(id) && this.tasks.has(taskKey)) {
        this.gaps.set(id, { gap, window, requestedAt: at.toISOString() });
        this.#addOpenGaps(taskKey, 1);
      }
    },

    repairs: async (taskKey) =>
      [...this.gaps]
        .filter(([id, { endedAt }]) => id.startsWith(`${taskKey}/`) && endedAt === undefined)
        .map(([, { endedAt: _, ...repair }]) => repair)
        .sort((left, right) => (left.requestedAt < right.requestedAt ? -1 : 1)),
  };
}

function gapId(taskKey: string, { slotName, ordinal }: Repair['gap']): string {
  return `${taskKey}/${slotName}/${ordinal}`;
}
