import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { ERROR_CATALOGUE } from '../../../functions/shared/http/error-catalogue.ts';
import { childPrefixOf } from '../../../functions/shared/node/path.ts';
import { CODES, Model, type ModelTree, normalize, type Operation } from '../../oracle/model.ts';
import { type Draft, digestsOf, type Repositories, resolve, sequence } from '../../oracle/operations.ts';
import { PlannedNodes, type PlannedOperation, shown } from './planned-nodes.ts';

const REPOSITORIES: Repositories = {
  local: 'alpha/local',
  composite: 'beta/composite',
  virtual: 'alpha/virtual',
  missing: 'alpha/missing',
};
const NAMES = Object.values(REPOSITORIES);
/** The same sequences in every run: what is found is found for whoever runs it. */
const PARAMETERS = { seed: 20_261_122, numRuns: 500 } as const;
const TIMEOUT_MS = 60_000;
const NOW = new Date('2026-11-22T01:00:00Z');

/** Refused for its repositories, before anything is planned. */
const UNPLANNED: ReadonlySet<number> = new Set([CODES.repositoryNotFound, CODES.operationUnsupported]);

interface Case {
  readonly operation: PlannedOperation;
  readonly before: ReadonlyMap<string, ModelTree>;
  readonly code: number;
  readonly after: ReadonlyMap<string, ModelTree>;
}

type Step = (model: Model) => Operation | undefined;

const stepsOf = (drafts: readonly Draft[]): Step[] =>
  drafts.map((draft) => (model) => resolve(draft, REPOSITORIES, model));

/** Every rename, move and copy of a sequence, with what the model has before and after it. */
function casesOf(steps: readonly Step[]): Case[] {
  const model = new Model();
  model.addRepository(REPOSITORIES.local, 'LOCAL');
  model.addRepository(REPOSITORIES.composite, 'COMPOSITE');
  model.addRepository(REPOSITORIES.virtual, 'VIRTUAL');
  const trees = () =>
    new Map(
      NAMES.map((name) => {
        const { live, tombstones } = model.tree(name);
        return [name, { live: new Map(live), tombstones: new Map(tombstones) }] as const;
      }),
    );
  const cases: Case[] = [];
  for (const step of steps) {
    const operation = step(model);
    if (operation !== undefined) {
      const before = trees();
      const code = model.apply(operation, NOW);
      const isPlanned = operation.kind === 'rename' || operation.kind === 'move' || operation.kind === 'copy';
      if (isPlanned && !UNPLANNED.has(code)) {
        cases.push({ operation, before, code, after: trees() });
      }
    }
  }
  return cases;
}

/** The envelope's code of what is planned, carried out but for the writes from `cut` on. */
function carryOut(nodes: PlannedNodes, operation: PlannedOperation, cut = Number.POSITIVE_INFINITY): number {
  try {
    for (const write of nodes.writes(operation).slice(0, cut)) {
      write();
    }
    return CODES.ok;
  } catch (error) {
    if (error instanceof DomainError) {
      return ERROR_CATALOGUE[error.code].code;
    }
    throw error;
  }
}

function expectTrees(nodes: PlannedNodes, trees: ReadonlyMap<string, ModelTree>): void {
  expect(Object.fromEntries(NAMES.map((name) => [name, nodes.shown(name)]))).toEqual(
    Object.fromEntries([...trees].map(([name, tree]) => [name, shown(tree)])),
  );
}

/** Of what goes to a folder above it, a repeat cannot tell what was there from what the attempt before has made. */
function holdsItsSource(operation: PlannedOperation): boolean {
  return (
    operation.kind !== 'rename' &&
    operation.repository === operation.toRepository &&
    normalize(operation.path).startsWith(childPrefixOf(normalize(operation.toPath)))
  );
}

/** Nothing else is live; what a repeat overwrites may be what the attempt before has put there. */
function expectTreesOfRepeat(nodes: PlannedNodes, trees: ReadonlyMap<string, ModelTree>): void {
  for (const [name, tree] of trees) {
    const { live, tombstones } = nodes.shown(name);
    const expected = shown(tree);
    expect(live).toEqual(expected.live);
    for (const [path, digests] of Object.entries(expected.tombstones)) {
      expect(tombstones[path]).toEqual(expect.arrayContaining([...digests]));
    }
  }
}

