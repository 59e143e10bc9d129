import type { SourceCatalog } from '../../../functions/shared/apply/source-catalog.ts';
import type { Container } from '../../../functions/shared/lane/message.ts';
import { RemoteOutageError } from '../../../functions/shared/remote/errors.ts';
import type { Comparison, Difference } from '../../../functions/shared/sweep/compare.ts';
import type { SweepPart, SweepParts } from '../../../functions/shared/sweep/parts.ts';
import { processSweep, type SweepDependencies } from '../../../functions/shared/sweep/process-sweep.ts';
import type { Verdict } from '../../../functions/shared/sync/give-up.ts';
import type { SweepMessage } from '../../../functions/shared/sync/message.ts';
import type { SourceInventory } from '../../../functions/shared/sync/source-inventory.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { MemorySweeps } from '../../support/memory-sweeps.ts';
import { type Fate, mortality } from '../../support/mortal.ts';
import { storedTask } from '../../support/tasks.ts';

export const LIVES: Fate = { before: () => false, after: () => false };

/** What a path of the source holds, or held: its content, and when that came about; milliseconds since 1970. */
interface SourceState {
  readonly content: string | undefined;
  readonly at: number;
}

type Body = Omit<SweepMessage, 'version' | 'kind'>;

/** A source and a remote of several repositories, the table, the queues and a lane's worker, all in memory. */
export class SweepWorld {
  now = Date.parse('2026-11-22T10:00:00Z');
  readonly tasks = new Map<string, Task>();
  readonly store = new MemorySweeps(this.tasks);
  /** By `project/repository`, then path. A path without content is a tombstone. */
  readonly source = new Map<string, Map<string, SourceState>>();
  readonly remote = new Map<string, Map<string, string>>();
  /** When definitions were changed, by `project` or `project/repository`; milliseconds since 1970. */
  readonly definedAt = new Map<string, number>();
  readonly parts = new Map<string, SweepPart & { status: 'SENT' | 'DONE' }>();
  readonly messages: { readonly body: Body; readonly delay: number }[] = [];
  failedPaths: Record<string, readonly string[]> = {};
  /** Paths that a worker cannot put right. */
  readonly refused = new Set<string>();
  /** Calls of comparisons, by kind. */
  readonly compared: string[] = [];
  isRemoteAway = false;
  pageSize = 3;

  constructor(task: Partial<Task> = {}) {
    const stored = storedTask(task);
    this.tasks.set(stored.key, stored);
  }

  get task(): Task {
    const [task] = this.tasks.values();
    if (task === undefined) {
      throw new Error('There is no task');
    }
    return task;
  }

  set task(task: Task) {
    this.tasks.set(task.key, task);
  }

  /** The newest sweep. */
  get sweep() {
    const [sweep] = [...this.store.sweeps.values()].slice(-1);
    if (sweep === undefined) {
      throw new Error('There is no sweep');
    }
    return sweep;
  }

  repository(name: string): { source: Map<string, SourceState>; remote: Map<string, string> } {
    const source = this.source.get(name) ?? new Map();
    const remote = this.remote.get(name) ?? new Map();
    this.source.set(name, source);
    this.remote.set(name, remote);
    return { source, remote };
  }

  /** Put content at a path of the source; undefined deletes. */
  put(repository: string, fullPath: string, content: string | undefined, at = this.now): void {
    this.repository(repository).source.set(fullPath, { content, at });
  }

  /** What the source has, as text by path. */
  live(repository: string): Record<string, string> {
    return Object.fromEntries(
      [...this.repository(repository).source].flatMap(([path, { content }]) =>
        content === undefined ? [] : [[path, content] as const],
      ),
    );
  }

  target(repository: string): Record<string, string> {
    return Object.fromEntries(this.repository(repository).remote);
  }

