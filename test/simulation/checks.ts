import { createHash } from 'node:crypto';
import { laneStateSchema } from '../../functions/shared/lane/repository.ts';
import { nodeCollectionOf } from '../../functions/shared/mongodb/sharding.ts';
import { slotSchema } from '../../functions/shared/slot/slot.ts';
import { accountOf, type TaskAccount } from '../../functions/shared/task/account.ts';
import type { RepositoryName } from '../oracle/model.ts';
import { namesOf } from '../oracle/requests.ts';
import type { Destination } from './destination.ts';
import type { FaultKind } from './faults.ts';
import type { MemoryMongo } from './memory-mongodb.ts';
import type { Scenario } from './scenario.ts';

/** Something that must hold does not. */
export class Divergence extends Error {
  override readonly name = 'Divergence';
}

function slotOf({ table }: Scenario) {
  return table.items('SLOT').map((item) => slotSchema.parse(item))[0];
}

/** A task's account, as the table has it. */
export function accountAt(scenario: Scenario, destination: Destination): TaskAccount {
  const task = scenario.taskOf(destination);
  const lanes = scenario.table.items(`LANE#${task.key}`).map((item) => laneStateSchema.parse(item));
  return accountOf({ slot: slotOf(scenario), task, lanes });
}

/** The account's identity, at any time; at rest nothing is pending, and everything that was logged and not lost was read. */
export function accountCloses(scenario: Scenario, when: string): void {
  for (const destination of scenario.destinations) {
    const account = accountAt(scenario, destination);
    const { read, applied, superseded, filtered, conflicted, failed, pending } = account;
    const parts = [applied, superseded, filtered, conflicted, failed, pending];
    const shown = JSON.stringify(account);
    if (read !== parts.reduce((total, part) => total + part, 0) || parts.some((part) => part < 0)) {
      throw new Divergence(`The account does not close ${when}: ${shown}`);
    }
    // Nobody else writes at the target.
    if (conflicted !== 0) {
      throw new Divergence(`A conflict was counted ${when}, and nobody else was there: ${shown}`);
    }
    if (when === 'at rest' && (pending !== 0 || read !== (slotOf(scenario)?.nextOrdinal ?? 1) - 1)) {
      throw new Divergence(`The slot has read ${slotOf(scenario)?.nextOrdinal}, the account has ${shown}`);
    }
  }
}

/** The archive has every entry of the log once, in its order, but those that the ring lost before they were read. */
export async function archiveHoldsTheLog(scenario: Scenario): Promise<void> {
  const { source, deployment } = scenario;
  const slot = slotOf(scenario);
  const archived: string[] = [];
  while (archived.length + 1 < (slot?.nextOrdinal ?? 1)) {
    const object = await deployment.archive.load('default', archived.length + 1);
    if (object === undefined) {
      throw new Divergence(`The archive has nothing at ordinal ${archived.length + 1}`);
    }
    archived.push(...object.documents.map(({ id }) => id));
  }
  const kept = new Set(archived);
  const expected = source.writtenIds.filter((id) => kept.has(id) || !source.rolledOff.has(id));
  if (JSON.stringify(archived) !== JSON.stringify(expected)) {
    throw new Divergence(`The archive has ${archived.length} entries, and not those of the log`);
  }
}

