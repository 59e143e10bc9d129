import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { LaneDependencies } from '../../../functions/shared/apply/reconcile-lane.ts';
import type {
  SourceCatalog,
  SourceNode,
  SourceProject,
  SourceRepository,
} from '../../../functions/shared/apply/source-catalog.ts';
import { BlobNotFoundError, type BlobStore } from '../../../functions/shared/blob/blob-store.ts';
import type { Conflict } from '../../../functions/shared/conflict/conflict.ts';
import type { SourceHistory } from '../../../functions/shared/conflict/source-history.ts';
import type { Failure, SweepFailure } from '../../../functions/shared/failure/failure.ts';
import type { BatchEntry, BatchMessage } from '../../../functions/shared/lane/message.ts';
import type { Operation } from '../../../functions/shared/lane/operation.ts';
import {
  type LaneRepair,
  type LaneRepository,
  type LaneState,
  laneId,
} from '../../../functions/shared/lane/repository.ts';
import { nodeDigestRangeRequest, rangeAnswer } from '../../../functions/shared/node/digest-range.ts';
import type { AnsweredDigest } from '../../../functions/shared/node/digests.ts';
import { metadataDigest } from '../../../functions/shared/node/metadata-digest.ts';
import type {
  RemoteClient,
  RemoteFile,
  RemoteNode,
  RemoteRepository,
} from '../../../functions/shared/remote/client.ts';
import { digestCalls, type NodeDigest } from '../../../functions/shared/remote/digest-calls.ts';
import {
  ContentMismatchError,
  RemoteAmbiguousError,
  RemoteOutageError,
  RemoteRefusalError,
} from '../../../functions/shared/remote/errors.ts';
import { identityCalls } from '../../../functions/shared/remote/identity-calls.ts';
import type { Announcement } from '../../../functions/shared/remote/version.ts';
import type { PartLedger } from '../../../functions/shared/sweep/part-ledger.ts';
import type { PartCounts, StoredPart } from '../../../functions/shared/sweep/parts.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { CODES, Model, type ModelNode, type Operation as ModelOperation } from '../../oracle/model.ts';
import { firstOfRange } from '../../support/digest-range.ts';
import { storedTask } from '../../support/tasks.ts';

export const LANE = { projectId: 'ops', repoName: 'generic-local' };
export const REMOTE_LANE = { projectId: 'ops-copy', repoName: 'generic-remote' };

export type TargetNode =
  | { readonly folder: true; readonly metadata: Readonly<Record<string, unknown>> }
  | {
      readonly folder: false;
      readonly sha256: string;
      readonly expires: number;
      readonly metadata: Readonly<Record<string, unknown>>;
    };

const DAY = 86_400_000;

/** The live nodes of a repository of the model, as tests look at them and put them there. */
class TargetNodes {
  readonly #model: Model;
  readonly #name: string;
  readonly #now: () => Date;

  constructor(model: Model, name: string, now: () => Date) {
    this.#model = model;
    this.#name = name;
    this.#now = now;
  }

  get live(): ReadonlyMap<string, ModelNode> {
    return this.#model.tree(this.#name).live;
  }

  has(fullPath: string): boolean {
    return this.live.has(fullPath);
  }

