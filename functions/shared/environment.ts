import { z } from 'zod';

/**
 * Every environment variable that a function may be given, and its meaning. A function picks the ones it needs;
 * the infrastructure (`lib/`) sets exactly those.
 */
const variables = z.object({
  /** The one DynamoDB table (`table.ts`). */
  TABLE_NAME: z.string().min(1),
  /** Bucket of the archive: what was read from the log, and operations too large for a message. */
  ARCHIVE_BUCKET: z.string().min(1),
  /** bk-repo's object store: a blob's key is its SHA-256 in hex. */
  BLOB_BUCKET: z.string().min(1),
  /** FIFO queue of lane batches. */
  LANE_QUEUE_URL: z.url(),
  /** Queue of the starts of runs. */
  RUN_QUEUE_URL: z.url(),
  /** Schedules that start runs: their group, the role with which they send, and the queue of starts that they send to. */
  SCHEDULE_GROUP: z.string().min(1),
  SCHEDULE_ROLE_ARN: z.string().min(1),
  RUN_QUEUE_ARN: z.string().min(1),
  /** Queue of the pages of runs. */
  PAGE_QUEUE_URL: z.url(),
  /** Secrets Manager secret whose text is the MongoDB connection string of bk-repo's database. */
  MONGODB_SECRET_ID: z.string().min(1),
  MONGODB_DATABASE: z.string().min(1),
  OPERATE_LOG_COLLECTION: z.string().min(1),
  /** KMS key under which remote passwords are encrypted. */
  CREDENTIALS_KEY_ID: z.string().min(1),
  /** Secrets Manager secret `{"username","password"}` of the first administrator. */
  ADMIN_SECRET_ID: z.string().min(1),
  /** IANA zone of the zone-less date-times in requests and answers. */
  TIME_ZONE: z.string().min(1),
  /** `continuous` follows the log until the invocation's time is nearly up; `burst` drains it and returns. */
  TAIL_MODE: z.enum(['continuous', 'burst']),
  /** Id of this deployment, 32 hex digits: marks what comes from here, so that it does not come back. */
  CLUSTER_ID: z.string().regex(/^[0-9a-f]{32}$/),
  /** `true` when remotes may lie in private or loopback ranges (section "Addresses" of docs/operations.md). */
  ALLOW_PRIVATE_REMOTES: z.stringbool(),
  /** Project id of the deployment, 32 hex digits: in the paths of the second API it stands for all projects. */
  PROJECT_ID: z.string().regex(/^[0-9a-f]{32}$/),
  /** `true` when a proxy in front of the API says in `X-Forwarded-Host` which host its caller called. */
  TRUST_FORWARDED_HOST: z.stringbool(),
  /**
   * OpenID Connect issuer whose tokens count, as JSON; `null` when there is none. `allowPrivate`: it may lie in a private or
   * loopback range.
   */
  OIDC: z
    .string()
    .transform(parseJson)
    .pipe(
      z
        .object({
          issuer: z.url(),
          audience: z.string(),
          rolesClaim: z.string(),
          allowPrivate: z.boolean(),
        })
        .nullable(),
    ),
  /** Every route of the API, as a JSON list of `METHOD /path` in API Gateway's notation. */
  ROUTES: z
    .string()
    .transform(parseJson)
    .pipe(z.array(z.string().regex(/^[A-Z]+ \//)).min(1)),
});

type Variables = z.output<typeof variables>;
export type VariableName = keyof Variables;

/**
 * Read and check the named environment variables.
 *
 * @throws Error naming each variable that is missing or malformed (never its value).
 */
export function environment<const Name extends VariableName>(
  ...names: readonly Name[]
): Pick<Variables, Name> {
  const mask = Object.fromEntries(names.map((name) => [name, true] as const)) as { [Key in Name]: true };
  const result = variables.pick(mask as never).safeParse(process.env);
  if (!result.success) {
    const faults = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`Environment is not as deployed: ${faults.join('; ')}`);
  }
  return result.data as Pick<Variables, Name>;
}

function parseJson(text: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue('no JSON');
    return z.NEVER;
  }
}