interface Shown {
  readonly repository: RepositoryName;
  readonly path: string;
  readonly folder: boolean;
  readonly size: number;
  readonly sha256: string | null;
  readonly expires: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What a cluster has, as far as it is replicated: by a name of each thing. */
function shownOf(mongo: MemoryMongo, projects: Iterable<string>): Map<string, Shown | object> {
  const shown = new Map<string, Shown | object>();
  for (const project of mongo.collection('project').all()) {
    shown.set(project['name'], { displayName: project['displayName'] });
  }
  for (const { projectId, name, description, ...repository } of mongo.collection('repository').all()) {
    shown.set(`${projectId}/${name}`, { public: repository['public'], description: description ?? '' });
  }
  for (const project of projects) {
    for (const node of mongo.collection(nodeCollectionOf(project)).all()) {
      if ((node['deleted'] ?? null) === null && node['projectId'] === project) {
        const { folder, size, sha256 = null, metadata, expireDate = null } = node;
        const entries: { key: string; value: unknown }[] = metadata ?? [];
        const sorted = entries.toSorted((one, other) => (one.key < other.key ? -1 : 1));
        shown.set(`${project}/${node['repoName']}:${node['fullPath']}`, {
          repository: `${project}/${node['repoName']}`,
          path: node['fullPath'],
          folder,
          size,
          sha256,
          expires: expireDate !== null,
          metadata: Object.fromEntries(sorted.map(({ key, value }) => [key, value])),
        });
      }
    }
  }
  return shown;
}

/** Target = source: containers, nodes, content, metadata, expiry; but for what a remote of the base contract does not tell. */
export function converged(scenario: Scenario, destination: Destination): void {
  const { source } = scenario;
  const wanted = shownOf(source.mongo, source.projects);
  const there = shownOf(destination.target, source.projects);
  const differences = [...new Set([...wanted.keys(), ...there.keys()])].sort().flatMap((name) => {
    const [left, right] = [wanted.get(name), there.get(name)];
    const [one, other] = [JSON.stringify(left), JSON.stringify(right)];
    return one === other ||
      isOfLostDeletion(scenario, name) ||
      isKeptOfFolder(scenario, left, right) ||
      (!destination.tellsDigests && isBeyondTelling(scenario, left, right))
      ? []
      : [`${name}: ${one} at the source, ${other} at the target`];
  });
  if (differences.length > 0) {
    throw new Divergence(
      `The target (${destination.kind}) is not the source:\n${differences.slice(0, 10).join('\n')}`,
    );
  }
}

const UNLOGGED_DELETIONS: readonly FaultKind[] = ['log rolled over', 'deleted without an entry', 'expired'];

/**
 * Whether a difference is one that nothing finds at a remote which tells only whether there is something at a path, because the
 * log has not said it: what there is instead; metadata; a file that was deleted where a folder is now; and what is there though
 * the source has no tombstone at its path.
 */
function isBeyondTelling(scenario: Scenario, wanted: object | undefined, there: object | undefined): boolean {
  const { struck } = scenario.faults;
  if (there === undefined || !('path' in there)) {
    return false;
  }
  if (wanted === undefined) {
    return UNLOGGED_DELETIONS.some((kind) => struck.has(kind)) && !hasTombstone(scenario, there);
  }
  const isFileForFolder = 'folder' in wanted && wanted.folder === true && 'folder' in there && !there.folder;
  return (
    struck.has('log rolled over') ||
    (isFileForFolder && UNLOGGED_DELETIONS.some((kind) => struck.has(kind))) ||
    (struck.has('metadata without an entry') && withoutDots(wanted) === withoutDots(there))
  );
}

/** Whether it belongs to a repository that the source has no more, though the log may not have told: sweeps do not look there. */
function isOfLostDeletion({ source, faults }: Scenario, name: string): boolean {
  const repository = [...source.repositories.keys()].find(
    (each) => name === each || name.startsWith(`${each}:`),
  );
  return repository === undefined && name.includes('/') && faults.struck.has('log rolled over');
}

/** What a target has, and how often it was changed. */
export function stateOf({ source }: Scenario, { target }: Destination): string {
  const nodes = [...shownOf(target, source.projects)];
  return JSON.stringify({ nodes, changes: target.collection('operate_log').size });
}

/**
 * Whether a folder differs in nothing but metadata that only the target has. What is said of a folder is merged into what is
 * there, so that keys stay whose deletion the log has not told; no digest tells which they are.
 */
function isKeptOfFolder(scenario: Scenario, wanted: object | undefined, there: object | undefined): boolean {
  const [source, target] = [wanted, there].map((node) =>
    node !== undefined && 'folder' in node && node.folder === true ? metadataOf(node) : undefined,
  );
  return (
    source !== undefined &&
    target !== undefined &&
    UNLOGGED_DELETIONS.some((kind) => scenario.faults.struck.has(kind)) &&
    JSON.stringify({ ...wanted, metadata: {} }) === JSON.stringify({ ...there, metadata: {} }) &&
    [...source].every(([key, value]) => target.get(key) === value)
  );
}

function hasTombstone({ source }: Scenario, node: object): boolean {
  const repository = [...source.repositories.keys()].find(
    (each) => 'repository' in node && each === node.repository,
  );
  const path = 'path' in node ? String(node.path) : '';
  return repository !== undefined && (source.model.tree(repository).tombstones.get(path)?.length ?? 0) > 0;
}

/** A node but for the metadata that the log has never told: keys with dots. */
function withoutDots(node: object): string {
  const told = [...metadataOf(node)].filter(([key]) => !key.includes('.'));
  return JSON.stringify({ ...node, metadata: Object.fromEntries(told) });
}

function metadataOf(node: object): ReadonlyMap<string, unknown> {
  return new Map(
    'metadata' in node && node.metadata !== null && typeof node.metadata === 'object'
      ? Object.entries(node.metadata)
      : [],
  );
}

/** No locks, half uploads, marks, messages, parts, circuits, parked tasks. */
export function nothingLeft(scenario: Scenario): void {
  const { table, queue, runs, faults, destinations } = scenario;
  const left: string[] = [];
  const slot = slotOf(scenario);
  if (slot?.lease !== undefined && slot.lease.expiresAt > scenario.simulation.now) {
    left.push('a lease');
  }
  const buried = faults.struck.get('message dead-lettered') ?? 0;
  if (queue.messages.length + runs.messages.length > 0) {
    left.push(`${queue.messages.length} messages to lanes, ${runs.messages.length} to the planner`);
  }
  if (queue.deadLetters.length + runs.deadLetters.length > buried) {
    left.push(`${queue.deadLetters.length + runs.deadLetters.length - buried} dead letters`);
  }
  for (const partition of table.partitions('SWEEP_PART#')) {
    for (const { sk, status } of table.items(partition)) {
      if (status !== 'DONE') {
        left.push(`part ${sk} of ${partition}`);
      }
    }
  }
  for (const { url } of table.items('REMOTE')) {
    left.push(`a circuit of ${url}`);
  }
  for (const destination of destinations) {
    const { catchUp, openGaps = 0, stranded, status } = scenario.taskOf(destination);
    if (catchUp !== undefined || openGaps !== 0 || stranded !== undefined || status !== 'REPLICATING') {
      left.push(`a task ${JSON.stringify({ catchUp, openGaps, stranded, status })}`);
    }
    left.push(...leftAt(scenario, destination));
  }
  if (left.length > 0) {
    throw new Divergence(`Left behind: ${left.join('; ')}`);
  }
}

/** What a target has that is no node's, and nodes that lack theirs. */
function leftAt({ s3, source }: Scenario, { bucket, target }: Destination): string[] {
  const left: string[] = [];
  for (const [address, content] of s3.objects) {
    const [name, key] = address.split('/');
    if (name === bucket && createHash('sha256').update(content).digest('hex') !== key) {
      left.push(`half a blob ${key}`);
    }
  }
  for (const repository of source.repositories.keys()) {
    const { projectId, repoName } = namesOf(repository);
    for (const node of target.collection(nodeCollectionOf(projectId)).all()) {
      if (node['repoName'] !== repoName || (node['deleted'] ?? null) !== null) {
        continue;
      }
      if (node['logferryCopy'] !== undefined) {
        left.push(`a mark of a copy at ${node['fullPath']}`);
      }
      if (typeof node['sha256'] === 'string' && !s3.objects.has(`${bucket}/${node['sha256']}`)) {
        left.push(`no content for ${node['fullPath']}`);
      }
    }
  }
  return left;
}
