/**
 * What each operation does to bk-repo's nodes, in plain memory: the oracle that the receiver is compared with.
 *
 * It shares no code with the product and is meant to be checked by reading it beside the contract. It has no
 * indexes, no races and no transactions: an operation works on the live nodes one after the other, and a refused
 * one is undone as a whole.
 */

export type Category = 'LOCAL' | 'COMPOSITE' | 'VIRTUAL';

/** A repository's name, with its project's in front: `alpha/crates`. */
export type RepositoryName = string;

export type Operation =
  | {
      readonly kind: 'create';
      readonly repository: RepositoryName;
      readonly path: string;
      readonly folder: boolean;
      readonly overwrite: boolean;
      readonly expires: number;
      readonly size: number;
      readonly sha256?: string | undefined;
      readonly md5?: string | undefined;
      readonly metadata: Readonly<Record<string, unknown>>;
      readonly operator: string;
      readonly createdBy?: string | undefined;
      readonly createdDate?: Date | undefined;
      readonly lastModifiedDate?: Date | undefined;
    }
  | {
      readonly kind: 'rename';
      readonly repository: RepositoryName;
      readonly path: string;
      readonly newPath: string;
      readonly operator: string;
    }
  | {
      readonly kind: 'update';
      readonly repository: RepositoryName;
      readonly path: string;
      /** Days; 0 or less: never. */
      readonly expires: number;
      readonly operator: string;
    }
  | {
      readonly kind: 'move' | 'copy';
      readonly repository: RepositoryName;
      readonly path: string;
      readonly toRepository: RepositoryName;
      readonly toPath: string;
      readonly overwrite: boolean;
      readonly operator: string;
    }
  | {
      readonly kind: 'delete';
      readonly repository: RepositoryName;
      readonly path: string;
      readonly operator: string;
    }
  | {
      readonly kind: 'metadata-save';
      readonly repository: RepositoryName;
      readonly path: string;
      readonly metadata: Readonly<Record<string, unknown>>;
      readonly operator: string;
    }
  | {
      readonly kind: 'metadata-delete';
      readonly repository: RepositoryName;
      readonly path: string;
      readonly keys: readonly string[];
      readonly operator: string;
    };

export interface ModelNode {
  readonly folder: boolean;
  readonly size: number;
  readonly sha256: string | null;
  readonly md5: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly expireDate: Date | null;
  readonly createdBy: string;
  readonly createdDate: Date;
  readonly lastModifiedBy: string;
  readonly lastModifiedDate: Date;
}

/** A repository's live nodes by full path, and the digests of its tombstones (null of a folder's) by full path. */
export interface ModelTree {
  readonly live: ReadonlyMap<string, ModelNode>;
  readonly tombstones: ReadonlyMap<string, readonly (string | null)[]>;
}

interface Repository {
  readonly category: Category | undefined;
  live: Map<string, ModelNode>;
  tombstones: Map<string, (string | null)[]>;
}

/** The envelope's code of a refusal. */
class Refusal extends Error {
  readonly code: number;
  constructor(code: number) {
    super(String(code));
    this.code = code;
  }
}

export const CODES = {
  ok: 0,
  parameterInvalid: 250103,
  operationUnsupported: 250108,
  repositoryNotFound: 251003,
  nodeNotFound: 251006,
  pathInvalid: 251007,
  nodeExisted: 251008,
  nodeConflict: 251009,
} as const;

const DAY_MS = 24 * 60 * 60 * 1000;

export class Model {
  readonly #repositories = new Map<RepositoryName, Repository>();

  addRepository(name: RepositoryName, category: Category): void {
    this.#repositories.set(name, { category, live: new Map(), tombstones: new Map() });
  }

