import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { mongoSourceCatalog } from '../../../functions/shared/apply/mongo-source-catalog.ts';
import { processRecords } from '../../../functions/shared/apply/process-records.ts';
import { BlobNotFoundError, type BlobStore } from '../../../functions/shared/blob/blob-store.ts';
import type { Conflict } from '../../../functions/shared/conflict/conflict.ts';
import { conflictRepository } from '../../../functions/shared/conflict/repository.ts';
import { mongoSourceHistory } from '../../../functions/shared/conflict/source-history.ts';
import { conflictStops } from '../../../functions/shared/conflict/stop.ts';
import { nodeCollectionOf } from '../../../functions/shared/mongodb/sharding.ts';
import { LOG_START } from '../../../functions/shared/operate-log/reader.ts';
import { mongoOperateLogWriter } from '../../../functions/shared/operate-log/writer.ts';
import { type Receiver, receiverOf } from '../../../functions/shared/receiver.ts';
import { createRemoteClient, type RemoteClient } from '../../../functions/shared/remote/client.ts';
import { partLedger } from '../../../functions/shared/sweep/part-ledger.ts';
import { tail } from '../../../functions/shared/tail/tail.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { MemoryWorld } from '../../support/memory-ports.ts';
import { memoryTail, memoryTailSettings } from '../../support/memory-tail.ts';
import { ADMIN, openProduct } from '../../support/product.ts';
import { ProductFront } from '../../support/product-front.ts';
import { storedTask } from '../../support/tasks.ts';
import { type Row, type Step, type Tree, tree } from './rows.ts';

/** What became of one event. */
export interface Met {
  readonly target: Tree;
  readonly counted: Readonly<Record<string, number>>;
  readonly journal: readonly Pick<
    Conflict,
    'fullPath' | 'policy' | 'policyVersion' | 'incoming' | 'present' | 'eventId'
  >[];
  readonly status: Task['status'];
  /** Messages that went back to the queue. */
  readonly returned: number;
  /** `_id` of the log's entry. */
  readonly eventId: string;
}

export type Contract = 'base' | 'extended';

/** The policies' version in force. */
export const POLICY_VERSION = 7;

const OPERATOR = 'ada';
const PROJECTS = { source: 'matrix_source', target: 'matrix_target' } as const;

/** The source's past lies days before the event, further than the log can be out of order, and the worker is a minute behind. */
const PAST = Date.parse('2026-11-01T00:00:00Z');
const LOGGED_AT = Date.parse('2026-11-20T12:00:00Z');
const BEHIND_MS = 60_000;
const HOUR_MS = 3_600_000;

const CONTENTS = ['ours', 'older', 'theirs', 'one', 'two'];
const sha256Of = (content: string) => createHash('sha256').update(content).digest('hex');
const md5Of = (content: string) => createHash('md5').update(content).digest('hex');
const labels = new Map(CONTENTS.map((content) => [sha256Of(content), content]));

/** The digest of a file of a tree, as the journal has it. */
export function sideOf(nodes: Tree, path: string): Conflict['present'] {
  const node = nodes.split(' ').find((each) => each === `${path}/` || each.startsWith(`${path}=`));
  if (node === undefined) {
    throw new Error(`${path} is not in ${nodes}`);
  }
  return node.endsWith('/')
    ? { folder: true }
    : { folder: false, sha256: sha256Of(node.slice(path.length + 1)) };
}

/**
 * One event after the other through the whole of the pipeline: bk-repo's own services change the source and write its log; the
 * tailer reads the entry, routes and packs it; the worker takes the message's text, and its remote client calls the deployed
 * handlers over loopback HTTP, on real stores.
 */
export interface Bench {
  /** Bring a source and a target about, do the row's change at the source, and hand its entry on. */
  meet(row: Row, policy: Task['setting']['conflictStrategy'], contract: Contract): Promise<Met>;
  close(): Promise<void>;
}