/** Does a case without the writes from a cut on, and then repeats it. */
function expectRepeat({ operation, before, after }: Case, cutOf: (writes: number) => number): void {
  const nodes = new PlannedNodes(before);
  carryOut(nodes, operation, cutOf(nodes.writes(operation).length));
  expect(carryOut(nodes, operation)).toBe(CODES.ok);
  expectTreesOfRepeat(nodes, after);
  expect(nodes.isMarked).toBe(false);
}

function expectOutcome({ operation, before, code, after }: Case): void {
  const nodes = new PlannedNodes(before);
  expect(carryOut(nodes, operation)).toBe(code);
  expectTrees(nodes, after);
  expect(nodes.isMarked).toBe(false);
}

describe('a planned rename, move or copy', { timeout: TIMEOUT_MS }, () => {
  it('does what the model does, is refused as the model refuses, and never has two live nodes at a path', () => {
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(sequence, (drafts) => {
        for (const each of casesOf(stepsOf(drafts))) {
          expectOutcome(each);
          outcomes.add(`${each.operation.kind} ${each.code}`);
        }
      }),
      PARAMETERS,
    );
    expect([...outcomes].sort()).toEqual(
      ['copy', 'move', 'rename'].flatMap((kind) =>
        [
          CODES.ok,
          CODES.parameterInvalid,
          CODES.nodeNotFound,
          CODES.pathInvalid,
          kind === 'rename' ? CODES.nodeExisted : CODES.nodeConflict,
        ].map((code) => `${kind} ${code}`),
      ),
    );
  });

  it('that is cut off before any of its writes is completed by a repeat', () => {
    fc.assert(
      fc.property(sequence, fc.nat(), (drafts, at) => {
        for (const each of casesOf(stepsOf(drafts))) {
          if (each.code === CODES.ok && !holdsItsSource(each.operation)) {
            expectRepeat(each, (writes) => at % Math.max(writes, 1));
          }
        }
      }),
      PARAMETERS,
    );
  });
});

describe('what seldom meets by chance', () => {
  const repository = REPOSITORIES.local;
  const at = (path: string) => ({ repository, path, operator: 'ada' });
  const file = (path: string): Operation => ({
    ...at(path),
    ...digestsOf(1),
    kind: 'create',
    folder: false,
    overwrite: false,
    expires: 0,
    size: 1,
    metadata: {},
  });
  const rename = (path: string, newPath: string): Operation => ({ ...at(path), kind: 'rename', newPath });
  const onto = (kind: 'move' | 'copy', path: string, toPath: string): Operation => ({
    ...at(path),
    kind,
    toRepository: repository,
    toPath,
    overwrite: true,
  });

  it.each([
    [
      'a folder where a child meets what a lost folder has left',
      [file('/f'), rename('/f', '/n/a'), file('/d/a'), rename('/d', '/n')],
      CODES.nodeExisted,
    ],
    [
      'a folder beside what a lost folder has left',
      [file('/f'), rename('/f', '/n/b'), file('/d/a'), rename('/d', '/n')],
      CODES.ok,
    ],
    [
      'a file moved onto a file with children',
      [file('/b'), file('/b/c/d'), file('/a'), onto('move', '/a', '/b')],
      CODES.ok,
    ],
    [
      'a file copied onto a file with children',
      [file('/b'), file('/b/c/d'), file('/a'), onto('copy', '/a', '/b')],
      CODES.ok,
    ],
    [
      'a folder onto a folder, over a file with children',
      [
        file('/s/b'),
        file('/d/s/b/c'),
        rename('/d/s/b/c', '/d/s/c'),
        file('/t/s/b'),
        file('/t/s/b/c'),
        onto('move', '/s', '/t'),
      ],
      CODES.ok,
    ],
  ] as const)('%s', (_name, operations, code) => {
    const last = casesOf(operations.map((operation) => () => operation)).at(-1);
    if (last === undefined) {
      throw new Error('Nothing is planned');
    }
    expect(last.code).toBe(code);
    expectOutcome(last);
    if (code === CODES.ok) {
      const { length } = new PlannedNodes(last.before).writes(last.operation);
      for (let cut = 0; cut < length; cut += 1) {
        expectRepeat(last, () => cut);
      }
    }
  });
});
