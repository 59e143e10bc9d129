import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Match } from 'aws-cdk-lib/assertions';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { NAMESPACE } from '../../functions/shared/metrics.ts';
import { TAIL_PERIOD } from '../../functions/shared/slot/headroom.ts';
import { FUNCTION_FOLDERS } from '../../lib/endpoints.ts';
import { declaredEnvironment } from './declared-environment.ts';
import { functionsOf, ROOT, type Statement, statementsOf, synthesize } from './synthesis.ts';

const NETWORK = {
  vpcId: 'vpc-0a1b2c3d',
  subnetIds: 'subnet-0a1b2c3d,subnet-0a1b2c3d4e5f60718',
  securityGroupIds: 'sg-0a1b2c3d',
} as const;

const synthesis = synthesize();
const functions = functionsOf(synthesis);

describe('routes', () => {
  /** The addresses of the contract, said again here: the route table must not be its own witness. */
  const EXPECTED: Readonly<Record<string, string>> = {
    'GET /task/connect/test': 'tasks/connect-test',
    'POST /task/connect/test': 'tasks/connect-test',
    'POST /task/create': 'tasks/create',
    'GET /task/list': 'tasks/list',
    'HEAD /task/list': 'tasks/list',
    'GET /task/detail/{taskKey}': 'tasks/detail',
    'HEAD /task/detail/{taskKey}': 'tasks/detail',
    'DELETE /task/delete/{taskKey}': 'tasks/delete',
    'POST /task/update': 'tasks/update',
    'POST /task/copy': 'tasks/copy',
    'POST /task/execute/{taskKey}': 'tasks/execute',
    'POST /task/interrupt/{taskKey}': 'tasks/interrupt',
    'POST /task/redrive/{taskKey}': 'tasks/redrive',
    'POST /task/toggle/status/{taskKey}': 'tasks/toggle-status',
    'GET /task/log/list/{taskKey}': 'tasks/log-list',
    'HEAD /task/log/list/{taskKey}': 'tasks/log-list',
    'GET /task/log/latest/{taskKey}': 'tasks/log-latest',
    'HEAD /task/log/latest/{taskKey}': 'tasks/log-latest',
    'GET /task/failure/list/{taskKey}': 'tasks/failure-list',
    'HEAD /task/failure/list/{taskKey}': 'tasks/failure-list',
    'POST /task/failure/retry/{taskKey}': 'tasks/failure-retry',
    'POST /task/failure/dismiss/{taskKey}': 'tasks/failure-dismiss',
    'GET /task/conflict/list/{taskKey}': 'tasks/conflict-list',
    'HEAD /task/conflict/list/{taskKey}': 'tasks/conflict-list',
    'POST /task/conflict/resolve/{taskKey}': 'tasks/conflict-resolve',
    'GET /task/account/{taskKey}': 'tasks/account',
    'HEAD /task/account/{taskKey}': 'tasks/account',
    'GET /slot/list': 'slots/list',
    'HEAD /slot/list': 'slots/list',
    'GET /replica/ping': 'replica/ping',
    'HEAD /replica/ping': 'replica/ping',
    'GET /replica/version': 'replica/version',
    'HEAD /replica/version': 'replica/version',
    'GET /replica/node/exist': 'replica/node-exist',
    'HEAD /replica/node/exist': 'replica/node-exist',
    'POST /replica/node/exist/list': 'replica/node-exist-list',
    'POST /replica/node/digest/list': 'replica/node-digest-list',
    'POST /replica/node/digest/range': 'replica/node-digest-range',
    'POST /replica/node/create': 'replica/node-create',
    'POST /replica/node/delete': 'replica/node-delete',
    'POST /replica/node/rename': 'replica/node-rename',
    'POST /replica/node/update': 'replica/node-update',
    'POST /replica/node/move': 'replica/node-move',
    'POST /replica/node/copy': 'replica/node-copy',
    'POST /replica/project/create': 'replica/project-create',
    'POST /replica/repo/create': 'replica/repo-create',
    'POST /replica/repo/update': 'replica/repo-update',
    'POST /replica/repo/delete': 'replica/repo-delete',
    'POST /replica/metadata/save': 'replica/metadata-save',
    'POST /replica/metadata/delete': 'replica/metadata-delete',
    'POST /replica/user': 'replica/user',
    'POST /replica/role': 'replica/role',
    'POST /replica/role/user/{rid}': 'replica/role-user',
    'POST /replica/permission': 'replica/permission',
    'GET /replica/permission/list': 'replica/permission-list',
    'HEAD /replica/permission/list': 'replica/permission-list',
    'GET /replica/blob/check': 'replica/blob-check',
    'HEAD /replica/blob/check': 'replica/blob-check',
    'POST /replica/blob/check/list': 'replica/blob-check-list',
    'POST /replica/blob/push': 'replica/blob-push',
    'POST /replica/blob/presign': 'replica/blob-presign',
    'POST /replica/file/{projectId}/{repoName}/{fullPath+}': 'replica/file-upload',
  };
  const PREFIXES = ['/replication', '/api/replication'];
  /** Those of no contract. */
  const EXPECTED_OWN: Readonly<Record<string, string>> = {
    'POST /replication/task/sweep/{taskKey}': 'tasks/sweep',
    'GET /replication/task/sweep/list/{taskKey}': 'tasks/sweep-list',
    'GET /replication/task/compare/{taskKey}': 'tasks/compare',
    'POST /replication/principal/create': 'principals/create',
    'GET /replication/principal/list': 'principals/list',
    'DELETE /replication/principal/delete/{username}': 'principals/delete',
  };
  /** Those of the second contract. */
  const EXPECTED_V3: Readonly<Record<string, string>> = {
    'POST /v3/{project_id}/jobs/batch-sync-policy': 'jobs/batch-sync-policy',
    'POST /v3/{project_id}/jobs/batch-status': 'jobs/batch-status',
    'POST /v3/{project_id}/jobs/batch-progress': 'jobs/batch-progress',
    'POST /v3/{project_id}/jobs/batch-detail': 'jobs/batch-detail',
    'POST /v3/{project_id}/jobs/batch-pause-task': 'jobs/batch-pause-task',
    'POST /v3/{project_id}/jobs/batch-retry-task': 'jobs/batch-retry-task',
    'DELETE /v3/{project_id}/jobs/batch-jobs': 'jobs/batch-jobs',
    'POST /v3/auth/tokens': 'identity/tokens',
    'POST /v3.0/OS-CREDENTIAL/credentials': 'identity/credential-create',
    'GET /v3.0/OS-CREDENTIAL/credentials': 'identity/credential-list',
    'DELETE /v3.0/OS-CREDENTIAL/credentials/{access_key}': 'identity/credential-delete',
  };

  const routeSchema = z.object({
    RouteKey: z.string(),
    AuthorizationType: z.string().optional(),
    Target: z.object({
      'Fn::Join': z.tuple([
        z.literal(''),
        z.tuple([z.literal('integrations/'), z.object({ Ref: z.string() })]),
      ]),
    }),
  });
  const integrationSchema = z.object({
    IntegrationType: z.literal('AWS_PROXY'),
    PayloadFormatVersion: z.literal('2.0'),
    IntegrationUri: z.object({ 'Fn::GetAtt': z.tuple([z.string(), z.literal('Arn')]) }),
  });

  const folderByRoute = (): Record<string, string | undefined> => {
    const integrations = new Map(
      synthesis
        .resources('AWS::ApiGatewayV2::Integration')
        .map(({ id, Properties }) => [
          id,
          integrationSchema.parse(Properties).IntegrationUri['Fn::GetAtt'][0],
        ]),
    );
    return Object.fromEntries(
      synthesis.resources('AWS::ApiGatewayV2::Route').map(({ Properties }) => {
        const { RouteKey, Target } = routeSchema.parse(Properties);
        const functionId = integrations.get(Target['Fn::Join'][1][1].Ref);
        return [RouteKey, functions.find(({ id }) => id === functionId)?.folder];
      }),
    );
  };

  it('lead each address, under both prefixes, to the Lambda of its endpoint, and all else to the fallback', () => {
    const expected = Object.fromEntries(
      Object.entries(EXPECTED).flatMap(([route, folder]) =>
        PREFIXES.map((prefix) => [route.replace(' ', ` ${prefix}`), folder]),
      ),
    );
    expect(folderByRoute()).toEqual({
      ...expected,
      ...EXPECTED_OWN,
      ...EXPECTED_V3,
      $default: 'fallback',
    });
  });

  it('are told to the fallback', () => {
    const fallback = functions.find(({ folder }) => folder === 'fallback');
    const told = z.array(z.string()).parse(JSON.parse(String(fallback?.environment['ROUTES'])));
    const { $default: _, ...routes } = folderByRoute();
    expect([...told].sort()).toEqual(Object.keys(routes).sort());
  });

  it('may each invoke their function, by roles that may do nothing else', () => {
    expect(synthesis.resources('AWS::Lambda::Permission')).toEqual([]);
    const credentialsSchema = z.object({
      CredentialsArn: z.object({ 'Fn::GetAtt': z.tuple([z.string(), z.literal('Arn')]) }),
    });
    const invoked = new Map<string, unknown[]>();
    for (const { Properties } of synthesis.resources('AWS::ApiGatewayV2::Integration')) {
      const roleId = credentialsSchema.parse(Properties).CredentialsArn['Fn::GetAtt'][0];
      const uri = integrationSchema.parse(Properties).IntegrationUri;
      invoked.set(roleId, [...(invoked.get(roleId) ?? []), uri]);
    }
    for (const [roleId, uris] of invoked) {
      const statements = statementsOf(synthesis, roleId);
      expect(statements.flatMap(({ Action }) => Action)).toEqual(['lambda:InvokeFunction']);
      const resources = statements.flatMap(({ Resource }) => Resource);
      expect(resources).toHaveLength(uris.length);
      expect(resources).toEqual(expect.arrayContaining(uris));
      // A role's policies hold 10,240 characters.
      expect(uris.length).toBeLessThanOrEqual(10_000 / 125);
    }
  });

  it('stand behind a throttled stage with an access log that holds no header', () => {
    synthesis.template.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
      StageName: '$default',
      AutoDeploy: true,
      DefaultRouteSettings: { ThrottlingBurstLimit: 400, ThrottlingRateLimit: 200 },
      AccessLogSettings: {
        DestinationArn: Match.anyValue(),
        Format: Match.not(Match.stringLikeRegexp('header|authoriz')),
      },
    });
  });
});

