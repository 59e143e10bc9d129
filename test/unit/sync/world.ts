import type { SourceCatalog, SourceNode } from '../../../functions/shared/apply/source-catalog.ts';
import type { Container } from '../../../functions/shared/lane/message.ts';
import type { Verdict } from '../../../functions/shared/sync/give-up.ts';
import type { PageClaims } from '../../../functions/shared/sync/page-claims.ts';
import { processPage } from '../../../functions/shared/sync/process-page.ts';
import { processRun, type RunDependencies } from '../../../functions/shared/sync/process-run.ts';
import type { PageQueue } from '../../../functions/shared/sync/queue.ts';
import type { PageDependencies } from '../../../functions/shared/sync/replicate-page.ts';
import type { SourceInventory } from '../../../functions/shared/sync/source-inventory.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { memoryClaims } from '../../support/memory-claims.ts';
import { MemoryRuns } from '../../support/memory-runs.ts';
import { type Fate, Killed, mortality } from '../../support/mortal.ts';
import { storedTask } from '../../support/tasks.ts';
import { fileCreate, World } from '../apply/world.ts';

/** A message in one of the queues. */
interface Queued {
  readonly messageId: string;
  readonly queue: 'runs' | 'pages';
  readonly body: string;
  deliveries: number;
  /** It is watched over only: taken when nothing else is left. */
  readonly isDelayed: boolean;
}

const LIVES: Fate = { before: () => false, after: () => false };

/** A source of several repositories, a remote, the table and the two queues, all in memory. */
export class SyncWorld {
  readonly world = new World();
  readonly runs = new MemoryRuns();
  /** Nodes of the source by `project/repository`. */
  readonly nodes = new Map<string, Map<string, SourceNode>>();
  readonly queued: Queued[] = [];
  readonly claims = memoryClaims();
  #messages = 0;
  /** Every page and run message that was delivered. */
  deliveries = 0;
  permissions: string[] = [];

  constructor(task: Partial<Task> = {}) {
    const stored = storedTask({ type: 'FULL', status: 'WAITING', ...task });
    this.runs.tasks.set(stored.key, stored);
    // The long ago that nodes were changed at, and a clock that moves with each look.
    this.world.now = new Date('2026-11-22T00:00:00Z');
  }

  get task(): Task {
    return [...this.runs.tasks.values()][0] ?? storedTask();
  }

  get run() {
    const run = [...this.runs.runs.values()].at(-1);
    if (run === undefined) {
      throw new Error('There is no run');
    }
    return run;
  }

  addRepository(projectId: string, repoName: string): void {
    this.world.projects.set(projectId, { displayName: projectId, createdBy: 'admin' });
    this.world.repositories.set(`${projectId}/${repoName}`, {
      type: 'GENERIC',
      category: 'LOCAL',
      public: false,
      createdBy: 'admin',
    });
    this.nodes.set(`${projectId}/${repoName}`, new Map());
    this.world.model.addRepository(`${projectId}/${repoName}`, 'LOCAL');
  }

  file(
    repository: string,
    fullPath: string,
    content = `content of ${repository}${fullPath}`,
    more: Partial<Extract<SourceNode, { folder: false }>> = {},
  ): void {
    const { size, sha256, md5 } = fileCreate(fullPath, content);
    this.world.contents.set(sha256, content);
    this.nodes.get(repository)?.set(fullPath, {
      folder: false,
      fullPath,
      createdBy: 'admin',
      lastModifiedDate: new Date('2026-11-01T00:00:00Z'),
      size,
      sha256,
      md5,
      metadata: {},
      ...more,
    });
  }

  folder(repository: string, fullPath: string, metadata: Readonly<Record<string, unknown>> = {}): void {
    this.nodes.get(repository)?.set(fullPath, {
      folder: true,
      fullPath,
      createdBy: 'admin',
      lastModifiedDate: new Date('2026-11-01T00:00:00Z'),
      metadata,
    });
  }

