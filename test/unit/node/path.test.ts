import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DomainError } from '../../../functions/shared/errors.ts';
import {
  childPrefixOf,
  isRoot,
  MAX_PATH_SEGMENTS,
  MAX_SEGMENT_LENGTH,
  normalizeFullPath,
  parentsOf,
  splitFullPath,
} from '../../../functions/shared/node/path.ts';
import contract from '../../contract/node-paths.json' with { type: 'json' };
import { goldenExchanges, hasGolden } from '../../support/golden.ts';

/** Paths made of what matters: separators, dots, blanks, and names of every alphabet. */
const anyPath = fc
  .array(
    fc.oneof(
      fc.constantFrom('/', '\\', '//', '.', '..', ' ', '\t', '\u00a0', '\u001c', '\ufeff', 'a', '中'),
      fc.string({ unit: 'grapheme', maxLength: 4 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''))
  .filter((path) => !path.includes('\0'));

function refusalOf(path: string): readonly string[] {
  try {
    normalizeFullPath(path);
  } catch (error) {
    if (error instanceof DomainError && error.code === 'NODE_PATH_INVALID') {
      return error.args;
    }
    throw error;
  }
  throw new Error('was taken');
}

describe('normalizeFullPath', () => {
  it.for(contract.cases)('takes $given as the contract says', ({ given, normalized, invalid }) => {
    if (invalid === undefined) {
      expect(normalizeFullPath(given)).toBe(normalized);
    } else {
      expect(refusalOf(given)).toEqual([invalid]);
    }
  });

  it('changes nothing that it made', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const once = normalizeFullPath(path);
        expect(normalizeFullPath(once)).toBe(once);
      }),
    );
  });

  it('leaves no empty, dot or blank-edged segment, no backslash and no slash at the end', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const normalized = normalizeFullPath(path);
        expect(normalized.startsWith('/')).toBe(true);
        const segments = isRoot(normalized) ? [] : normalized.slice(1).split('/');
        for (const segment of segments) {
          expect(['', '.', '..']).not.toContain(segment);
          expect(segment).not.toMatch(/^[ \t\u00a0]|[ \t\u00a0]$|\\/);
        }
      }),
    );
  });

  it('does not care how the separators are written', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const expected = normalizeFullPath(path);
        expect(normalizeFullPath(path.replaceAll('/', '\\'))).toBe(expected);
        expect(normalizeFullPath(`//${path.replaceAll('/', ' // ')}/./`)).toBe(expected);
      }),
    );
  });

  it('takes as many segments and characters as bk-repo, and not one more', () => {
    const deep = '/s'.repeat(MAX_PATH_SEGMENTS);
    expect(normalizeFullPath(deep)).toBe(deep);
    expect(normalizeFullPath(`${deep}/x/..`)).toBe(deep);
    expect(refusalOf(`${deep}/s/`)).toEqual([`${deep}/s/`]);
    const long = '長'.repeat(MAX_SEGMENT_LENGTH);
    expect(normalizeFullPath(` ${long} `)).toBe(`/${long}`);
    expect(refusalOf(`/x/${long}長`)).toEqual([`${long}長`]);
  });
});

describe('the parts of a path', () => {
  it('put together are the path', () => {
    fc.assert(
      fc.property(anyPath.map(normalizeFullPath), (fullPath) => {
        const { path, name } = splitFullPath(fullPath);
        expect(path + name).toBe(fullPath);
        expect(path.endsWith('/')).toBe(true);
        expect(name).not.toContain('/');
      }),
    );
  });

  it('above it are its folders, outermost first', () => {
    expect(parentsOf('/a/b/c')).toEqual(['/a', '/a/b']);
    expect(parentsOf('/a')).toEqual([]);
    expect(parentsOf('/')).toEqual([]);
    fc.assert(
      fc.property(anyPath.map(normalizeFullPath), (fullPath) => {
        const parents = parentsOf(fullPath);
        expect(parents).toHaveLength(Math.max(0, fullPath.split('/').length - 2));
        for (const parent of parents) {
          expect(fullPath.startsWith(childPrefixOf(parent))).toBe(true);
          expect(normalizeFullPath(parent)).toBe(parent);
        }
      }),
    );
  });

  it('under it do not begin like a sibling', () => {
    expect('/ab'.startsWith(childPrefixOf('/a'))).toBe(false);
    expect(childPrefixOf('/')).toBe('/');
  });
});

const createdSchema = z.object({
  data: z.object({ fullPath: z.string(), path: z.string(), name: z.string() }),
});

describe.skipIf(!hasGolden)('the paths of the captured creations', () => {
  const created = hasGolden
    ? goldenExchanges().filter(
        ({ request, response }) => request.path.endsWith('/node/create') && response.status === 200,
      )
    : [];

  it.for(created)('$name', ({ request, response }) => {
    const { fullPath: given } = z.object({ fullPath: z.string() }).parse(JSON.parse(request.body ?? ''));
    const { fullPath, path, name } = createdSchema.parse(JSON.parse(response.body)).data;
    expect(normalizeFullPath(given)).toBe(fullPath);
    expect(splitFullPath(fullPath)).toEqual({ path, name });
  });
});