export async function openBench(): Promise<Bench> {
  const product = await openProduct();
  const { dynamoDb } = await import('../../../functions/shared/aws/clients.ts');
  const { database, sandbox } = product;
  const table = { table: dynamoDb(), tableName: sandbox.names.table };
  const journal = conflictRepository(table);
  const fronts: Record<Contract, ProductFront> = {
    base: await ProductFront.open({ product, contract: 'base', uploaded: () => undefined }),
    extended: await ProductFront.open({ product, contract: 'extended', uploaded: () => undefined }),
  };
  const identity = { allowPrivate: true, clusterId: randomBytes(16).toString('hex') };
  const clientOf = (contract: Contract): RemoteClient =>
    createRemoteClient({ url: fronts[contract].url, ...ADMIN, ...identity });
  const clients: Record<Contract, RemoteClient> = { base: clientOf('base'), extended: clientOf('extended') };
  const plain = receiverOf({ database, clock: () => new Date(PAST) });
  for (const name of Object.values(PROJECTS)) {
    await plain.projects.create({ name, displayName: name, description: undefined, operator: OPERATOR });
  }
  let cells = 0;

  async function openRepository(projectId: string, name: string): Promise<void> {
    await plain.repositories.create({
      projectId,
      name,
      type: 'GENERIC',
      category: 'LOCAL',
      public: false,
      description: undefined,
      configuration: undefined,
      storageCredentialsKey: undefined,
      operator: OPERATOR,
    });
  }

  /** The entry that bk-repo writes when a step is done at the source, after its past. */
  async function entryOf(repoName: string, { past, change }: Row): Promise<Record<string, unknown>> {
    let now = PAST;
    const entries: Record<string, unknown>[] = [];
    const clock = () => new Date(now);
    const log = mongoOperateLogWriter({
      log: { insertOne: async (entry) => void entries.push(entry) },
      clock,
      timeZone: 'UTC',
      clientAddress: '192.0.2.1',
      origin: [],
    });
    const { nodes } = receiverOf({ database, clock, log });
    const at = { projectId: PROJECTS.source, repoName };
    for (const step of past) {
      now += HOUR_MS;
      await take(nodes, at, step);
    }
    now = LOGGED_AT;
    await take(nodes, at, change);
    const entry = entries.at(-1);
    if (entry === undefined) {
      throw new Error('Nothing was logged');
    }
    return entry;
  }

  /** The messages that the tailer makes of an entry. */
  async function messagesOf(task: Task, entry: Readonly<Record<string, unknown>>) {
    const world = new MemoryWorld();
    world.tasks.set(task.key, task);
    await world.slotRepository.create(task.slotName, LOG_START);
    const eventId = world.write(entry);
    await tail(memoryTail(world), memoryTailSettings(world));
    return { messages: world.messages, eventId };
  }

  async function shown(repoName: string): Promise<Tree> {
    const documents = await database
      .collection(nodeCollectionOf(PROJECTS.target))
      .find({ projectId: PROJECTS.target, repoName, deleted: null })
      .toArray();
    return tree(...documents.map((document) => tokenOf(nodeSchema.parse(document))));
  }

  return {
    async meet(row, policy, contract) {
      cells += 1;
      const repoName = `cell_${cells}`;
      await openRepository(PROJECTS.source, repoName);
      await openRepository(PROJECTS.target, repoName);
      await plant(plain.nodes, { projectId: PROJECTS.target, repoName }, row.target);
      const defaults = storedTask();
      const task = storedTask({
        id: randomBytes(12).toString('hex'),
        key: randomBytes(16).toString('hex'),
        includeAllProject: false,
        localProjectId: PROJECTS.source,
        remoteProjectId: PROJECTS.target,
        policyVersion: POLICY_VERSION,
        setting: { ...defaults.setting, conflictStrategy: policy },
      });
      await sandbox.tasks.put(task);
      const { messages, eventId } = await messagesOf(task, await entryOf(repoName, row));
      const faults: unknown[] = [];
      const returned = await processRecords({
        records: messages.map(({ body, groupId }, index) => ({
          messageId: String(index),
          groupId,
          body,
          deliveries: 1,
        })),
        signal: AbortSignal.timeout(60_000),
        random: () => 0,
        dependencies: {
          tasks: sandbox.tasks,
          lanes: sandbox.lanes,
          remotes: { clientFor: async () => clients[contract] },
          catalog: mongoSourceCatalog(async () => database),
          history: mongoSourceHistory(async () => database),
          conflictStops: conflictStops(table),
          parts: partLedger(table),
          blobs,
          loadOperation: () => Promise.reject(new Error('Nothing is archived')),
          clock: () => new Date(LOGGED_AT + BEHIND_MS),
          timeZone: 'UTC',
          logger: {
            info: () => undefined,
            warn: () => undefined,
            error: (...line: unknown[]) => void faults.push(line),
          },
        },
      });
      const status = (await sandbox.tasks.get(task.key))?.status ?? 'FAILED';
      if (status !== 'FAILED' && faults.length > 0) {
        throw new Error(`The worker has met faults: ${JSON.stringify(faults)}`);
      }
      const lane = await sandbox.lanes.load({
        taskKey: task.key,
        source: { projectId: PROJECTS.source, repoName },
      });
      const { conflicts } = await journal.list(task.key, { number: 1, size: 50 });
      const { applied = 0, superseded = 0, filtered = 0, conflicted = 0, failed = 0 } = lane ?? {};
      return {
        target: await shown(repoName),
        counted: { applied, superseded, filtered, conflicted, failed },
        journal: conflicts.map(({ conflict }) => {
          const { fullPath, policy: under, policyVersion, incoming, present } = conflict;
          return { fullPath, policy: under, policyVersion, incoming, present, eventId: conflict.eventId };
        }),
        status,
        returned: returned.length,
        eventId,
      };
    },

    async close() {
      await Promise.all(Object.values(clients).map((client) => client.close()));
      await Promise.all(Object.values(fronts).map((front) => front.close()));
      await product.close();
    },
  };
}