  /** Put a node at the remote, as someone else did. */
  remoteFile(repository: string, fullPath: string, content: string, metadata = {}): void {
    const { size, sha256, md5 } = fileCreate(fullPath, content);
    const node = { folder: false, overwrite: true, expires: 0, operator: 'else' } as const;
    const created = { kind: 'create', repository, path: fullPath, size, sha256, md5, metadata } as const;
    this.world.contents.set(sha256, content);
    this.world.model.apply({ ...node, ...created }, this.world.now);
  }

  remoteFolder(repository: string, fullPath: string, metadata = {}): void {
    const node = { folder: true, overwrite: false, expires: 0, size: 0, operator: 'else' } as const;
    this.world.model.apply({ kind: 'create', repository, path: fullPath, metadata, ...node }, this.world.now);
  }

  remote(repository: string) {
    return this.world.model.tree(repository).live;
  }

  /** Paths at the remote, and what is there: a file's digest, or the text `folder`. */
  remoteTree(repository: string): Record<string, string> {
    return Object.fromEntries(
      [...this.remote(repository)].map(([path, node]) => [
        path,
        node.folder ? 'folder' : (node.sha256 ?? ''),
      ]),
    );
  }

  sourceTree(repository: string): Record<string, string> {
    return Object.fromEntries(
      [...(this.nodes.get(repository) ?? [])].map(([path, node]) => [
        path,
        node.folder ? 'folder' : node.sha256,
      ]),
    );
  }

  readonly catalog: SourceCatalog = {
    project: async (projectId) => this.world.projects.get(projectId),
    repository: async (projectId, repoName) => this.world.repositories.get(`${projectId}/${repoName}`),
    node: async (projectId, repoName, fullPath) => this.nodes.get(`${projectId}/${repoName}`)?.get(fullPath),
    nodesUnder: async (projectId, repoName, fullPath, { after = '', limit }) =>
      this.#sorted({ projectId, repoName })
        .filter((node) => node.fullPath.startsWith(fullPath === '/' ? '/' : `${fullPath}/`))
        .filter((node) => node.fullPath > after)
        .slice(0, limit),
  };

  readonly inventory: SourceInventory = {
    projects: async ({ after = '', limit }) =>
      [...this.world.projects.keys()]
        .filter((name) => name !== 'ops' || this.nodes.has('ops/generic-local'))
        .filter((name) => name > after)
        .sort()
        .slice(0, limit),
    repositories: async (projectId, { after = '', limit }) =>
      [...this.nodes.keys()]
        .filter((name) => name.startsWith(`${projectId}/`))
        .map((name) => name.slice(projectId.length + 1))
        .filter((name) => name > after)
        .sort()
        .slice(0, limit),
    plannedNodes: async ({ after = '', limit, ...container }) =>
      this.#sorted(container)
        .filter(({ fullPath }) => fullPath > after)
        .slice(0, limit)
        .map((node) => ({ fullPath: node.fullPath, size: node.folder ? 0 : node.size })),
  };

