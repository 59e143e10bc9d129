import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePaths } from '../../../functions/shared/node/path.ts';
import type { Extension } from '../../../functions/shared/remote/version.ts';
import { comparison, type Difference } from '../../../functions/shared/sweep/compare.ts';
import { type Content, everyPage, REMOTE, SOURCE, TwoSides } from './two-sides.ts';

const HOUR = 3_600_000;
const EXPIRY = Date.parse('2027-01-01T00:00:00Z');
const DATE = new Date('2026-11-22T00:00:00Z');

const file = { folder: false, size: 3, sha256: 'a'.repeat(64), metadata: {} } as const;
/** What a node may be, each unlike the others, but for what is said below. */
const CONTENTS = {
  folder: { folder: true, metadata: {} },
  labelledFolder: { folder: true, metadata: { label: 1 } },
  file,
  otherSize: { ...file, size: 4 },
  otherContent: { ...file, sha256: 'b'.repeat(64) },
  upperCase: { ...file, sha256: 'A'.repeat(64) },
  labelled: { ...file, metadata: { label: 1 } },
  expiring: { ...file, expireDate: new Date(EXPIRY) },
  roundedUp: { ...file, expireDate: new Date(EXPIRY + 25 * HOUR) },
  laterExpiring: { ...file, expireDate: new Date(EXPIRY + 40 * HOUR) },
} as const satisfies Readonly<Record<string, Content>>;
type Name = keyof typeof CONTENTS;
const NAMES: readonly Name[] = [
  'folder',
  'labelledFolder',
  'file',
  'otherSize',
  'otherContent',
  'upperCase',
  'labelled',
  'expiring',
  'roundedUp',
  'laterExpiring',
];
/** Pairs of source and remote that are alike although they are not the same. */
const ALIKE: ReadonlySet<string> = new Set([
  // What only the remote's folder has stays.
  'folder labelledFolder',
  'file upperCase',
  'upperCase file',
  'expiring roundedUp',
  'roundedUp expiring',
  'roundedUp laterExpiring',
  'laterExpiring roundedUp',
]);
/** And where metadata is not replicated. */
const ALIKE_WITHOUT_METADATA: ReadonlySet<string> = new Set([
  ...ALIKE,
  'labelledFolder folder',
  'file labelled',
  'labelled file',
  'upperCase labelled',
  'labelled upperCase',
]);

/** Of bytes and of UTF-16 the order is another one for the last three. */
const PATHS = ['/a', '/a b', '/a/b', '/a/b/c', '/a0', '/aa', '/é', '/\ue000', '/\uffff', '/\u{10000}'];

interface At {
  readonly source: Name | undefined;
  readonly remote: Name | undefined;
  readonly isTombstone: boolean;
  readonly isTouched: boolean;
}
const name = fc.option(fc.constantFrom(...NAMES), { nil: undefined });
const at: fc.Arbitrary<At> = fc.oneof(
  fc.record({ source: name, remote: name, isTombstone: fc.boolean(), isTouched: fc.boolean() }),
  // Most nodes of two repositories are alike.
  fc
    .record({ source: name, isTombstone: fc.boolean(), isTouched: fc.boolean() })
    .map((node) => ({ ...node, remote: node.source })),
);
const world = fc
  .array(at, { minLength: PATHS.length, maxLength: PATHS.length })
  .map((nodes) => new Map(PATHS.flatMap((path, index) => (nodes[index] ? [[path, nodes[index]]] : []))));
const pageSize = fc.integer({ min: 1, max: PATHS.length + 1 });

const CONTRACTS = {
  base: [],
  digests: ['digests'],
  ranges: ['digests', 'ranges'],
} as const satisfies Readonly<Record<string, readonly Extension[]>>;
type Contract = keyof typeof CONTRACTS;

function put(sides: TwoSides, nodes: Iterable<readonly [string, At]>): void {
  for (const [path, { source, remote, isTombstone, isTouched }] of nodes) {
    set(sides.source, path, source);
    set(sides.remote, path, remote);
    if (isTombstone) {
      sides.tombstones.add(path);
    }
    sides.touchedAt.set(path, new Date(DATE.getTime() + (isTouched ? 0 : -1)));
  }
}

function set(side: Map<string, Content>, path: string, content: Name | undefined): void {
  if (content === undefined) {
    side.delete(path);
  } else {
    side.set(path, CONTENTS[content]);
  }
}

function expected(
  path: string,
  { source, remote, isTombstone }: At,
  { contract, includeMetadata }: { readonly contract: Contract; readonly includeMetadata: boolean },
): Difference[] {
  if (source === undefined) {
    const isSeen = remote !== undefined && (contract === 'ranges' || isTombstone);
    return isSeen ? [{ fullPath: path, kind: 'EXTRA', isDeleted: isTombstone }] : [];
  }
  if (remote === undefined) {
    return [{ fullPath: path, kind: 'MISSING', isDeleted: false }];
  }
  const alike = includeMetadata ? ALIKE : ALIKE_WITHOUT_METADATA;
  const isAlike = contract === 'base' || source === remote || alike.has(`${source} ${remote}`);
  return isAlike ? [] : [{ fullPath: path, kind: 'DIFFERENT', isDeleted: false }];
}

