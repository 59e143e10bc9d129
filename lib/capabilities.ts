import type { Configuration } from './configuration.ts';
import type { Credentials } from './credentials.ts';
import type { Database } from './database.ts';
import type { Grantee } from './grantee.ts';
import type { Lanes } from './lanes.ts';
import type { Storage } from './storage.ts';
import type { TaskSchedules } from './task-schedules.ts';
import type { WorkQueue } from './work-queue.ts';

/** Something that a function may do: the variables that tell it where, and the permission to do it. */
export interface Capability {
  /** Variables of functions/shared/environment.ts. */
  readonly environment: Readonly<Record<string, string>>;
  /** True when it reaches MongoDB or a remote, and so needs the deployment's VPC where there is one. */
  readonly inNetwork: boolean;
  grant(grantee: Grantee): void;
}

export interface CapabilityProps {
  readonly configuration: Configuration;
  readonly storage: Storage;
  /** 32 hex digits, of this deployment alone. */
  readonly clusterId: string;
  readonly database: Database;
  readonly credentials: Credentials;
  readonly lanes: Lanes;
  readonly runs: WorkQueue;
  readonly pages: WorkQueue;
  readonly schedules: TaskSchedules;
}

const CAPABILITY_NAMES = [
  'principals',
  'writePrincipals',
  'listPrincipals',
  'deletePrincipals',
  'callers',
  'projectId',
  'writeTokens',
  'accessKeys',
  'encryptAccessKeys',
  'tableRead',
  'tableWrite',
  'timeZone',
  'clusterId',
  'mongodb',
  'operateLog',
  'remotes',
  'encryptCredentials',
  'decryptCredentials',
  'readBlobs',
  'writeBlobs',
  'readArchive',
  'writeArchive',
  'sendLanes',
  'workLanes',
  'startRuns',
  'workRuns',
  'sendPages',
  'workPages',
  'schedules',
  'tailMode',
] as const;

export type CapabilityName = (typeof CAPABILITY_NAMES)[number];
export type Capabilities = Readonly<Record<CapabilityName, Capability>>;

/** Every capability of a deployment, once: who has which is said where the function is defined. */
export function capabilitiesOf(props: CapabilityProps): Capabilities {
  const { configuration, storage, database, credentials, lanes, runs, pages, schedules } = props;
  const table = { TABLE_NAME: storage.table.tableName };
  const mongodb = {
    MONGODB_SECRET_ID: configuration.mongodbSecretName,
    MONGODB_DATABASE: configuration.mongodbDatabase,
  };
  const blobs = { BLOB_BUCKET: storage.blobBucket.bucketName };
  const archive = { ARCHIVE_BUCKET: storage.archiveBucket.bucketName };
  const key = { CREDENTIALS_KEY_ID: credentials.key.keyArn };
  const lane = { LANE_QUEUE_URL: lanes.queue.queueUrl };
  const run = { RUN_QUEUE_URL: runs.queue.queueUrl };
  const page = { PAGE_QUEUE_URL: pages.queue.queueUrl };
  const schedule = {
    SCHEDULE_GROUP: schedules.groupName,
    SCHEDULE_ROLE_ARN: schedules.role.roleArn,
    RUN_QUEUE_ARN: runs.queue.queueArn,
  };
  return {
    principals: capability(table, (grantee) => storage.grantReadPrincipals(grantee)),
    writePrincipals: capability(table, (grantee) => storage.grantWritePrincipals(grantee)),
    listPrincipals: capability(table, (grantee) => storage.grantListPrincipals(grantee)),
    deletePrincipals: capability(table, (grantee) => storage.grantDeletePrincipals(grantee)),
    callers: {
      environment: {
        ...table,
        ...key,
        TRUST_FORWARDED_HOST: String(configuration.trustForwardedHost),
        OIDC: JSON.stringify(oidcOf(configuration)),
      },
      grant: (grantee) => {
        storage.grantReadCallers(grantee);
        credentials.grantDecryptSecrets(grantee);
      },
      // The issuer may be inside.
      inNetwork: configuration.oidc !== undefined,
    },
    projectId: capability({ PROJECT_ID: configuration.projectId }),
    writeTokens: capability(table, (grantee) => storage.grantWriteTokens(grantee)),
    accessKeys: capability(table, (grantee) => storage.grantAccessKeys(grantee)),
    encryptAccessKeys: capability(key, (grantee) => credentials.grantEncryptSecrets(grantee)),
    tableRead: capability(table, (grantee) => storage.grantReadTable(grantee)),
    tableWrite: capability(table, (grantee) => storage.grantWriteTable(grantee)),
    timeZone: capability({ TIME_ZONE: configuration.timeZone }),
    clusterId: capability({ CLUSTER_ID: props.clusterId }),
    mongodb: inNetwork(mongodb, (grantee) => database.grantConnect(grantee)),
    operateLog: inNetwork(
      { ...mongodb, OPERATE_LOG_COLLECTION: configuration.operateLogCollection },
      (grantee) => database.grantConnect(grantee),
    ),
    remotes: inNetwork({ ALLOW_PRIVATE_REMOTES: String(configuration.allowPrivateRemotes) }),
    encryptCredentials: capability(key, (grantee) => credentials.grantEncrypt(grantee)),
    decryptCredentials: capability(key, (grantee) => credentials.grantDecrypt(grantee)),
    readBlobs: capability(blobs, (grantee) => storage.grantReadBlobs(grantee)),
    writeBlobs: capability(blobs, (grantee) => storage.grantWriteBlobs(grantee)),
    readArchive: capability(archive, (grantee) => storage.grantReadArchive(grantee)),
    writeArchive: capability(archive, (grantee) => storage.grantWriteArchive(grantee)),
    sendLanes: capability(lane, (grantee) => lanes.grantSend(grantee)),
    workLanes: capability(lane, (grantee) => lanes.grantWork(grantee)),
    startRuns: capability(run, (grantee) => runs.grantSend(grantee)),
    workRuns: capability(run, (grantee) => runs.grantWork(grantee)),
    sendPages: capability(page, (grantee) => pages.grantSend(grantee)),
    workPages: capability(page, (grantee) => pages.grantWork(grantee)),
    schedules: capability(schedule, (grantee) => schedules.grantArm(grantee)),
    tailMode: capability({ TAIL_MODE: configuration.tailMode }),
  };
}

function oidcOf({ oidc, allowPrivateRemotes }: Configuration) {
  return oidc === undefined ? null : { ...oidc, allowPrivate: allowPrivateRemotes };
}

function capability(
  environment: Readonly<Record<string, string>>,
  grant: (grantee: Grantee) => void = () => undefined,
): Capability {
  return { environment, grant, inNetwork: false };
}

function inNetwork(...parts: Parameters<typeof capability>): Capability {
  return { ...capability(...parts), inNetwork: true };
}
