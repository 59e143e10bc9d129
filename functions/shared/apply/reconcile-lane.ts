import { type ConflictGuard, conflictGuard, incomingOf } from '../conflict/guard.ts';
import type { ReconcileMessage } from '../lane/message.ts';
import { laneId } from '../lane/repository.ts';
import { comparePaths, isRoot, parentsOf } from '../node/path.ts';
import { SYSTEM_OPERATOR } from '../operator.ts';
import type { RemoteClient } from '../remote/client.ts';
import { contentKnowledge } from '../remote/content.ts';
import { RemoteRefusalError } from '../remote/errors.ts';
import type { PartLedger } from '../sweep/part-ledger.ts';
import type { StoredPart } from '../sweep/parts.ts';
import type { Presence } from '../sync/decide.ts';
import { disparityOf } from '../sync/disparity.ts';
import { presences } from '../sync/presences.ts';
import type { Task } from '../task/task.ts';
import { type ApplyDependencies, checkReplicates, leftOutBy, opening, tellsDigests } from './apply-batch.ts';
import { asking } from './ask.ts';
import type { Circuit } from './circuit.ts';
import { type LaneSettling, type LaneWork, laneSettling } from './lane-settling.ts';
import { APPLIED, CONFLICTED, type Outcome, SUPERSEDED } from './outcome.ts';
import { type PartRecord, partRecord } from './part-record.ts';
import type { SourceCatalog, SourceNode } from './source-catalog.ts';

/** What working on a lane's messages needs from around it. */
export interface LaneDependencies extends ApplyDependencies {
  readonly parts: PartLedger;
}

/** Deliveries of a message for which an ambiguous answer may still be a passing fault. */
const PATIENT_DELIVERIES = 2;

/** Nodes of the source that are read at once. */
const READS_AT_ONCE = 10;

interface Delivery {
  readonly message: ReconcileMessage;
  /** How often the message has been delivered, this time included. */
  readonly deliveries: number;
  readonly circuit: Circuit;
  /** Aborted when time is nearly up. */
  readonly signal: AbortSignal;
  readonly dependencies: LaneDependencies;
}

/**
 * Do one part of a sweep: define its project and repository where it says so, ask the remote once what it has at the part's paths, and settle those where it is not what the source
 * has now, as the lane's operations settle what is in doubt. From before the first change on, the lane takes these paths for
 * ahead of the log. May be repeated and interrupted at any point; each part counts once.
 *
 * A conflict stays and is put down, under FAST_FAIL as under SKIP: that strategy keeps an event from being passed over, and no
 * event waits behind a part. So a sweep stops no task.
 *
 * @returns `dropped` when there was nothing to do: the part is done or not kept any more, or the task is deleted.
 * @throws as `applyBatch` does, save what is about the order of batches.
 */
export async function reconcileLane(delivery: Delivery): Promise<'applied' | 'dropped'> {
  const { message, dependencies } = delivery;
  const { tasks, lanes, parts, logger } = dependencies;
  const { taskKey, source, sweepId } = message;
  const lane = laneId(message);

  const task = await tasks.get(taskKey);
  const part = await parts.load(sweepId, message.part);
  if (task === undefined || part === undefined || part.status === 'DONE') {
    logger.info('Dropped a part of a sweep', { lane, sweepId, part: message.part, status: part?.status });
    return 'dropped';
  }
  checkReplicates(task, lane);
  const state = await lanes.load({ taskKey, source });
  const record = partRecord({ part, state, lanes, parts, clock: dependencies.clock });
  const { url } = task.setting.remoteClusterInfo;
  try {
    await delivery.circuit.pass(url);
    await settlePart({ ...delivery, task, part, record, resolved: state?.noted ?? [] });
  } catch (error) {
    await record.interrupted(error);
    throw await opening(error, delivery.circuit, url);
  }
  await delivery.circuit.close(url);
  const counts = await record.finish();
  const level = counts.failed > 0 ? 'error' : counts.conflicted > 0 ? 'warn' : 'info';
  logger[level]('Did a part of a sweep', { lane, sweepId, part: part.part, ...counts });
  return 'applied';
}

