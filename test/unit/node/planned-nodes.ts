import { ObjectId } from 'mongodb';
import { DomainError } from '../../../functions/shared/errors.ts';
import {
  childPrefixOf,
  isRoot,
  normalizeFullPath,
  parentsOf,
  splitFullPath,
} from '../../../functions/shared/node/path.ts';
import { planRename } from '../../../functions/shared/node/rename.ts';
import { madeFrom, type NodeAddress } from '../../../functions/shared/node/store.ts';
import {
  type CopyMark,
  landingOf,
  planTransfer,
  type TargetNode,
  type TransferRequest,
} from '../../../functions/shared/node/transfer-plan.ts';
import type { ModelTree, Operation, RepositoryName } from '../../oracle/model.ts';
import { namesOf } from '../../oracle/requests.ts';

export type PlannedOperation = Extract<Operation, { readonly kind: 'rename' | 'move' | 'copy' }>;

/** One write, of one document. */
export type Write = () => void;

interface Document {
  readonly _id: ObjectId;
  readonly repository: RepositoryName;
  fullPath: string;
  readonly folder: boolean;
  readonly sha256: string | null;
  logferryCopy?: CopyMark | undefined;
}

const VIRTUAL_ROOT = new ObjectId(new Uint8Array(12));

/** Live nodes by path, and digests of tombstones by path, as they are compared. */
export interface Shown {
  readonly live: Readonly<Record<string, string | null>>;
  readonly tombstones: Readonly<Record<string, readonly string[]>>;
}

/** A folder's digest is null; files always have one. */
export function shown({ live, tombstones }: ModelTree): Shown {
  return {
    live: Object.fromEntries([...live].map(([path, { sha256 }]) => [path, sha256])),
    tombstones: Object.fromEntries(
      [...tombstones].map(([path, digests]) => [path, digests.map(String).sort()]),
    ),
  };
}

/**
 * Node documents in memory, with the unique index over the paths of the live ones: what the planners' plans are carried
 * out on, write by write, in the order in which the services do it.
 */
export class PlannedNodes {
  readonly #live: Document[] = [];
  readonly #tombstones: Document[] = [];

  constructor(trees: ReadonlyMap<RepositoryName, ModelTree>) {
    for (const [repository, { live, tombstones }] of trees) {
      for (const [fullPath, { folder, sha256 }] of live) {
        this.#live.push({ _id: new ObjectId(), repository, fullPath, folder, sha256 });
      }
      for (const [fullPath, digests] of tombstones) {
        for (const sha256 of digests) {
          this.#tombstones.push({ _id: new ObjectId(), repository, fullPath, folder: false, sha256 });
        }
      }
    }
  }

