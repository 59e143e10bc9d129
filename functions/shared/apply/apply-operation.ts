import { isDeepStrictEqual } from 'node:util';
import type { IncomingNode } from '../conflict/guard.ts';
import { INVERSION_WINDOW } from '../lane/ahead.ts';
import type { Operation } from '../lane/operation.ts';
import { childPrefixOf, isRoot, ROOT, splitFullPath } from '../node/path.ts';
import { RemoteRefusalError } from '../remote/errors.ts';
import { isMisfit } from './ask.ts';
import { created } from './containers.ts';
import { vacatedBy } from './covered.ts';
import { isMissingRepository, type LaneWork, laneSettling } from './lane-settling.ts';
import { daysLeft } from './node-writer.ts';
import { APPLIED, CONFLICTED, FILTERED, type Outcome, SUPERSEDED } from './outcome.ts';
import { typedConfiguration } from './repository-configuration.ts';
import type { SourceNode } from './source-catalog.ts';

type Of<Kind extends Operation['kind']> = Extract<Operation, { kind: Kind }>;
type Transfer = Of<'NODE_RENAME' | 'NODE_MOVE' | 'NODE_COPY'>;
type NodeOperation = Exclude<
  Extract<Operation, { fullPath: string }>,
  Transfer | { readonly kind: 'NODE_CONVERGE' }
>;

/** Nodes of a folder that are looked at before it is copied. */
const PAGE = 500;

const DAY = 86_400_000;
/** Time by which an expiry that was computed from an event differs from the source's own; milliseconds. */
const EXPIRY_TOLERANCE = 3_600_000;

export interface Applier {
  /**
   * Do one operation at the remote. May be repeated at any point.
   *
   * @param event `loggedAt`: when the log says that it was done at the source; ISO 8601 UTC. `covered`: what it brought about
   * came to the remote by another way.
   * @throws RemoteOutageError, RemoteUndecidedError, and the faults of the source's own stores: then nothing is known
   * of the operation, and it is to be done again.
   */
  apply(
    operation: Operation,
    event: { readonly loggedAt: string; readonly covered: boolean },
  ): Promise<Outcome>;
}

/**
 * Applies the operations of one lane, in the order in which they are given.
 *
 * An operation is done as the log has it while that fits. The log is only nearly in commit order, so what the source
 * shows now is looked at: where it tells that the order may have been another, and where the remote answers that the
 * operation does not fit, every path that the operation names is made what the source has there now.
 */
