import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ApplyDependencies } from '../../../functions/shared/apply/apply-batch.ts';
import type {
  SourceCatalog,
  SourceNode,
  SourceProject,
  SourceRepository,
} from '../../../functions/shared/apply/source-catalog.ts';
import { BlobNotFoundError, type BlobStore } from '../../../functions/shared/blob/blob-store.ts';
import type { Failure } from '../../../functions/shared/failure/failure.ts';
import type { BatchEntry, BatchMessage } from '../../../functions/shared/lane/message.ts';
import type { Operation } from '../../../functions/shared/lane/operation.ts';
import { type LaneRepository, type LaneState, laneId } from '../../../functions/shared/lane/repository.ts';
import type {
  RemoteClient,
  RemoteFile,
  RemoteNode,
  RemoteRepository,
} from '../../../functions/shared/remote/client.ts';
import {
  ContentMismatchError,
  RemoteAmbiguousError,
  RemoteOutageError,
  RemoteRefusalError,
} from '../../../functions/shared/remote/errors.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
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

export function sha256Of(content: string): string {
  return createHash('sha256').update(content).digest('hex');
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
 * A source, a remote and the table, in memory. The remote keeps the contract's rules
 * as far as they are used; as an `era` one it turns every refusal into HTTP 500 with 250101.
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
  readonly target = new Map<string, TargetNode>();
  era = false;
  /** Every call that reached the remote, in order. */
  readonly calls: string[] = [];
  /** Called before each call at the remote with its name and path; may throw. */
  beforeCall: (name: string, path: string) => void = () => {};
  /** Called before and after the lane's record is written; may throw. */
  aroundRecord: (moment: 'before' | 'after') => void = () => {};

  readonly states = new Map<string, LaneState>();
  readonly failures = new Map<string, Failure>();
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

  state(): LaneState | undefined {
    return this.states.get(laneId({ taskKey: storedTask().key, source: LANE }));
  }

  readonly catalog: SourceCatalog = {
    project: async (projectId) => this.projects.get(projectId),
    repository: async (projectId, repoName) => this.repositories.get(`${projectId}/${repoName}`),
    node: async (_projectId, _repoName, fullPath) => this.nodes.get(fullPath),
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

  #parents(fullPath: string): void {
    for (let end = fullPath.indexOf('/', 1); end !== -1; end = fullPath.indexOf('/', end + 1)) {
      const parent = fullPath.slice(0, end);
      if (!this.target.has(parent)) {
        this.target.set(parent, { folder: true, metadata: {} });
      }
    }
  }

  readonly client: RemoteClient = {
    ping: async () => this.#call('ping'),
    version: async () => '1.0.0',
    nodeExists: async ({ fullPath }: RemoteNode) => {
      this.#call('exists', fullPath);
      return this.target.has(fullPath);
    },
    existing: async () => new Set<string>(),
    createProject: async ({ name, displayName, operator }) => {
      this.#call('project', name);
      if (!this.targetProjects.has(name)) {
        this.targetProjects.set(name, { displayName, operator });
      }
    },
    createRepository: async ({ projectId, repoName, ...repository }) => {
      this.#call('repository', repoName);
      if (!this.targetProjects.has(projectId)) {
        this.#refuse(251001, `Project ${projectId} not found`);
      }
      const name = `${projectId}/${repoName}`;
      if (!this.targetRepositories.has(name)) {
        this.targetRepositories.set(name, repository);
      }
    },
    createFolder: async ({ fullPath, metadata }) => {
      this.#call('folder', fullPath);
      if (this.target.has(fullPath)) {
        this.#refuse(251008, `Node ${fullPath} existed`);
      }
      this.#parents(fullPath);
      this.target.set(fullPath, { folder: true, metadata });
    },
    deleteNode: async ({ fullPath }) => {
      this.#call('delete', fullPath);
      for (const path of [...this.target.keys()]) {
        if (path === fullPath || path.startsWith(`${fullPath}/`)) {
          this.target.delete(path);
        }
      }
    },
    saveMetadata: async ({ fullPath, metadata }) => {
      this.#call('metadata', fullPath);
      const node = this.target.get(fullPath);
      if (node === undefined) {
        this.#refuse(251006, `Node ${fullPath} not found`);
      }
      this.target.set(fullPath, { ...node, metadata: { ...node.metadata, ...metadata } });
    },
    uploadFile: async (file: RemoteFile, open) => {
      const { size, stream } = await open();
      const content = (await stream.toArray()).join('');
      if (size !== file.size || sha256Of(content) !== file.sha256) {
        throw new ContentMismatchError('another content');
      }
      this.#call('upload', file.fullPath);
      if (!this.targetRepositories.has(`${file.projectId}/${file.repoName}`)) {
        this.#refuse(404, 'Repository not found');
      }
      if (this.target.get(file.fullPath)?.folder === true) {
        this.#refuse(251009, `Node ${file.fullPath} conflict`);
      }
      this.#parents(file.fullPath);
      const { sha256, expires, metadata } = file;
      this.target.set(file.fullPath, { folder: false, sha256, expires, metadata });
    },
    close: async () => {},
  };

  readonly lanes: Pick<LaneRepository, 'load' | 'recordApplied' | 'recordOutage'> = {
    load: async (lane) => this.states.get(laneId(lane)),
    recordApplied: async ({ taskKey, source, from, to, counters, failures, at, outage, ...progress }) => {
      this.aroundRecord('before');
      const id = laneId({ taskKey, source });
      const stored = this.states.get(id);
      if ((stored?.appliedOrdinal ?? 0) !== from) {
        return { recorded: false, state: stored };
      }
      this.writes += 1;
      this.states.set(id, {
        sentOrdinal: stored?.sentOrdinal ?? 0,
        dispatched: stored?.dispatched ?? 0,
        source,
        ...progress,
        appliedOrdinal: to,
        applied: (stored?.applied ?? 0) + counters.applied,
        superseded: (stored?.superseded ?? 0) + counters.superseded,
        conflicted: (stored?.conflicted ?? 0) + counters.conflicted,
        failed: (stored?.failed ?? 0) + counters.failed,
        lastAppliedAt: at.toISOString(),
        ...(outage === undefined ? {} : { outage }),
      });
      for (const failure of failures) {
        this.failures.set(`${laneId(failure)}#${failure.ordinal}`, failure);
      }
      this.aroundRecord('after');
      return { recorded: true };
    },
    recordOutage: async ({ taskKey, source, remote, slotName }, outage) => {
      this.writes += 1;
      const id = laneId({ taskKey, source });
      const fresh = {
        source,
        remote,
        slotName,
        sentOrdinal: 0,
        dispatched: 0,
        appliedOrdinal: 0,
        applied: 0,
        superseded: 0,
        conflicted: 0,
        failed: 0,
        containersEnsured: false,
      };
      this.states.set(id, { ...fresh, ...this.states.get(id), outage });
    },
  };

  readonly dependencies: ApplyDependencies = {
    tasks: { get: async (taskKey) => this.tasks.get(taskKey) },
    lanes: this.lanes,
    remotes: { clientFor: async () => this.client },
    catalog: this.catalog,
    blobs: this.blobs,
    loadOperation: async (objectKey) => {
      const operation = this.operations.get(objectKey);
      if (operation === undefined) {
        throw new Error(`No object ${objectKey}`);
      }
      return operation;
    },
    clock: () => this.now,
    logger: {
      info: (text) => this.logged.push({ level: 'info', text: String(text) }),
      warn: (text) => this.logged.push({ level: 'warn', text: String(text) }),
      error: (text) => this.logged.push({ level: 'error', text: String(text) }),
    },
  };
}