interface PartWork extends Delivery {
  readonly task: Task;
  readonly part: StoredPart;
  readonly record: PartRecord;
  readonly resolved: Parameters<typeof conflictGuard>[0]['resolved'];
}

async function settlePart(work: PartWork): Promise<void> {
  const { task, part, record, deliveries, dependencies } = work;
  const { remotes, catalog } = dependencies;
  const { source, remote, policy } = part;
  const { includeMetadata } = task.setting;
  const client = await remotes.clientFor(task);
  const patient = deliveries <= PATIENT_DELIVERIES;
  const content = contentKnowledge([]);
  const guard = await guardOf(work, { client, content, patient });
  const isLeftOut = await leftOutBy({ policy, source, catalog });
  const settling = {
    ...dependencies,
    source,
    remote,
    includeMetadata,
    client,
    content,
    signal: work.signal,
    patient,
    lane: record.knowledge,
    policy,
    guard,
    isLeftOut,
  };
  const lane = laneSettling(settling);
  // The guard keeps what is not the source's.
  const removing = part.deleteExtra === true ? laneSettling({ ...settling, guard: undefined }) : lane;

  const fullPaths = record.fullPaths.filter((fullPath) => !isRoot(fullPath) && !isLeftOut(fullPath));
  if (part.definition === true) {
    record.tellDefinition(await defined(lane, record));
  }
  if (fullPaths.length === 0) {
    return;
  }
  let differing: readonly Compared[];
  try {
    await lane.ensureContainers();
    const compared = await comparedAt({ fullPaths, client, catalog, part, lane, guard });
    differing = compared.filter(({ node, presence }) => !isAlike(node, presence, includeMetadata));
    record.alike(compared.filter((each) => !differing.includes(each)));
  } catch (error) {
    if (!(error instanceof RemoteRefusalError)) {
      throw error;
    }
    // It says nothing of any one path, and is the same for all.
    for (const fullPath of fullPaths) {
      record.tell({ fullPath }, lane.failureHere(error));
    }
    return;
  }

  guard?.beginPart(part.sweepId);
  const admitted: Compared[] = [];
  for (const each of differing) {
    const admission = await admissionOf(each, { part, lane, guard });
    if (admission === 'ADMITTED') {
      admitted.push(each);
    } else if (admission === 'CONFLICTED') {
      record.tell(each, CONFLICTED);
    }
  }
  const incoming = admitted.flatMap(({ node }) => (node === undefined ? [] : [node]));
  for (const node of incoming) {
    if (!node.folder) {
      content.expected.add(node.sha256.toLowerCase());
    }
  }
  await guard?.prepare(incoming.map(incomingOf));
  await record.begin(admitted);
  const removed = new Set<string>();
  for (const each of admitted) {
    work.signal.throwIfAborted();
    const { fullPath, node } = each;
    // What lay under a folder went with it.
    const isGone = node === undefined && parentsOf(fullPath).some((above) => removed.has(above));
    const outcome = isGone ? APPLIED : await settled(fullPath, node === undefined ? removing : lane);
    if (node === undefined && outcome.kind === 'APPLIED') {
      removed.add(fullPath);
    }
    record.tell(each, outcome);
  }
  record.conflicts(guard?.found() ?? []);
}

