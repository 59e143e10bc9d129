import type { CapabilityName } from './capabilities.ts';

/** Gateways of bk-repo serve its addresses under both. */
export const PREFIXES = ['/replication', '/api/replication'] as const;
/** Addresses of no bk-repo: one prefix is enough. */
const OWN = ['/replication'] as const;
/** The second contract: below a project, and what hands out tokens and keys. */
const JOBS = ['/v3/{project_id}/jobs'] as const;
const IDENTITY = [''] as const;

/** bk-repo answers a HEAD wherever it answers a GET: so do the endpoints that say so. */
export type EndpointMethod = 'GET' | 'HEAD' | 'POST' | 'DELETE';

/** One endpoint: one Lambda, reached by its methods and path under each of its prefixes. */
export interface Endpoint {
  /** Folder under functions/ whose handler.ts serves it. */
  readonly folder: string;
  readonly methods: readonly EndpointMethod[];
  /** Prefixes of its path; bk-repo's when nothing is said. */
  readonly prefixes?: readonly string[];
  /** Path below the prefix, in API Gateway's notation. */
  readonly path: string;
  /** What the function may do and is told (capabilities.ts). */
  readonly uses: readonly CapabilityName[];
  /** Memory in MiB, and with it the share of a CPU; default 512. */
  readonly memorySize?: number;
}

/**
 * The route table of the API. Every endpoint reads `principals`: the caller is
 * authenticated inside the function.
 */
