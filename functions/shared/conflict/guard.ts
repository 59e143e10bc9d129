import type { Perform } from '../apply/ask.ts';
import { vacatedBy } from '../apply/covered.ts';
import type { SourceNode } from '../apply/source-catalog.ts';
import { type AheadPath, CLOCK_TOLERANCE, INVERSION_WINDOW } from '../lane/ahead.ts';
import type { BatchEntry, BatchMessage } from '../lane/message.ts';
import type { Operation } from '../lane/operation.ts';
import { childPrefixOf, isRoot, splitFullPath } from '../node/path.ts';
import type { RemoteClient } from '../remote/client.ts';
import type { ContentKnowledge } from '../remote/content.ts';
import { MAX_DIGESTS, type NodeDigest } from '../remote/digest-calls.ts';
import type { Presence } from '../sync/decide.ts';
import type { Look } from '../sync/presences.ts';
import type { SyncPolicy } from '../task/sync-policy.ts';
import { type Conflict, ConflictStopError } from './conflict.ts';
import type { KnownContent, OwnWork } from './own-work.ts';
import type { SourceHistory } from './source-history.ts';

/** A node that is to be put at a path of the target. */
export interface IncomingNode {
  readonly fullPath: string;
  readonly folder: boolean;
  readonly sha256?: string | undefined;
}

/** Paths of which it is kept what the target has there; beyond them everything is asked for again. */
const MAX_KNOWN = 20_000;

/**
 * Keeps what others have put at the target from being replaced by what comes from the source; under OVERWRITE it is put down
 * before it is replaced.
 *
 * A conflict is other content at a node's path that did not come from this source. Where the remote tells digests, content
 * is the source's own if it has, or has had, it at that path, or this lane has put it there of late. Where it only tells
 * that something exists, whatever stands where the source has had a node before counts as its own.
 */
export interface ConflictGuard {
  /** What is done next, to which conflicts are put down. */
  begin(entry: BatchEntry, operation: Operation): void;
  /** The same for a part of a sweep, which no event brings: what differs is looked at as if it came in now. */
  beginPart(sweepId: string): void;
  /** Take over what the remote was found to have at paths: it is not asked for again. */
  know(fullPaths: readonly string[], look: Look): void;
  /** Conflicts of what was begun last: what was in its way, and stays. */
  found(): readonly Conflict[];
  /** Ask for nodes in as few questions as possible before they are put one by one, and note that they will be. */
  prepare(nodes: readonly IncomingNode[]): Promise<void>;
  /**
   * Whether a node may be put. Where others' content is in its way, the conflict is put down; under OVERWRITE the node may be
   * put even so.
   *
   * @throws ConflictStopError where conflicts stop the task.
   */
  admits(node: IncomingNode): Promise<boolean>;
  /**
   * Whether what is at a path, where the source has nothing any more, may be removed. It is no conflict: nothing comes in, and
   * what took the source's node away is an event of its own.
   */
  admitsRemoval(fullPath: string): Promise<boolean>;
  /**
   * Whether the target itself may bring a tree to a path: nothing of others' is there, and nothing that it would be merged
   * into. Where it lands is noted.
   *
   * @param transfer `name`: of a move or copy, under which a folder at the destination takes it in; a rename has none.
   */
  admitsTransfer(transfer: {
    readonly destFullPath: string;
    readonly name?: string | undefined;
  }): Promise<boolean>;
  /** Whether the target has a file at the path, as far as is known. */
  holdsFile(fullPath: string): boolean;
  noteSent(node: IncomingNode): void;
  noteRemoved(fullPath: string): void;
  noteTransferred(fullPath: string, landings: readonly string[], left: boolean): void;
  /** Everything may be otherwise: the repository was removed. */
  forget(): void;
}

type Present = KnownContent | 'NOTHING';

/** What nodes are judged for. */
interface Subject {
  /** When the log says that it happened; ISO 8601 UTC. */
  readonly loggedAt: string;
  /** Absent: a sweep, which brings nodes too. */
  readonly operation?: Operation | undefined;
  readonly cause: Pick<Conflict, 'ordinal' | 'eventId' | 'sweepId' | 'kind'>;
}

