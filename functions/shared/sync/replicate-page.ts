import { asking } from '../apply/ask.ts';
import { nodeWriter } from '../apply/node-writer.ts';
import { failureOf, type Outcome } from '../apply/outcome.ts';
import type { Remotes } from '../apply/remotes.ts';
import { settler } from '../apply/settle.ts';
import type { SourceCatalog, SourceNode } from '../apply/source-catalog.ts';
import type { BlobStore } from '../blob/blob-store.ts';
import type { Clock } from '../clock.ts';
import type { FailureCode, RunFailure } from '../failure/failure.ts';
import type { Logger } from '../logger.ts';
import { comparePaths, parentsOf, ROOT } from '../node/path.ts';
import { contentKnowledge } from '../remote/content.ts';
import { MAX_CONTENTS } from '../remote/content-calls.ts';
import { MAX_DIGESTS } from '../remote/digest-calls.ts';
import type { RunRepository } from '../run/repository.ts';
import type { Page, Run } from '../run/run.ts';
import type { Task } from '../task/task.ts';
import { type Decision, decide } from './decide.ts';
import type { NodeResult, PageLedger } from './page-ledger.ts';
import { inParallel } from './pool.ts';
import { type Look, presences } from './presences.ts';

/** Nodes of one question to the remote, and so of one reading of the source. */
export const NODES_AT_ONCE = MAX_DIGESTS;

/**
 * Nodes that a worker sends at once, and all workers of a run together: a remote that gets a hundred at once answers none
 * in time. (Of a run that has more pages left than that, the number of workers is the bound.)
 */
const SENT_AT_ONCE = 8;
const SENT_BY_RUN = 24;

/** Bytes sent at once: what a worker can finish in its time at 20 MB/s, with room to spare. */
const BYTES_AT_ONCE = 2 * 1024 ** 3;

/**
 * A page's progress is recorded after so many nodes, or so many milliseconds. For the first time in a delivery it is after
 * fewer: a worker that dies early has then led somewhere.
 */
const RECORD_NODES = 100;
const FIRST_RECORD_NODES = 10;
const RECORD_INTERVAL = 5_000;

/** How often it is looked whether the run is still going; milliseconds. */
const STATUS_INTERVAL = 2_000;

/** Tries of a node that the remote refuses, and the first pause between two; milliseconds. */
const TRIES = 3;
const FIRST_PAUSE = 200;