  shown(repository: RepositoryName): Shown {
    const ours = (documents: readonly Document[]) =>
      documents.filter((each) => each.repository === repository);
    const digests = Map.groupBy(ours(this.#tombstones), ({ fullPath }) => fullPath);
    return {
      live: Object.fromEntries(ours(this.#live).map(({ fullPath, sha256 }) => [fullPath, sha256])),
      tombstones: Object.fromEntries(
        [...digests].map(([path, documents]) => [path, documents.map(({ sha256 }) => String(sha256)).sort()]),
      ),
    };
  }

  /** True while a copy is marked as not complete. */
  get isMarked(): boolean {
    return this.#live.some(({ logferryCopy }) => logferryCopy !== undefined);
  }

  /** What an operation writes, as planned now. @throws DomainError as the planners, before anything is written. */
  writes(operation: PlannedOperation): Write[] {
    return operation.kind === 'rename' ? this.#renameWrites(operation) : this.#transferWrites(operation);
  }

  #renameWrites({ repository, path, newPath }: Extract<PlannedOperation, { kind: 'rename' }>): Write[] {
    const address = { ...namesOf(repository), fullPath: normalizeFullPath(path) };
    const newFullPath = normalizeFullPath(newPath);
    const treeOf = (at: string) => (isRoot(at) ? [] : this.#tree(repository, at));
    const plan = planRename({
      address,
      newFullPath,
      source: treeOf(address.fullPath),
      target: treeOf(newFullPath),
    });
    return [
      ...(plan.folders.length > 0 ? this.#parents(repository, newFullPath) : []),
      ...plan.folders.map(({ _id, fullPath }) =>
        this.#own({ _id, repository, fullPath, folder: true, sha256: null }),
      ),
      ...plan.files.map(({ _id, fullPath }) => () => {
        this.#checkFree(repository, fullPath);
        this.#byId(_id).fullPath = fullPath;
      }),
      ...plan.removed.map((id) => () => this.#remove(id)),
    ];
  }

  #transferWrites(operation: Extract<PlannedOperation, { kind: 'move' | 'copy' }>): Write[] {
    const { kind, repository, toRepository, overwrite } = operation;
    const from: NodeAddress = { ...namesOf(repository), fullPath: normalizeFullPath(operation.path) };
    const to: NodeAddress = { ...namesOf(toRepository), fullPath: normalizeFullPath(operation.toPath) };
    const request: TransferRequest = { kind, from, to, overwrite };
    const named = this.#find(repository, from.fullPath);
    if (named === undefined) {
      throw new DomainError('NODE_NOT_FOUND', [from.fullPath]);
    }
    const inner = childPrefixOf(to.fullPath) + splitFullPath(from.fullPath).name;
    const landing = landingOf({
      request,
      named,
      target: this.#find(toRepository, to.fullPath),
      inner: this.#find(toRepository, inner),
    });
    if (landing === undefined) {
      return [];
    }
    const seed = landing.mark?.seed ?? new ObjectId();
    const below = named.folder
      ? this.#tree(repository, from.fullPath).filter(({ fullPath }) => fullPath !== from.fullPath)
      : [];
    const target: readonly TargetNode[] = this.#tree(toRepository, landing.fullPath);
    const plan = planTransfer({ request, landing, source: [named, ...below], target, seed });
    const isNamedOverwritten = plan.overwritten.some((id) => id.equals(named._id));
    const mark = kind === 'copy' && named.folder ? { from: named._id, seed } : undefined;
    const setMark = (logferryCopy: CopyMark | undefined) => () => {
      const landed = this.#live.find(
        (each) => each.repository === toRepository && each.fullPath === landing.fullPath,
      );
      if (landed !== undefined) {
        landed.logferryCopy = logferryCopy;
      }
    };
    return [
      ...this.#parents(toRepository, landing.fullPath),
      ...plan.overwritten.filter((id) => !id.equals(named._id)).map((id) => () => this.#tombstone(id)),
      ...(mark === undefined ? [] : [setMark(mark)]),
      ...plan.made.map(({ _id, source, fullPath }) =>
        this.#own({
          _id,
          repository: toRepository,
          fullPath,
          folder: source.folder,
          sha256: source.sha256,
          logferryCopy: source === named ? mark : undefined,
        }),
      ),
      ...(mark === undefined ? [] : [setMark(undefined)]),
      ...(isNamedOverwritten && kind === 'copy' ? [named._id] : plan.removed).map(
        (id) => () => this.#tombstone(id),
      ),
    ];
  }

  /** The root is there without a document. */
  #find(repository: RepositoryName, fullPath: string): Document | undefined {
    const found = this.#live.find((each) => each.repository === repository && each.fullPath === fullPath);
    return found === undefined && isRoot(fullPath)
      ? {
          _id: madeFrom(VIRTUAL_ROOT, { ...namesOf(repository), fullPath }),
          repository,
          fullPath,
          folder: true,
          sha256: null,
        }
      : found;
  }

  #tree(repository: RepositoryName, fullPath: string): Document[] {
    return this.#live
      .filter((each) => each.repository === repository)
      .filter((each) => each.fullPath === fullPath || each.fullPath.startsWith(childPrefixOf(fullPath)))
      .sort((one, other) => (one.fullPath < other.fullPath ? -1 : 1))
      .map((document) => ({ ...document }));
  }

  #parents(repository: RepositoryName, fullPath: string): Write[] {
    return parentsOf(fullPath).map((parent) => () => {
      if (this.#find(repository, parent) === undefined) {
        this.#live.push({ _id: new ObjectId(), repository, fullPath: parent, folder: true, sha256: null });
      }
    });
  }

  /** Insert what says by its id from what it is made; an earlier attempt's is left. */
  #own(document: Document): Write {
    return () => {
      if (!this.#live.some(({ _id }) => _id.equals(document._id))) {
        this.#checkFree(document.repository, document.fullPath);
        this.#live.push(document);
      }
    };
  }

  #checkFree(repository: RepositoryName, fullPath: string): void {
    if (this.#live.some((each) => each.repository === repository && each.fullPath === fullPath)) {
      throw new Error(`Two live nodes at ${fullPath}`);
    }
  }

  #byId(id: ObjectId): Document {
    const found = this.#live.find(({ _id }) => _id.equals(id));
    if (found === undefined) {
      throw new Error('A plan names a node that is not live');
    }
    return found;
  }

  #remove(id: ObjectId): void {
    this.#live.splice(this.#live.indexOf(this.#byId(id)), 1);
  }

  /** The root may have no document, and what is tombstoned with something else is not live any more. */
  #tombstone(id: ObjectId): void {
    const index = this.#live.findIndex(({ _id }) => _id.equals(id));
    this.#tombstones.push(...(index < 0 ? [] : this.#live.splice(index, 1)));
  }
}
