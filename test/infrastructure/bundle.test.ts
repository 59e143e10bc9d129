import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BundleError, bundleFunctions } from '../../bin/bundle.ts';

const run = promisify(execFile);

describe('bundleFunctions', () => {
  let root: string;
  let outdir: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'logferry-bundle-'));
    outdir = join(root, 'build');
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function addFile(path: string, source: string): Promise<void> {
    const file = join(root, 'functions', path);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, source);
  }

  async function faultsOf(folders: readonly string[]): Promise<readonly string[]> {
    const error: unknown = await bundleFunctions({ root, folders, outdir }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return error instanceof BundleError ? error.faults : [`unexpected: ${String(error)}`];
  }

  it('makes one runnable ES module per function, CommonJS packages and all', async () => {
    await addFile('shared/old.cjs', "module.exports = { separator: require('node:path').sep };");
    await addFile(
      'shared/greeting.ts',
      "export const greeting = (name: string): string => ['hello', name].join(' ');",
    );
    const handler = [
      "import old from '../../shared/old.cjs';",
      "import { greeting } from '../../shared/greeting.ts';",
      'export const handler = (): string => greeting(old.separator);',
    ].join('\n');
    await addFile('tasks/list/handler.ts', handler);
    await addFile('tasks/other/handler.ts', handler);

    await bundleFunctions({ root, folders: ['tasks/list', 'tasks/other'], outdir });

    expect(await readdir(join(outdir, 'tasks/list'))).toEqual(['index.mjs']);
    const { stdout } = await run(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { handler } from ${JSON.stringify(join(outdir, 'tasks/list/index.mjs'))}; console.log(handler());`,
    ]);
    expect(stdout).toBe('hello /\n');
  });

  it('leaves a bundle alone that is up to date, and replaces one that is not', async () => {
    const bundle = join(outdir, 'tailer/index.mjs');
    await addFile('tailer/handler.ts', 'export const handler = (): number => 1;');
    await bundleFunctions({ root, folders: ['tailer'], outdir });
    const first = await stat(bundle);
    await bundleFunctions({ root, folders: ['tailer'], outdir });
    expect((await stat(bundle)).ino).toBe(first.ino);

    await addFile('tailer/handler.ts', 'export const handler = (): number => 2;');
    await bundleFunctions({ root, folders: ['tailer'], outdir });
    expect(await readFile(bundle, 'utf8')).toContain('=> 2');
  });

  it('names every function that has no handler', async () => {
    await addFile('tailer/handler.ts', 'export const handler = (): number => 1;');
    expect(await faultsOf(['tailer', 'replicator', 'tasks/list'])).toEqual([
      'functions/replicator/handler.ts is missing: every function needs a handler',
      'functions/tasks/list/handler.ts is missing: every function needs a handler',
    ]);
  });

  it('says where a module cannot be found, and writes nothing', async () => {
    await addFile(
      'tailer/handler.ts',
      "import { x } from '../shared/nothing.ts';\nexport const handler = x;",
    );
    const [fault] = await faultsOf(['tailer']);
    expect(fault).toMatch(/functions\/tailer\/handler\.ts:1: Could not resolve "\.\.\/shared\/nothing\.ts"$/);
    await expect(stat(outdir)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