  #definedAt(name: string): Date {
    return new Date(this.definedAt.get(name) ?? 0);
  }

  #differenceAt(repository: string, fullPath: string): Difference[] {
    const { source, remote } = this.repository(repository);
    const state = source.get(fullPath);
    const there = remote.get(fullPath);
    if (state?.content !== undefined) {
      return state.content === there
        ? []
        : [{ fullPath, kind: there === undefined ? 'MISSING' : 'DIFFERENT', isDeleted: false }];
    }
    return there === undefined ? [] : [{ fullPath, kind: 'EXTRA', isDeleted: state !== undefined }];
  }

  #page(kind: string, source: Container, fullPaths: readonly string[], after: string | undefined) {
    this.compared.push(`${kind} ${source.repoName}`);
    if (this.isRemoteAway) {
      throw new RemoteOutageError('TIMED_OUT');
    }
    const behind = fullPaths.filter((path) => after === undefined || path > after).sort();
    const page = behind.slice(0, this.pageSize);
    return {
      compared: page.length,
      differences: page.flatMap((path) => this.#differenceAt(`${source.projectId}/${source.repoName}`, path)),
      next: behind.length > page.length ? page.at(-1) : undefined,
    };
  }

  readonly comparison: Comparison = {
    all: async ({ source, after }) => {
      const known = this.repository(`${source.projectId}/${source.repoName}`);
      return this.#page('all', source, [...new Set([...known.source.keys(), ...known.remote.keys()])], after);
    },
    changed: async ({ source, window, after }) => {
      const known = this.repository(`${source.projectId}/${source.repoName}`);
      const fullPaths = [...known.source].flatMap(([path, { at }]) =>
        at >= window.from.getTime() && (window.to === undefined || at <= window.to.getTime()) ? [path] : [],
      );
      return this.#page('changed', source, fullPaths, after);
    },
    paths: async ({ source, fullPaths }) =>
      fullPaths.flatMap((path) => this.#differenceAt(`${source.projectId}/${source.repoName}`, path)),
  };

  readonly inventory: Pick<SourceInventory, 'projects' | 'repositories'> = {
    projects: async ({ after = '', limit }) =>
      [...new Set([...this.source.keys()].map((name) => name.split('/')[0] ?? ''))]
        .filter((name) => name > after)
        .sort()
        .slice(0, limit),
    repositories: async (projectId, { after = '', limit }) =>
      [...this.source.keys()]
        .filter((name) => name.startsWith(`${projectId}/`))
        .map((name) => name.slice(projectId.length + 1))
        .filter((name) => name > after)
        .sort()
        .slice(0, limit),
  };

  readonly catalog: SourceCatalog = {
    project: async (projectId) => ({
      displayName: projectId,
      createdBy: 'admin',
      lastModifiedDate: this.#definedAt(projectId),
    }),
    repository: async (projectId, repoName) =>
      this.source.has(`${projectId}/${repoName}`)
        ? {
            type: 'GENERIC',
            category: 'LOCAL',
            public: false,
            createdBy: 'admin',
            lastModifiedDate: this.#definedAt(`${projectId}/${repoName}`),
          }
        : undefined,
    node: () => Promise.reject(new Error('No node is asked for')),
    nodesUnder: async () => [],
  };

  readonly sweepParts: Pick<SweepParts, 'send' | 'undone'> = {
    send: async (parts) => {
      for (const part of parts) {
        const id = `${part.sweepId}/${part.part}`;
        if (!this.parts.has(id)) {
          this.parts.set(id, { ...part, status: 'SENT' });
        }
      }
    },
    undone: async (sweepId, limit) =>
      [...this.parts.values()]
        .filter((part) => part.sweepId === sweepId && part.status === 'SENT')
        .slice(0, limit),
  };

  /** Do a part that is not done, as its lane's worker. @returns false when there is none. */
  work(): boolean {
    const part = [...this.parts.values()].find(({ status }) => status === 'SENT');
    if (part === undefined) {
      return false;
    }
    const { source, remote } = this.repository(`${part.source.projectId}/${part.source.repoName}`);
    const sweep = this.store.sweeps.get(part.sweepId);
    let failed = 0;
    for (const path of part.fullPaths) {
      const content = source.get(path)?.content;
      if (this.refused.has(path)) {
        failed += 1;
      } else if (content === undefined) {
        remote.delete(path);
      } else {
        remote.set(path, content);
      }
    }
    part.status = 'DONE';
    if (sweep !== undefined) {
      this.store.sweeps.set(part.sweepId, {
        ...sweep,
        partsDone: sweep.partsDone + 1,
        checked: sweep.checked + part.fullPaths.length,
        failed: sweep.failed + failed,
      });
    }
    return true;
  }

  dependencies(fate: Fate = LIVES): SweepDependencies {
    const mortal = mortality({
      fate,
      onCall: () => {
        this.now += 50;
      },
    });
    return {
      tasks: mortal('tasks', { get: async (taskKey: string) => this.tasks.get(taskKey) }),
      sweeps: mortal('sweeps', this.store.repository),
      parts: mortal('parts', this.sweepParts),
      queue: mortal('queue', {
        sweep: async (body: Body, { delay = 0 }: { readonly delay?: number } = {}) => {
          this.messages.push({ body, delay });
        },
      }),
      inventory: this.inventory,
      catalog: this.catalog,
      liveNodes: async ({ projectId, repoName }, limit) =>
        Math.min(limit, Object.keys(this.live(`${projectId}/${repoName}`)).length),
      remotes: { clientFor: () => Promise.resolve({} as never) },
      comparison: () => mortal('comparison', this.comparison),
      failedPaths:
        async () =>
        ({ projectId, repoName }) =>
          this.failedPaths[`${projectId}/${repoName}`] ?? [],
      clock: () => new Date(this.now),
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    };
  }

  /** Deliver a message. */
  deliver(
    body: Body,
    options: { readonly deliveries?: number; readonly fate?: Fate } = {},
  ): Promise<Verdict> {
    const { deliveries = 1, fate = LIVES } = options;
    return processSweep({
      message: { version: 1, kind: 'SWEEP', ...body },
      deliveries,
      signal: new AbortController().signal,
      random: () => 0,
      dependencies: this.dependencies(fate),
    });
  }

  /** Deliver what is in the queue, and let the worker work, until nothing is left but looks. */
  async drain(rounds = 50): Promise<void> {
    for (let round = 0; round < rounds && this.messages.length > 0; round += 1) {
      const message = this.messages.shift();
      if (message !== undefined) {
        this.now += message.delay * 1_000;
        await this.deliver(message.body);
      }
      while (this.work()) {
        // Until every part is done.
      }
    }
  }
}