export function laneApplier(options: LaneWork): Applier {
  const { source, remote, includeMetadata, client, catalog, clock, lane, policy, guard, isLeftOut } = options;
  const { ahead } = lane;
  const { perform, containers, makesContainers, writer, settle, ensureContainers, failureHere } =
    laneSettling(options);

  const admits = async (node: IncomingNode): Promise<boolean> => guard === undefined || guard.admits(node);

  const find = async (fullPath: string): Promise<SourceNode | undefined> =>
    isRoot(fullPath) ? undefined : catalog.node(source.projectId, source.repoName, fullPath);

  async function createProject(operation: Of<'PROJECT_CREATE'>): Promise<Outcome> {
    const { displayName, description, operator } = operation;
    await created(() =>
      perform(() => client.createProject({ name: remote.projectId, displayName, description, operator })),
    );
    lane.containersEnsured = true;
    return APPLIED;
  }

  async function createRepository(operation: Of<'REPOSITORY_CREATE'>): Promise<Outcome> {
    await containers.project();
    const present = await catalog.repository(source.projectId, source.repoName);
    const { type, category, description, configuration, operator } = operation;
    await created(() =>
      perform(() =>
        client.createRepository({
          ...remote,
          type,
          category,
          public: operation.public,
          description,
          configuration: typedConfiguration(configuration, present?.configuration),
          operator,
        }),
      ),
    );
    lane.containersEnsured = true;
    return APPLIED;
  }

  async function updateRepository(operation: Of<'REPOSITORY_UPDATE'>): Promise<Outcome> {
    await ensureContainers();
    const present = await catalog.repository(source.projectId, source.repoName);
    const update = () =>
      perform(() =>
        client.updateRepository({
          ...remote,
          public: operation.public,
          description: operation.description,
          configuration: typedConfiguration(operation.configuration, present?.configuration),
          operator: operation.operator,
        }),
      );
    try {
      await update();
    } catch (error) {
      if (!isMissingRepository(error)) {
        throw error;
      }
      await containers.repository();
      await update();
    }
    return APPLIED;
  }

  async function deleteRepository(operation: Of<'REPOSITORY_DELETE'>, loggedAt: string): Promise<Outcome> {
    const { forced, operator } = operation;
    const present = await catalog.repository(source.projectId, source.repoName);
    if (present !== undefined && !isLater(present.createdDate, loggedAt)) {
      // It exists again. Its creation is another event, which may have been applied: deleting now could lose it. One that
      // comes later finds the old repository in its place.
      ahead.add(ROOT, clock());
      await containers.define();
      lane.containersEnsured = true;
      const outcome = await settle.tree(ROOT, operator, { vacated: true });
      return outcome.kind === 'FAILED' ? outcome : SUPERSEDED;
    }
    const remove = () => perform(() => client.deleteRepository({ ...remote, forced, operator }));
    lane.containersEnsured = false;
    guard?.forget();
    try {
      await remove();
    } catch (error) {
      if (isMissingRepository(error)) {
        return APPLIED;
      }
      if (!(error instanceof RemoteRefusalError) || error.status < 500) {
        throw error;
      }
      // A remote that does not say what is wrong may mean that it has none: of one that it has the answer is clear.
      await containers.repository();
      await remove();
    }
    return APPLIED;
  }

  /** What the source has of it now decides over metadata and expiry: the node may have been changed before this entry. */
  async function createFile(operation: Of<'FILE_CREATE'>, loggedAt: string): Promise<Outcome> {
    const { fullPath, operator, expires } = operation;
    const node = await find(fullPath);
    if (node?.folder === false && node.sha256 === operation.sha256) {
      if (!hasSame(node.metadata, operation.metadata) || !isSameExpiry(node, expires, loggedAt)) {
        ahead.add(fullPath, clock());
      }
      if (!(await admits({ fullPath, folder: false, sha256: node.sha256 }))) {
        return CONFLICTED;
      }
      return writer.putFile({ ...node, operator, expires: daysLeft(node, clock()) });
    }
    if (isInDoubt(node, loggedAt)) {
      return settleNode(operation);
    }
    if (!(await admits({ fullPath, folder: false, sha256: operation.sha256 }))) {
      return CONFLICTED;
    }
    const outcome = await writer.putFile(operation);
    if (outcome.kind === 'SUPERSEDED') {
      await settle.parents(fullPath);
    }
    return outcome;
  }

  async function createFolder(operation: Of<'FOLDER_CREATE'>, loggedAt: string): Promise<Outcome> {
    const { fullPath, operator } = operation;
    const node = await find(fullPath);
    if (node?.folder === false && isInDoubt(node, loggedAt)) {
      return settleNode(operation);
    }
    if (!(await admits({ fullPath, folder: true }))) {
      return CONFLICTED;
    }
    if (node === undefined || !node.folder) {
      return writer.putFolder(operation);
    }
    if (!hasSame(node.metadata, operation.metadata)) {
      ahead.add(fullPath, clock());
    }
    return writer.putFolder({ ...node, operator });
  }

  async function deleteNode(operation: Of<'NODE_DELETE'>, loggedAt: string): Promise<Outcome> {
    const { fullPath, operator } = operation;
    const node = await find(fullPath);
    if (isInDoubt(node, loggedAt)) {
      ahead.add(fullPath, clock());
      // The source has it again. Its creation is another event, which may even stand before this one in the log and
      // have been applied: deleting a file now would lose it.
      return node?.folder === false ? SUPERSEDED : settle.tree(fullPath, operator, { vacated: true });
    }
    const below = await catalog.nodesUnder(source.projectId, source.repoName, fullPath, { limit: PAGE });
    if (below.some((child) => isInDoubt(child, loggedAt))) {
      // Folders stay that a move has merged into others, and the root is no node that could be in doubt itself.
      ahead.add(fullPath, clock());
      return settle.tree(fullPath, operator, { vacated: true });
    }
    await writer.remove(fullPath, operator);
    ahead.addTransfer(fullPath, [], loggedAt);
    return APPLIED;
  }

  async function expireNode(operation: Of<'NODE_EXPIRE'>, loggedAt: string): Promise<Outcome> {
    const { fullPath, operator, expires } = operation;
    const node = await find(fullPath);
    if (node !== undefined && !isSameExpiry(node, expires, loggedAt)) {
      ahead.add(fullPath, clock());
    }
    await perform(
      () =>
        client.updateNode({
          ...remote,
          fullPath,
          operator,
          expires: node === undefined ? expires : daysLeft(node, clock()),
        }),
      fullPath,
      (exists) => !exists,
    );
    return APPLIED;
  }

  /** Each key becomes what the source has of it now: saves and deletions may be logged in another order. */
  async function changeMetadata(
    operation: Of<'METADATA_SAVE' | 'METADATA_DELETE'>,
    loggedAt: string,
  ): Promise<Outcome> {
    if (!includeMetadata) {
      return SUPERSEDED;
    }
    const { fullPath, operator } = operation;
    const logged = operation.kind === 'METADATA_SAVE' ? operation.metadata : {};
    const keys = operation.kind === 'METADATA_SAVE' ? Object.keys(logged) : operation.keys;
    const node = await find(fullPath);
    const present = node === undefined ? logged : picked(node.metadata, keys);
    // What brought the node there may come later in the log: keys that are deleted before that are not missed.
    const isEarly = operation.kind === 'METADATA_DELETE' && node !== undefined && isNear(node, loggedAt);
    if (isEarly || !hasSame(present, logged)) {
      ahead.add(fullPath, clock());
    }
    const gone = keys.filter((key) => !Object.hasOwn(present, key));
    if (Object.keys(present).length > 0) {
      await perform(
        () => client.saveMetadata({ ...remote, fullPath, operator, metadata: present }),
        fullPath,
        (exists) => !exists,
      );
    }
    if (gone.length > 0) {
      await perform(() => client.deleteMetadata({ ...remote, fullPath, operator, keys: gone }), fullPath);
    }
    return APPLIED;
  }

  async function performOnNode(operation: NodeOperation, loggedAt: string): Promise<Outcome> {
    switch (operation.kind) {
      case 'FILE_CREATE':
        return createFile(operation, loggedAt);
      case 'FOLDER_CREATE':
        return createFolder(operation, loggedAt);
      case 'NODE_DELETE':
        return deleteNode(operation, loggedAt);
      case 'NODE_EXPIRE':
        return expireNode(operation, loggedAt);
      case 'METADATA_SAVE':
      case 'METADATA_DELETE':
        return changeMetadata(operation, loggedAt);
    }
  }

  async function applyToNode(operation: NodeOperation, loggedAt: string): Promise<Outcome> {
    await ensureContainers();
    const { fullPath } = operation;
    // Where the node may have gone: what is done to it may have been done before that.
    const counterparts = ahead.counterparts(fullPath, loggedAt);
    // Changes of single values take the source's present ones in any case.
    const whole = !isOfValues(operation);
    const settled = whole && (counterparts !== undefined || ahead.meets(fullPath, loggedAt));
    let outcome = await applyAt(operation, loggedAt, settled);
    for (const counterpart of counterparts ?? []) {
      if (whole || (await find(counterpart)) !== undefined) {
        const there = await applyAt({ ...operation, fullPath: counterpart }, loggedAt, settled);
        outcome = outcome.kind === 'FAILED' ? outcome : there;
      }
    }
    return outcome;
  }

  async function applyAt(operation: NodeOperation, loggedAt: string, settled: boolean): Promise<Outcome> {
    if (settled) {
      return settleNode(operation);
    }
    try {
      return await performOnNode(operation, loggedAt);
    } catch (error) {
      const isMissing = !makesContainers && isMissingRepository(error);
      if (error instanceof RemoteRefusalError && isMisfit(error) && !isMissing) {
        await containers.repository();
        return settleNode(operation);
      }
      throw error;
    }
  }

  async function settleNode({ kind, fullPath, operator }: NodeOperation): Promise<Outcome> {
    ahead.add(fullPath, clock());
    return kind === 'NODE_DELETE'
      ? settle.tree(fullPath, operator, { vacated: true })
      : settle.node(fullPath, operator);
  }

  async function applyTransfer(operation: Transfer, loggedAt: string): Promise<Outcome> {
    await ensureContainers();
    const { fullPath } = operation;
    const destFullPath = operation.kind === 'NODE_RENAME' ? operation.newFullPath : operation.destFullPath;
    const wentTo = (await find(destFullPath)) === undefined && ahead.counterparts(destFullPath, loggedAt);
    // What was copied or moved with a folder just before may have left it before that.
    const left = operation.kind === 'NODE_COPY' ? [] : (ahead.counterparts(fullPath, loggedAt) ?? []);
    const isDone =
      !wentTo &&
      !ahead.isHollow(destFullPath, loggedAt) &&
      !ahead.meets(fullPath, loggedAt) &&
      !ahead.meets(destFullPath, loggedAt) &&
      (await fits(operation, destFullPath, loggedAt)) &&
      (await isAdmitted(operation, destFullPath)) &&
      (await isAccepted(operation));
    let outcome = APPLIED;
    if (isDone) {
      guard?.noteTransferred(fullPath, landings(operation, destFullPath), operation.kind !== 'NODE_COPY');
      ahead.addTransfer(fullPath, landings(operation, destFullPath), loggedAt);
    } else {
      await containers.repository();
      outcome = await settleTransfer(operation, destFullPath, loggedAt);
    }
    for (const counterpart of [...left, ...(wentTo || [])]) {
      ahead.add(counterpart, clock());
      const vacated = left.includes(counterpart);
      const there = await settle.tree(counterpart, operation.operator, { vacated });
      outcome = outcome.kind === 'FAILED' ? outcome : there;
    }
    return outcome;
  }

  /** Whether the remote may do it: neither others' nodes nor paths that are left out are in its way. */
  async function isAdmitted(operation: Transfer, destFullPath: string): Promise<boolean> {
    const { kind, fullPath } = operation;
    if (isLeftOut(fullPath) || isLeftOut(destFullPath)) {
      return false;
    }
    const name = kind === 'NODE_RENAME' ? undefined : splitFullPath(fullPath).name;
    return guard === undefined || guard.admitsTransfer({ destFullPath, name });
  }

  /** Do it at the remote. Whatever the remote has against it, what it should have done is known. */
  async function isAccepted(operation: Transfer): Promise<boolean> {
    try {
      await perform(
        () => transferAtRemote(operation),
        operation.fullPath,
        (exists) => !exists,
      );
      return true;
    } catch (error) {
      if (error instanceof RemoteRefusalError) {
        return false;
      }
      throw error;
    }
  }

  /** Whether the remote can do it itself and it will be what the source did. */
  async function fits(operation: Transfer, destFullPath: string, loggedAt: string): Promise<boolean> {
    const { kind, fullPath } = operation;
    const node = await find(fullPath);
    if (kind !== 'NODE_COPY' && isInDoubt(node, loggedAt)) {
      return false;
    }
    if (kind !== 'NODE_RENAME' && (await isDestinationUnclear(operation, loggedAt))) {
      return false;
    }
    if (kind !== 'NODE_COPY' || node?.folder === false) {
      return kind !== 'NODE_COPY' || node === undefined || !isNear(node, loggedAt);
    }
    const below = await catalog.nodesUnder(source.projectId, source.repoName, fullPath, { limit: PAGE });
    if (ahead.isHollow(fullPath, loggedAt) || below.some((child) => isNear(child, loggedAt))) {
      return false;
    }
    // A folder that was copied before, by a delivery that was cut off, would be copied into its own copy.
    return !(await perform(() => client.nodeExists({ ...remote, fullPath: destFullPath }), destFullPath));
  }

  /** Of a destination that was made about then it cannot be told whether it was there before the node or is the node. */
  async function isDestinationUnclear(
    operation: Exclude<Transfer, { kind: 'NODE_RENAME' }>,
    loggedAt: string,
  ): Promise<boolean> {
    const { fullPath, destFullPath } = operation;
    const destination = await find(destFullPath);
    if (destination?.folder !== true || !isNear(destination, loggedAt)) {
      return false;
    }
    const inside = childPrefixOf(destFullPath) + splitFullPath(fullPath).name;
    return (
      (await find(inside)) !== undefined ||
      perform(() => client.nodeExists({ ...remote, fullPath: destFullPath }), destFullPath)
    );
  }

  async function transferAtRemote(transfer: Transfer): Promise<void> {
    const { fullPath, operator } = transfer;
    if (transfer.kind === 'NODE_RENAME') {
      await client.renameNode({ ...remote, fullPath, newFullPath: transfer.newFullPath, operator });
      return;
    }
    const { destFullPath, overwrite } = transfer;
    const request = { ...remote, fullPath, destFullPath, overwrite, operator };
    await (transfer.kind === 'NODE_MOVE' ? client.moveNode(request) : client.copyNode(request));
  }

  async function settleTransfer(
    operation: Transfer,
    destFullPath: string,
    loggedAt: string,
  ): Promise<Outcome> {
    const { kind, fullPath, operator } = operation;
    ahead.add(destFullPath, clock());
    const arrived =
      kind === 'NODE_RENAME'
        ? await settle.tree(destFullPath, operator)
        : await settle.arrival({
            destFullPath,
            name: splitFullPath(fullPath).name,
            operator,
            loggedAt,
          });
    if (kind === 'NODE_COPY') {
      return arrived;
    }
    ahead.add(fullPath, clock());
    const left = await settle.tree(fullPath, operator, { vacated: true });
    return arrived.kind === 'FAILED' ? arrived : left;
  }

  async function converge(operation: Of<'NODE_CONVERGE'>, loggedAt: string): Promise<Outcome> {
    await ensureContainers();
    const { fullPath: destFullPath, name, operator } = operation;
    let outcome = APPLIED;
    for (const destination of [destFullPath, ...(ahead.counterparts(destFullPath, loggedAt) ?? [])]) {
      ahead.add(destination, clock());
      const arrived = await settle.arrival({ destFullPath: destination, name, operator, loggedAt });
      outcome = outcome.kind === 'FAILED' ? outcome : arrived;
    }
    return outcome;
  }

  async function dispatch(operation: Operation, loggedAt: string): Promise<Outcome> {
    switch (operation.kind) {
      case 'PROJECT_CREATE':
        return createProject(operation);
      case 'REPOSITORY_CREATE':
        return createRepository(operation);
      case 'REPOSITORY_UPDATE':
        return updateRepository(operation);
      case 'REPOSITORY_DELETE':
        return deleteRepository(operation, loggedAt);
      case 'NODE_RENAME':
      case 'NODE_MOVE':
      case 'NODE_COPY':
        return applyTransfer(operation, loggedAt);
      case 'NODE_CONVERGE':
        return converge(operation, loggedAt);
      default:
        return applyToNode(operation, loggedAt);
    }
  }

  /** Take away what the operation took away, and what it left of values as it is now: all else came by another way. */
  async function applyCovered(operation: Operation, loggedAt: string): Promise<Outcome> {
    const present = await catalog.repository(source.projectId, source.repoName);
    if (operation.kind === 'REPOSITORY_DELETE') {
      return present === undefined ? deleteRepository(operation, loggedAt) : SUPERSEDED;
    }
    if (isOfValues(operation)) {
      return dispatch(operation, loggedAt);
    }
    const vacated = vacatedBy(operation);
    // A file that came in its place has replaced what was there, and what lay under it.
    if (vacated === undefined || present === undefined || (await find(vacated))?.folder === false) {
      return SUPERSEDED;
    }
    await ensureContainers();
    const outcome = await settle.tree(vacated, operation.operator, { vacated: true });
    return outcome.kind === 'FAILED' ? outcome : SUPERSEDED;
  }

  /** Whether the task's policies leave an operation out; what a move brings or leaves is looked at path by path. */
  function isFiltered(operation: Operation): boolean {
    switch (operation.kind) {
      case 'REPOSITORY_DELETE':
        return !makesContainers || policy?.filterDdl === 'drop_database';
      case 'PROJECT_CREATE':
      case 'REPOSITORY_CREATE':
      case 'REPOSITORY_UPDATE':
        return !makesContainers;
      case 'NODE_RENAME':
        return isLeftOut(operation.fullPath) && isLeftOut(operation.newFullPath);
      case 'NODE_MOVE':
      case 'NODE_COPY':
        return isLeftOut(operation.fullPath) && isLeftOut(operation.destFullPath);
      default:
        return isLeftOut(operation.fullPath);
    }
  }

  return {
    async apply(operation, { loggedAt, covered }) {
      if (isFiltered(operation)) {
        return FILTERED;
      }
      try {
        const outcome = await (covered ? applyCovered : dispatch)(operation, loggedAt);
        return outcome.kind !== 'FAILED' && guard !== undefined && guard.found().length > 0
          ? CONFLICTED
          : outcome;
      } catch (error) {
        return failureHere(error);
      }
    },
  };
}