/** @param options.strategy under OVERWRITE only of a remote that tells digests: others tell nothing of what is replaced. */
export function conflictGuard(options: {
  readonly message: Pick<BatchMessage, 'taskKey' | 'source' | 'remote' | 'slotName' | 'policyVersion'>;
  readonly strategy: SyncPolicy['conflictStrategy'];
  /** Told what the remote holds: content that is at a node's path is not sent there. */
  readonly content?: Pick<ContentKnowledge, 'held'> | undefined;
  /** Operations still to be applied: the remote is asked about what they bring at once. */
  readonly pending: readonly BatchEntry[];
  readonly client: Pick<RemoteClient, 'identity' | 'digests' | 'existing'>;
  readonly history: SourceHistory;
  readonly own: OwnWork;
  /** Keep what the lane is about to do for an event logged at this instant, before it does it. */
  readonly remember: (loggedAt: string) => Promise<void>;
  /** Put down what is about to be replaced: once it is, a redelivery finds nothing of it. */
  readonly putDownReplaced?: ((conflict: Conflict) => Promise<void>) | undefined;
  /** Something that exists was copied by the task's first synchronization, which ended then; ISO 8601 UTC. */
  readonly copiedUntil?: string | undefined;
  /** Paths at which retries, or a conflict's resolution, have put what the source had until then. */
  readonly resolved: readonly AheadPath[];
  readonly perform: Perform;
  readonly now: () => Date;
}): ConflictGuard {
  const { message, strategy, pending, client, history, own, remember, copiedUntil, perform, now } = options;
  const { source, remote } = message;
  const { resolved, content, putDownReplaced } = options;
  const known = new Map<string, Present>();
  let isFirst = true;
  let tellsDigests = false;
  let current: Subject | undefined;
  let conflicts: Conflict[] = [];

  /** When the log says that what is being done happened. */
  const loggedAt = () => current?.loggedAt ?? now().toISOString();

  /** As the lane's own work is kept: a remote of the base contract tells nothing of content. */
  const asTold = (content: KnownContent): KnownContent => (tellsDigests ? content : {});

  function noteHeld(digests: readonly NodeDigest[]): void {
    for (const { sha256, size } of digests) {
      if (sha256 !== undefined) {
        content?.held.set(sha256.toLowerCase(), size);
      }
    }
  }

  async function look(fullPaths: readonly string[]): Promise<void> {
    if (known.size > MAX_KNOWN) {
      known.clear();
    }
    tellsDigests = (await client.identity()).extensions.has('digests');
    const firstPaths = isFirst ? pending.flatMap(({ operation }) => destinationsOf(operation)) : [];
    const wanted = [...new Set([...fullPaths, ...firstPaths])].filter(
      (path) => !known.has(path) && !isRoot(path) && path.isWellFormed(),
    );
    for (let start = 0; start < wanted.length; start += MAX_DIGESTS) {
      const asked = { ...remote, fullPaths: wanted.slice(start, start + MAX_DIGESTS) };
      const found = await perform(async (): Promise<ReadonlyMap<string, Present>> => {
        if (tellsDigests) {
          const digests = await client.digests(asked);
          noteHeld([...digests.values()]);
          return digests;
        }
        return new Map([...(await client.existing(asked))].map((path) => [path, {}]));
      });
      for (const path of asked.fullPaths) {
        known.set(path, found.get(path) ?? 'NOTHING');
      }
    }
    if (isFirst && !tellsDigests) {
      // Whether it was there before is all that can be known, and only now.
      const free = firstPaths.filter((path) => known.get(path) === 'NOTHING');
      if (free.map((path) => own.add(path, {})).includes(true)) {
        await remember(loggedAt());
      }
    }
    isFirst = false;
  }

  async function presentAt(fullPath: string): Promise<Present> {
    if (isRoot(fullPath) || !fullPath.isWellFormed()) {
      return 'NOTHING';
    }
    const before = known.get(fullPath);
    if (before !== undefined) {
      return before;
    }
    await look([fullPath]);
    return known.get(fullPath) ?? 'NOTHING';
  }

  /** Whether what is at a path is the source's, by what it has had there and what the lane has done. */
  async function isOwn(fullPath: string, present: KnownContent): Promise<boolean> {
    if (own.has(fullPath, present, loggedAt()) || isVacated(fullPath)) {
      return true;
    }
    const { projectId, repoName } = source;
    if (present.folder !== undefined) {
      const { folder, sha256 } = present;
      // What was copied, and has moved on at the source before the log has come to what brought it there, left no trace.
      const isMovedOn = !isCreation(current?.operation) && isCopied(INVERSION_WINDOW);
      return (
        isMovedOn ||
        isOfOperation(fullPath, present) ||
        history.had(projectId, repoName, { fullPath, folder, ...(folder ? {} : { sha256 }) })
      );
    }
    const before = new Date(Date.parse(loggedAt()) - INVERSION_WINDOW);
    return (
      isCopied(CLOCK_TOLERANCE) ||
      isResolved(fullPath) ||
      !(current?.operation === undefined || bringsNodes(current.operation)) ||
      history.had(projectId, repoName, { fullPath, before })
    );
  }

  function isResolved(fullPath: string): boolean {
    return resolved.some(
      (path) =>
        Date.parse(loggedAt()) <= Date.parse(path.until) &&
        (fullPath === path.fullPath || fullPath.startsWith(childPrefixOf(path.fullPath))),
    );
  }

  /** Whether the task's first synchronization may have copied what an event has brought. @param tolerance milliseconds. */
  function isCopied(tolerance: number): boolean {
    return copiedUntil !== undefined && Date.parse(loggedAt()) <= Date.parse(copiedUntil) + tolerance;
  }

  /**
   * What the operation takes away may be replaced by what the source has there since; so may what a rename takes away that the
   * log may have too late, for it leaves no tombstone.
   */
  function isVacated(fullPath: string): boolean {
    return [current?.operation, ...lateRenames()].some((operation) => {
      const vacated = operation === undefined ? undefined : vacatedBy(operation);
      return vacated !== undefined && (fullPath === vacated || fullPath.startsWith(childPrefixOf(vacated)));
    });
  }

  /** Of the message, those behind the present operation that may have been done before it. */
  function lateRenames(): Operation[] {
    const { ordinal } = current?.cause ?? {};
    const until = Date.parse(loggedAt()) + INVERSION_WINDOW;
    return pending.flatMap(({ operation, ...entry }) =>
      ordinal !== undefined &&
      entry.ordinal > ordinal &&
      Date.parse(entry.loggedAt) <= until &&
      operation.kind === 'NODE_RENAME'
        ? [operation]
        : [],
    );
  }

  /** What the operation itself brings has been at the source, whatever has become of it. */
  function isOfOperation(fullPath: string, present: KnownContent): boolean {
    const operation = current?.operation;
    return operation?.kind === 'FOLDER_CREATE'
      ? present.folder === true && fullPath === operation.fullPath
      : operation?.kind === 'FILE_CREATE' && isSameDigest(operation.sha256, present.sha256);
  }

  /** @returns whether it is replaced. */
  async function putDown(fullPath: string, present: KnownContent, incoming: IncomingNode): Promise<boolean> {
    if (current === undefined) {
      throw new Error('A node is judged outside of any operation');
    }
    const { taskKey, slotName, policyVersion } = message;
    const conflict: Conflict = {
      taskKey,
      source,
      remote,
      slotName,
      ...current.cause,
      policy: strategy,
      policyVersion,
      fullPath,
      incoming: sideOf(incoming),
      present: sideOf(present),
      loggedAt: current.loggedAt,
      at: now().toISOString(),
    };
    if (strategy === 'FAST_FAIL') {
      throw new ConflictStopError(conflict);
    }
    if (strategy === 'OVERWRITE') {
      await putDownReplaced?.(conflict);
      return true;
    }
    if (!conflicts.some((other) => other.fullPath === fullPath)) {
      conflicts.push(conflict);
    }
    return false;
  }

  return {
    begin(entry, operation) {
      const { ordinal, eventId } = entry;
      current = {
        loggedAt: entry.loggedAt,
        operation,
        cause: { ordinal, eventId, kind: operation.kind },
      };
      conflicts = [];
    },

    beginPart(sweepId) {
      current = { loggedAt: now().toISOString(), cause: { sweepId, kind: 'RECONCILE' } };
      conflicts = [];
    },

    know(fullPaths, look) {
      for (const path of fullPaths) {
        const presence = look(path);
        known.set(path, presentOf(presence));
        noteHeld(presence.kind === 'KNOWN' ? [presence.digest] : []);
      }
    },

    found: () => conflicts,

    async prepare(nodes) {
      await look(nodes.map(({ fullPath }) => fullPath));
      let isNew = false;
      for (const node of nodes) {
        const present = known.get(node.fullPath) ?? 'NOTHING';
        if (tellsDigests || present === 'NOTHING') {
          isNew = own.add(node.fullPath, asTold(node)) || isNew;
        }
      }
      if (isNew) {
        await remember(loggedAt());
      }
    },

    async admits(node) {
      const { fullPath, folder, sha256 } = node;
      const present = await presentAt(fullPath);
      if (present === 'NOTHING') {
        return true;
      }
      const isSame =
        present.folder === undefined
          ? folder
          : present.folder === folder && (folder || isSameDigest(present.sha256, sha256));
      return isSame || (await isOwn(fullPath, present)) || putDown(fullPath, present, node);
    },

    async admitsRemoval(fullPath) {
      if (strategy === 'OVERWRITE') {
        return true;
      }
      const present = await presentAt(fullPath);
      return present === 'NOTHING' || isOwn(fullPath, present);
    },

    async admitsTransfer({ destFullPath, name }) {
      const inside = name === undefined ? undefined : childPrefixOf(destFullPath) + name;
      const present = await presentAt(destFullPath);
      let landing = destFullPath;
      if (present !== 'NOTHING' || isRoot(destFullPath)) {
        if (inside === undefined || (present !== 'NOTHING' && !(await isOwn(destFullPath, present)))) {
          return false;
        }
        if (present === 'NOTHING' || present.folder !== false) {
          landing = inside;
          const there = await presentAt(inside);
          if (there !== 'NOTHING' && (there.folder !== false || !(await isOwn(inside, there)))) {
            return false;
          }
        }
      }
      own.addLanding(landing, loggedAt());
      await remember(loggedAt());
      return true;
    },

    holdsFile(fullPath) {
      const present = known.get(fullPath);
      return present !== undefined && present !== 'NOTHING' && present.folder === false;
    },

    noteSent(node) {
      known.set(node.fullPath, asTold({ folder: node.folder, sha256: node.sha256 }));
      own.add(node.fullPath, asTold(node));
    },

    noteRemoved(fullPath) {
      for (const path of known.keys()) {
        if (path === fullPath || path.startsWith(childPrefixOf(fullPath))) {
          known.set(path, 'NOTHING');
        }
      }
    },

    noteTransferred(fullPath, landings, left) {
      for (const path of known.keys()) {
        const isUnder = (above: string) => path === above || path.startsWith(childPrefixOf(above));
        if (landings.some(isUnder) || (left && isUnder(fullPath))) {
          known.delete(path);
        }
      }
    },

    forget: () => known.clear(),
  };
}