/** What replicating pages needs from around it. */
export interface PageDependencies {
  readonly tasks: { get(taskKey: string): Promise<Task | undefined> };
  readonly runs: Pick<
    RunRepository,
    'get' | 'page' | 'pages' | 'firstLook' | 'advance' | 'end' | 'containers'
  >;
  readonly remotes: Remotes;
  readonly catalog: SourceCatalog;
  readonly blobs: Pick<BlobStore, 'open'>;
  readonly clock: Clock;
  /** IANA zone of the contract's zone-less dates. */
  readonly timeZone: string;
  /** Waits; milliseconds. */
  readonly pause: (milliseconds: number) => Promise<void>;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** The run has ended, whoever ended it: nothing more of it is to be done. */
export class RunEndedError extends Error {
  constructor(runId: string) {
    super(`Run ${runId} has ended`);
    this.name = 'RunEndedError';
  }
}

/**
 * Replicate what is left of a page, from where its ledger stands to its end. May be interrupted and repeated at any point:
 * what was done since the last record is looked at again, and what is at the remote as it is to be is not sent again.
 *
 * @throws RunEndedError; PageContendedError; RemoteOutageError, the signal's reason and faults of the source's stores. What
 * was done until then is recorded.
 */
export async function replicatePage(options: {
  readonly task: Task;
  readonly run: Run;
  readonly ledger: PageLedger;
  /** Aborted when time is nearly up. */
  readonly signal: AbortSignal;
  readonly dependencies: PageDependencies;
}): Promise<void> {
  const { task, run, ledger, signal, dependencies } = options;
  const { runs, catalog, clock } = dependencies;
  const { source, remote } = ledger.page;
  const { includeMetadata, conflictStrategy } = task.setting;
  const client = await dependencies.remotes.clientFor(task);
  const perform = asking({ client, remote, patient: false });
  const sentAtOnce = shareOf(run);

  let statusKnownAt = clock().getTime();
  let recordedAt = statusKnownAt;
  let dueNodes = FIRST_RECORD_NODES;

  async function checkGoing(): Promise<void> {
    signal.throwIfAborted();
    const now = clock().getTime();
    if (now - statusKnownAt < STATUS_INTERVAL) {
      return;
    }
    statusKnownAt = now;
    if ((await runs.get(run.taskKey, run.runId))?.status !== 'REPLICATING') {
      throw new RunEndedError(run.runId);
    }
  }

  async function note(fullPath: string, result: NodeResult): Promise<void> {
    ledger.add(fullPath, result);
    if (result.kind === 'FAILED' && task.errorStrategy === 'FAST_FAIL') {
      return stop(`${fullPath}: ${result.failure.reason}`);
    }
    const isDue =
      ledger.unrecorded >= dueNodes ||
      (ledger.unrecorded > 0 && clock().getTime() - recordedAt >= RECORD_INTERVAL);
    if (isDue) {
      recordedAt = clock().getTime();
      dueNodes = RECORD_NODES;
      await ledger.record();
    }
  }

  /** End the run for the sake of one node; what was done before it counts. */
  async function stop(errorReason: string): Promise<never> {
    await ledger.record();
    const { taskKey, runId } = run;
    await runs.end({ taskKey, runId, status: 'FAILED', errorReason, at: clock() });
    throw new RunEndedError(runId);
  }

  async function replicate(nodes: readonly SourceNode[]): Promise<void> {
    const look = await presences(
      client,
      { ...remote, fullPaths: nodes.map(({ fullPath }) => fullPath) },
      perform,
    );
    const missing = nodes.filter(({ fullPath }) => look(fullPath).kind === 'MISSING');
    const decisionOf = (node: SourceNode, isOurs: boolean): Decision =>
      decide({
        node,
        presence: look(node.fullPath),
        isOurs,
        isChanged: (node.lastModifiedDate?.toISOString() ?? '') >= run.startedAt,
        strategy: conflictStrategy,
        includeMetadata,
      });
    const isLookOfUse =
      missing.length > 0 || nodes.some((node) => decisionOf(node, true) !== decisionOf(node, false));
    const { runId, page } = ledger.page;
    const first = isLookOfUse
      ? await runs.firstLook({ runId, page, missing: missing.map(({ fullPath }) => fullPath) })
      : new Set<string>();
    const decided = nodes.map((node) => ({ node, decision: decisionOf(node, first.has(node.fullPath)) }));
    const work: Work[] = [];
    for (const { node, decision } of decided) {
      if (decision === 'STOP') {
        return stop(`Conflict: ${remote.projectId}/${remote.repoName}${node.fullPath} exists at the remote`);
      }
      if (decision === 'DONE' || decision === 'CONFLICT') {
        ledger.add(node.fullPath, { kind: decision === 'DONE' ? 'SUCCESS' : 'CONFLICTED' });
      } else {
        work.push({ node, decision });
      }
    }
    if (work.length > 0) {
      await send(nodes, work, look);
    }
  }

  async function send(nodes: readonly SourceNode[], work: readonly Work[], look: Look): Promise<void> {
    const files = work.flatMap(({ node }) => (node.folder ? [] : [node]));
    const content = contentKnowledge(files);
    const writer = nodeWriter({
      ...dependencies,
      source,
      remote,
      includeMetadata,
      client,
      content,
      signal,
      perform,
    });
    const settle = settler({ source, remote, client, catalog, writer, signal, perform });
    await learnHeld(work);
    const apart = await foldersAbove(nodes);

    async function act({ node, decision }: Work): Promise<Outcome> {
      const { fullPath, createdBy: operator } = node;
      switch (decision) {
        case 'SAVE_METADATA':
          await perform(
            () => client.saveMetadata({ ...remote, fullPath, operator, metadata: node.metadata }),
            fullPath,
          );
          return { kind: 'APPLIED' };
        case 'VACATE':
          await writer.vacate(fullPath, operator);
          return writer.putNode(node);
        case 'PUT':
          return apart.has(node) ? settle.node(fullPath, operator) : writer.putNode(node);
        default:
          return settle.node(fullPath, operator);
      }
    }

    /** Content that the remote's nodes name may be there: then a node is made without sending it. */
    async function learnHeld(all: readonly Work[]): Promise<void> {
      const digests = all.flatMap(({ node, decision }) =>
        decision === 'RENEW' && !node.folder ? [node.sha256.toLowerCase()] : [],
      );
      if (digests.length === 0 || !(await client.identity()).extensions.has('blob')) {
        return;
      }
      const unique = [...new Set(digests)];
      for (let start = 0; start < unique.length; start += MAX_CONTENTS) {
        const sha256s = unique.slice(start, start + MAX_CONTENTS);
        const held = await perform(() => client.heldContent({ ...remote, sha256s }));
        for (const [digest, bytes] of held) {
          content.held.set(digest, bytes);
        }
      }
    }

    /**
     * Make the folders above the page's nodes that belong to other pages, as the source has them: what is put under a
     * folder that is missing makes it, without its metadata.
     *
     * @returns the nodes above which the source itself has no folder somewhere.
     */
    async function foldersAbove(all: readonly SourceNode[]): Promise<ReadonlySet<SourceNode>> {
      const own = new Set(all.filter(({ folder }) => folder).map(({ fullPath }) => fullPath));
      const above = [...new Set(all.flatMap(({ fullPath }) => parentsOf(fullPath)))].filter(
        (fullPath) => !own.has(fullPath),
      );
      const folders = new Map<string, SourceNode>();
      await inParallel({
        items: above,
        atOnce: sentAtOnce,
        maxBytes: 0,
        bytesOf: () => 0,
        work: async (fullPath) => {
          const node = await catalog.node(source.projectId, source.repoName, fullPath);
          if (node?.folder === true) {
            folders.set(fullPath, node);
          }
        },
      });
      const lookAbove = await presences(client, { ...remote, fullPaths: [...folders.keys()] }, perform);
      for (const folder of [...folders.values()].sort(byPath)) {
        if (lookAbove(folder.fullPath).kind === 'MISSING') {
          // What is refused fails again in its own page, which records it.
          await writer.putNode(folder).catch((error: unknown) => failureOf(error));
        }
      }
      return new Set(
        all.filter(({ fullPath }) =>
          parentsOf(fullPath).some((path) => !own.has(path) && !folders.has(path)),
        ),
      );
    }

    async function replicateOne({ node, decision }: Work): Promise<void> {
      await checkGoing();
      await note(node.fullPath, await result({ node, decision }));
    }

    async function result(given: Work): Promise<NodeResult> {
      let { node } = given;
      let outcome: Outcome = { kind: 'APPLIED' };
      for (let attempt = 1; attempt <= TRIES; attempt += 1) {
        try {
          outcome = await act({ node, decision: given.decision });
        } catch (error) {
          outcome = failureOf(error);
        }
        if (outcome.kind === 'SUPERSEDED') {
          const present = await catalog.node(source.projectId, source.repoName, node.fullPath);
          if (present === undefined) {
            return { kind: 'GONE' };
          }
          node = present;
        } else if (outcome.kind !== 'FAILED' || outcome.code !== 'REMOTE_REFUSED') {
          break;
        }
        if (attempt < TRIES) {
          await dependencies.pause(FIRST_PAUSE * 2 ** (attempt - 1));
        }
      }
      if (outcome.kind === 'APPLIED' || outcome.kind === 'FILTERED') {
        return { kind: 'SUCCESS' };
      }
      const { code, reason } =
        outcome.kind === 'FAILED'
          ? outcome
          : { code: 'ABANDONED' as const, reason: 'Its content changed each time that it was to be sent' };
      return { kind: 'FAILED', failure: failureFor(node.fullPath, code, reason) };
    }

    // Folders first, each level before the next, so that none is made by what is under it. What has no folder above it
    // at the source needs its surroundings to itself.
    const usual = work.filter(({ node }) => !apart.has(node));
    for (const level of levelsOf(usual.filter(({ node }) => node.folder))) {
      await inParallel({
        items: level,
        atOnce: sentAtOnce,
        maxBytes: BYTES_AT_ONCE,
        bytesOf: () => 0,
        work: replicateOne,
      });
    }
    // A file that cannot be told from its older self is sent again unless it was recorded: no wave begins before the last
    // one is, in the order of the paths, so that a worker that dies has no more than its wave sent twice.
    const isBlind = work.some(
      ({ node, decision }) => decision === 'REPLACE' && look(node.fullPath).kind === 'UNKNOWN',
    );
    const waves = isBlind
      ? wavesOf(
          work.filter(({ node }) => !node.folder || apart.has(node)),
          { size: sentAtOnce, isAlone: ({ node }) => apart.has(node) },
        )
      : [
          usual.filter(({ node }) => !node.folder),
          ...work.filter(({ node }) => apart.has(node)).map((each) => [each]),
        ];
    for (const items of waves) {
      await inParallel({
        items,
        atOnce: sentAtOnce,
        maxBytes: BYTES_AT_ONCE,
        bytesOf: ({ node }) => sizeOf(node),
        work: replicateOne,
      });
      if (isBlind) {
        await ledger.record();
      }
    }
  }

  function failureFor(fullPath: string, code: FailureCode, reason: string): RunFailure {
    const { taskKey, runId } = run;
    const at = clock().toISOString();
    return { taskKey, runId, source, remote, kind: 'NODE', fullPath, code, reason, at };
  }

  while (!ledger.page.done) {
    signal.throwIfAborted();
    const { nodes, isLast } = await nextNodes({ page: ledger.page, catalog, limit: NODES_AT_ONCE });
    ledger.begin(nodes.map(countedNode), isLast);
    try {
      await replicate(nodes);
    } catch (error) {
      await ledger.record();
      throw error;
    }
    await ledger.record();
  }
}

interface Work {
  readonly node: SourceNode;
  readonly decision: Exclude<Decision, 'DONE' | 'CONFLICT' | 'STOP'>;
}

/** The next nodes of a page, from where it stands, at most `limit`, and whether they are its last. */
export async function nextNodes(options: {
  readonly page: Page;
  readonly catalog: Pick<SourceCatalog, 'nodesUnder'>;
  readonly limit: number;
}): Promise<{ readonly nodes: readonly SourceNode[]; readonly isLast: boolean }> {
  const { page, catalog, limit } = options;
  const { source, after, doneThrough, through } = page;
  const found = await catalog.nodesUnder(source.projectId, source.repoName, ROOT, {
    after: doneThrough ?? after,
    limit,
  });
  const nodes = found.filter((node) => byPath(node, { fullPath: through }) <= 0);
  const isEnd = found.length < limit || nodes.length < found.length;
  return { nodes, isLast: isEnd || nodes.at(-1)?.fullPath === through };
}

/** A node as a ledger counts it. */
export function countedNode(node: SourceNode): { readonly fullPath: string; readonly size: number } {
  return { fullPath: node.fullPath, size: sizeOf(node) };
}

/** A page's share of what its run may send at once, by the pages that are left. */
export function shareOf({ pages }: Pick<Run, 'pages'>): number {
  const left = Math.max(1, pages.planned - pages.done);
  return Math.min(SENT_AT_ONCE, Math.max(1, Math.floor(SENT_BY_RUN / left)));
}

function sizeOf(node: SourceNode): number {
  return node.folder ? 0 : node.size;
}

function byPath(left: { readonly fullPath: string }, right: { readonly fullPath: string }): number {
  return comparePaths(left.fullPath, right.fullPath);
}

/** Nodes by their depth, those at the top first. */
function levelsOf(work: readonly Work[]): Work[][] {
  const levels = new Map<number, Work[]>();
  for (const each of work) {
    const depth = parentsOf(each.node.fullPath).length;
    levels.set(depth, [...(levels.get(depth) ?? []), each]);
  }
  return [...levels].sort(([left], [right]) => left - right).map(([, level]) => level);
}

/** Work in waves of so many, in its order. @param options `isAlone`: has a wave to itself. */
function wavesOf(
  work: readonly Work[],
  options: { readonly size: number; readonly isAlone: (work: Work) => boolean },
): Work[][] {
  const waves: Work[][] = [];
  let isOpen = false;
  for (const each of work) {
    const wave = waves.at(-1);
    const isAlone = options.isAlone(each);
    if (wave !== undefined && isOpen && !isAlone && wave.length < options.size) {
      wave.push(each);
    } else {
      waves.push([each]);
    }
    isOpen = !isAlone;
  }
  return waves;
}
