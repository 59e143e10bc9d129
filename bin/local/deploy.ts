import { mkdirSync, readFileSync } from 'node:fs';
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
import { runCommand } from './processes.ts';
import {
  accountId,
  credentials,
  databaseOf,
  operateLogCollection,
  projectId,
  region,
  type Stage,
} from './stages.ts';
import { type Context, cloudEnvironment } from './toolbox.ts';

/** The stack's outputs, of which the local cloud itself needs some. */
const outputs = z
  .object({ ApiId: z.string(), BlobBucketName: z.string(), AdminSecretArn: z.string() })
  .catchall(z.string());

export type Outputs = z.output<typeof outputs>;

/** Prepare a new cloud for deployments, as for any AWS account. */
export async function bootstrap(stage: Stage, endpoint: string, context: Context): Promise<void> {
  await cdk(
    `Bootstrapping stage ${stage}`,
    stage,
    endpoint,
    context,
    // Outside the project, where there is no cdk.json: no app is synthesized for this.
    join(paths.run, stage),
    ['bootstrap', `aws://${accountId}/${region}`],
  );
}

/** Deploy the stack of a stage, unchanged, and read its outputs. */
export async function deploy(options: {
  readonly stage: Stage;
  readonly endpoint: string;
  readonly mongoUri: string;
  readonly context: Context;
}): Promise<Outputs> {
  const { stage, endpoint, context } = options;
  const secretName = `logferry/${stage}/mongodb`;
  await secretsManager(endpoint).send(
    new CreateSecretCommand({ Name: secretName, SecretString: options.mongoUri }),
  );
  const settings = {
    stage,
    mongodbSecretName: secretName,
    mongodbDatabase: databaseOf(stage),
    operateLogCollection,
    // The other cloud is on loopback.
    allowPrivateRemotes: 'true',
    tailMode: 'continuous',
    projectId,
  };
  const stack = `logferry-${stage}`;
  await cdk(`Deploying stage ${stage}`, stage, endpoint, context, projectRoot, [
    'deploy',
    stack,
    ...Object.entries(settings).flatMap(([name, value]) => ['--context', `${name}=${value}`]),
    ...['--output', join(paths.run, stage, 'cdk.out')],
    ...['--outputs-file', paths.outputs(stage)],
    ...['--require-approval', 'never'],
    ...['--method', 'direct'],
    ...['--progress', 'events'],
  ]);
  const written = z
    .record(z.string(), z.unknown())
    .parse(JSON.parse(readFileSync(paths.outputs(stage), 'utf8')));
  return outputs.parse(written[stack]);
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

/** Run the CDK command-line tool against a local cloud, without any call to the world outside. */
async function cdk(
  what: string,
  stage: Stage,
  endpoint: string,
  context: Context,
  cwd: string,
  args: readonly string[],
): Promise<void> {
  const home = join(paths.run, stage, 'cdk');
  mkdirSync(home, { recursive: true });
  await runCommand({
    what,
    command: process.execPath,
    args: [cdkProgram(), ...args, '--no-notices', '--no-version-reporting', '--no-color', '--ci'],
    log: `deploy-${stage}`,
    cwd,
    env: cloudEnvironment({
      AWS_ENDPOINT_URL: endpoint,
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: join(home, 'no-config'),
      AWS_SHARED_CREDENTIALS_FILE: join(home, 'no-credentials'),
      CDK_HOME: home,
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      CDK_DISABLE_VERSION_CHECK: '1',
    }),
    context,
    // Of the app, of CloudFormation, of the tool itself.
    cause: /^logferry: |_FAILED\s|Error\b/,
  });
}

function cdkProgram(): string {
  return join(dirname(createRequire(import.meta.url).resolve('aws-cdk/package.json')), 'bin', 'cdk');
}
