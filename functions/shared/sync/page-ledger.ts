import type { RunFailure } from '../failure/failure.ts';
import { MAX_RUN_FAILURES_AT_ONCE, type RunRepository } from '../run/repository.ts';
import type { Page, RunCounters } from '../run/run.ts';

/** What became of a node. `GONE`: the source has it no more, so it does not count. */
export type NodeResult =
  | { readonly kind: 'SUCCESS' | 'CONFLICTED' | 'GONE' }
  | { readonly kind: 'FAILED'; readonly failure: RunFailure };

/** Another delivery of the page has moved it on. */
export class PageContendedError extends Error {
  constructor(page: Pick<Page, 'runId' | 'page'>) {
    super(`Page ${page.page} of run ${page.runId} was moved by another delivery`);
    this.name = 'PageContendedError';
  }
}

/** A node of the page, as far as it is counted. */
interface Counted {
  readonly fullPath: string;
  /** Bytes; 0 for a folder. */
  readonly size: number;
}

/** How far a page has come, in memory and in the table. */
export interface PageLedger {
  /** The page as it is stored. */
  readonly page: Page;
  /**
   * The page's next nodes, in order; the ones before are all recorded.
   *
   * @param isLast behind them the page has no more.
   */
  begin(nodes: readonly Counted[], isLast: boolean): void;
  /** Note what became of a node. */
  add(fullPath: string, result: NodeResult): void;
  /** Nodes at the head that are noted and not yet recorded. */
  readonly unrecorded: number;
  /**
   * Record the nodes from the head up to the first that is not noted. Calls wait for each other.
   *
   * @throws PageContendedError
   */
  record(): Promise<void>;
}

/** Times that a step is tried which meets another write of the run's record. */
const ATTEMPTS = 5;

export function pageLedger(options: {
  readonly taskKey: string;
  readonly page: Page;
  readonly runs: Pick<RunRepository, 'advance' | 'page'>;
}): PageLedger {
  const { taskKey, runs } = options;
  let page = options.page;
  let nodes: readonly Counted[] = [];
  let isLastChunk = false;
  let recorded = 0;
  const results = new Map<string, NodeResult>();
  let turn: Promise<void> = Promise.resolve();

  function head(): number {
    let end = recorded;
    for (const node of nodes.slice(recorded)) {
      if (!results.has(node.fullPath)) {
        break;
      }
      end += 1;
    }
    return end;
  }

  /** The next step from the head, of no more failures than fit. */
  function nextStep(end: number) {
    const failures: RunFailure[] = [];
    const tally = { successNode: 0, conflictedNode: 0, failedNode: 0, doneBytes: 0 };
    let to = recorded;
    for (const { fullPath, size } of nodes.slice(recorded, end)) {
      const result = results.get(fullPath);
      if (result === undefined || failures.length === MAX_RUN_FAILURES_AT_ONCE) {
        break;
      }
      to += 1;
      if (result.kind === 'FAILED') {
        failures.push(result.failure);
        tally.failedNode += 1;
      } else if (result.kind !== 'GONE') {
        tally[result.kind === 'SUCCESS' ? 'successNode' : 'conflictedNode'] += 1;
      }
      tally.doneBytes += result.kind === 'GONE' ? 0 : size;
    }
    const done = isLastChunk && to === nodes.length;
    const through = done ? page.through : nodes[to - 1]?.fullPath;
    return through === undefined ? undefined : { to, through, done, failures, tally };
  }

  async function step(end: number): Promise<boolean> {
    const next = nextStep(end);
    if (next === undefined || page.done) {
      return false;
    }
    const { to, through, done, failures, tally } = next;
    const nodesDone = page.nodesDone + tally.successNode + tally.conflictedNode + tally.failedNode;
    const bytesDone = page.bytesDone + tally.doneBytes;
    const counters: RunCounters = {
      ...tally,
      totalNode: correction(page.nodes, page.nodesDone, nodesDone, done),
      totalBytes: correction(page.bytes, page.bytesDone, bytesDone, done),
    };
    await advance({ from: page.doneThrough, to: through, done, counters, failures });
    page = { ...page, doneThrough: through, nodesDone, bytesDone, done };
    recorded = to;
    return true;
  }

  async function advance(progress: {
    readonly from: string | undefined;
    readonly to: string;
    readonly done: boolean;
    readonly counters: RunCounters;
    readonly failures: readonly RunFailure[];
  }): Promise<void> {
    const { runId, page: number, source } = page;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const answer = await runs.advance({ taskKey, runId, page: number, source, ...progress });
      if (answer === 'advanced') {
        return;
      }
      const stored = await runs.page(runId, number);
      if (stored === undefined || stored.done || stored.doneThrough !== progress.from) {
        break;
      }
    }
    throw new PageContendedError(page);
  }

  return {
    get page() {
      return page;
    },

    begin(next, isLast) {
      nodes = next;
      isLastChunk = isLast;
      recorded = 0;
      results.clear();
    },

    add(fullPath, result) {
      results.set(fullPath, result);
    },

    get unrecorded() {
      return head() - recorded;
    },

    record() {
      turn = turn.then(async () => {
        const end = head();
        const isEmptyEnd = isLastChunk && nodes.length === 0;
        while ((recorded < end || isEmptyEnd) && (await step(end))) {
          // Each step records some more.
        }
      });
      return turn;
    },
  };
}

/**
 * What to add to a total that was planned. Nodes beyond the plan are added when they are counted; those that the plan
 * had and the source has no more are taken off at the page's end.
 */
function correction(planned: number, before: number, after: number, done: boolean): number {
  const expected = (count: number) => Math.max(planned, count);
  return done ? after - expected(before) : expected(after) - expected(before);
}