  #sorted({ projectId, repoName }: Container): SourceNode[] {
    const nodes = [...(this.nodes.get(`${projectId}/${repoName}`)?.values() ?? [])];
    return nodes.sort((left, right) => (left.fullPath < right.fullPath ? -1 : 1));
  }

  #send(queue: Queued['queue'], message: object, isDelayed = false): void {
    this.#messages += 1;
    const messageId = String(this.#messages);
    this.queued.push({ messageId, queue, body: JSON.stringify(message), deliveries: 0, isDelayed });
  }

  start(more: Record<string, unknown> = { trigger: 'EXECUTE' }): void {
    this.#send('runs', { version: 1, kind: 'START', taskKey: this.task.key, ...more });
  }

  askForUpkeep(): void {
    this.#send('runs', { version: 1, kind: 'UPKEEP' });
  }

  sendPage(page: number): void {
    const { taskKey, runId } = this.run;
    this.#send('pages', { version: 1, kind: 'PAGE', taskKey, runId, page });
  }

  #dependencies(fate: Fate): RunDependencies & PageDependencies & { readonly claims: PageClaims } {
    const onCall = () => {
      this.world.now = new Date(this.world.now.getTime() + 50);
    };
    const mortal = mortality({ fate, onCall });
    const pages = {
      send: async (sent: Parameters<PageQueue['send']>[0]) => {
        for (const { taskKey, runId, page, nodesDone } of sent) {
          this.#send('pages', { version: 1, kind: 'PAGE', taskKey, runId, page, nodesDone });
        }
      },
    };
    const queue = {
      plan: async (plan: object, { delay = 0 }: { readonly delay?: number } = {}) =>
        this.#send('runs', { version: 1, kind: 'PLAN', ...plan }, delay > 0),
    };
    const tasks = {
      get: async (taskKey: string) => this.runs.tasks.get(taskKey),
      update: async (task: Task) => {
        this.runs.tasks.set(task.key, { ...task, revision: task.revision + 1 });
        return 'updated' as const;
      },
    };
    const client = mortal('remote', this.world.client);
    return {
      tasks: mortal('tasks', tasks),
      runs: mortal('runs', this.runs.repository),
      inventory: mortal('inventory', this.inventory),
      catalog: mortal('catalog', this.catalog),
      blobs: this.world.blobs,
      remotes: { clientFor: async () => client },
      pages: mortal('pages', pages),
      claims: mortal('claims', this.claims),
      queue: mortal('queue', queue),
      slots: { open: async () => ({ nextOrdinal: 7 }) },
      scheduled: async ({ taskKey }) => this.runs.tasks.get(taskKey),
      retry: async () => this.retry(),
      upkeep: async () => {
        this.upkeeps += 1;
      },
      sweep: () => Promise.reject(new Error('Nothing is swept')),
      permissions: async ({ source }) => {
        this.permissions.push(source.projectId);
      },
      clock: () => this.world.now,
      timeZone: 'UTC',
      pause: async () => undefined,
      logger: this.world.dependencies.logger,
    };
  }

  /**
   * Deliver one message: the given one, else the first that is not only watching.
   *
   * @returns false when there is none, or when only a watch is left and nothing else can happen.
   */
  async deliver(fate: Fate = LIVES, pick: (count: number) => number = () => 0): Promise<boolean> {
    const ready = this.queued.filter(({ isDelayed }) => !isDelayed);
    const candidates = ready.length > 0 ? ready : this.queued;
    const message = candidates[pick(candidates.length)];
    if (message === undefined) {
      return false;
    }
    this.queued.splice(this.queued.indexOf(message), 1);
    message.deliveries += 1;
    this.deliveries += 1;
    const dependencies = this.#dependencies(fate);
    const { body, deliveries } = message;
    const common = { body, deliveries, signal: this.signal, random: () => 0, dependencies };
    let verdict: Verdict = { kind: 'BACK', delay: 0 };
    try {
      verdict = await (message.queue === 'runs'
        ? processRun(common)
        : processPage({
            ...common,
            messageId: message.messageId,
            pages: dependencies.pages,
            claims: dependencies.claims,
          }));
    } catch (error) {
      if (!(error instanceof Killed)) {
        throw error;
      }
    }
    if (verdict.kind === 'BACK') {
      this.queued.push({ ...message, isDelayed: false });
    }
    return true;
  }

  /** Stands for retrying failures. */
  retry: () => void = () => undefined;
  upkeeps = 0;

  /** Aborted when time is up. */
  signal: AbortSignal = new AbortController().signal;

  /** Deliver until nothing is left. */
  async drain(fate: Fate = LIVES, pick?: (count: number) => number, limit = 2_000): Promise<void> {
    for (let count = 0; count < limit; count += 1) {
      if (!(await this.deliver(fate, pick))) {
        return;
      }
    }
    throw new Error(`There is no end to it: ${JSON.stringify(this.queued)}`);
  }

  /** Times that each file was sent, by path. */
  get sent(): ReadonlyMap<string, number> {
    const sent = new Map<string, number>();
    for (const call of this.world.calls) {
      const [name, path = ''] = call.split(' ');
      if (name === 'upload') {
        sent.set(path, (sent.get(path) ?? 0) + 1);
      }
    }
    return sent;
  }
}
