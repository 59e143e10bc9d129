import type { ModelNode, Operation, RepositoryName } from '../oracle/model.ts';
import { normalize } from '../oracle/model.ts';
import type { Faults } from './faults.ts';
import type { Simulation } from './simulation.ts';
import { CONTENTS, digestsOf, MAX_LATENESS, type Source } from './source.ts';

export const PROJECTS = ['alpha', 'beta'] as const;
const REPOSITORIES: readonly RepositoryName[] = ['alpha/one', 'alpha/two', 'beta/one'];

/** What the random changes keep to: what the log alone cannot bring across is left out. */
export interface Limits {
  /** A path is a file or a folder for good: an era remote does not say which is in the way. */
  readonly kindsStay: boolean;
  /** Metadata keys with dots, which the log's database refuses. */
  readonly unloggedMetadata: boolean;
}

const FOLDERS = ['a', 'b', 'c'] as const;
const FILES = ['x', 'y', 'z'] as const;
const ODD = ['a?', '100%', 'q +&#;', '名', '$c'] as const;

/** Random changes of a source, a few milliseconds or some seconds apart. */
export class Changes {
  readonly #simulation: Simulation;
  readonly #faults: Faults;
  readonly #source: Source;
  readonly #limits: Limits;
  /** When what cannot change places with its neighbours in the log may be followed by another change. */
  #quietUntil = 0;
  #lastAt = 0;
  done = 0;

  constructor(
    options: { readonly simulation: Simulation; readonly faults: Faults; readonly source: Source } & Limits,
  ) {
    this.#simulation = options.simulation;
    this.#faults = options.faults;
    this.#source = options.source;
    this.#limits = options;
  }

  /** The containers, with which everything begins. */
  begin(): void {
    for (const project of PROJECTS) {
      this.#source.createProject(project);
    }
    for (const repository of REPOSITORIES) {
      this.#source.createRepository(repository, { public: false, description: '' });
    }
    this.#quiet();
  }

  /** Make one more change, or none where chance has come upon nothing that can be done now. */
  next(): void {
    const { now } = this.#simulation;
    if (now < this.#quietUntil) {
      return;
    }
    const isDone =
      this.#expire() || (this.#simulation.random() < 0.04 ? this.#changeContainer() : this.#changeNode());
    if (isDone) {
      this.done += 1;
      this.#lastAt = now;
    }
  }

