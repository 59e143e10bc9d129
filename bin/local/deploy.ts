import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import type { Admin } from './endpoints.ts';
import { paths, projectRoot } from './paths.ts';
import { type Environment, runCommand } from './processes.ts';
import {
  accountId,
  credentials,
  databaseOf,
  operateLogCollection,
  projectId,
  region,
  type Stage,
} from './stages.ts';
import { type Context, cloudEnvironment, installOnce } from './toolbox.ts';

/** The stack's outputs, of which the local cloud itself needs some. */
const outputs = z
  .object({ ApiId: z.string(), BlobBucketName: z.string(), AdminSecretArn: z.string() })
  .catchall(z.string());

export type Outputs = z.output<typeof outputs>;

/** Prepare a new cloud for deployments, as for any AWS account. */
export async function bootstrap(stage: Stage, endpoint: string, context: Context): Promise<void> {
  await cdk({
    what: `Bootstrapping stage ${stage}`,
    log: `deploy-${stage}`,
    // Outside the project, where there is no cdk.json: no app is synthesized for this.
    cwd: join(paths.run, stage),
    args: ['bootstrap', `aws://${accountId}/${region}`],
    cloud: cloudOf(endpoint),
    context,
  });
}

/**
 * Synthesize the stack of a stage, unless nothing that it is made from has changed since the last time. It needs no
 * cloud, so it goes on while the servers start.
 *
 * @returns the directory of the cloud assembly.
 */
export async function synthesize(stage: Stage, context: Context): Promise<string> {
  const settings = {
    stage,
    mongodbSecretName: secretNameOf(stage),
    mongodbDatabase: databaseOf(stage),
    operateLogCollection,
    // The other cloud is on loopback.
    allowPrivateRemotes: 'true',
    tailMode: 'continuous',
    // The front door says which host its caller called.
    trustForwardedHost: 'true',
    projectId,
  };
  return await installOnce({
    name: `assembly-${stage}`,
    madeFrom: [JSON.stringify(settings), digestOfSources()],
    install: async (directory) => {
      context.log(`synthesizing stage ${stage}`);
      await cdk({
        what: `Synthesizing stage ${stage}`,
        log: `synth-${stage}`,
        cwd: projectRoot,
        args: [
          'synth',
          '--quiet',
          ...['--output', directory],
          ...Object.entries(settings).flatMap(([name, value]) => ['--context', `${name}=${value}`]),
        ],
        // Without credentials, so that it asks no account for anything.
        cloud: {},
        context,
      });
    },
  });
}

/** Deploy the synthesized stack of a stage, unchanged, and read its outputs. */
export async function deploy(options: {
  readonly stage: Stage;
  readonly assembly: string;
  readonly endpoint: string;
  readonly mongoUri: string;
  readonly context: Context;
}): Promise<Outputs> {
  const { stage, endpoint, context } = options;
  await secretsManager(endpoint).send(
    new CreateSecretCommand({ Name: secretNameOf(stage), SecretString: options.mongoUri }),
  );
  const stack = `logferry-${stage}`;
  await cdk({
    what: `Deploying stage ${stage}`,
    log: `deploy-${stage}`,
    cwd: projectRoot,
    args: [
      'deploy',
      stack,
      ...['--app', options.assembly],
      ...['--outputs-file', paths.outputs(stage)],
      ...['--require-approval', 'never'],
      ...['--method', 'direct'],
      ...['--progress', 'events'],
    ],
    cloud: cloudOf(endpoint),
    context,
  });
  const written = z
    .record(z.string(), z.unknown())
    .parse(JSON.parse(readFileSync(paths.outputs(stage), 'utf8')));
  return outputs.parse(written[stack]);
}

/** Everything in the project that the synthesized stack is made from; its dependencies by their lockfile. */
function digestOfSources(): string {
  const hash = createHash('sha256');
  // Of bin only its own files, the app and the bundler among them: what lies below is not part of the stack.
  const files = ['bin', 'lib', 'functions'].flatMap((directory) =>
    readdirSync(join(projectRoot, directory), { recursive: directory !== 'bin', withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const roots = ['cdk.json', 'package.json', 'package-lock.json'].map((name) => join(projectRoot, name));
  for (const file of [...files, ...roots.filter((path) => existsSync(path))].sort()) {
    hash.update(`${file}\0`).update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

function secretNameOf(stage: Stage): string {
  return `logferry/${stage}/mongodb`;
}

const admin = z.object({ username: z.string(), password: z.string() });

/** The first administrator, whom the deployment generated. */
export async function readAdmin(endpoint: string, secretId: string): Promise<Admin> {
  const secret = await secretsManager(endpoint).send(new GetSecretValueCommand({ SecretId: secretId }));
  return admin.parse(JSON.parse(secret.SecretString ?? 'null'));
}

function secretsManager(endpoint: string): SecretsManagerClient {
  // A copy: the client writes into the object that it is given.
  return new SecretsManagerClient({ endpoint, region, credentials: { ...credentials } });
}

function cloudOf(endpoint: string): Environment {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
}

/** Run the CDK command-line tool with a local cloud or none, without any call to the world outside. */
async function cdk(options: {
  readonly what: string;
  readonly log: string;
  readonly cwd: string;
  readonly args: readonly string[];
  readonly cloud: Environment;
  readonly context: Context;
}): Promise<void> {
  const home = join(paths.run, 'cdk', options.log);
  mkdirSync(home, { recursive: true });
  await runCommand({
    what: options.what,
    command: process.execPath,
    args: [cdkProgram(), ...options.args, '--no-notices', '--no-version-reporting', '--no-color', '--ci'],
    log: options.log,
    cwd: options.cwd,
    env: cloudEnvironment({
      ...options.cloud,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: join(home, 'no-config'),
      AWS_SHARED_CREDENTIALS_FILE: join(home, 'no-credentials'),
      // The tool and its library keep caches and settings in the home directory.
      HOME: home,
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      CDK_DISABLE_VERSION_CHECK: '1',
    }),
    context: options.context,
    // Of the app, of CloudFormation, of the tool itself.
    cause: /^logferry: |_FAILED\s|^\w*Error: /,
  });
}

function cdkProgram(): string {
  return join(dirname(createRequire(import.meta.url).resolve('aws-cdk/package.json')), 'bin', 'cdk');
}