const settings = fc.record({ includeMetadata: fc.boolean(), limit: pageSize, answerLimit: pageSize });

describe.each<Contract>(['base', 'digests', 'ranges'])('a comparison at a remote of %s', (contract) => {
  it('finds what is not alike, and nothing else, whatever the pages are', async () => {
    await fc.assert(
      fc.asyncProperty(world, settings, async (nodes, { includeMetadata, limit, answerLimit }) => {
        const sides = new TwoSides(CONTRACTS[contract], answerLimit);
        put(sides, nodes);
        const compare = comparison({ ...sides, includeMetadata });
        const found = await everyPage({ compare, limit });
        const wanted = [...nodes]
          .sort(([one], [other]) => comparePaths(one, other))
          .flatMap(([path, node]) => expected(path, node, { contract, includeMetadata }));
        expect(found.differences).toEqual(wanted);
        const isCounted = ({ source, isTombstone }: At) =>
          source !== undefined || (contract !== 'ranges' && isTombstone);
        expect(found.compared).toBe([...nodes.values()].filter(isCounted).length);
      }),
      { numRuns: 300 },
    );
  });

  it('of a window finds it where something was touched', async () => {
    await fc.assert(
      fc.asyncProperty(world, settings, async (nodes, { includeMetadata, limit }) => {
        const sides = new TwoSides(CONTRACTS[contract]);
        put(sides, nodes);
        const compare = comparison({ ...sides, includeMetadata });
        const found = await everyPage({ compare, limit, window: { from: DATE } });
        const touched = [...nodes].filter(
          ([, { source, isTombstone, isTouched }]) => isTouched && (source !== undefined || isTombstone),
        );
        // What is touched is named: no listing of the remote is needed.
        const wanted = touched
          .sort(([one], [other]) => comparePaths(one, other))
          .flatMap(([path, node]) => expected(path, node, { contract, includeMetadata }));
        expect(found).toMatchObject({ differences: wanted, compared: touched.length });
        expect(sides.calls.length > 0).toBe(touched.length > 0);
      }),
    );
  });

  it('of given paths finds what a comparison of all finds there, and every extra', async () => {
    await fc.assert(
      fc.asyncProperty(world, fc.subarray(PATHS), fc.boolean(), async (nodes, asked, includeMetadata) => {
        const sides = new TwoSides(CONTRACTS[contract]);
        put(sides, nodes);
        const compare = comparison({ ...sides, includeMetadata });
        const found = await compare.paths({ source: SOURCE, remote: REMOTE, fullPaths: ['/', ...asked] });
        const wanted = [...nodes]
          .filter(([path]) => asked.includes(path))
          .sort(([one], [other]) => comparePaths(one, other))
          .flatMap(([path, node]) => {
            const isExtra = node.source === undefined && node.remote !== undefined;
            return isExtra
              ? [{ fullPath: path, kind: 'EXTRA', isDeleted: node.isTombstone }]
              : expected(path, node, { contract, includeMetadata });
          });
        expect(found).toEqual(wanted);
      }),
    );
  });

  it('misses nothing that stands still while other things change', async () => {
    const changes = fc.array(fc.record({ moment: fc.nat(12), path: fc.constantFrom(...PATHS), node: at }), {
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(world, changes, settings, async (nodes, changing, { includeMetadata, ...sizes }) => {
        const sides = new TwoSides(CONTRACTS[contract], sizes.answerLimit);
        put(sides, nodes);
        let moment = 0;
        sides.beforeReading = () => {
          put(
            sides,
            changing.filter((change) => change.moment === moment).map(({ path, node }) => [path, node]),
          );
          moment += 1;
        };
        const { differences } = await everyPage({
          compare: comparison({ ...sides, includeMetadata }),
          limit: sizes.limit,
        });
        const changed = new Set(changing.map(({ path }) => path));
        const wanted = [...nodes]
          .filter(([path]) => !changed.has(path))
          .sort(([one], [other]) => comparePaths(one, other))
          .flatMap(([path, node]) => expected(path, node, { contract, includeMetadata }));
        expect(differences.filter(({ fullPath }) => !changed.has(fullPath))).toEqual(wanted);
      }),
      { numRuns: 300 },
    );
  });

  it('leaves out what is not to be compared, at either side', async () => {
    await fc.assert(
      fc.asyncProperty(world, fc.subarray(PATHS), settings, async (nodes, left, sizes) => {
        const { includeMetadata, limit, answerLimit } = sizes;
        const sides = new TwoSides(CONTRACTS[contract], answerLimit);
        put(sides, nodes);
        const isLeftOut = (fullPath: string) => left.includes(fullPath);
        const compare = comparison({ ...sides, includeMetadata, isLeftOut });
        const { differences } = await everyPage({ compare, limit });
        const wanted = [...nodes]
          .filter(([path]) => !isLeftOut(path))
          .sort(([one], [other]) => comparePaths(one, other))
          .flatMap(([path, node]) => expected(path, node, { contract, includeMetadata }));
        expect(differences).toEqual(wanted);
        const page = { source: SOURCE, remote: REMOTE };
        expect(await compare.paths({ ...page, fullPaths: left })).toEqual([]);
      }),
    );
  });
});