  get(fullPath: string): TargetNode | undefined {
    const node = this.live.get(fullPath);
    if (node === undefined) {
      return undefined;
    }
    const { metadata, sha256, expireDate } = node;
    const expires =
      expireDate === null ? 0 : Math.round((expireDate.getTime() - this.#now().getTime()) / DAY);
    return node.folder
      ? { folder: true, metadata }
      : { folder: false, sha256: sha256 ?? '', expires, metadata };
  }

  set(fullPath: string, node: TargetNode): void {
    const content = node.folder
      ? { expires: 0, sha256: undefined }
      : { expires: node.expires, sha256: node.sha256 };
    const { folder, metadata } = node;
    this.#model.apply(
      {
        kind: 'create',
        repository: this.#name,
        path: fullPath,
        folder,
        overwrite: true,
        size: 0,
        md5: 'md5',
        metadata,
        operator: 'test',
        ...content,
      },
      this.#now(),
    );
  }

  delete(fullPath: string): void {
    this.#model.apply(
      { kind: 'delete', repository: this.#name, path: fullPath, operator: 'test' },
      this.#now(),
    );
  }

  *[Symbol.iterator](): Iterator<readonly [string, TargetNode]> {
    for (const fullPath of this.live.keys()) {
      const node = this.get(fullPath);
      if (node !== undefined) {
        yield [fullPath, node];
      }
    }
  }
}

export function sha256Of(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}

function nameOf({ projectId, repoName }: { readonly projectId: string; readonly repoName: string }): string {
  return `${projectId}/${repoName}`;
}

function digestOf(fullPath: string, node: ModelNode): NodeDigest {
  const { folder, size, sha256, md5, expireDate, metadata } = node;
  return {
    fullPath,
    folder,
    size,
    sha256: sha256 ?? undefined,
    md5: md5 ?? undefined,
    expireDate: expireDate ?? undefined,
    metadata: metadataDigest(metadata),
  };
}

function answeredDigest([fullPath, node]: readonly [string, ModelNode]): AnsweredDigest {
  const { folder, size, sha256, md5, expireDate, metadata } = node;
  return {
    fullPath,
    folder,
    size,
    sha256: sha256 ?? null,
    md5: md5 ?? null,
    expireDate: expireDate?.toISOString() ?? null,
    metadata: metadataDigest(metadata),
  };
}

/** The file operation that the log holds for a path and content. */
export function fileCreate(
  fullPath: string,
  content: string,
  more: Partial<Extract<Operation, { kind: 'FILE_CREATE' }>> = {},
): Extract<Operation, { kind: 'FILE_CREATE' }> {
  return {
    kind: 'FILE_CREATE',
    fullPath,
    operator: 'admin',
    overwrite: true,
    expires: 0,
    size: Buffer.byteLength(content),
    sha256: sha256Of(content),
    md5: createHash('md5').update(content).digest('hex'),
    metadata: {},
    ...more,
  };
}

export function batch(
  previousOrdinal: number,
  operations: readonly (Operation | BatchEntry['operation'])[],
  more: Partial<BatchMessage> = {},
): BatchMessage {
  return {
    version: 1,
    taskKey: storedTask().key,
    slotName: 'default',
    policyVersion: 1,
    source: LANE,
    remote: REMOTE_LANE,
    previousOrdinal,
    entries: operations.map((operation, index) => ({
      ordinal: previousOrdinal + 1 + index,
      eventId: `e${previousOrdinal + 1 + index}`,
      loggedAt: '2026-11-22T00:00:00.000Z',
      operation,
    })),
    ...more,
  };
}

/**
 * A source, a remote and the table, in memory. The remote does to its nodes what the oracle's model says; as an `era`
 * one it turns every refusal into HTTP 500 with 250101.
 */
export class World {
  readonly tasks = new Map<string, Task>([[storedTask().key, storedTask()]]);
  readonly projects = new Map<string, SourceProject>([
    ['ops', { displayName: 'Operations', createdBy: 'admin' }],
  ]);
  readonly repositories = new Map<string, SourceRepository>([
    ['ops/generic-local', { type: 'GENERIC', category: 'LOCAL', public: false, createdBy: 'admin' }],
  ]);
  readonly nodes = new Map<string, SourceNode>();
  readonly contents = new Map<string, string>();
  readonly operations = new Map<string, Operation>();

  readonly targetProjects = new Map<string, { readonly displayName: string; readonly operator: string }>();
  readonly targetRepositories = new Map<string, Omit<RemoteRepository, 'projectId' | 'repoName'>>();
  readonly model = new Model();
  readonly target = new TargetNodes(this.model, nameOf(REMOTE_LANE), () => this.now);
  /** What the remote says to `version`. */
  announcement: Announcement = { extensions: new Set() };
  /** Digests of what the remote's store holds; looked at by a remote that announces it. */
  readonly held = new Set<string>();
  /** Origins of the changes that reached the remote, one by one. */
  readonly origins: string[][] = [];
  era = false;
  /** Every call that reached the remote, in order. */
  readonly calls: string[] = [];
  /** Called before each call at the remote with its name and path; may throw. */
  beforeCall: (name: string, path: string) => void = () => {};
  /** Called before and after the lane's record is written; may throw. */
  aroundRecord: (moment: 'before' | 'after') => void = () => {};