describe('functions', () => {
  it('are one for each folder, and every folder has a handler', () => {
    expect(functions.map(({ folder }) => folder).sort()).toEqual([...FUNCTION_FOLDERS].sort());
    const missing = FUNCTION_FOLDERS.filter((folder) => !existsSync(handlerOf(folder)));
    expect(missing).toEqual([]);
  });

  it('have a role and a log group each that no other has', () => {
    expect(new Set(functions.map(({ roleId }) => roleId)).size).toBe(functions.length);
    const logGroups = functions.map(({ properties }) => JSON.stringify(properties['LoggingConfig']));
    expect(new Set(logGroups).size).toBe(functions.length);
    for (const { Properties } of synthesis.resources('AWS::Logs::LogGroup')) {
      expect(Properties['RetentionInDays']).toBe(30);
    }
  });

  it('run on Node 24', () => {
    expect(new Set(functions.map(({ properties }) => properties['Runtime']))).toEqual(
      new Set(['nodejs24.x']),
    );
  });

  it.each(FUNCTION_FOLDERS)('%s is given exactly the variables that it declares', (folder) => {
    const deployed = functions.find((candidate) => candidate.folder === folder);
    const handler = handlerOf(folder);
    expect(existsSync(handler), `${handler} exists`).toBe(true);
    expect(Object.keys(deployed?.environment ?? {}).sort()).toEqual([...declaredEnvironment(handler)].sort());
  });

  it('enter the VPC only when they reach MongoDB or a remote', () => {
    const inside = functionsOf(synthesize(NETWORK))
      .filter(({ properties }) => properties['VpcConfig'] !== undefined)
      .map(({ folder }) => folder)
      .sort();
    const needing = functions
      .filter(
        ({ environment }) => 'MONGODB_SECRET_ID' in environment || 'ALLOW_PRIVATE_REMOTES' in environment,
      )
      .map(({ folder }) => folder)
      .sort();
    expect(inside).toEqual(needing);
    expect(inside).toContain('tailer');
    expect(inside).not.toContain('replica/ping');
    expect(inside).not.toContain('jobs/batch-status');
    const oidc = { oidcIssuer: 'https://issuer.example', oidcAudience: 'logferry' };
    const withIssuer = functionsOf(synthesize({ ...NETWORK, ...oidc }));
    const callers = withIssuer.find(({ folder }) => folder === 'jobs/batch-status');
    expect(callers?.properties['VpcConfig']).toBeDefined();
    expect(JSON.parse(String(callers?.environment['OIDC']))).toEqual({
      issuer: 'https://issuer.example',
      audience: 'logferry',
      rolesClaim: 'roles',
      allowPrivate: false,
    });
  });
});

