import { createHash } from 'node:crypto';
import { laneStateSchema } from '../../functions/shared/lane/repository.ts';
import { nodeCollectionOf } from '../../functions/shared/mongodb/sharding.ts';
import { slotSchema } from '../../functions/shared/slot/slot.ts';
import { accountOf, type TaskAccount } from '../../functions/shared/task/account.ts';
import { taskSchema } from '../../functions/shared/task/task.ts';
import { namesOf } from '../oracle/requests.ts';
import type { Scenario } from './scenario.ts';

/** Something that must hold does not. */
export class Divergence extends Error {
  override readonly name = 'Divergence';
}

function account({ table, task }: Scenario): TaskAccount {
  const [slot] = table.items('SLOT').map((item) => slotSchema.parse(item));
  const [stored = task] = table.items('TASK').map((item) => taskSchema.parse(item));
  const lanes = table.items(`LANE#${task.key}`).map((item) => laneStateSchema.parse(item));
  return accountOf({ slot, task: stored, lanes });
}

/** The account's identity, at any time; at rest nothing is pending, and everything that was logged was read. */
export async function accountClosed(scenario: Scenario, when: string): Promise<void> {
  const { read, applied, superseded, filtered, conflicted, failed, pending } = account(scenario);
  const parts = { applied, superseded, filtered, conflicted, failed, pending };
  const shown = JSON.stringify({ read, ...parts });
  const sum = Object.values(parts).reduce((total, part) => total + part, 0);
  if (read !== sum || Object.values(parts).some((part) => part < 0)) {
    throw new Divergence(`The account does not close ${when}: ${shown}`);
  }
  if (
    when === 'at rest' &&
    (pending !== 0 ||
      (scenario.faults.struck.has('log rolled over')
        ? read > scenario.source.written
        : read !== scenario.source.written))
  ) {
    throw new Divergence(`Of ${scenario.source.written} entries the account at rest has ${shown}`);
  }
}

/** Target = source: containers, nodes, content, metadata, expiry. */
export function converged(scenario: Scenario): void {
  const { source, target } = scenario;
  const wanted = new Map<string, unknown>();
  const there = new Map<string, unknown>();
  for (const mongo of [source.mongo, target]) {
    const into = mongo === target ? there : wanted;
    for (const project of mongo.collection('project').all()) {
      into.set(project['name'], { displayName: project['displayName'] });
    }
    for (const { projectId, name, description, ...repository } of mongo.collection('repository').all()) {
      into.set(`${projectId}/${name}`, { public: repository['public'], description: description ?? '' });
    }
    for (const project of source.projects) {
      for (const node of mongo.collection(nodeCollectionOf(project)).all()) {
        if ((node['deleted'] ?? null) === null && node['projectId'] === project) {
          const { folder, size, sha256 = null, metadata, expireDate = null } = node;
          const entries: { key: string; value: unknown }[] = metadata ?? [];
          const sorted = entries.map(({ key, value }) => `${key}=${JSON.stringify(value)}`).sort();
          into.set(`${project}/${node['repoName']}:${node['fullPath']}`, {
            folder,
            size,
            sha256,
            expires: expireDate !== null,
            metadata: sorted.join(),
          });
        }
      }
    }
  }
  const differences = [...new Set([...wanted.keys(), ...there.keys()])].sort().flatMap((key) => {
    const [left, right] = [JSON.stringify(wanted.get(key)), JSON.stringify(there.get(key))];
    return left === right ? [] : [`${key}: ${left} at the source, ${right} at the target`];
  });
  if (differences.length > 0) {
    throw new Divergence(`The target is not the source:\n${differences.slice(0, 10).join('\n')}`);
  }
}

/** No locks, half uploads, marks, messages. */
export function nothingLeft(scenario: Scenario): void {
  const { table, queue, s3, target, source } = scenario;
  const left: string[] = [];
  const [slot] = table.items('SLOT').map((item) => slotSchema.parse(item));
  if (slot?.lease !== undefined && slot.lease.expiresAt > scenario.simulation.now) {
    left.push('a lease');
  }
  const buried = scenario.faults.struck.get('message dead-lettered') ?? 0;
  if (queue.messages.length > 0 || queue.deadLetters.length > buried) {
    left.push(`${queue.messages.length} messages, ${queue.deadLetters.length - buried} dead letters`);
  }
  for (const [address, content] of s3.objects) {
    const [bucket, key] = address.split('/');
    if (bucket === 'target-blobs' && createHash('sha256').update(content).digest('hex') !== key) {
      left.push(`half a blob ${key}`);
    }
  }
  const references = new Map<string, number>();
  for (const repository of source.repositories.keys()) {
    const { projectId, repoName } = namesOf(repository);
    for (const node of target.collection(nodeCollectionOf(projectId)).all()) {
      if (node['repoName'] !== repoName || (node['deleted'] ?? null) !== null) {
        continue;
      }
      if (node['logferryCopy'] !== undefined) {
        left.push(`a mark of a copy at ${node['fullPath']}`);
      }
      if (typeof node['sha256'] === 'string') {
        references.set(node['sha256'], (references.get(node['sha256']) ?? 0) + 1);
        if (!s3.objects.has(`target-blobs/${node['sha256']}`)) {
          left.push(`no content for ${node['fullPath']}`);
        }
      }
    }
  }
  let ordinal = 1;
  for (const key of [...s3.objects.keys()].filter((each) => each.startsWith('archive/archive/')).sort()) {
    if (Number(key.split('/').at(-1)) < ordinal) {
      left.push(`an archive object that overlaps: ${key}`);
    }
    ordinal = Number(key.split('/').at(-1));
  }
  if (left.length > 0) {
    throw new Divergence(`Left behind: ${left.join('; ')}`);
  }
}
