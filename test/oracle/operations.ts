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
  /** Take the live node of this number instead, in whichever repository, and what stands below it. */
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

/** @param likely how many of five places are told by what is there. */
function placeOf(likely: number): fc.Arbitrary<DraftPlace> {
  return fc.record({
    repository: fc.oneof(
      { weight: 14, arbitrary: fc.constant('local' as const) },
      { weight: 7, arbitrary: fc.constant('composite' as const) },
      { weight: 1, arbitrary: fc.constantFrom('virtual' as const, 'missing' as const) },
    ),
    path,
    live: fc.oneof(
      { weight: likely, arbitrary: fc.nat({ max: 60 }) },
      { weight: 5 - likely, arbitrary: fc.constant(undefined) },
    ),
    below: fc.oneof(
      { weight: 5, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: segment.map((name) => `/${name}`) },
    ),
    spelling: fc.oneof(
      { weight: 60, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.constant(SPELLINGS.length - 1) },
      { weight: 12, arbitrary: fc.integer({ min: 1, max: SPELLINGS.length - 2 }) },
    ),
  });
}

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

const CHANGES = ['rename', 'move', 'copy'] as const;
const TOUCHES = ['update', 'metadata-save', 'metadata-delete'] as const;

function draftOf(kind: fc.Arbitrary<Operation['kind']>, likely: number): fc.Arbitrary<Draft> {
  return fc.record({
    kind,
    from: placeOf(likely),
    to: placeOf(2),
    isFolder: fc.boolean(),
    overwrite: fc.boolean(),
    content: fc.nat({ max: 5 }),
    expires: fc.constantFrom(0, 0, 3, -1),
    metadata,
    keys: fc.uniqueArray(fc.constantFrom('k', 'n', 'a.b', '$d', 'none'), { maxLength: 3 }),
    operator: fc.constantFrom('ada', 'bob'),
    createdBy: fc.option(fc.constant('carol'), { nil: undefined, freq: 4 }),
  });
}

const creation = draftOf(fc.constant('create' as const), 1);
const anything = draftOf(
  fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...CHANGES) },
    { weight: 3, arbitrary: fc.constantFrom(...TOUCHES) },
    { weight: 1, arbitrary: fc.constant('delete' as const) },
  ),
  4,
);

/** Some nodes first, so that there is something to change; then anything. */
export const sequence: fc.Arbitrary<readonly Draft[]> = fc
  .tuple(
    fc.array(creation, { maxLength: 6, size: 'max' }),
    fc.array(fc.oneof({ weight: 4, arbitrary: anything }, { weight: 1, arbitrary: creation }), {
      minLength: 1,
      maxLength: 16,
      size: 'max',
    }),
  )
  .map(([first, then]) => [...first, ...then]);

/**
 * Which sequences are played: the same ones in every run, so that what is found is found for whoever runs it, and the same
 * ones at a receiver and through the log. They make more than 2,000 operations.
 */
export const PLAYED = { seed: 20_261_122, numRuns: 205 } as const;
export const MIN_OPERATIONS = 2_000;

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
      return target.isPath ? { ...node, kind, toRepository, toPath, overwrite } : undefined;
    }
    case 'update':
      return source.isRoot ? undefined : { ...node, kind, expires };
    case 'delete':
      return { ...node, kind };
    case 'metadata-save':
      // Where nothing is to be saved or deleted, it is not said whether the path is looked at.
      return source.isPath ? { ...node, kind, metadata } : undefined;
    case 'metadata-delete':
      return source.isPath ? { ...node, kind, keys } : undefined;
  }
}

interface Spelled {
  readonly node: { readonly repository: RepositoryName; readonly path: string };
  readonly isRoot: boolean;
  readonly isPath: boolean;
}

function spelled(place: DraftPlace, repositories: Repositories, model: Model): Spelled {
  const live = Object.values(repositories).flatMap((repository) =>
    [...model.tree(repository).live.keys()].sort().map((path) => ({ repository, path })),
  );
  const chosen = place.live === undefined ? undefined : live[place.live % live.length];
  const repository = chosen?.repository ?? repositories[place.repository];
  const plain = chosen === undefined ? place.path : join(chosen.path, place.below);
  return {
    node: { repository, path: SPELLINGS[place.spelling]?.(plain) ?? plain },
    isRoot: plain === '/',
    isPath: place.spelling < SPELLINGS.length - 1,
  };
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
