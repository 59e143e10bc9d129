import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isGoNewEnough } from '../../../bin/local/ferretdb.ts';
import { mayPass } from '../../../bin/local/postgresql.ts';
import { isPythonNewEnough } from '../../../bin/local/python.ts';
import { findOnPath } from '../../../bin/local/toolbox.ts';

describe('what the machine must have', () => {
  it.each([
    ['3.9.18', false],
    ['3.10.0', true],
    ['3.13.0', true],
    ['4.0.0', true],
    ['2.7.18', false],
    ['', false],
  ])('Python %s: %s', (version, expected) => {
    expect(isPythonNewEnough(version)).toBe(expected);
  });

  it.each([
    ['go1.24', true],
    ['go1.24.0', true],
    ['go1.26.6', true],
    ['go1.23.9', false],
    ['go1.9', false],
    ['go2.0', true],
    ['devel', false],
  ])('%s for a module that wants go 1.24: %s', (version, expected) => {
    expect(isGoNewEnough(version, 'module x\n\ngo 1.24\n')).toBe(expected);
  });
});

describe('a program on the PATH', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'logferry-path-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('is the first executable file of the name, and never a directory', () => {
    const [plain, folder, right] = ['plain', 'folder', 'right'].map((name) => join(directory, name));
    for (const path of [plain, folder, right]) {
      mkdirSync(path ?? '');
    }
    writeFileSync(join(plain ?? '', 'tool'), '');
    mkdirSync(join(folder ?? '', 'tool'));
    writeFileSync(join(right ?? '', 'tool'), '');
    chmodSync(join(right ?? '', 'tool'), 0o755);
    const searchPath = ['', plain, folder, right].join(delimiter);
    expect(findOnPath('tool', searchPath)).toBe(join(right ?? '', 'tool'));
    expect(findOnPath('other', searchPath)).toBeUndefined();
  });
});

describe('a directory that another user is to reach', () => {
  it.each([
    ['all open', [{ uid: 0, mode: 0o40755 }], true],
    [
      'closed on the way',
      [
        { uid: 0, mode: 0o40755 },
        { uid: 0, mode: 0o40700 },
      ],
      false,
    ],
    ['closed, but his own', [{ uid: 65_534, mode: 0o40700 }], true],
    ['his own, but not passable', [{ uid: 65_534, mode: 0o40677 }], false],
  ])('%s', (_name, directories, expected) => {
    expect(mayPass(65_534, directories)).toBe(expected);
  });
});