describe('permissions', () => {
  const LOGS = ['logs:CreateLogStream', 'logs:PutLogEvents'];
  const PRINCIPALS = ['dynamodb:GetItem'];
  const READ = ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:Query'];
  const WRITE = [
    'dynamodb:BatchWriteItem',
    'dynamodb:ConditionCheckItem',
    'dynamodb:DeleteItem',
    'dynamodb:PutItem',
    'dynamodb:UpdateItem',
  ];
  const SCHEDULES = ['iam:PassRole', 'scheduler:CreateSchedule', 'scheduler:DeleteSchedule'];
  const SECRET = ['secretsmanager:GetSecretValue'];
  const OBJECTS_READ = ['s3:GetObject', 's3:ListBucket'];
  const WORK = [
    'sqs:ChangeMessageVisibility',
    'sqs:DeleteMessage',
    'sqs:GetQueueAttributes',
    'sqs:GetQueueUrl',
    'sqs:ReceiveMessage',
  ];
  const RECEIVER = [...PRINCIPALS, ...SECRET];
  /** Who calls the second API: by a token, or a key whose secret is decrypted. */
  const CALLERS = [...PRINCIPALS, 'kms:Decrypt'];
  const KEYS = ['dynamodb:DeleteItem', 'dynamodb:PutItem', 'dynamodb:Query'];
  const EXPECTED: Readonly<Record<string, readonly string[]>> = {
    'tasks/connect-test': PRINCIPALS,
    'tasks/create': [...READ, ...WRITE, ...SECRET, ...SCHEDULES, 'kms:Encrypt', 'sqs:SendMessage'],
    'tasks/list': READ,
    'tasks/detail': READ,
    'tasks/delete': [...READ, ...WRITE, ...SCHEDULES],
    'tasks/update': [...READ, ...WRITE, ...SCHEDULES, 'kms:Encrypt', 'sqs:SendMessage'],
    'tasks/copy': [...READ, ...WRITE, 'kms:Decrypt', 'kms:Encrypt'],
    'tasks/execute': [...READ, 'sqs:SendMessage'],
    'tasks/interrupt': [...READ, ...WRITE],
    'tasks/redrive': [...READ, ...WRITE, ...OBJECTS_READ],
    'tasks/toggle-status': [...READ, ...WRITE, ...SCHEDULES, 'sqs:SendMessage'],
    'tasks/log-list': READ,
    'tasks/log-latest': READ,
    'tasks/failure-list': READ,
    'tasks/failure-retry': [...READ, 'sqs:SendMessage'],
    'tasks/failure-dismiss': [...READ, ...WRITE],
    'tasks/conflict-list': READ,
    'tasks/conflict-resolve': [...READ, 'sqs:SendMessage'],
    'tasks/account': READ,
    'slots/list': [...READ, ...SECRET],
    'principals/create': [...PRINCIPALS, 'dynamodb:PutItem'],
    'principals/list': [...PRINCIPALS, 'dynamodb:Query'],
    'principals/delete': [...PRINCIPALS, ...KEYS, 'dynamodb:ConditionCheckItem'],
    'replica/ping': PRINCIPALS,
    'replica/version': PRINCIPALS,
    'replica/node-exist': RECEIVER,
    'replica/node-exist-list': RECEIVER,
    'replica/node-digest-list': RECEIVER,
    'replica/node-digest-range': RECEIVER,
    'replica/node-create': RECEIVER,
    'replica/node-delete': RECEIVER,
    'replica/project-create': RECEIVER,
    'replica/repo-create': RECEIVER,
    'replica/metadata-save': RECEIVER,
    'replica/file-upload': [...RECEIVER, ...OBJECTS_READ, 's3:PutObject'],
    'replica/user': RECEIVER,
    'replica/role': RECEIVER,
    'replica/role-user': RECEIVER,
    'replica/permission': RECEIVER,
    'replica/permission-list': RECEIVER,
    'replica/blob-check': [...PRINCIPALS, ...OBJECTS_READ],
    'replica/blob-check-list': [...RECEIVER, ...OBJECTS_READ],
    'replica/blob-push': [...PRINCIPALS, ...OBJECTS_READ, 's3:PutObject'],
    'replica/blob-presign': [...RECEIVER, ...OBJECTS_READ, 's3:PutObject'],
    'jobs/batch-sync-policy': [...CALLERS, ...READ, ...WRITE],
    'jobs/batch-status': [...CALLERS, ...READ],
    'jobs/batch-progress': [...CALLERS, ...READ],
    'jobs/batch-detail': [...CALLERS, ...READ],
    'identity/tokens': [...PRINCIPALS, 'dynamodb:PutItem'],
    'identity/credential-create': [...CALLERS, ...KEYS, 'kms:Encrypt'],
    'identity/credential-list': [...CALLERS, ...KEYS],
    'identity/credential-delete': [...CALLERS, ...KEYS],
    fallback: [],
    tailer: [...READ, ...WRITE, ...SECRET, ...OBJECTS_READ, 's3:PutObject', 'sqs:SendMessage'],
    replicator: [...READ, ...WRITE, ...SECRET, ...OBJECTS_READ, ...WORK, 'kms:Decrypt'],
    planner: [
      ...READ,
      ...WRITE,
      ...SECRET,
      ...OBJECTS_READ,
      ...SCHEDULES,
      ...WORK,
      'kms:Decrypt',
      'sqs:SendMessage',
    ],
    synchronizer: [...READ, ...WRITE, ...SECRET, ...OBJECTS_READ, ...WORK, 'kms:Decrypt', 'sqs:SendMessage'],
    'bootstrap-admin': ['dynamodb:GetItem', 'dynamodb:PutItem', ...SECRET],
  };

  const statementsOfFolder = (folder: string): readonly Statement[] =>
    statementsOf(synthesis, functions.find((candidate) => candidate.folder === folder)?.roleId ?? '');

  it.each(Object.keys(EXPECTED))('%s may do what it needs and nothing else', (folder) => {
    const actions = new Set(statementsOfFolder(folder).flatMap(({ Action }) => Action));
    expect([...actions].sort()).toEqual([...new Set([...(EXPECTED[folder] ?? []), ...LOGS])].sort());
  });

  it('let a receiving endpoint read principals and no other item', () => {
    for (const folder of Object.keys(EXPECTED).filter((name) => name.startsWith('replica/'))) {
      const table = statementsOfFolder(folder).filter(({ Action }) => Action.includes('dynamodb:GetItem'));
      expect(table).toEqual([
        expect.objectContaining({
          Condition: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['PRINCIPAL'] } },
        }),
      ]);
    }
  });

  it('bind the use of the key to a task', () => {
    for (const folder of ['tasks/create', 'replicator', 'planner', 'synchronizer']) {
      const key = statementsOfFolder(folder).filter(({ Action }) =>
        Action.some((name) => name.startsWith('kms:')),
      );
      expect(key.map(({ Condition }) => Condition)).toEqual([
        { Null: { 'kms:EncryptionContext:taskKey': 'false' } },
      ]);
    }
  });

  it('let what hands out tokens and access keys touch principals, tokens and keys, and no other item', () => {
    const partitions = (folder: string) =>
      statementsOfFolder(folder)
        .filter(({ Action }) => Action.some((action) => action.startsWith('dynamodb:')))
        .map(({ Condition }) => Object.values(Condition ?? {}));
    const keys = (...names: string[]) => [{ 'dynamodb:LeadingKeys': names }];
    const callers = keys('PRINCIPAL', 'ACCESS_KEY', 'TOKEN#*');
    expect(partitions('identity/tokens')).toEqual([keys('PRINCIPAL'), keys('TOKEN#*')]);
    for (const folder of ['create', 'list', 'delete'].map((name) => `identity/credential-${name}`)) {
      expect(partitions(folder)).toEqual([keys('PRINCIPAL'), callers, keys('ACCESS_KEY')]);
    }
  });

  it('bind the use of the key to an access key where callers are known by one', () => {
    const conditionsOf = (folder: string) =>
      statementsOfFolder(folder)
        .filter(({ Action }) => Action.some((name) => name.startsWith('kms:')))
        .map(({ Condition }) => Condition);
    const bound = { Null: { 'kms:EncryptionContext:accessKey': 'false' } };
    expect(conditionsOf('jobs/batch-sync-policy')).toEqual([bound]);
    expect(conditionsOf('identity/credential-create')).toEqual([bound]);
  });

  it('come from no managed policy, and hold no wildcard but inside a named resource', () => {
    expect(synthesis.resources('AWS::IAM::Policy')).toEqual([]);
    for (const { Properties } of synthesis.resources('AWS::IAM::Role')) {
      expect(Properties['ManagedPolicyArns']).toBeUndefined();
    }
    for (const role of synthesis.resources('AWS::IAM::Role')) {
      for (const { Action, Resource } of statementsOf(synthesis, role.id)) {
        expect(Action.filter((action) => action.includes('*'))).toEqual([]);
        expect(Resource).not.toContain('*');
      }
    }
  });
});