/** Operations on values of a node, of which each is taken from the source. */
function isOfValues({ kind }: Operation): boolean {
  return kind === 'METADATA_SAVE' || kind === 'METADATA_DELETE' || kind === 'NODE_EXPIRE';
}

/** Where a transfer may bring what is at a path: to its destination, or inside it where a folder was there. */
function landings(transfer: Transfer, destFullPath: string): string[] {
  const inside = childPrefixOf(destFullPath) + splitFullPath(transfer.fullPath).name;
  if (transfer.kind === 'NODE_RENAME') {
    return [destFullPath];
  }
  return isRoot(destFullPath) ? [inside] : [destFullPath, inside];
}

/** Whether something is so much later than an event that the log cannot have it before. */
function isLater(date: Date | undefined, loggedAt: string): boolean {
  return date !== undefined && date.getTime() > Date.parse(loggedAt) + INVERSION_WINDOW;
}

/** Whether a node that the source has may have come to its path before the event, whatever the log's order is. */
function isInDoubt(node: SourceNode | undefined, loggedAt: string): boolean {
  return node !== undefined && !isLater(node.createdDate ?? node.lastModifiedDate, loggedAt);
}

/** Whether a node was made or changed about when the event happened: it may have been changed again since. */
function isNear({ createdDate, lastModifiedDate }: SourceNode, loggedAt: string): boolean {
  return [createdDate, lastModifiedDate].some(
    (date) => date !== undefined && Math.abs(date.getTime() - Date.parse(loggedAt)) <= INVERSION_WINDOW,
  );
}

function isSameExpiry({ expireDate }: SourceNode, expires: number, loggedAt: string): boolean {
  if (expires <= 0 || expireDate === undefined) {
    return expires <= 0 && expireDate === undefined;
  }
  return Math.abs(expireDate.getTime() - Date.parse(loggedAt) - expires * DAY) < EXPIRY_TOLERANCE;
}

type Metadata = Readonly<Record<string, unknown>>;

function hasSame(left: Metadata, right: Metadata): boolean {
  return isDeepStrictEqual({ ...left }, { ...right });
}

function picked(metadata: Metadata, keys: readonly string[]): Metadata {
  return Object.fromEntries(
    keys.filter((key) => Object.hasOwn(metadata, key)).map((key) => [key, metadata[key]]),
  );
}