/** None where the remote tells nothing of what is replaced, and the policy replaces it. */
async function guardOf(
  work: PartWork,
  { client, content, patient }: Pick<LaneWork, 'client' | 'content' | 'patient'>,
): Promise<ConflictGuard | undefined> {
  const { task, part, record, resolved, dependencies } = work;
  const { lanes, history, clock, logger } = dependencies;
  const replaces = part.policy.conflictStrategy === 'OVERWRITE';
  return replaces && !(await tellsDigests(client))
    ? undefined
    : conflictGuard({
        message: part,
        strategy: replaces ? 'OVERWRITE' : 'SKIP',
        pending: [],
        client,
        content,
        history,
        own: record.own,
        remember: record.remember,
        putDownReplaced: async (conflict) => {
          await lanes.recordReplaced(conflict);
          const { sweepId, fullPath } = conflict;
          logger.warn('Replaces what others have put at the remote', {
            lane: laneId(part),
            sweepId,
            fullPath,
          });
        },
        copiedUntil: task.initialSync?.endedAt,
        resolved,
        perform: asking({ client, remote: part.remote, patient }),
        now: clock,
      });
}

/** What source and remote have at a path. */
interface Compared {
  readonly fullPath: string;
  readonly node: SourceNode | undefined;
  readonly presence: Presence;
}

/** What source and remote have at paths, in the paths' order, so that folders come before what they hold. */
async function comparedAt(question: {
  readonly fullPaths: readonly string[];
  readonly client: RemoteClient;
  readonly catalog: SourceCatalog;
  readonly part: StoredPart;
  readonly lane: LaneSettling;
  readonly guard: ConflictGuard | undefined;
}): Promise<Compared[]> {
  const { client, catalog, part, lane, guard } = question;
  const { source, remote } = part;
  const fullPaths = [...question.fullPaths].sort(comparePaths);
  const look = await presences(client, { ...remote, fullPaths }, lane.perform);
  guard?.know(fullPaths, look);
  const compared: Compared[] = [];
  for (let start = 0; start < fullPaths.length; start += READS_AT_ONCE) {
    const read = fullPaths.slice(start, start + READS_AT_ONCE).map(async (fullPath) => ({
      fullPath,
      node: await catalog.node(source.projectId, source.repoName, fullPath),
      presence: look(fullPath),
    }));
    compared.push(...(await Promise.all(read)));
  }
  return compared;
}

/** Whether the remote has what the source has; of a remote of the base contract, whether it has anything. */
function isAlike(node: SourceNode | undefined, presence: Presence, includeMetadata: boolean): boolean {
  if (node === undefined || presence.kind === 'MISSING') {
    return node === undefined && presence.kind === 'MISSING';
  }
  return (
    presence.kind === 'UNKNOWN' || disparityOf({ node, digest: presence.digest, includeMetadata }) === 'NONE'
  );
}

/**
 * Whether a path is the sweep's to change. What only the target has, and the source never had, is no conflict: nothing comes in.
 * It stays, unless somebody has asked for it to go.
 */
async function admissionOf(
  { fullPath, node }: Compared,
  {
    part,
    lane,
    guard,
  }: Pick<PartWork, 'part'> & {
    readonly lane: LaneSettling;
    readonly guard: ConflictGuard | undefined;
  },
): Promise<'ADMITTED' | 'CONFLICTED' | 'KEPT'> {
  if (node !== undefined) {
    return guard === undefined || (await guard.admits(incomingOf(node))) ? 'ADMITTED' : 'CONFLICTED';
  }
  const isOurs = part.deleteExtra === true || guard === undefined || (await guard.admitsRemoval(fullPath));
  return isOurs && !(await lane.keepsGone()) ? 'ADMITTED' : 'KEPT';
}

/** Make the lane's project and repository what the source has. */
async function defined(lane: LaneSettling, { knowledge }: PartRecord): Promise<Outcome> {
  try {
    const result = await lane.containers.define();
    knowledge.containersEnsured ||= lane.makesContainers && result !== 'GONE';
    return result === 'CHANGED' ? APPLIED : SUPERSEDED;
  } catch (error) {
    return lane.failureHere(error);
  }
}

/** Make a path what the source has there now. */
async function settled(fullPath: string, lane: LaneSettling): Promise<Outcome> {
  try {
    return await lane.settle.node(fullPath, SYSTEM_OPERATOR);
  } catch (error) {
    return lane.failureHere(error);
  }
}