describe('storage', () => {
  it('keeps the table on demand, recoverable, encrypted, with expiry', () => {
    synthesis.template.hasResource('AWS::DynamoDB::GlobalTable', {
      DeletionPolicy: 'Retain',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
        SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
        Replicas: [
          Match.objectLike({
            PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
            DeletionProtectionEnabled: true,
          }),
        ],
      },
    });
  });

  it('keeps the buckets private, encrypted and TLS only', () => {
    const buckets = synthesis.resources('AWS::S3::Bucket');
    expect(buckets).toHaveLength(2);
    for (const { id, Properties, DeletionPolicy } of buckets) {
      expect(DeletionPolicy).toBe('Retain');
      expect(Properties).toMatchObject({
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      });
      synthesis.template.hasResourceProperties('AWS::S3::BucketPolicy', {
        Bucket: { Ref: id },
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
          ]),
        },
      });
    }
  });

  it('uses an existing blob bucket without touching it', () => {
    const imported = synthesize({ blobBucketName: 'bkrepo-blobs' });
    expect(imported.resources('AWS::S3::Bucket')).toHaveLength(1);
    expect(imported.resources('AWS::S3::BucketPolicy')).toHaveLength(1);
    expect(imported.outputs['BlobBucketName']?.Value).toBe('bkrepo-blobs');
    for (const { folder, environment } of functionsOf(imported)) {
      if ('BLOB_BUCKET' in environment) {
        expect(environment['BLOB_BUCKET'], folder).toBe('bkrepo-blobs');
      }
    }
  });

  it('turns the key over every year and keeps it', () => {
    synthesis.template.hasResource('AWS::KMS::Key', {
      DeletionPolicy: 'Retain',
      Properties: { EnableKeyRotation: true },
    });
  });

  it('lets everything go when the deployment says so', () => {
    const passing = synthesize({ removalPolicy: 'destroy' });
    const types = [
      'AWS::DynamoDB::GlobalTable',
      'AWS::S3::Bucket',
      'AWS::SQS::Queue',
      'AWS::KMS::Key',
      'AWS::SecretsManager::Secret',
    ];
    for (const type of types) {
      expect(passing.resources(type).map(({ DeletionPolicy }) => DeletionPolicy)).not.toContain('Retain');
      expect(synthesis.resources(type).map(({ DeletionPolicy }) => DeletionPolicy)).not.toContain('Delete');
    }
  });
});