  /**
   * Do an operation.
   *
   * @returns the envelope's code: 0, or that of the refusal; a refused operation has changed nothing.
   */
  apply(operation: Operation, now: Date): number {
    const undo = [...this.#repositories.values()].map((repository) => ({
      repository,
      ...copyOf(repository),
    }));
    try {
      this.#do(operation, now);
      return CODES.ok;
    } catch (error) {
      if (!(error instanceof Refusal)) {
        throw error;
      }
      for (const { repository, live, tombstones } of undo) {
        repository.live = live;
        repository.tombstones = tombstones;
      }
      return error.code;
    }
  }

  tree(name: RepositoryName): ModelTree {
    return this.#repository(name);
  }

  /** Nodes can be created in a repository that does not exist: nobody asks. */
  #repository(name: RepositoryName): Repository {
    const existing = this.#repositories.get(name);
    if (existing !== undefined) {
      return existing;
    }
    const created: Repository = { category: undefined, live: new Map(), tombstones: new Map() };
    this.#repositories.set(name, created);
    return created;
  }

  #do(operation: Operation, now: Date): void {
    const path = normalize(operation.path);
    const repository = this.#repository(operation.repository);
    switch (operation.kind) {
      case 'create':
        create(repository, path, operation, now);
        break;
      case 'rename':
        rename(repository, path, normalize(operation.newPath), operation.operator, now);
        break;
      case 'update':
        update(repository, path, operation.expires, operation.operator, now);
        break;
      case 'delete':
        tombstone(repository, path);
        break;
      case 'metadata-save':
        saveMetadata(repository, path, operation.metadata, now);
        break;
      case 'metadata-delete':
        deleteMetadata(repository, path, operation.keys);
        break;
      default: {
        const to = this.#repository(operation.toRepository);
        moveOrCopy(
          { repository, path },
          { repository: to, path: normalize(operation.toPath) },
          operation,
          now,
        );
      }
    }
  }
}

type Of<Kind extends Operation['kind']> = Extract<Operation, { readonly kind: Kind }>;
interface Place {
  readonly repository: Repository;
  readonly path: string;
}

// create

function create(repository: Repository, path: string, operation: Of<'create'>, now: Date): void {
  const { folder, overwrite, expires, metadata, operator } = operation;
  if (path === '/') {
    throw new Refusal(CODES.parameterInvalid);
  }
  if (!folder && (isBlank(operation.sha256) || isBlank(operation.md5))) {
    throw new Refusal(CODES.parameterInvalid);
  }
  if (Object.values(metadata).includes(null)) {
    throw new Refusal(CODES.parameterInvalid);
  }
  const existing = repository.live.get(path);
  if (existing !== undefined && !overwrite) {
    throw new Refusal(CODES.nodeExisted);
  }
  if (existing !== undefined && (existing.folder || folder)) {
    throw new Refusal(CODES.nodeConflict);
  }
  if (existing !== undefined) {
    tombstone(repository, path);
  }
  makeParents(repository, path, operator, now);
  const creator = operation.createdBy ?? operator;
  repository.live.set(path, {
    folder,
    size: folder ? 0 : operation.size,
    sha256: folder ? null : (operation.sha256 ?? null),
    md5: folder ? null : (operation.md5 ?? null),
    metadata,
    expireDate: folder ? null : expiry(expires, now),
    createdBy: creator,
    createdDate: operation.createdDate ?? now,
    lastModifiedBy: creator,
    lastModifiedDate: operation.lastModifiedDate ?? now,
  });
}

// rename

function rename(repository: Repository, path: string, newPath: string, operator: string, now: Date): void {
  const node = lookUp(repository, path, now);
  if (node === undefined) {
    throw new Refusal(CODES.nodeNotFound);
  }
  if (lookUp(repository, newPath, now) !== undefined) {
    throw new Refusal(CODES.nodeExisted);
  }
  if (path === '/' || (node.folder && isUnder(newPath, path))) {
    throw new Refusal(CODES.parameterInvalid);
  }
  renameOne(repository, path, newPath, operator, now);
}

