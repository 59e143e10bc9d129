import type { FailureCode } from '../failure/failure.ts';
import { RemoteOutageError } from '../remote/errors.ts';
import type { Task } from '../task/task.ts';
import { finishRun } from './finish-run.ts';
import {
  DONE,
  delayAfter,
  MAX_FRUITLESS_DELIVERIES,
  MAX_TIMED_OUT_DELIVERIES,
  reasonOf,
  type Verdict,
} from './give-up.ts';
import { type PageMessage, pageMessageSchema } from './message.ts';
import type { PageClaims } from './page-claims.ts';
import { PageContendedError, type PageLedger, pageLedger } from './page-ledger.ts';
import type { PageQueue } from './queue.ts';
import {
  countedNode,
  NODES_AT_ONCE,
  nextNodes,
  type PageDependencies,
  RunEndedError,
  replicatePage,
} from './replicate-page.ts';

/** Seconds after which it is looked again whether a page that another message has is done. */
const HELD_DELAY = 30;

/**
 * Replicate the page that a message names, and end its run when it was the last.
 *
 * A page that was interrupted comes back: as a new message when it has made progress, now or in the hands of a worker that
 * died, so that only deliveries without any count. After `MAX_FRUITLESS_DELIVERIES` of those the rest of it is recorded as failed.
 *
 * @param options `deliveries`: how often the message was delivered, this time included. `random`: from 0 (included) to 1
 * (excluded).
 */
export async function processPage(options: {
  readonly body: string;
  readonly deliveries: number;
  /** Aborted when time is nearly up. */
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly messageId: string;
  readonly pages: PageQueue;
  readonly claims: PageClaims;
  readonly dependencies: PageDependencies;
}): Promise<Verdict> {
  const { body, deliveries, signal, random, messageId, pages, claims, dependencies } = options;
  const { tasks, runs, clock, logger } = dependencies;
  const message = pageMessageSchema.parse(JSON.parse(body));
  const { taskKey, runId } = message;
  const about = { taskKey, runId, page: message.page };

  const [task, run, page] = await Promise.all([
    tasks.get(taskKey),
    runs.get(taskKey, runId),
    runs.page(runId, message.page),
  ]);
  if (task === undefined || page === undefined || run?.status !== 'REPLICATING') {
    logger.info('Dropped a page of a run that has ended', about);
    return DONE;
  }
  const ledger = pageLedger({ taskKey, page, runs });
  const claim = { runId, page: message.page, holder: messageId };
  if (!page.done && !(await claims.claim({ ...claim, at: clock() }))) {
    // As a new message, for its deliveries have led nowhere by no fault of the page.
    await pages.send([{ ...about, nodesDone: message.nodesDone }], { delay: HELD_DELAY });
    return DONE;
  }
  const handOn = async (nodesDone: number, delay: number): Promise<void> => {
    await claims.release(claim);
    await pages.send([{ ...about, nodesDone }], { delay });
  };
  const isFruitless = page.nodesDone === (message.nodesDone ?? 0);
  if (deliveries > MAX_FRUITLESS_DELIVERIES && !isFruitless) {
    await handOn(page.nodesDone, 0);
    return DONE;
  }
  try {
    if (deliveries > MAX_FRUITLESS_DELIVERIES) {
      const reason = gaveUp('its worker ended early');
      await giveUp({ task, ledger, message, code: 'ABANDONED', reason, dependencies });
    } else if (!page.done) {
      await replicatePage({ task, run, ledger, signal, dependencies });
    }
  } catch (error) {
    if (error instanceof RunEndedError || error instanceof PageContendedError) {
      logger.info('Left a page', { ...about, reason: error.message });
      await claims.release(claim);
      return DONE;
    }
    const isTimeUp = signal.aborted;
    const isOutage = error instanceof RemoteOutageError;
    logger[isTimeUp || isOutage ? 'warn' : 'error']('A page was interrupted', {
      ...about,
      deliveries,
      error: error instanceof Error ? error : String(error),
    });
    const delay = isTimeUp ? 0 : delayAfter(error, deliveries, random());
    if (ledger.page.doneThrough !== page.doneThrough) {
      await handOn(ledger.page.nodesDone, delay);
      return DONE;
    }
    const limit = isTimeUp ? MAX_TIMED_OUT_DELIVERIES : MAX_FRUITLESS_DELIVERIES;
    if (deliveries < limit) {
      return { kind: 'BACK', delay };
    }
    const code: FailureCode = isOutage ? 'REMOTE_DOWN' : 'ABANDONED';
    const reason = gaveUp(isTimeUp ? 'sending it takes longer than a worker has' : reasonOf(error));
    await giveUp({ task, ledger, message, code, reason, dependencies, ...(isTimeUp ? { nodes: 1 } : {}) });
    if (!ledger.page.done) {
      await handOn(ledger.page.nodesDone, 0);
    }
  }
  await finishRun({ taskKey, runId, runs, clock });
  return DONE;
}

function gaveUp(reason: string): string {
  return `Given up after several attempts: ${reason}`;
}

/** Record what is left of a page as failed. @param options `nodes`: only so many of it. */
async function giveUp(options: {
  readonly ledger: PageLedger;
  readonly message: PageMessage;
  readonly code: FailureCode;
  readonly reason: string;
  readonly nodes?: number;
  readonly task: Task;
  readonly dependencies: Pick<PageDependencies, 'catalog' | 'clock' | 'runs'>;
}): Promise<void> {
  const { ledger, message, code, reason, nodes, task, dependencies } = options;
  const { catalog, clock, runs } = dependencies;
  const { taskKey, runId } = message;
  const { source, remote } = ledger.page;
  let isEnough = false;
  while (!ledger.page.done && !isEnough) {
    const chunk = await nextNodes({ page: ledger.page, catalog, limit: nodes ?? NODES_AT_ONCE });
    ledger.begin(chunk.nodes.map(countedNode), chunk.isLast);
    const at = clock().toISOString();
    for (const { fullPath } of chunk.nodes) {
      const failure = { taskKey, runId, source, remote, kind: 'NODE', fullPath, code, reason, at } as const;
      ledger.add(fullPath, { kind: 'FAILED', failure });
    }
    await ledger.record();
    isEnough = nodes !== undefined;
  }
  if (task.errorStrategy === 'FAST_FAIL') {
    const errorReason = `${source.projectId}/${source.repoName}: ${reason}`;
    await runs.end({ taskKey, runId, status: 'FAILED', errorReason, at: clock() });
  }
}