describe('lanes', () => {
  const queues = synthesis.resources('AWS::SQS::Queue').filter(({ id }) => id.startsWith('Lanes'));
  const queue = queues.find(({ Properties }) => Properties['RedrivePolicy'] !== undefined);
  const deadLetters = queues.find(({ Properties }) => Properties['RedrivePolicy'] === undefined);

  it('are a FIFO queue whose dead letters go to a FIFO queue after a thousand receives', () => {
    expect(queues).toHaveLength(2);
    for (const { Properties } of queues) {
      expect(Properties).toMatchObject({
        FifoQueue: true,
        MessageRetentionPeriod: 1_209_600,
        MaximumMessageSize: 1_048_576,
        SqsManagedSseEnabled: true,
      });
    }
    expect(queue?.Properties['RedrivePolicy']).toEqual({
      deadLetterTargetArn: { 'Fn::GetAtt': [deadLetters?.id, 'Arn'] },
      maxReceiveCount: 1000,
    });
    expect(queue?.Properties).toMatchObject({
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
    });
  });

  it('are worked by the replicator, which reports each failed message', () => {
    const replicator = functions.find(({ folder }) => folder === 'replicator');
    synthesis.template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: { 'Fn::GetAtt': [queue?.id, 'Arn'] },
      FunctionName: { Ref: replicator?.id },
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 20 },
    });
    expect(Number(queue?.Properties['VisibilityTimeout'])).toBeGreaterThanOrEqual(
      Number(replicator?.properties['Timeout']),
    );
  });

  it('refuse what does not come over TLS', () => {
    const policies = synthesis.resources('AWS::SQS::QueuePolicy').filter(({ id }) => id.startsWith('Lanes'));
    expect(policies).toHaveLength(2);
  });
});