/** A file is given its new path. A folder is made anew, its direct children follow, and the old document goes. */
function renameOne(repository: Repository, path: string, newPath: string, operator: string, now: Date): void {
  if (repository.live.has(newPath)) {
    throw new Refusal(CODES.nodeExisted);
  }
  const node = nodeAt(repository, path);
  if (!node.folder) {
    repository.live.set(newPath, { ...node, lastModifiedBy: operator, lastModifiedDate: now });
  } else {
    makeParents(repository, newPath, operator, now);
    repository.live.set(newPath, newFolder(operator, now));
    const children = [...repository.live.keys()].filter((other) => parentOf(other) === path && other !== '/');
    for (const child of children) {
      renameOne(repository, child, join(newPath, nameOf(child)), operator, now);
    }
  }
  repository.live.delete(path);
}

// move and copy

function moveOrCopy(from: Place, to: Place, operation: Of<'move' | 'copy'>, now: Date): void {
  if (from.repository.category === undefined || to.repository.category === undefined) {
    throw new Refusal(CODES.repositoryNotFound);
  }
  if (from.repository.category === 'VIRTUAL' || to.repository.category === 'VIRTUAL') {
    throw new Refusal(CODES.operationUnsupported);
  }
  const source = lookUp(from.repository, from.path, now);
  if (source === undefined) {
    throw new Refusal(CODES.nodeNotFound);
  }
  const isSameRepository = from.repository === to.repository;
  const target = lookUp(to.repository, to.path, now);
  const isThereAlready =
    to.path === from.path || (target?.folder === true && to.path === parentOf(from.path));
  if (isSameRepository && isThereAlready) {
    return;
  }
  if (isSameRepository && source.folder && isUnder(to.path, from.path)) {
    throw new Refusal(CODES.parameterInvalid);
  }
  if (source.folder && target?.folder === false) {
    throw new Refusal(CODES.nodeConflict);
  }
  const top = target?.folder === true ? join(to.path, nameOf(from.path)) : to.path;
  const below = source.folder
    ? [...from.repository.live.keys()].filter((path) => isUnder(path, from.path)).sort()
    : [];
  const sources = new Map(below.map((path) => [path, { ...nodeAt(from.repository, path), metadata: {} }]));
  makeParents(to.repository, top, operation.operator, now);
  carry({ ...from, node: source }, { ...to, path: top }, operation, now);
  for (const [path, node] of sources) {
    const newPath = join(top, path.slice(from.path === '/' ? 1 : from.path.length + 1));
    carry({ ...from, path, node }, { ...to, path: newPath }, operation, now);
  }
}

/** Put one node in its new place; a move then tombstones it in its old one. */
function carry(
  from: Place & { readonly node: ModelNode },
  to: Place,
  { kind, overwrite, operator }: Of<'move' | 'copy'>,
  now: Date,
): void {
  const { node } = from;
  const existing = lookUp(to.repository, to.path, now);
  if (existing?.folder === true) {
    if (!node.folder && kind === 'move') {
      throw new Refusal(CODES.nodeConflict);
    }
    // Folders merge; a copy leaves out the file that would take a folder's place.
    return;
  }
  if (existing !== undefined) {
    if (node.folder || !overwrite) {
      throw new Refusal(CODES.nodeConflict);
    }
    tombstone(to.repository, to.path);
  }
  const creation = kind === 'move' ? { createdBy: operator, createdDate: now } : {};
  to.repository.live.set(to.path, {
    ...node,
    ...creation,
    lastModifiedBy: operator,
    lastModifiedDate: now,
  });
  if (kind === 'move') {
    tombstoneOne(from.repository, from.path);
  }
}

// update, delete, metadata

function update(repository: Repository, path: string, expires: number, operator: string, now: Date): void {
  const node = repository.live.get(path);
  if (node === undefined) {
    throw new Refusal(CODES.nodeNotFound);
  }
  repository.live.set(path, {
    ...node,
    expireDate: expiry(expires, now),
    lastModifiedBy: operator,
    lastModifiedDate: now,
  });
}

