import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Operation } from '../../oracle/model.ts';
import { digestsOf, sequence } from '../../oracle/operations.ts';
import { operationsOf, type Played, playBehind, REPOSITORIES } from './behind.ts';

const LOCAL = REPOSITORIES.local;
const OTHER = REPOSITORIES.composite;
const at = { repository: LOCAL, operator: 'ada' } as const;

/** Milliseconds between two operations: so close that the log's order is in doubt, and so far that it is not. */
const PACES = [10, 5_000] as const;

const created = { kind: 'create', ...at, overwrite: false, expires: 0, size: 2, metadata: {} } as const;
const file = (path: string, repository = LOCAL): Operation => ({
  ...created,
  ...digestsOf(2),
  repository,
  path,
  folder: false,
});
const folder = (path: string): Operation => ({ ...created, path, folder: true });
const rename = (path: string, newPath: string): Operation => ({ kind: 'rename', ...at, path, newPath });
const transfer = (
  kind: 'move' | 'copy',
  path: string,
  toPath: string,
  more: Partial<Extract<Operation, { kind: 'move' | 'copy' }>> = {},
): Operation => ({ ...at, path, toRepository: LOCAL, toPath, overwrite: false, ...more, kind });

function expectSame({ operations, source, target, failures }: Played): void {
  const told = operations.map((operation) => JSON.stringify(operation)).join('\n');
  expect(failures, told).toEqual([]);
  expect(target, told).toEqual(source);
}

describe.each(PACES)('a worker behind a source that did something every %i ms', (apart) => {
  it('leaves the target as the source is', async () => {
    const property = fc.asyncProperty(sequence, async (drafts) => {
      expectSame(await playBehind({ operations: operationsOf(drafts), apart }));
    });
    await fc.assert(property, { numRuns: 500 });
  });

  /** What random sequences were shrunk to when they ended otherwise. */
  const histories: readonly (readonly [string, readonly Operation[]])[] = [
    ['a file renamed to where no folder is', [file('/b/f'), rename('/b/f', '/x/y/f')]],
    [
      'a copy under the file, and the file renamed',
      [file('/b'), transfer('copy', '/b', '/b/b'), rename('/b', '/a')],
    ],
    [
      'a file renamed below what lay under it',
      [file('/a'), transfer('copy', '/a', '/a/b'), file('/a/a'), rename('/a', '/a/a/a')],
    ],
    [
      'a file that arrived from another repository and was renamed below itself',
      [file('/b', OTHER), transfer('copy', '/b', '/b', { repository: OTHER }), rename('/b', '/b/a')],
    ],
    [
      'a folder that arrived under a file, and the file renamed',
      [
        file('/d/a', OTHER),
        file('/a'),
        transfer('move', '/d', '/a/b', { repository: OTHER }),
        rename('/a', '/c'),
      ],
    ],
    [
      'a folder above a node that had none, made by a copy that is gone',
      [file('/b/a'), rename('/b/a', '/d/a'), transfer('copy', '/d/a', '/d/a/a'), rename('/d/a/a', '/e')],
    ],
    [
      'everything moved to another repository, but for a folder that was there',
      [
        file('/a/a'),
        transfer('move', '/a', '/b', { toRepository: OTHER }),
        { ...rename('/b', 'a/a'), repository: OTHER },
        file('/a/a'),
        transfer('move', '/', '/a', { toRepository: OTHER, overwrite: true }),
      ],
    ],
    [
      'everything moved to another repository from below a file',
      [
        file('/a'),
        transfer('move', '/a', '/a/a/b'),
        rename('/a/a/b', '/a/a/a'),
        transfer('move', '/', '/b/a', { toRepository: OTHER }),
      ],
    ],
    [
      'everything of another repository into a folder',
      [
        folder('/a/a'),
        file('/b', OTHER),
        transfer('move', '/', '/a/a', { repository: OTHER }),
        rename('/a/a/b', '/c'),
      ],
    ],
  ];
  it.each(histories)('follows %s', async (_, operations) => {
    const played = await playBehind({ operations: () => operations, apart });
    expect(played.operations).toEqual(operations);
    expectSame(played);
  });
});