describe.each([
  ['Runs', 'planner', 5],
  ['Pages', 'synchronizer', 20],
])('the queue of %s', (name, folder, workers) => {
  const queues = synthesis.resources('AWS::SQS::Queue').filter(({ id }) => id.startsWith(name));
  const queue = queues.find(({ Properties }) => Properties['RedrivePolicy'] !== undefined);
  const deadLetters = queues.find(({ Properties }) => Properties['RedrivePolicy'] === undefined);

  it('keeps what it holds as long as SQS does, and gives it up after twenty receives', () => {
    expect(queues).toHaveLength(2);
    for (const { Properties } of queues) {
      expect(Properties).toMatchObject({ MessageRetentionPeriod: 1_209_600, SqsManagedSseEnabled: true });
      expect(Properties).not.toHaveProperty('FifoQueue');
    }
    expect(queue?.Properties['RedrivePolicy']).toEqual({
      deadLetterTargetArn: { 'Fn::GetAtt': [deadLetters?.id, 'Arn'] },
      maxReceiveCount: 20,
    });
  });

  it('refuses what does not come over TLS', () => {
    const policies = synthesis.resources('AWS::SQS::QueuePolicy').filter(({ id }) => id.startsWith(name));
    expect(policies).toHaveLength(2);
  });

  it('is worked on one message at a time, by a function that ends before the message comes back', () => {
    const worker = functions.find((candidate) => candidate.folder === folder);
    synthesis.template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: { 'Fn::GetAtt': [queue?.id, 'Arn'] },
      FunctionName: { Ref: worker?.id },
      BatchSize: 1,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: workers },
    });
    expect(Number(queue?.Properties['VisibilityTimeout'])).toBeGreaterThanOrEqual(
      Number(worker?.properties['Timeout']),
    );
  });
});