export const ENDPOINTS: readonly Endpoint[] = [
  {
    folder: 'tasks/connect-test',
    methods: ['GET', 'POST'],
    path: '/task/connect/test',
    uses: ['principals', 'remotes'],
  },
  {
    folder: 'tasks/create',
    methods: ['POST'],
    path: '/task/create',
    // It takes the task's position in the log, so it reads MongoDB.
    uses: [
      'principals',
      'tableRead',
      'tableWrite',
      'timeZone',
      'encryptCredentials',
      'operateLog',
      'remotes',
      'startRuns',
      'schedules',
    ],
  },
  {
    folder: 'tasks/list',
    methods: ['GET', 'HEAD'],
    path: '/task/list',
    uses: ['principals', 'tableRead', 'timeZone'],
  },
  {
    folder: 'tasks/detail',
    methods: ['GET', 'HEAD'],
    path: '/task/detail/{taskKey}',
    uses: ['principals', 'tableRead', 'timeZone'],
  },
  {
    folder: 'tasks/delete',
    methods: ['DELETE'],
    path: '/task/delete/{taskKey}',
    uses: ['principals', 'tableRead', 'tableWrite', 'schedules'],
  },
  {
    folder: 'tasks/update',
    methods: ['POST'],
    path: '/task/update',
    uses: [
      'principals',
      'tableRead',
      'tableWrite',
      'timeZone',
      'encryptCredentials',
      'remotes',
      'startRuns',
      'schedules',
    ],
  },
  {
    folder: 'tasks/copy',
    methods: ['POST'],
    path: '/task/copy',
    // The password is bound to its task, so a copy has it decrypted and encrypted again.
    uses: ['principals', 'tableRead', 'tableWrite', 'timeZone', 'decryptCredentials', 'encryptCredentials'],
  },
  {
    folder: 'tasks/execute',
    methods: ['POST'],
    path: '/task/execute/{taskKey}',
    uses: ['principals', 'tableRead', 'startRuns'],
  },
  {
    folder: 'tasks/interrupt',
    methods: ['POST'],
    path: '/task/interrupt/{taskKey}',
    uses: ['principals', 'tableRead', 'tableWrite'],
  },
  {
    folder: 'tasks/redrive',
    methods: ['POST'],
    path: '/task/redrive/{taskKey}',
    uses: ['principals', 'tableRead', 'tableWrite', 'readArchive'],
  },
  {
    folder: 'tasks/toggle-status',
    methods: ['POST'],
    path: '/task/toggle/status/{taskKey}',
    uses: ['principals', 'tableRead', 'tableWrite', 'timeZone', 'startRuns', 'schedules'],
  },
  {
    folder: 'tasks/log-list',
    methods: ['GET', 'HEAD'],
    path: '/task/log/list/{taskKey}',
    uses: ['principals', 'tableRead', 'timeZone'],
  },
  {
    folder: 'tasks/log-latest',
    methods: ['GET', 'HEAD'],
    path: '/task/log/latest/{taskKey}',
    uses: ['principals', 'tableRead', 'timeZone'],
  },
  {
    folder: 'tasks/failure-list',
    methods: ['GET', 'HEAD'],
    path: '/task/failure/list/{taskKey}',
    uses: ['principals', 'tableRead', 'timeZone'],
  },
  {
    folder: 'tasks/failure-retry',
    methods: ['POST'],
    path: '/task/failure/retry/{taskKey}',
    uses: ['principals', 'tableRead', 'startRuns'],
  },
  {
    folder: 'tasks/failure-dismiss',
    methods: ['POST'],
    path: '/task/failure/dismiss/{taskKey}',
    uses: ['principals', 'tableRead', 'tableWrite'],
  },
  {
    folder: 'tasks/conflict-list',
    methods: ['GET', 'HEAD'],
    path: '/task/conflict/list/{taskKey}',
    uses: ['principals', 'tableRead', 'timeZone'],
  },
  {
    folder: 'tasks/conflict-resolve',
    methods: ['POST'],
    path: '/task/conflict/resolve/{taskKey}',
    uses: ['principals', 'tableRead', 'startRuns'],
  },
  {
    folder: 'tasks/account',
    methods: ['GET', 'HEAD'],
    path: '/task/account/{taskKey}',
    uses: ['principals', 'tableRead'],
  },
  {
    folder: 'tasks/sweep',
    methods: ['POST'],
    prefixes: OWN,
    path: '/task/sweep/{taskKey}',
    uses: ['principals', 'tableRead', 'tableWrite', 'timeZone', 'startRuns'],
  },
  {
    folder: 'tasks/sweep-list',
    methods: ['GET'],
    prefixes: OWN,
    path: '/task/sweep/list/{taskKey}',
    uses: ['principals', 'tableRead', 'timeZone'],
  },
  {
    folder: 'tasks/compare',
    methods: ['GET'],
    prefixes: OWN,
    path: '/task/compare/{taskKey}',
    uses: ['principals', 'tableRead', 'mongodb', 'decryptCredentials', 'remotes', 'clusterId'],
    // Thousands of nodes of both sides are held and compared.
    memorySize: 1024,
  },
  {
    folder: 'slots/list',
    methods: ['GET', 'HEAD'],
    path: '/slot/list',
    // It says how far each slot is behind the log, so it reads MongoDB.
    uses: ['principals', 'tableRead', 'timeZone', 'operateLog'],
  },
  {
    folder: 'principals/create',
    methods: ['POST'],
    prefixes: OWN,
    path: '/principal/create',
    uses: ['principals', 'writePrincipals', 'timeZone'],
  },
  {
    folder: 'principals/list',
    methods: ['GET'],
    prefixes: OWN,
    path: '/principal/list',
    uses: ['principals', 'listPrincipals', 'timeZone'],
  },
  {
    folder: 'principals/delete',
    methods: ['DELETE'],
    prefixes: OWN,
    path: '/principal/delete/{username}',
    uses: ['principals', 'listPrincipals', 'deletePrincipals', 'accessKeys'],
  },
  { folder: 'replica/ping', methods: ['GET', 'HEAD'], path: '/replica/ping', uses: ['principals'] },
  {
    folder: 'replica/version',
    methods: ['GET', 'HEAD'],
    path: '/replica/version',
    uses: ['principals', 'clusterId'],
  },
  {
    folder: 'replica/node-exist',
    methods: ['GET', 'HEAD'],
    path: '/replica/node/exist',
    uses: ['principals', 'mongodb'],
  },
  {
    folder: 'replica/node-exist-list',
    methods: ['POST'],
    path: '/replica/node/exist/list',
    uses: ['principals', 'mongodb'],
  },
  {
    folder: 'replica/node-digest-list',
    methods: ['POST'],
    path: '/replica/node/digest/list',
    uses: ['principals', 'mongodb'],
  },
  {
    folder: 'replica/node-digest-range',
    methods: ['POST'],
    path: '/replica/node/digest/range',
    uses: ['principals', 'mongodb'],
  },
  {
    folder: 'replica/node-create',
    methods: ['POST'],
    path: '/replica/node/create',
    uses: ['principals', 'operateLog', 'timeZone'],
  },
  {
    folder: 'replica/node-delete',
    methods: ['POST'],
    path: '/replica/node/delete',
    uses: ['principals', 'operateLog', 'timeZone'],
  },
  {
    folder: 'replica/node-rename',
    methods: ['POST'],
    path: '/replica/node/rename',
    uses: ['principals', 'operateLog', 'timeZone'],
  },
  {
    folder: 'replica/node-update',
    methods: ['POST'],
    path: '/replica/node/update',
    uses: ['principals', 'operateLog', 'timeZone'],
  },
  {
    folder: 'replica/node-move',
    methods: ['POST'],
    path: '/replica/node/move',
    uses: ['principals', 'operateLog', 'timeZone'],
  },
  {
    folder: 'replica/node-copy',
    methods: ['POST'],
    path: '/replica/node/copy',
    uses: ['principals', 'operateLog', 'timeZone'],
  },
  {
    folder: 'replica/project-create',
    methods: ['POST'],
    path: '/replica/project/create',
    uses: ['principals', 'operateLog', 'timeZone'],
  },
  {
    folder: 'replica/repo-create',
    methods: ['POST'],
    path: '/replica/repo/create',
    uses: ['principals', 'operateLog', 'timeZone'],
  },
  {
    folder: 'replica/repo-update',
    methods: ['POST'],
    path: '/replica/repo/update',
    uses: ['principals', 'operateLog', 'timeZone'],
  },
  {
    folder: 'replica/repo-delete',
    methods: ['POST'],
    path: '/replica/repo/delete',
    uses: ['principals', 'operateLog', 'timeZone'],
  },
  {
    folder: 'replica/metadata-save',
    methods: ['POST'],
    path: '/replica/metadata/save',
    uses: ['principals', 'operateLog', 'timeZone'],
  },
  {
    folder: 'replica/metadata-delete',
    methods: ['POST'],
    path: '/replica/metadata/delete',
    uses: ['principals', 'operateLog', 'timeZone'],
  },
  {
    folder: 'replica/file-upload',
    methods: ['POST'],
    path: '/replica/file/{projectId}/{repoName}/{fullPath+}',
    uses: ['principals', 'operateLog', 'timeZone', 'writeBlobs'],
    // The body is held and hashed: memory buys the CPU for it.
    memorySize: 1024,
  },
  {
    folder: 'replica/user',
    methods: ['POST'],
    path: '/replica/user',
    uses: ['principals', 'mongodb', 'timeZone'],
  },
  { folder: 'replica/role', methods: ['POST'], path: '/replica/role', uses: ['principals', 'mongodb'] },
  {
    folder: 'replica/role-user',
    methods: ['POST'],
    path: '/replica/role/user/{rid}',
    uses: ['principals', 'mongodb'],
  },
  {
    folder: 'replica/permission',
    methods: ['POST'],
    path: '/replica/permission',
    uses: ['principals', 'mongodb'],
  },
  {
    folder: 'replica/permission-list',
    methods: ['GET', 'HEAD'],
    path: '/replica/permission/list',
    uses: ['principals', 'mongodb', 'timeZone'],
  },
  {
    folder: 'replica/blob-check',
    methods: ['GET', 'HEAD'],
    path: '/replica/blob/check',
    uses: ['principals', 'readBlobs'],
  },
  {
    folder: 'replica/blob-check-list',
    methods: ['POST'],
    path: '/replica/blob/check/list',
    uses: ['principals', 'mongodb', 'readBlobs'],
  },
  {
    folder: 'replica/blob-push',
    methods: ['POST'],
    path: '/replica/blob/push',
    uses: ['principals', 'writeBlobs'],
    // As file-upload.
    memorySize: 1024,
  },
  {
    folder: 'replica/blob-presign',
    methods: ['POST'],
    path: '/replica/blob/presign',
    // What it signs is done with its own permissions.
    uses: ['principals', 'mongodb', 'writeBlobs'],
  },
  {
    folder: 'jobs/batch-sync-policy',
    methods: ['POST'],
    prefixes: JOBS,
    path: '/batch-sync-policy',
    uses: ['callers', 'projectId', 'tableRead', 'tableWrite'],
    // A hundred jobs are read and written at once.
    memorySize: 1024,
  },
  {
    folder: 'jobs/batch-status',
    methods: ['POST'],
    prefixes: JOBS,
    path: '/batch-status',
    uses: ['callers', 'projectId', 'tableRead'],
  },
  {
    folder: 'jobs/batch-progress',
    methods: ['POST'],
    prefixes: JOBS,
    path: '/batch-progress',
    uses: ['callers', 'projectId', 'tableRead'],
  },
  {
    folder: 'jobs/batch-detail',
    methods: ['POST'],
    prefixes: JOBS,
    path: '/batch-detail',
    uses: ['callers', 'projectId', 'tableRead'],
  },
  {
    folder: 'jobs/batch-pause-task',
    methods: ['POST'],
    prefixes: JOBS,
    path: '/batch-pause-task',
    uses: ['callers', 'projectId', 'tableRead', 'tableWrite', 'timeZone', 'startRuns', 'schedules'],
  },
  {
    folder: 'jobs/batch-retry-task',
    methods: ['POST'],
    prefixes: JOBS,
    path: '/batch-retry-task',
    uses: ['callers', 'projectId', 'tableRead', 'tableWrite', 'timeZone', 'startRuns', 'schedules'],
  },
  {
    folder: 'jobs/batch-jobs',
    methods: ['DELETE'],
    prefixes: JOBS,
    path: '/batch-jobs',
    uses: ['callers', 'projectId', 'tableRead', 'tableWrite', 'schedules'],
  },
  {
    folder: 'identity/tokens',
    methods: ['POST'],
    prefixes: IDENTITY,
    path: '/v3/auth/tokens',
    uses: ['principals', 'writeTokens'],
  },
  {
    folder: 'identity/credential-create',
    methods: ['POST'],
    prefixes: IDENTITY,
    path: '/v3.0/OS-CREDENTIAL/credentials',
    uses: ['principals', 'callers', 'accessKeys', 'encryptAccessKeys'],
  },
  {
    folder: 'identity/credential-list',
    methods: ['GET'],
    prefixes: IDENTITY,
    path: '/v3.0/OS-CREDENTIAL/credentials',
    uses: ['principals', 'callers', 'accessKeys'],
  },
  {
    folder: 'identity/credential-delete',
    methods: ['DELETE'],
    prefixes: IDENTITY,
    path: '/v3.0/OS-CREDENTIAL/credentials/{access_key}',
    uses: ['principals', 'callers', 'accessKeys'],
  },
];

/** Paths that an endpoint is reached by, in API Gateway's notation. */
export function pathsOf({ prefixes = PREFIXES, path }: Endpoint): readonly string[] {
  return prefixes.map((prefix) => `${prefix}${path}`);
}

/** Every route as `METHOD /path`. */
export function routesOf(endpoints: readonly Endpoint[]): readonly string[] {
  return endpoints.flatMap((endpoint) =>
    pathsOf(endpoint).flatMap((path) => endpoint.methods.map((method) => `${method} ${path}`)),
  );
}

/** Folders of all functions: what is bundled, and where a handler.ts must be. */
export const FUNCTION_FOLDERS: readonly string[] = [
  ...ENDPOINTS.map(({ folder }) => folder),
  'fallback',
  'tailer',
  'replicator',
  'planner',
  'synchronizer',
  'bootstrap-admin',
];
