import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { Model, Operation, RepositoryName } from './model.ts';

/** The repositories of one sequence: two that move and copy among themselves, one that cannot, one that is missing. */
export interface Repositories {
  readonly local: RepositoryName;
  readonly composite: RepositoryName;
  readonly virtual: RepositoryName;
  readonly missing: RepositoryName;
}

/** An operation before it is known what is there: places are told by a path, or by the number of a live node. */
export interface Draft {
  readonly kind: Operation['kind'];
  readonly from: DraftPlace;
  readonly to: DraftPlace;
  readonly isFolder: boolean;
  readonly overwrite: boolean;
  readonly content: number;
  readonly expires: number;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly keys: readonly string[];
  readonly operator: string;
  readonly createdBy: string | undefined;
}

interface DraftPlace {
  readonly repository: keyof Repositories;
  readonly path: string;
  /** Take the live node of this number instead, when there is one, and what stands below it. */
  readonly live: number | undefined;
  readonly below: string;
  readonly spelling: number;
}

/** Few names, so that paths meet; those with a meaning elsewhere more seldom. */
const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constant('a') },
  { weight: 4, arbitrary: fc.constant('b') },
  { weight: 1, arbitrary: fc.constantFrom('a?', '.*', '$c', '100%', '名 录', "q'[x]{1}", 'a+b&#;=', '😀') },
);

const path = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`),
  },
  { weight: 1, arbitrary: fc.constant('/') },
);

/** Ways to write a path, all but the last of the same node. */
const SPELLINGS: readonly ((path: string) => string)[] = [
  (given) => given,
  (given) => given.slice(1),
  (given) => `${given}/`,
  (given) => given.replaceAll('/', '//'),
  (given) => given.replaceAll('/', '\\'),
  (given) => `/./x/..${given}/.`,
  (given) => given.replaceAll('/', ' / '),
  (given) => `../..${given}`,
  () => `/${'s/'.repeat(65)}`,
];

const place: fc.Arbitrary<DraftPlace> = fc.record({
  repository: fc.oneof(
    { weight: 14, arbitrary: fc.constant('local' as const) },
    { weight: 7, arbitrary: fc.constant('composite' as const) },
    { weight: 1, arbitrary: fc.constantFrom('virtual' as const, 'missing' as const) },
  ),
  path,
  live: fc.option(fc.nat({ max: 30 }), { nil: undefined, freq: 2 }),
  below: fc.oneof(
    { weight: 4, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: segment.map((name) => `/${name}`) },
  ),
  spelling: fc.oneof(
    { weight: 40, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constant(SPELLINGS.length - 1) },
    { weight: 12, arbitrary: fc.integer({ min: 1, max: SPELLINGS.length - 2 }) },
  ),
});

const metadata = fc.dictionary(
  fc.constantFrom('k', 'n', 'a.b', '$d', '键'),
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom<unknown>('v', '值', 7, 12_345_678_901, 1.5, true, [1, 'a'], { x: 1 }),
    },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  { maxKeys: 3 },
);

const draft: fc.Arbitrary<Draft> = fc.record({
  kind: fc.oneof(
    { weight: 10, arbitrary: fc.constant('create' as const) },
    { weight: 12, arbitrary: fc.constantFrom('rename' as const, 'move' as const, 'copy' as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom('metadata-save' as const, 'metadata-delete' as const, 'update' as const),
    },
    { weight: 2, arbitrary: fc.constant('delete' as const) },
  ),
  from: place,
  to: place,
  isFolder: fc.boolean(),
  overwrite: fc.boolean(),
  content: fc.nat({ max: 5 }),
  expires: fc.constantFrom(0, 0, 3, -1),
  metadata,
  keys: fc.uniqueArray(fc.constantFrom('k', 'n', 'a.b', '$d', 'none'), { maxLength: 3 }),
  operator: fc.constantFrom('ada', 'bob'),
  createdBy: fc.option(fc.constant('carol'), { nil: undefined, freq: 4 }),
});

export const sequence = fc.array(draft, { minLength: 1, maxLength: 24, size: 'max' });

/** The operation that a draft means, as things stand; `undefined` where the contract leaves open what it does. */
export function resolve(
  { kind, from, to, isFolder, content, operator, createdBy, ...fields }: Draft,
  repositories: Repositories,
  model: Model,
): Operation | undefined {
  const source = spelled(from, repositories, model);
  const target = spelled(to, repositories, model);
  const node = { ...source.node, operator };
  const { overwrite, expires, metadata, keys } = fields;
  switch (kind) {
    case 'create': {
      const digests = isFolder ? {} : digestsOf(content);
      return {
        ...node,
        ...digests,
        kind,
        folder: isFolder,
        overwrite,
        expires,
        size: content,
        metadata,
        createdBy,
      };
    }
    case 'rename':
      return target.isPath ? { ...node, kind, newPath: target.node.path } : undefined;
    case 'move':
    case 'copy': {
      const { repository: toRepository, path: toPath } = target.node;
      const isOpen = !target.isPath || meetsItself(source, target, model);
      return isOpen ? undefined : { ...node, kind, toRepository, toPath, overwrite };
    }
    case 'update':
      return source.isRoot ? undefined : { ...node, kind, expires };
    case 'delete':
      return { ...node, kind };
    case 'metadata-save':
      // Of an empty map it is not said whether its path is looked at.
      return source.isPath ? { ...node, kind, metadata } : undefined;
    case 'metadata-delete':
      return { ...node, kind, keys };
  }
}

interface Spelled {
  readonly node: { readonly repository: RepositoryName; readonly path: string };
  readonly plain: string;
  readonly isRoot: boolean;
  readonly isPath: boolean;
}

function spelled(place: DraftPlace, repositories: Repositories, model: Model): Spelled {
  const repository = repositories[place.repository];
  const live = [...model.tree(repository).live.keys()].sort();
  const chosen = place.live === undefined ? undefined : live[place.live % live.length];
  const plain = chosen === undefined ? place.path : join(chosen, place.below);
  const isPath = place.spelling < SPELLINGS.length - 1;
  return {
    node: { repository, path: SPELLINGS[place.spelling]?.(plain) ?? plain },
    plain,
    isRoot: plain === '/',
    isPath,
  };
}

/**
 * A folder that is carried upwards, onto an ancestor of its own by the same name, meets nodes of itself. What then
 * becomes of them depends on the order in which they are taken.
 */
function meetsItself(source: Spelled, target: Spelled, model: Model): boolean {
  const { live } = model.tree(target.node.repository);
  const isInto = target.isRoot || live.get(target.plain)?.folder === true;
  const name = source.plain.slice(source.plain.lastIndexOf('/'));
  const destination = isInto ? `${target.isRoot ? '' : target.plain}${name}` : target.plain;
  return source.node.repository === target.node.repository && source.plain.startsWith(`${destination}/`);
}

function join(folder: string, below: string): string {
  return folder === '/' ? below || '/' : `${folder}${below}`;
}

/** Digests of content number n; its size is n. */
export function digestsOf(content: number): { readonly sha256: string; readonly md5: string } {
  const bytes = contentOf(content);
  const digest = (algorithm: string) => createHash(algorithm).update(bytes).digest('hex');
  return { sha256: digest('sha256'), md5: digest('md5') };
}

export function contentOf(content: number): Buffer {
  return Buffer.alloc(content, 'x');
}