describe('tail', () => {
  it('is started every minute, without retries, by a role that can do nothing else', () => {
    const tailer = functions.find(({ folder }) => folder === 'tailer');
    const arn = { 'Fn::GetAtt': [tailer?.id, 'Arn'] };
    const targetSchema = z.object({
      Target: z.object({ RoleArn: z.object({ 'Fn::GetAtt': z.tuple([z.string(), z.literal('Arn')]) }) }),
    });
    synthesis.template.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'rate(1 minute)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: 'ENABLED',
      Target: { Arn: arn, RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } },
    });
    const schedule = synthesis.resources('AWS::Scheduler::Schedule').find(({ id }) => id.startsWith('Tail'));
    const roleId = targetSchema.parse(schedule?.Properties).Target.RoleArn['Fn::GetAtt'][0];
    expect(statementsOf(synthesis, roleId)).toEqual([
      {
        Effect: 'Allow',
        Action: ['lambda:InvokeFunction'],
        Resource: [arn, { 'Fn::Join': ['', [arn, ':*']] }],
      },
    ]);
    synthesis.template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: tailer?.id },
      MaximumRetryAttempts: 0,
    });
  });
});

describe('upkeep', () => {
  it('is asked for every five minutes, on the queue of runs, by a role that can do nothing else', () => {
    const runs = synthesis.resources('AWS::SQS::Queue').find(({ id }) => id.startsWith('RunsQueue'));
    const arn = { 'Fn::GetAtt': [runs?.id, 'Arn'] };
    synthesis.template.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'rate(5 minutes)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: 'ENABLED',
      Target: {
        Arn: arn,
        Input: '{"version":1,"kind":"UPKEEP"}',
        RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 300 },
      },
    });
    const role = synthesis.resources('AWS::IAM::Role').find(({ id }) => id.startsWith('UpkeepScheduleRole'));
    expect(statementsOf(synthesis, role?.id ?? '')).toMatchObject([{ Effect: 'Allow', Resource: [arn] }]);
  });
});

describe('first administrator', () => {
  it('is generated into a secret, and written by a custom resource', () => {
    const [secret] = synthesis.resources('AWS::SecretsManager::Secret');
    const bootstrap = functions.find(({ folder }) => folder === 'bootstrap-admin');
    expect(secret?.Properties).toMatchObject({
      GenerateSecretString: { SecretStringTemplate: '{"username":"admin"}', GenerateStringKey: 'password' },
    });
    synthesis.template.hasResourceProperties('Custom::LogferryFirstAdmin', {
      ServiceToken: { 'Fn::GetAtt': [bootstrap?.id, 'Arn'] },
      Revision: '1',
    });
  });
});