  #changeContainer(): boolean {
    if (!this.#settledLog()) {
      return false;
    }
    const repository = this.#simulation.pick(REPOSITORIES);
    const present = this.#source.repositories.get(repository);
    const fields = {
      public: this.#simulation.random() < 0.5,
      description: `number ${this.#simulation.below(9)}`,
    };
    if (present === undefined) {
      this.#source.createRepository(repository, fields);
    } else if (this.#simulation.random() < 0.3) {
      this.#source.deleteRepository(repository);
    } else {
      this.#source.updateRepository(repository, fields);
    }
    this.#quiet();
    return true;
  }

  /** Have the time of a node be up that has one, however long it still is. */
  #expire(): boolean {
    const limited = this.#limited();
    if (limited.length === 0 || !this.#settledLog() || !this.#faults.strikes('expired')) {
      return false;
    }
    const { repository, path } = this.#simulation.pick(limited);
    this.#source.expire(repository, path);
    this.#quiet();
    return true;
  }

  /** Remove every node whose time is up, as bk-repo's job does every day. */
  expireDue(): void {
    for (const { repository, path, expireDate } of this.#limited()) {
      // One above it may have taken it along.
      const isThere = this.#source.model.tree(repository).live.has(path);
      if (isThere && expireDate.getTime() <= this.#simulation.now) {
        this.#faults.hit('expired');
        this.#source.expire(repository, path);
      }
    }
  }

  /** Nodes that are not for ever. */
  #limited() {
    return [...this.#source.repositories.keys()].flatMap((repository) =>
      [...this.#source.model.tree(repository).live].flatMap(([path, { expireDate }]) =>
        path === '/' || expireDate === null ? [] : [{ repository, path, expireDate }],
      ),
    );
  }

  #changeNode(): boolean {
    const operation = this.#operation();
    if (operation === undefined || this.#isLost(operation)) {
      return false;
    }
    const isRisky = this.#isRisky(operation);
    if (isRisky && !this.#settledLog()) {
      return false;
    }
    const isDone = this.#source.change(operation);
    if (isDone && isRisky) {
      this.#quiet();
    }
    return isDone;
  }

  /** Whether no entry of the log can be behind one that is written now. */
  #settledLog(): boolean {
    return this.#simulation.now - this.#lastAt > MAX_LATENESS;
  }

  #quiet(): void {
    this.#quietUntil = this.#simulation.now + MAX_LATENESS + 1;
  }

  #operation(): Operation | undefined {
    const { random } = this.#simulation;
    const present = [...this.#source.repositories.keys()];
    if (present.length === 0) {
      return undefined;
    }
    const repository = this.#simulation.pick(present);
    const nodes = [...this.#source.model.tree(repository).live].filter(([path]) => path !== '/');
    const chance = random();
    if (chance < 0.4 || nodes.length === 0) {
      return this.#creation(repository, nodes);
    }
    const [path, node] = this.#simulation.pick(nodes);
    const at = { repository, path, operator: 'ada' };
    const to = this.#place(nodes, node.folder);
    const overwrite = random() < 0.5;
    if (chance < 0.48) {
      return { kind: 'rename', ...at, newPath: to };
    }
    if (chance < 0.66) {
      const toRepository = random() < 0.7 ? repository : this.#simulation.pick(present);
      const kind = random() < 0.5 ? 'move' : 'copy';
      const folders = nodes.filter(([, each]) => each.folder).map(([folder]) => folder);
      const toPath = random() < 0.2 && folders.length > 0 ? this.#simulation.pick(folders) : to;
      return { kind, ...at, toRepository, toPath, overwrite };
    }
    if (chance < 0.76) {
      return { kind: 'delete', ...at };
    }
    if (chance < 0.82) {
      return node.folder ? undefined : { kind: 'update', ...at, expires: this.#simulation.pick([0, 3, 30]) };
    }
    return chance < 0.94
      ? { kind: 'metadata-save', ...at, metadata: this.#metadata(this.#limits.unloggedMetadata) }
      : { kind: 'metadata-delete', ...at, keys: [this.#simulation.pick(['j', 'k', 'l'])] };
  }

  #creation(repository: RepositoryName, nodes: readonly (readonly [string, ModelNode])[]): Operation {
    const { random } = this.#simulation;
    const folder = random() < 0.2;
    const files = nodes.filter(([, node]) => !node.folder);
    const again = !folder && random() < 0.3 && files.length > 0 ? this.#simulation.pick(files)[0] : undefined;
    const content = folder ? { size: 0 } : digestsOf(this.#simulation.below(CONTENTS));
    return {
      kind: 'create',
      repository,
      path: again ?? this.#place(nodes, folder),
      folder,
      overwrite: !folder && random() < 0.7,
      expires: !folder && random() < 0.2 ? 30 : 0,
      ...content,
      metadata: random() < 0.3 ? this.#metadata(true) : {},
      operator: 'ada',
    };
  }

  #metadata(withDots: boolean): Record<string, unknown> {
    const key = this.#simulation.pick(withDots ? ['j', 'k', 'l', 'd.k'] : ['j', 'k', 'l']);
    return { [key]: this.#simulation.pick(['v', 'w', 'ü', 7]) };
  }

  /** A path, in a folder that is there or one that is not. */
  #place(nodes: readonly (readonly [string, ModelNode])[], folder: boolean): string {
    const { random } = this.#simulation;
    const folders = nodes.filter(([, node]) => node.folder).map(([path]) => path);
    const parent =
      random() < 0.6 && folders.length > 0
        ? this.#simulation.pick(folders)
        : random() < 0.5
          ? ''
          : `/${this.#simulation.pick(FOLDERS)}`;
    const names = this.#limits.kindsStay ? (folder ? FOLDERS : FILES) : [...FOLDERS, ...FILES, ...ODD];
    return `${parent}/${this.#simulation.pick(names)}`;
  }

  /**
   * What no call at a target can make: a node without the folders above it, or under a file; and a move to another repository
   * that leaves something where it was, all of which is deleted.
   */
  #isLost(operation: Operation): boolean {
    const { live } = this.#source.model.tree(operation.repository);
    const made = madeBy(operation);
    if (made === undefined) {
      return false;
    }
    const there = this.#source.model.tree(made.repository).live;
    const isUnderFile = [...there].some(([above, node]) => !node.folder && made.path.startsWith(`${above}/`));
    const parent = made.path.slice(0, made.path.lastIndexOf('/'));
    const isOrphan = operation.kind === 'rename' && parent !== '' && there.get(parent) === undefined;
    const isFileWithin =
      live.get(operation.path)?.folder === false &&
      [...live.keys()].some((path) => path.startsWith(`${operation.path}/`));
    const landing = normalize(`${made.path}/${operation.path.slice(operation.path.lastIndexOf('/'))}`);
    const isTorn =
      operation.kind === 'move' && made.repository !== operation.repository && there.has(landing);
    const isInside = operation.kind !== 'create' && there.get(made.path)?.folder === true;
    const final = isInside ? landing : made.path;
    const folder = operation.kind === 'create' ? operation.folder : live.get(operation.path)?.folder;
    const isMixed = this.#limits.kindsStay && FOLDERS.some((name) => final.endsWith(`/${name}`)) !== folder;
    return isUnderFile || isOrphan || isFileWithin || isTorn || isMixed;
  }

  /** What the log's order decides about, so that nothing else may be written at the same time. */
  #isRisky(operation: Operation): boolean {
    const { live } = this.#source.model.tree(operation.repository);
    switch (operation.kind) {
      case 'create':
        return live.has(operation.path);
      case 'delete':
      case 'metadata-delete':
        return true;
      case 'move':
      case 'copy':
        return operation.overwrite || operation.repository !== operation.toRepository;
      default:
        return false;
    }
  }
}

function madeBy(
  operation: Operation,
): { readonly repository: RepositoryName; readonly path: string } | undefined {
  switch (operation.kind) {
    case 'create':
      return operation;
    case 'rename':
      return { repository: operation.repository, path: operation.newPath };
    case 'move':
    case 'copy':
      return { repository: operation.toRepository, path: operation.toPath };
    default:
      return undefined;
  }
}