  readonly states = new Map<string, LaneState>();
  readonly failures = new Map<string, Failure>();
  readonly conflicts = new Map<string, Conflict>();
  /** Parts of sweeps by their numbers, and what became of them. */
  readonly parts = new Map<number, StoredPart>();
  readonly partCounts = new Map<number, PartCounts>();
  readonly sweepFailures = new Map<string, SweepFailure>();
  readonly sweepConflicts = new Map<string, Conflict>();
  /** Conflicts at which the task was stopped. */
  readonly stops: Conflict[] = [];
  /** Tombstones of the source: digests, null of a folder's, by path. */
  readonly tombstones = new Map<string, readonly (string | null)[]>();
  writes = 0;
  now = new Date('2026-11-22T00:00:00Z');
  readonly logged: { readonly level: string; readonly text: string }[] = [];

  /** A live file of the source, and its content in the store. */
  putFile(
    fullPath: string,
    content: string,
    more: Partial<Extract<SourceNode, { folder: false }>> = {},
  ): void {
    const { size, sha256, md5 } = fileCreate(fullPath, content);
    this.contents.set(sha256, content);
    this.nodes.set(fullPath, {
      folder: false,
      fullPath,
      createdBy: 'admin',
      size,
      sha256,
      md5,
      metadata: {},
      ...more,
    });
  }

  constructor() {
    this.model.addRepository(nameOf(REMOTE_LANE), 'LOCAL');
  }

  state(): LaneState | undefined {
    return this.states.get(laneId({ taskKey: storedTask().key, source: LANE }));
  }

  readonly catalog: SourceCatalog = {
    project: async (projectId) => this.projects.get(projectId),
    repository: async (projectId, repoName) => this.repositories.get(`${projectId}/${repoName}`),
    node: async (_projectId, _repoName, fullPath) => this.nodes.get(fullPath),
    nodesUnder: async (_projectId, _repoName, fullPath, { after = '', limit }) =>
      [...this.nodes.values()]
        .filter((node) => node.fullPath.startsWith(fullPath === '/' ? '/' : `${fullPath}/`))
        .filter((node) => node.fullPath > after)
        .sort((left, right) => (left.fullPath < right.fullPath ? -1 : 1))
        .slice(0, limit),
  };

  readonly history: SourceHistory = {
    had: async (_projectId, _repoName, { fullPath, folder, sha256, before }) => {
      const fits = (digest: string | null) =>
        (folder === undefined || folder === (digest === null)) && (sha256 === undefined || digest === sha256);
      const node = this.nodes.get(fullPath);
      const isLive =
        node !== undefined &&
        fits(node.folder ? null : node.sha256) &&
        (before === undefined || (node.lastModifiedDate !== undefined && node.lastModifiedDate < before));
      return isLive || (this.tombstones.get(fullPath) ?? []).some(fits);
    },
  };

  readonly blobs: Pick<BlobStore, 'open'> = {
    open: async (sha256) => {
      const content = this.contents.get(sha256);
      if (content === undefined) {
        throw new BlobNotFoundError(sha256);
      }
      return { size: Buffer.byteLength(content), stream: Readable.from([Buffer.from(content)]) };
    },
  };

  #refuse(code: number, text: string): never {
    const asRefusal = new RemoteRefusalError({
      status: this.era ? 500 : 400,
      code: this.era ? 250101 : code,
      text,
    });
    throw this.era
      ? new RemoteAmbiguousError({ asOutage: new RemoteOutageError('BUSY'), asRefusal })
      : asRefusal;
  }