describe('alarms', () => {
  it('name pages that the runbook has', () => {
    const runbook = readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8');
    const alarms = synthesis.resources('AWS::CloudWatch::Alarm');
    expect(alarms).toHaveLength(15);
    for (const { Properties } of alarms) {
      const [, heading = ''] =
        /Runbook: docs\/operations\.md, "(.+)"\.$/.exec(String(Properties['AlarmDescription'])) ?? [];
      const [, page = ''] = runbook.split(`\n### ${heading}\n`);
      expect(heading).not.toBe('');
      for (const part of ['Description', 'Investigation', 'Resolution']) {
        expect(page.split('\n### ', 1)[0], `${heading}: ${part}`).toContain(`**${part}.**`);
      }
    }
  });

  it('watch what the tailer and the planner tell, by their names and for all slots and tasks at once', () => {
    const told = synthesis
      .resources('AWS::CloudWatch::Alarm')
      .map(({ Properties }) => Properties)
      .filter((alarm) => alarm['Namespace'] === NAMESPACE);
    expect(told).toHaveLength(6);
    const alarmOf =
      (name: string) =>
      (MetricName: string, Statistic: string, Threshold: number, ComparisonOperator: string) => {
        const id = functions.find(({ folder }) => folder === name)?.id;
        const Dimensions = [{ Name: 'FunctionName', Value: { Ref: id } }];
        return expect.objectContaining({ MetricName, Statistic, Threshold, ComparisonOperator, Dimensions });
      };
    const alarm = alarmOf('tailer');
    const taskAlarm = alarmOf('planner');
    expect(told).toEqual(
      expect.arrayContaining([
        alarm('HeadroomSeconds', 'Minimum', 2 * TAIL_PERIOD, 'LessThanThreshold'),
        alarm('LagSeconds', 'Maximum', 300, 'GreaterThanOrEqualToThreshold'),
        alarm('LogWarnings', 'Maximum', 1, 'GreaterThanOrEqualToThreshold'),
        taskAlarm('GuardedSweeps', 'Sum', 1, 'GreaterThanOrEqualToThreshold'),
        taskAlarm('FailedSweeps', 'Sum', 1, 'GreaterThanOrEqualToThreshold'),
        taskAlarm('StrandedTasks', 'Maximum', 1, 'GreaterThanOrEqualToThreshold'),
      ]),
    );
  });

  it('tell the topic that the deployment names', () => {
    const topic = 'arn:aws:sns:eu-west-1:123456789012:alarms';
    for (const { Properties } of synthesize({ alarmTopicArn: topic }).resources('AWS::CloudWatch::Alarm')) {
      expect(Properties).toMatchObject({ AlarmActions: [topic], OKActions: [topic] });
    }
  });
});

describe('the stack', () => {
  it('has the outputs that other programs read', () => {
    expect(Object.keys(synthesis.outputs).sort()).toEqual(
      [
        'AdminSecretArn',
        'ApiId',
        'ApiUrl',
        'ArchiveBucketName',
        'BlobBucketName',
        'ClusterId',
        'LaneDeadLetterQueueUrl',
        'LaneQueueUrl',
        'PageDeadLetterQueueUrl',
        'PageQueueUrl',
        'PlannerFunctionName',
        'ProjectId',
        'ReplicatorFunctionName',
        'RunDeadLetterQueueUrl',
        'RunQueueUrl',
        'SynchronizerFunctionName',
        'TableName',
        'TailScheduleName',
        'TaskScheduleGroup',
        'TailerFunctionName',
      ].sort(),
    );
    const [api] = synthesis.resources('AWS::ApiGatewayV2::Api');
    expect(synthesis.outputs['ApiUrl']?.Value).toEqual({ 'Fn::GetAtt': [api?.id, 'ApiEndpoint'] });
  });

  it('leaves room below the 500 resources that a stack may hold', () => {
    const count = Object.keys(
      z.record(z.string(), z.unknown()).parse(synthesis.template.toJSON()['Resources']),
    ).length;
    process.stdout.write(`infrastructure: ${count} resources\n`);
    expect(count).toBeLessThanOrEqual(480);
  });

  it('differs between two stages by names only', () => {
    const texts = ['source', 'target'].map((stage) => {
      const { template, outputs } = synthesize({ stage });
      return (
        JSON.stringify(template.toJSON())
          .replaceAll(String(outputs['ProjectId']?.Value), '<project id>')
          .replaceAll(`logferry-${stage}`, '<stack>')
          .replaceAll(`logferry${stage}`, '<stack>')
          // Construct ids made from the stack's name end in a digest of it.
          .replaceAll(/(<stack>\w*?)[0-9A-F]{8,16}(?=["}]|<stack>)/g, '$1')
      );
    });
    expect(texts[0]).toBe(texts[1]);
  });

  it.each([
    ['as it is by default', {}],
    ['in a VPC with everything that exists already', { ...NETWORK, blobBucketName: 'bkrepo-blobs' }],
    ['that goes without a trace', { removalPolicy: 'destroy', tailMode: 'burst' }],
  ])('has no finding of cdk-nag that is not acknowledged: %s', (_name, context) => {
    expect(new AwsSolutionsChecks().validateScope(synthesize(context).app).violations).toEqual([]);
  });

  it('is looked at by cdk-nag at all', () => {
    const { app, stack } = synthesize();
    new Bucket(stack, 'Careless');
    const found = new AwsSolutionsChecks().validateScope(app).violations.map(({ ruleName }) => ruleName);
    expect(found.sort()).toEqual(['AwsSolutions-S1', 'AwsSolutions-S10']);
  });
});

function handlerOf(folder: string): string {
  return join(ROOT, 'functions', folder, 'handler.ts');
}
