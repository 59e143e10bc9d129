import { DomainError } from '../errors.ts';

/** Limits of a node path (bk-repo of January 2021): characters are UTF-16 code units, as Java counts them. */
export const MAX_PATH_SEGMENTS = 64;
export const MAX_SEGMENT_LENGTH = 1_024;

export const ROOT = '/';

/** Behind every path in their order: all begin with `/`, which `0` follows. */
export const BEHIND_PATHS = '0';

/** The order of paths in the database's indexes: that of their bytes, which JavaScript's own (UTF-16) is not. */
export function comparePaths(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/**
 * What the contract's `trim` takes off: Kotlin's `Char.isWhitespace`. JavaScript's `trim` differs from it in
 * U+001C to U+001F (left there) and U+FEFF (taken off there).
 */
function isBlank(character: string): boolean {
  return /[\t-\r\p{Z}]/u.test(character) || (character >= '\u001c' && character <= '\u001f');
}

function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charAt(start))) {
    start += 1;
  }
  while (end > start && isBlank(text.charAt(end - 1))) {
    end -= 1;
  }
  return text.slice(start, end);
}

/**
 * A node's full path in the one form in which it is stored and compared.
 *
 * `\` counts as `/`; segments are trimmed; empty ones and `.` are dropped; `..` takes back the one before it and
 * stops at the root. The result begins with `/`, never ends with one, and is `/` for the root.
 *
 * @example normalizeFullPath('a//b/./c/../ d.txt ') // '/a/b/d.txt'
 * @throws DomainError NODE_PATH_INVALID: more than 64 segments (naming the path as given), or a segment longer than 1,024
 * characters or with a NUL (naming the segment).
 */
export function normalizeFullPath(path: string): string {
  const segments: string[] = [];
  for (const raw of path.replaceAll('\\', ROOT).split(ROOT)) {
    const segment = trimBlanks(raw);
    if (segment === '' || segment === '.') {
      continue;
    }
    if (segment === '..') {
      segments.pop();
      continue;
    }
    if (segment.length > MAX_SEGMENT_LENGTH || segment.includes('\0')) {
      throw new DomainError('NODE_PATH_INVALID', [segment]);
    }
    segments.push(segment);
  }
  if (segments.length > MAX_PATH_SEGMENTS) {
    throw new DomainError('NODE_PATH_INVALID', [path]);
  }
  return ROOT + segments.join(ROOT);
}

/** True for the root, which is virtual: it always exists and is not created. */
export function isRoot(fullPath: string): boolean {
  return fullPath === ROOT;
}

/**
 * A normalised path as a node document holds it: the folder with a slash at its end, and the name in it.
 *
 * @example splitFullPath('/a/b') // { path: '/a/', name: 'b' }; the root is { path: '/', name: '' }
 */
export function splitFullPath(fullPath: string): { readonly path: string; readonly name: string } {
  const nameStart = fullPath.lastIndexOf(ROOT) + 1;
  return { path: fullPath.slice(0, nameStart), name: fullPath.slice(nameStart) };
}

/**
 * The folders above a normalised path, outermost first, without the root.
 *
 * @example parentsOf('/a/b/c') // ['/a', '/a/b']
 */
export function parentsOf(fullPath: string): string[] {
  const parents: string[] = [];
  for (let end = fullPath.indexOf(ROOT, 1); end !== -1; end = fullPath.indexOf(ROOT, end + 1)) {
    parents.push(fullPath.slice(0, end));
  }
  return parents;
}

/**
 * What every path under this one begins with (`/a` is not above `/ab`).
 *
 * @example childPrefixOf('/a') // '/a/'; of the root: '/'
 */
export function childPrefixOf(fullPath: string): string {
  return isRoot(fullPath) ? ROOT : fullPath + ROOT;
}