  #call(name: string, path = ''): void {
    this.beforeCall(name, path);
    this.calls.push(path === '' ? name : `${name} ${path}`);
  }

  /** Do an operation at the remote's model. */
  #apply(operation: ModelOperation): void {
    const code = this.model.apply(operation, this.now);
    if (code !== CODES.ok) {
      this.#refuse(code, `${operation.kind} ${operation.path}`);
    }
  }

  readonly client: RemoteClient = this.#clientFor([]);

  #clientFor(origin: readonly string[]): RemoteClient {
    const call = (name: string, path = '') => {
      this.#call(name, path);
      this.origins.push([...origin]);
    };
    const at = ({ fullPath, ...container }: RemoteNode) => ({
      repository: nameOf(container),
      path: fullPath,
    });
    const put = (file: RemoteFile) => {
      const { sha256, md5, size, expires, metadata, operator } = file;
      this.#apply({
        kind: 'create',
        repository: nameOf(file),
        path: file.fullPath,
        folder: false,
        overwrite: true,
        expires,
        size,
        sha256,
        md5,
        metadata,
        operator,
      });
    };
    return {
      ping: async () => this.#call('ping'),
      version: async () => '1.0.0',
      identity: async () => {
        this.#call('version');
        return this.announcement;
      },
      onBehalfOf: (chain) => this.#clientFor(chain),
      nodeExists: async ({ fullPath, ...container }) => {
        this.#call('exists', fullPath);
        return this.model.tree(nameOf(container)).live.has(fullPath);
      },
      existing: async ({ fullPaths, ...container }) => {
        this.#call('existing');
        const { live } = this.model.tree(nameOf(container));
        return new Set(fullPaths.filter((fullPath) => live.has(fullPath)));
      },
      createProject: async ({ name, displayName, operator }) => {
        call('project', name);
        if (!this.targetProjects.has(name)) {
          this.targetProjects.set(name, { displayName, operator });
        }
      },
      createRepository: async ({ projectId, repoName, ...repository }) => {
        call('repository', repoName);
        if (!this.targetProjects.has(projectId)) {
          this.#refuse(251001, `Project ${projectId} not found`);
        }
        const name = nameOf({ projectId, repoName });
        const there = this.targetRepositories.get(name) ?? repository;
        this.targetRepositories.set(name, there);
        return there;
      },
      updateRepository: async ({ projectId, repoName, ...changes }) => {
        call('update-repository', repoName);
        const name = nameOf({ projectId, repoName });
        const repository = this.targetRepositories.get(name);
        if (repository === undefined) {
          this.#refuse(251003, `Repository ${repoName} not found`);
        }
        const { configuration } = changes;
        if (
          configuration !== undefined &&
          configuration['type'] !== (repository.configuration?.['type'] ?? 'rpm-local')
        ) {
          this.#refuse(250103, 'Invalid parameter configuration type');
        }
        const given = Object.entries(changes).filter(([, value]) => value !== undefined);
        this.targetRepositories.set(name, { ...repository, ...Object.fromEntries(given) });
      },
      deleteRepository: async ({ projectId, repoName, forced }) => {
        call(forced ? 'delete-repository-forced' : 'delete-repository', repoName);
        const name = nameOf({ projectId, repoName });
        if (!this.targetRepositories.delete(name)) {
          this.#refuse(251003, `Repository ${repoName} not found`);
        }
        this.model.addRepository(name, 'LOCAL');
      },
      createFolder: async ({ metadata, operator, createdBy, ...node }) => {
        call('folder', node.fullPath);
        this.#apply({
          kind: 'create',
          ...at(node),
          folder: true,
          overwrite: false,
          expires: 0,
          size: 0,
          metadata,
          operator,
          createdBy,
        });
      },
      deleteNode: async ({ operator, ...node }) => {
        call('delete', node.fullPath);
        this.#apply({ kind: 'delete', ...at(node), operator });
      },
      renameNode: async ({ newFullPath, operator, ...node }) => {
        call('rename', node.fullPath);
        this.#apply({ kind: 'rename', ...at(node), newPath: newFullPath, operator });
      },
      moveNode: async ({ destFullPath, overwrite, operator, ...node }) => {
        call('move', node.fullPath);
        const to = { toRepository: at(node).repository, toPath: destFullPath };
        this.#apply({ kind: 'move', ...at(node), ...to, overwrite, operator });
      },
      copyNode: async ({ destFullPath, overwrite, operator, ...node }) => {
        call('copy', node.fullPath);
        const to = { toRepository: at(node).repository, toPath: destFullPath };
        this.#apply({ kind: 'copy', ...at(node), ...to, overwrite, operator });
      },
      updateNode: async ({ expires, operator, ...node }) => {
        call('update', node.fullPath);
        this.#apply({ kind: 'update', ...at(node), expires, operator });
      },
      saveMetadata: async ({ metadata, operator, ...node }) => {
        call('metadata', node.fullPath);
        this.#apply({ kind: 'metadata-save', ...at(node), metadata, operator });
      },
      deleteMetadata: async ({ keys, operator, ...node }) => {
        call('delete-metadata', node.fullPath);
        this.#apply({ kind: 'metadata-delete', ...at(node), keys, operator });
      },
      uploadFile: async (file: RemoteFile, open) => {
        const { size, stream } = await open();
        const content = (await stream.toArray()).join('');
        if (size !== file.size || sha256Of(content) !== file.sha256) {
          throw new ContentMismatchError('another content');
        }
        call('upload', file.fullPath);
        if (!this.targetRepositories.has(nameOf(file))) {
          this.#refuse(404, 'Repository not found');
        }
        put(file);
      },
      heldContent: async () => {
        this.#call('held');
        return new Map([...this.held].map((sha256) => [sha256, this.contents.get(sha256)?.length ?? 0]));
      },
      putContent: async ({ sha256 }) => {
        call('content', sha256);
        this.held.add(sha256);
      },
      digests: async ({ fullPaths, ...container }) => {
        this.#call('digests');
        const { live } = this.model.tree(nameOf(container));
        const found = fullPaths.flatMap((fullPath) => {
          const node = live.get(fullPath);
          return node === undefined ? [] : [digestOf(fullPath, node)];
        });
        return new Map(found.map((digest) => [digest.fullPath, digest]));
      },
      digestRange: digestCalls({
        post: async (_path, content) => {
          this.#call('range');
          const question = nodeDigestRangeRequest.parse(content);
          const nodes = [...this.model.tree(nameOf(question)).live].map(answeredDigest);
          return rangeAnswer({ found: firstOfRange(nodes, question), question });
        },
      }).digestRange,
      createFile: async (file) => {
        call('file', file.fullPath);
        put(file);
      },
      ...identityCalls({ post: neverAsked, get: neverAsked }),
      close: async () => {},
    };
  }

  readonly lanes: Pick<
    LaneRepository,
    'load' | 'recordApplied' | 'recordOutage' | 'recordOwnWork' | 'recordReplaced'
  > = {
    load: async (lane) => this.states.get(laneId(lane)),
    recordApplied: async ({
      taskKey,
      source,
      from,
      to,
      repairs,
      counters,
      failures,
      conflicts = [],
      ownWork,
      at,
      outage,
      ahead,
      ...progress
    }) => {
      this.aroundRecord('before');
      const id = laneId({ taskKey, source });
      const stored = this.states.get(id);
      if ((stored?.appliedOrdinal ?? 0) !== from || (stored?.repairs ?? 0) !== repairs) {
        return { recorded: false, state: stored };
      }
      this.writes += 1;
      this.states.set(id, {
        sentOrdinal: stored?.sentOrdinal ?? 0,
        dispatched: stored?.dispatched ?? 0,
        repaired: stored?.repaired ?? 0,
        repairs: stored?.repairs ?? 0,
        source,
        ...progress,
        // The table's own copy, as any store gives it back.
        ahead: structuredClone([...ahead]),
        appliedOrdinal: to,
        applied: (stored?.applied ?? 0) + counters.applied,
        superseded: (stored?.superseded ?? 0) + counters.superseded,
        conflicted: (stored?.conflicted ?? 0) + counters.conflicted,
        failed: (stored?.failed ?? 0) + counters.failed,
        filtered: (stored?.filtered ?? 0) + counters.filtered,
        lastAppliedAt: at.toISOString(),
        ...(ownWork === undefined ? {} : { ownWork: structuredClone(ownWork) }),
        ...(outage === undefined ? {} : { outage }),
      });
      for (const conflict of conflicts) {
        this.conflicts.set(`${conflict.ordinal}#${conflict.fullPath}`, conflict);
      }
      for (const failure of failures) {
        this.failures.set(`${laneId(failure)}#${failure.ordinal}`, failure);
      }
      this.aroundRecord('after');
      return { recorded: true };
    },
    recordOutage: async ({ taskKey, source, remote, slotName }, outage) => {
      this.writes += 1;
      const id = laneId({ taskKey, source });
      this.states.set(id, { ...freshLane({ source, remote, slotName }), ...this.states.get(id), outage });
    },
    recordReplaced: async (conflict) => {
      this.aroundRecord('before');
      this.writes += 1;
      this.conflicts.set(`${conflict.ordinal}#${conflict.fullPath}`, conflict);
      this.aroundRecord('after');
    },
    recordOwnWork: async ({ taskKey, source, remote, slotName, from, repairs, ownWork }) => {
      this.aroundRecord('before');
      const id = laneId({ taskKey, source });
      const stored = this.states.get(id) ?? freshLane({ source, remote, slotName });
      if (stored.appliedOrdinal !== from || stored.repairs !== repairs) {
        return false;
      }
      this.writes += 1;
      this.states.set(id, { ...stored, ownWork: structuredClone(ownWork) });
      this.aroundRecord('after');
      return true;
    },
  };

  readonly partLedger: PartLedger = {
    load: async (_sweepId, part) => this.parts.get(part),
    begin: async ({ part: { part }, begun, lane }) => {
      this.aroundRecord('before');
      const stored = this.parts.get(part);
      if (stored?.status !== 'SENT' || !this.#repair(lane)) {
        return false;
      }
      this.parts.set(part, { ...stored, begun: [...begun] });
      this.aroundRecord('after');
      return true;
    },
    finish: async ({ part: { part }, counts, failures, conflicts, lane }) => {
      this.aroundRecord('before');
      const stored = this.parts.get(part);
      if (stored?.status !== 'SENT' || !this.#repair(lane)) {
        return false;
      }
      this.parts.set(part, { ...stored, status: 'DONE' });
      this.partCounts.set(part, counts);
      for (const failure of failures) {
        this.sweepFailures.set(failure.fullPath ?? failure.kind, failure);
      }
      for (const conflict of conflicts) {
        this.sweepConflicts.set(conflict.fullPath, conflict);
      }
      this.aroundRecord('after');
      return true;
    },
  };

  /** @returns false where the lane does not stand as it was loaded. */
  #repair({
    taskKey,
    source,
    appliedOrdinal,
    repairs,
    repaired,
    ahead,
    ownWork,
    ...lane
  }: LaneRepair): boolean {
    const id = laneId({ taskKey, source });
    const { outage: _, ...stored } = this.states.get(id) ?? freshLane({ source, ...lane });
    if (stored.appliedOrdinal !== appliedOrdinal || stored.repairs !== repairs) {
      return false;
    }
    this.writes += 1;
    this.states.set(id, {
      ...stored,
      ...lane,
      repairs: repairs + 1,
      repaired: stored.repaired + repaired,
      ahead: structuredClone([...ahead]),
      ...(ownWork === undefined ? {} : { ownWork: structuredClone(ownWork) }),
    });
    return true;
  }

  readonly dependencies: LaneDependencies = {
    tasks: { get: async (taskKey) => this.tasks.get(taskKey) },
    lanes: this.lanes,
    parts: this.partLedger,
    remotes: { clientFor: async () => this.client },
    catalog: this.catalog,
    history: this.history,
    conflictStops: {
      stop: async ({ task, conflict }) => {
        if (this.tasks.get(task.key)?.status !== 'REPLICATING') {
          return false;
        }
        this.stops.push(conflict);
        this.tasks.set(task.key, { ...task, status: 'FAILED' });
        return true;
      },
    },
    blobs: this.blobs,
    loadOperation: async (objectKey) => {
      const operation = this.operations.get(objectKey);
      if (operation === undefined) {
        throw new Error(`No object ${objectKey}`);
      }
      return operation;
    },
    clock: () => this.now,
    timeZone: 'UTC',
    logger: {
      info: (text) => this.logged.push({ level: 'info', text: String(text) }),
      warn: (text) => this.logged.push({ level: 'warn', text: String(text) }),
      error: (text) => this.logged.push({ level: 'error', text: String(text) }),
    },
  };
}

/** A lane of which nothing is known yet. */
export function freshLane(lane: Pick<LaneState, 'source' | 'remote' | 'slotName'>): LaneState {
  return {
    ...lane,
    sentOrdinal: 0,
    dispatched: 0,
    appliedOrdinal: 0,
    applied: 0,
    superseded: 0,
    conflicted: 0,
    failed: 0,
    filtered: 0,
    repaired: 0,
    repairs: 0,
    ahead: [],
    containersEnsured: false,
  };
}

/** Lanes carry no users, roles or permissions. */
async function neverAsked(path: string): Promise<never> {
  throw new Error(`A lane asked for ${path}`);
}