function saveMetadata(
  repository: Repository,
  path: string,
  metadata: Readonly<Record<string, unknown>>,
  now: Date,
): void {
  if (Object.keys(metadata).length === 0) {
    return;
  }
  if (Object.values(metadata).includes(null)) {
    throw new Refusal(CODES.parameterInvalid);
  }
  const node = lookUp(repository, path, now);
  if (node === undefined) {
    throw new Refusal(CODES.nodeNotFound);
  }
  // Saved on the root, it makes the root a document.
  repository.live.set(path, { ...node, metadata: { ...node.metadata, ...metadata } });
}

function deleteMetadata(repository: Repository, path: string, keys: readonly string[]): void {
  const node = repository.live.get(path);
  if (node !== undefined) {
    const kept = Object.entries(node.metadata).filter(([key]) => !keys.includes(key));
    repository.live.set(path, { ...node, metadata: Object.fromEntries(kept) });
  }
}

/** Tombstone what is at a path and everything under it. */
function tombstone(repository: Repository, path: string): void {
  for (const other of [...repository.live.keys()].filter((each) => each === path || isUnder(each, path))) {
    tombstoneOne(repository, other);
  }
}

function tombstoneOne(repository: Repository, path: string): void {
  const node = repository.live.get(path);
  if (node !== undefined) {
    repository.live.delete(path);
    repository.tombstones.set(path, [...(repository.tombstones.get(path) ?? []), node.sha256]);
  }
}

// nodes

/** What is at a path; the root is always there, without being a document. */
function lookUp(repository: Repository, path: string, now: Date): ModelNode | undefined {
  return repository.live.get(path) ?? (path === '/' ? newFolder('', now) : undefined);
}

function nodeAt(repository: Repository, path: string): ModelNode {
  const node = repository.live.get(path);
  if (node === undefined) {
    throw new Error(`The model has lost ${path}`);
  }
  return node;
}

function newFolder(creator: string, now: Date): ModelNode {
  return {
    folder: true,
    size: 0,
    sha256: null,
    md5: null,
    metadata: {},
    expireDate: null,
    createdBy: creator,
    createdDate: now,
    lastModifiedBy: creator,
    lastModifiedDate: now,
  };
}

/** A parent that is there stays what it is: a file, too. */
function makeParents(repository: Repository, path: string, operator: string, now: Date): void {
  for (let parent = parentOf(path); parent !== '/'; parent = parentOf(parent)) {
    if (!repository.live.has(parent)) {
      repository.live.set(parent, newFolder(operator, now));
    }
  }
}

function expiry(days: number, now: Date): Date | null {
  return days > 0 ? new Date(now.getTime() + days * DAY_MS) : null;
}

function copyOf({ live, tombstones }: Repository): Pick<Repository, 'live' | 'tombstones'> {
  return { live: new Map(live), tombstones: new Map(tombstones) };
}

// paths

export function normalize(path: string): string {
  const segments: string[] = [];
  for (const part of path.split(/[/\\]/)) {
    const segment = part.trim();
    if (segment === '..') {
      segments.pop();
    } else if (segment !== '' && segment !== '.') {
      segments.push(segment);
    }
  }
  if (segments.length > 64 || segments.some((each) => each.length > 1024 || each.includes('\0'))) {
    throw new Refusal(CODES.pathInvalid);
  }
  return `/${segments.join('/')}`;
}

/** The root's parent is the root. */
function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function join(folder: string, name: string): string {
  return name === '' ? folder : `${folder === '/' ? '' : folder}/${name}`;
}

function isUnder(path: string, above: string): boolean {
  return path !== above && path.startsWith(above === '/' ? '/' : `${above}/`);
}

function isBlank(text: string | undefined): boolean {
  return text === undefined || text.trim() === '';
}