const blobs: Pick<BlobStore, 'open'> = {
  open: async (sha256) => {
    const content = labels.get(sha256);
    if (content === undefined) {
      throw new BlobNotFoundError(sha256);
    }
    return { size: Buffer.byteLength(content), stream: Readable.from([Buffer.from(content)]) };
  },
};

type Container = Readonly<Record<'projectId' | 'repoName', string>>;

/** Put a tree's nodes there. */
async function plant(nodes: Receiver['nodes'], at: Container, planted: Tree): Promise<void> {
  for (const node of planted.split(' ').filter((each) => each !== '')) {
    const [, path = '', content] = /^([^={]+?)\/?(?:=(\w+))?(?:\{\w+\})?$/.exec(node) ?? [];
    await take(nodes, at, content === undefined ? { folder: path } : { put: path, content });
    if (node.endsWith('{team}')) {
      await take(nodes, at, { save: path });
    }
  }
}

async function take(nodes: Receiver['nodes'], at: Container, step: Step): Promise<void> {
  const node = (path: string) => ({ ...at, fullPath: `/${path}`, operator: OPERATOR });
  const creation = {
    expires: 0,
    size: undefined,
    sha256: undefined,
    md5: undefined,
    metadata: undefined,
    createdBy: undefined,
    createdDate: undefined,
    lastModifiedDate: undefined,
  };
  const transfer = (path: string, to: string) => ({
    srcProjectId: at.projectId,
    srcRepoName: at.repoName,
    srcFullPath: `/${path}`,
    destProjectId: undefined,
    destRepoName: undefined,
    destFullPath: `/${to}`,
    overwrite: true,
    operator: OPERATOR,
  });
  if ('put' in step) {
    const { content } = step;
    const file = { size: Buffer.byteLength(content), sha256: sha256Of(content), md5: md5Of(content) };
    await nodes.create({ ...creation, ...node(step.put), ...file, folder: false, overwrite: true });
  } else if ('folder' in step) {
    await nodes.create({ ...creation, ...node(step.folder), folder: true, overwrite: false });
  } else if ('rename' in step) {
    await nodes.rename({ ...node(step.rename), newFullPath: `/${step.to}` });
  } else if ('move' in step) {
    await nodes.move(transfer(step.move, step.to));
  } else if ('copy' in step) {
    await nodes.copy(transfer(step.copy, step.to));
  } else if ('remove' in step) {
    await nodes.delete(node(step.remove));
  } else if ('expire' in step) {
    await nodes.update({ ...node(step.expire), expires: 3 });
  } else if ('save' in step) {
    await nodes.saveMetadata({ ...node(step.save), metadata: [{ key: 'team', value: 'ours' }] });
  } else {
    await nodes.deleteMetadata({ ...node(step.unsave), keyList: ['team'] });
  }
}

const nodeSchema = z.object({
  fullPath: z.string(),
  folder: z.boolean(),
  sha256: z.string().nullish(),
  expireDate: z.date().nullish(),
  metadata: z.array(z.object({ key: z.string() })).nullish(),
});

function tokenOf({ fullPath, folder, sha256, expireDate, metadata }: z.output<typeof nodeSchema>): string {
  const path = fullPath.slice(1);
  const what = folder ? `${path}/` : `${path}=${labels.get(sha256 ?? '') ?? sha256}`;
  const keys = (metadata ?? []).map(({ key }) => key);
  return `${what}${keys.length === 0 ? '' : `{${keys}}`}${folder || !expireDate ? '' : '!'}`;
}
