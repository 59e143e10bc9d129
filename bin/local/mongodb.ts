import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { LocalCloudError } from './errors.ts';
import { prepareFerretDb } from './ferretdb.ts';
import { freePort } from './network.ts';
import { paths } from './paths.ts';
import { startPostgreSql } from './postgresql.ts';
import { causeIn, logName, type Service, startService, waitUntilUp } from './processes.ts';
import type { Python } from './python.ts';
import type { Settings } from './settings.ts';
import { type State, writeState } from './state.ts';
import { type Context, cloudEnvironment, findOnPath } from './toolbox.ts';

export interface MongoServer {
  readonly uri: string;
  /** What it is, for people. */
  readonly description: string;
}

/**
 * A server that speaks MongoDB's protocol: the one that MONGODB_URI names, else a private `mongod` from the PATH,
 * else FerretDB on PostgreSQL.
 */
export async function startMongoDb(
  context: Context,
  settings: Settings,
  python: () => Promise<Python>,
): Promise<MongoServer> {
  if (settings.mongodbUri !== undefined) {
    await checkGiven(settings.mongodbUri);
    return { uri: settings.mongodbUri, description: 'MongoDB (MONGODB_URI)' };
  }
  const mongod = findOnPath('mongod');
  if (mongod !== undefined) {
    context.log(`starting ${mongod}`);
    return { uri: await startMongod(mongod, context), description: `MongoDB (${mongod})` };
  }
  // Both take time at a first start, and neither needs the other.
  const [program, postgreSql] = await Promise.all([
    prepareFerretDb(context, python),
    startPostgreSql(context),
  ]);
  context.log('starting FerretDB on PostgreSQL');
  return {
    uri: await startFerretDb(program, postgreSql, context),
    description: 'FerretDB on PostgreSQL',
  };
}

/**
 * Create each stage's `operate_log` as a capped collection where it does not exist. Databases that a start
 * creates on somebody else's server are written down, so that a stop can drop them again.
 */
export async function prepareDatabases(options: {
  readonly uri: string;
  readonly databases: readonly string[];
  readonly operateLogCollection: string;
  readonly operateLogBytes: number;
  readonly foreign: boolean;
  readonly context: Context;
}): Promise<void> {
  await withClient(options.uri, async (client) => {
    if (options.foreign) {
      const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true });
      const present = new Set(databases.map(({ name }) => name));
      const names = options.databases.filter((name) => !present.has(name));
      options.context.state.foreignDatabases = { uri: options.uri, names };
      writeState(options.context.state);
    }
    for (const name of options.databases) {
      const database = client.db(name);
      const found = await database.listCollections({ name: options.operateLogCollection }).toArray();
      if (found.length === 0) {
        await database.createCollection(options.operateLogCollection, {
          capped: true,
          size: options.operateLogBytes,
        });
      }
    }
  });
}

/** Drop the databases that a start created on somebody else's server. */
export async function dropForeignDatabases(state: State): Promise<void> {
  const { foreignDatabases } = state;
  if (foreignDatabases !== null && foreignDatabases.names.length > 0) {
    await withClient(foreignDatabases.uri, async (client) => {
      for (const name of foreignDatabases.names) {
        await client.db(name).dropDatabase();
      }
    });
  }
}

/** Whether a server answers a ping. */
export async function isMongoDbUp(uri: string, timeoutMs = 1_000): Promise<boolean> {
  try {
    await withClient(uri, async (client) => await client.db('admin').command({ ping: 1 }), timeoutMs);
    return true;
  } catch {
    return false;
  }
}

async function checkGiven(uri: string): Promise<void> {
  try {
    await withClient(uri, async (client) => await client.db('admin').command({ ping: 1 }));
  } catch (error) {
    // The name only: a driver's message may quote the connection string, and that holds a password.
    const name = error instanceof Error ? error.name : 'unknown error';
    throw new LocalCloudError(
      `The server that MONGODB_URI names does not answer (${name}): start it, or unset MONGODB_URI.`,
    );
  }
}

async function startMongod(mongod: string, context: Context): Promise<string> {
  const data = join(paths.run, 'mongod');
  mkdirSync(data, { recursive: true });
  return await startServer(
    'mongod',
    context,
    async (port) =>
      await startService({
        name: 'mongod',
        command: mongod,
        args: ['--dbpath', data, '--bind_ip', '127.0.0.1', '--port', String(port), '--nounixsocket'],
        env: cloudEnvironment(),
        cwd: data,
        context,
      }),
  );
}

async function startFerretDb(program: string, postgreSql: string, context: Context): Promise<string> {
  const directory = join(paths.run, 'ferretdb');
  mkdirSync(directory, { recursive: true });
  return await startServer(
    'ferretdb',
    context,
    async (port) =>
      await startService({
        name: 'ferretdb',
        command: program,
        args: [
          '--handler=postgresql',
          `--listen-addr=127.0.0.1:${port}`,
          '--debug-addr=-',
          '--telemetry=disable',
          `--state-dir=${directory}`,
          '--log-level=error',
          // The default of a minute lets a capped collection grow far beyond its size between two evictions.
          '--test-capped-cleanup-interval=2s',
        ],
        // In the environment, because it holds a password and arguments are public.
        env: cloudEnvironment({ FERRETDB_POSTGRESQL_URL: postgreSql }),
        cwd: directory,
        context,
      }),
  );
}

async function startServer(
  name: string,
  context: Context,
  start: (port: number) => Promise<Service>,
): Promise<string> {
  for (const _attempt of [1, 2, 3]) {
    const port = await freePort();
    const uri = `mongodb://127.0.0.1:${port}/`;
    const service = await start(port);
    const up = await waitUntilUp({
      name,
      service,
      probe: async () => await isMongoDbUp(uri),
      timeoutSeconds: 60,
      context,
    });
    if (up) {
      return uri;
    }
  }
  throw new LocalCloudError(`${name} ended while starting (${causeIn(name)}); read ${logName(name)}.`);
}

async function withClient<Result>(
  uri: string,
  use: (client: MongoClient) => Promise<Result>,
  timeoutMs = 5_000,
): Promise<Result> {
  const client = new MongoClient(uri, {
    serverSelectionTimeoutMS: timeoutMs,
    connectTimeoutMS: timeoutMs,
  });
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.close();
  }
}