function presentOf(presence: Presence): Present {
  switch (presence.kind) {
    case 'KNOWN':
      return presence.digest;
    case 'UNKNOWN':
      return {};
    case 'MISSING':
      return 'NOTHING';
  }
}

/** A source's node as it comes in. */
export function incomingOf(node: SourceNode): IncomingNode {
  return { fullPath: node.fullPath, folder: node.folder, ...(node.folder ? {} : { sha256: node.sha256 }) };
}

/** Where an operation brings nodes to; what it brings below them is asked for when it is looked at. */
function destinationsOf(operation: BatchEntry['operation']): string[] {
  switch (operation.kind) {
    case 'FILE_CREATE':
    case 'FOLDER_CREATE':
      return [operation.fullPath];
    case 'NODE_RENAME':
      return [operation.newFullPath];
    case 'NODE_MOVE':
    case 'NODE_COPY':
      return [
        operation.destFullPath,
        childPrefixOf(operation.destFullPath) + splitFullPath(operation.fullPath).name,
      ];
    case 'NODE_CONVERGE':
      return [operation.fullPath, childPrefixOf(operation.fullPath) + operation.name];
    default:
      return [];
  }
}

/** Operations that bring nodes to paths; what the others are about was there before. */
function bringsNodes(operation: Operation): boolean {
  return destinationsOf(operation).length > 0;
}

function isCreation(operation: Operation | undefined): boolean {
  return operation?.kind === 'FILE_CREATE' || operation?.kind === 'FOLDER_CREATE';
}

function isSameDigest(left: string | undefined, right: string | undefined): boolean {
  return left !== undefined && left.toLowerCase() === right?.toLowerCase();
}

function sideOf({ folder, sha256 }: KnownContent): Conflict['present'] {
  return {
    ...(folder === undefined ? {} : { folder }),
    ...(folder !== false || sha256 === undefined ? {} : { sha256 }),
  };
}
