import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { z } from 'zod';
import { readConfiguration } from '../../lib/configuration.ts';
import { LogferryStack } from '../../lib/logferry-stack.ts';

export const ROOT = join(import.meta.dirname, '..', '..');

const flags = z
  .object({ context: z.record(z.string(), z.unknown()) })
  .parse(JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8'))).context;

const resourceSchema = z.object({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  DeletionPolicy: z.string().optional(),
});
const templateSchema = z.object({
  Resources: z.record(z.string(), resourceSchema),
  Outputs: z.record(z.string(), z.object({ Value: z.unknown() })),
});

export type Resource = z.output<typeof resourceSchema> & { readonly id: string };

export interface Synthesis {
  readonly app: App;
  readonly stack: LogferryStack;
  readonly template: Template;
  readonly outputs: Readonly<Record<string, { readonly Value?: unknown }>>;
  readonly resources: (type: string) => readonly Resource[];
}

/**
 * The stack as bin/app.ts builds it, with a line of code in place of each bundle: it holds the function's folder, by
 * which `folderOf` knows the function again.
 */
export function synthesize(context: Readonly<Record<string, unknown>> = {}): Synthesis {
  const values: Readonly<Record<string, unknown>> = {
    stage: 'test',
    mongodbSecretName: 'bkrepo/mongodb',
    ...context,
  };
  const app = new App({ context: flags });
  const stack = new LogferryStack(app, {
    configuration: readConfiguration((key) => values[key]),
    code: (folder) => Code.fromInline(`// ${folder}`),
  });
  const template = Template.fromStack(stack);
  const { Resources, Outputs } = templateSchema.parse(template.toJSON());
  return {
    app,
    stack,
    template,
    outputs: Outputs,
    resources: (type) =>
      Object.entries(Resources)
        .filter(([, resource]) => resource.Type === type)
        .map(([id, resource]) => ({ id, ...resource })),
  };
}

const functionSchema = z.object({
  Code: z.object({ ZipFile: z.string() }),
  Role: z.object({ 'Fn::GetAtt': z.tuple([z.string(), z.literal('Arn')]) }),
  Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }).optional(),
});

export interface SynthesizedFunction {
  readonly id: string;
  readonly folder: string;
  readonly roleId: string;
  readonly environment: Readonly<Record<string, unknown>>;
  readonly properties: Readonly<Record<string, unknown>>;
}

export function functionsOf(synthesis: Synthesis): readonly SynthesizedFunction[] {
  return synthesis.resources('AWS::Lambda::Function').map(({ id, Properties }) => {
    const { Code: code, Role, Environment } = functionSchema.parse(Properties);
    return {
      id,
      folder: code.ZipFile.replace('// ', ''),
      roleId: Role['Fn::GetAtt'][0],
      environment: Environment?.Variables ?? {},
      properties: Properties,
    };
  });
}

const textOrList = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat());
const statementSchema = z.object({
  Effect: z.literal('Allow'),
  Action: textOrList,
  Resource: z.unknown().transform((value) => [value].flat()),
  Condition: z.record(z.string(), z.unknown()).optional(),
});
const roleSchema = z.object({
  Policies: z
    .array(z.object({ PolicyDocument: z.object({ Statement: z.array(statementSchema) }) }))
    .default([]),
});

export type Statement = z.output<typeof statementSchema>;

/** What a role may do: the statements of the policies in it, which are all that there are. */
export function statementsOf(synthesis: Synthesis, roleId: string): readonly Statement[] {
  const role = synthesis.resources('AWS::IAM::Role').find(({ id }) => id === roleId);
  return roleSchema
    .parse(role?.Properties ?? {})
    .Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
}
