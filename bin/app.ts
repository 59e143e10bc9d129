import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { AwsSolutionsChecks } from 'cdk-nag';
import { ConfigurationError, readConfiguration } from '../lib/configuration.ts';
import { FUNCTION_FOLDERS } from '../lib/endpoints.ts';
import { LogferryStack } from '../lib/logferry-stack.ts';
import { BundleError, bundleFunctions } from './bundle.ts';

/**
 * The CDK app, run by the cdk command (cdk.json): reads the context, bundles the functions, synthesizes one stack.
 */
const root = join(import.meta.dirname, '..');
const outdir = join(root, 'build', 'functions');
const app = new App();

try {
  const configuration = readConfiguration((key) => app.node.tryGetContext(key));
  await bundleFunctions({ root, folders: FUNCTION_FOLDERS, outdir });
  new LogferryStack(app, { configuration, code: (folder) => Code.fromAsset(join(outdir, folder)) });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  app.synth();
} catch (error) {
  if (!(error instanceof ConfigurationError || error instanceof BundleError)) {
    throw error;
  }
  for (const fault of error.faults) {
    console.error(`logferry: ${fault}`);
  }
  process.exitCode = 1;
}
