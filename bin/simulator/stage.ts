import { setTimeout as wait } from 'node:timers/promises';
import { S3Client } from '@aws-sdk/client-s3';
import { MongoClient } from 'mongodb';
import { z } from 'zod';
import type { StageEndpoints } from '../local/endpoints.ts';
import type { ComparedCluster } from './comparison.ts';

/** The account of a task, as the API answers it. */
const accountSchema = z.object({
  read: z.number(),
  applied: z.number(),
  superseded: z.number(),
  filtered: z.number(),
  conflicted: z.number(),
  failed: z.number(),
  pending: z.number(),
  repaired: z.number(),
});
export type Account = z.output<typeof accountSchema>;

/** The log of a task's run, as the API answers it and as far as it is looked at here. */
const runLogSchema = z.object({
  id: z.string(),
  status: z.string(),
  errorReason: z.string().nullish(),
  replicationProgress: z.object({
    totalNode: z.number(),
    successNode: z.number(),
    conflictedNode: z.number(),
    failedNode: z.number(),
    totalBytes: z.number(),
    doneBytes: z.number(),
  }),
});
export type RunLog = z.output<typeof runLogSchema>;

/** One stage of a local cloud as a client, an operator and a bk-repo beside it see it. */
export class Stage {
  readonly endpoints: StageEndpoints;
  readonly #mongo: MongoClient;
  readonly #s3: S3Client;

  private constructor(endpoints: StageEndpoints, mongo: MongoClient) {
    const { endpoint, region, accessKeyId, secretAccessKey } = endpoints.aws;
    this.endpoints = endpoints;
    this.#mongo = mongo;
    this.#s3 = new S3Client({
      endpoint,
      region,
      credentials: { accessKeyId, secretAccessKey },
      forcePathStyle: true,
    });
  }

  static async connect(endpoints: StageEndpoints): Promise<Stage> {
    return new Stage(endpoints, await MongoClient.connect(endpoints.mongoUri));
  }

  async close(): Promise<void> {
    this.#s3.destroy();
    await this.#mongo.close();
  }

  get cluster(): ComparedCluster {
    return {
      database: this.#mongo.db(this.endpoints.mongoDatabase),
      s3: this.#s3,
      blobBucket: this.endpoints.blobBucket,
    };
  }

  /** What another cluster's task names as its remote. */
  get asRemote(): { readonly url: string; readonly username: string; readonly password: string } {
    return { url: `${this.endpoints.apiUrl}/replication`, ...this.endpoints.admin };
  }

  /**
   * Call the stage's API as its administrator.
   *
   * @returns the envelope's data.
   * @throws Error with the envelope's code and message when it is not a success.
   */
  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const { username, password } = this.endpoints.admin;
    const response = await fetch(this.endpoints.apiUrl + path, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const envelope = z
      .object({ code: z.number(), message: z.string().nullable(), data: z.unknown() })
      .parse(await response.json());
    if (envelope.code !== 0) {
      throw new Error(`${method} ${path} answered ${envelope.code}: ${envelope.message}`);
    }
    return envelope.data;
  }

  /** Create an incremental task; what is not named covers every project. Returns its key. */
  async follow(
    remote: Stage['asRemote'],
    scope: Readonly<Record<string, unknown>> = { includeAllProject: true },
  ): Promise<string> {
    return this.#create(remote, { type: 'INCREMENTAL', ...scope });
  }

  /** Create a full task that runs at once; what is not named covers every project. Returns its key. */
  async copyAll(
    remote: Stage['asRemote'],
    scope: Readonly<Record<string, unknown>> = { includeAllProject: true },
  ): Promise<string> {
    return this.#create(remote, { type: 'FULL', ...scope });
  }

  async #create(remote: Stage['asRemote'], request: Readonly<Record<string, unknown>>): Promise<string> {
    const task = await this.call('POST', '/replication/task/create', {
      ...request,
      setting: { remoteClusterInfo: remote, executionPlan: { executeImmediately: true } },
    });
    return z.object({ key: z.string() }).parse(task).key;
  }

  /** The newest run of a task; undefined before the first. */
  async latestRun(taskKey: string): Promise<RunLog | undefined> {
    const log = await this.call('GET', `/replication/task/log/latest/${taskKey}`);
    return runLogSchema.nullable().parse(log) ?? undefined;
  }

  /**
   * Wait until the newest run of a task has ended.
   *
   * @throws Error when it takes longer than `patienceMs`.
   */
  async runEnded(options: { readonly taskKey: string; readonly patienceMs: number }): Promise<RunLog> {
    const deadline = Date.now() + options.patienceMs;
    for (;;) {
      const run = await this.latestRun(options.taskKey);
      if (run !== undefined && run.status !== 'REPLICATING') {
        return run;
      }
      if (Date.now() > deadline) {
        throw new Error(
          `The run did not end within ${options.patienceMs / 1_000} s: ${JSON.stringify(run ?? 'not begun')}`,
        );
      }
      await wait(250);
    }
  }

  async account(taskKey: string): Promise<Account> {
    return accountSchema.parse(await this.call('GET', `/replication/task/account/${taskKey}`));
  }

  /**
   * Wait until a task has read so many events and none is pending.
   *
   * @param show called with each account that differs from the one before.
   * @throws Error when it takes longer than `patienceMs`.
   */
  async settled(options: {
    readonly taskKey: string;
    readonly read: number;
    readonly patienceMs: number;
    readonly show?: (account: Account) => void;
  }): Promise<Account> {
    const { taskKey, read, patienceMs, show } = options;
    const deadline = Date.now() + patienceMs;
    let shown = '';
    for (;;) {
      const account = await this.account(taskKey);
      const text = JSON.stringify(account);
      if (text !== shown) {
        show?.(account);
        shown = text;
      }
      if (account.read >= read && account.pending === 0) {
        return account;
      }
      if (Date.now() > deadline) {
        throw new Error(`The account did not close within ${patienceMs / 1_000} s: ${text}`);
      }
      await wait(500);
    }
  }
}
