import { createHash } from 'node:crypto';
import { z } from 'zod';

const name = z.string().trim().min(1);
/** Context values from the command line are text, those from cdk.json may be JSON: both are read. */
const flag = z.union([z.boolean(), z.stringbool()]);
const list = (item: z.ZodString) =>
  z
    .union([z.array(item), z.string().transform((text) => text.split(',').map((part) => part.trim()))])
    .pipe(z.array(item).min(1));

/** Above what queues keep (14 days), and what an outage over holidays with its repair takes. */
const MIN_ARCHIVE_DAYS = 35;

const contextSchema = z
  .object({
    stage: z.string().regex(/^[a-z][a-z0-9-]{0,19}$/, 'must be 1 to 20 of a-z, 0-9 and -, a letter first'),
    mongodbSecretName: name,
    mongodbDatabase: name.default('bkrepo'),
    operateLogCollection: name.default('operate_log'),
    blobBucketName: name.optional(),
    archiveDays: z.coerce.number().int().min(MIN_ARCHIVE_DAYS).default(365),
    tailMode: z.enum(['continuous', 'burst']).default('continuous'),
    timeZone: name.default('UTC').refine(isTimeZone, 'must be an IANA time zone such as Asia/Shanghai'),
    projectId: z
      .string()
      .regex(/^[0-9a-f]{32}$/, 'must be 32 hex digits')
      .optional(),
    allowPrivateRemotes: flag.default(false),
    vpcId: z.string().regex(resourceId('vpc'), 'must be a VPC id').optional(),
    subnetIds: list(
      z.string().regex(resourceId('subnet'), 'must be subnet ids, separated by commas'),
    ).optional(),
    securityGroupIds: list(
      z.string().regex(resourceId('sg'), 'must be security group ids, separated by commas'),
    ).optional(),
    removalPolicy: z.enum(['retain', 'destroy']).default('retain'),
    adminRevision: z.coerce.number().int().positive().default(1),
    alarmTopicArn: z.string().startsWith('arn:', 'must be the ARN of an SNS topic').optional(),
    trustForwardedHost: flag.default(false),
    oidcIssuer: z
      .url({ protocol: /^https?$/, error: 'must be the URL of an OpenID Connect issuer' })
      .optional(),
    oidcAudience: name.optional(),
    oidcRolesClaim: name.default('roles'),
  })
  .refine((context) => (context.oidcIssuer === undefined) === (context.oidcAudience === undefined), {
    message: 'oidcIssuer and oidcAudience are given together or not at all',
    path: ['oidcIssuer'],
  })
  .refine((context) => context.allowPrivateRemotes || !context.oidcIssuer?.startsWith('http:'), {
    message: 'must begin with https:// unless allowPrivateRemotes is given',
    path: ['oidcIssuer'],
  })
  .refine(
    (context) =>
      new Set(
        [context.vpcId, context.subnetIds, context.securityGroupIds].map((value) => value === undefined),
      ).size === 1,
    { message: 'vpcId, subnetIds and securityGroupIds are given together or not at all', path: ['vpcId'] },
  );

type Context = z.output<typeof contextSchema>;

/** VPC in which the functions run that reach MongoDB or a remote. */
export interface NetworkConfiguration {
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
}

/** OpenID Connect issuer whose tokens count. */
export interface OidcConfiguration {
  readonly issuer: string;
  readonly audience: string;
  readonly rolesClaim: string;
}

/** What one deployment is told: docs/deployment.md explains every value. */
export interface Configuration {
  readonly stage: string;
  readonly mongodbSecretName: string;
  readonly mongodbDatabase: string;
  readonly operateLogCollection: string;
  readonly blobBucketName: string | undefined;
  /** How long the archive keeps what was read from the log. */
  readonly archiveDays: number;
  readonly tailMode: Context['tailMode'];
  readonly timeZone: string;
  readonly projectId: string;
  readonly allowPrivateRemotes: boolean;
  readonly network: NetworkConfiguration | undefined;
  readonly removalPolicy: Context['removalPolicy'];
  readonly adminRevision: number;
  readonly alarmTopicArn: string | undefined;
  readonly trustForwardedHost: boolean;
  readonly oidc: OidcConfiguration | undefined;
}

const CONTEXT_KEYS: readonly string[] = Object.keys(contextSchema.shape);

/** A context value is missing or wrong; `faults` has one line for each. */
export class ConfigurationError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'ConfigurationError';
    this.faults = faults;
  }
}

/**
 * Read a deployment's configuration from the CDK context, once.
 *
 * @param contextOf returns the context value of a key, undefined when there is none.
 * @throws ConfigurationError with a line for each value that is missing or wrong.
 */
export function readConfiguration(contextOf: (key: string) => unknown): Configuration {
  const result = contextSchema.safeParse(
    Object.fromEntries(CONTEXT_KEYS.map((key) => [key, contextOf(key)])),
  );
  if (!result.success) {
    throw new ConfigurationError(
      result.error.issues.map((issue) => {
        const key = String(issue.path[0]);
        return contextOf(key) === undefined && issue.code === 'invalid_type'
          ? `context value ${key} is missing: give it with -c ${key}=...`
          : `context value ${key}: ${issue.message}`;
      }),
    );
  }
  const { vpcId, subnetIds, securityGroupIds, oidcIssuer, oidcAudience, oidcRolesClaim, ...rest } =
    result.data;
  return {
    ...rest,
    blobBucketName: rest.blobBucketName,
    alarmTopicArn: rest.alarmTopicArn,
    projectId: rest.projectId ?? defaultProjectId(rest.stage),
    oidc:
      oidcIssuer === undefined || oidcAudience === undefined
        ? undefined
        : { issuer: oidcIssuer, audience: oidcAudience, rolesClaim: oidcRolesClaim },
    network:
      vpcId === undefined || subnetIds === undefined || securityGroupIds === undefined
        ? undefined
        : { vpcId, subnetIds, securityGroupIds },
  };
}

/** Ids of EC2 end in 17 hex digits, the oldest in 8. */
function resourceId(kind: string): RegExp {
  return new RegExp(`^${kind}-[0-9a-f]{8}(?:[0-9a-f]{9})?$`);
}

/** The same stage has the same project id in every deployment, so that clients can keep it. */
function defaultProjectId(stage: string): string {
  return createHash('sha256').update(`logferry/${stage}`).digest('hex').slice(0, 32);
}

function isTimeZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
