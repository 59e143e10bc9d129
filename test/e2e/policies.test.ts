import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { nodeDeleted } from '../../bin/simulator/log-entries.ts';
import { nodeCollection, SimulatedSource } from '../../bin/simulator/source.ts';
import type { Stage } from '../../bin/simulator/stage.ts';
import { JobsClient } from '../support/jobs-client.ts';
import { connectStages } from '../support/stages.ts';

/** The schedule's next run comes within 70 s; the rest is slack. */
const PATIENCE_MS = 240_000;
/** Between two changes while a task changes its slot. */
const CHANGE_PAUSE_MS = 400;

const PROJECT = `policies_${randomBytes(3).toString('hex')}`;
/** Of one name, so that a local cloud that is used again has one slot more and not one for each time. */
const SLOT = 'policies_e2e';

/**
 * A task for each repository, created with one conflict strategy and then given the policies by the other API. What each test
 * holds would not be so with the strategy that the task was created with, or without its policies.
 */
const EFFECTS = [
  { name: 'ignored', createdWith: 'OVERWRITE', policies: { conflict_policy: 'ignore' } },
  { name: 'overwritten', createdWith: 'SKIP', policies: { conflict_policy: 'overwrite' } },
  { name: 'stopped', createdWith: 'OVERWRITE', policies: { conflict_policy: 'stop' } },
  { name: 'kept', createdWith: 'SKIP', policies: { filter_ddl_policy: 'drop_database' } },
  // What happens without the policy of the one before.
  { name: 'dropped', createdWith: 'SKIP', policies: {} },
  { name: 'bare', createdWith: 'SKIP', policies: { ddl_trans: false } },
  // An index would be overwritten if it was not left out.
  { name: 'indexed', createdWith: 'SKIP', policies: { conflict_policy: 'overwrite', index_trans: false } },
  { name: 'slotted', createdWith: 'SKIP', policies: {} },
] as const;
type Effect = (typeof EFFECTS)[number]['name'];

const INDEX = '/com/acme/app/maven-metadata.xml';
const ARTIFACT = '/com/acme/app/1.0/app-1.0.jar';

const detailSchema = z.object({
  status: z.string(),
  conflict_policy: z.string(),
  slot_name: z.string(),
  requested_slot_name: z.string().optional(),
  policy_version: z.number(),
  failed_reason: z.string().optional(),
});
const conflictsSchema = z.object({
  records: z.array(
    z.object({
      id: z.string(),
      fullPath: z.string(),
      source: z.unknown(),
      remote: z.unknown(),
      conflictStrategy: z.string(),
      policyVersion: z.number(),
    }),
  ),
});
const failuresSchema = z.object({
  records: z.array(z.object({ fullPath: z.string(), code: z.string() })),
});
const logEntrySchema = z.object({
  id: z.string(),
  status: z.string(),
  trigger: z.string(),
  errorReason: z.string().nullable(),
});

/** Content of a file by who has put it there. */
const ours = (fullPath: string) => `of the source, for ${fullPath}`;
const theirs = (fullPath: string) => `of others, at ${fullPath}`;
const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');
const FOLDER = 'a folder';

describe('policies, by what becomes of the target', { timeout: 2 * PATIENCE_MS }, () => {
  let stages: Awaited<ReturnType<typeof connectStages>>;
  let jobs: JobsClient;
  let source: SimulatedSource;
  const keys = new Map<Effect, string>();
  /** Files that were written in the repository of the task that changes its slot. */
  let slotFiles = 0;
  let switching: Promise<void>;

  const key = (effect: Effect): string => keys.get(effect) ?? '';
  const simulated = (stage: Stage) => {
    const { operateLogCollection } = stage.endpoints;
    return new SimulatedSource({ ...stage.cluster, operateLogCollection });
  };
  /** What the target has at a path: the digest of its content, that it is a folder, or nothing. */
  async function targetHas(repoName: Effect, fullPath: string): Promise<string | undefined> {
    const node = await stages.target.cluster.database
      .collection(nodeCollection(PROJECT))
      .findOne({ projectId: PROJECT, repoName, fullPath, deleted: null });
    return node?.['folder'] === true ? FOLDER : (node?.['sha256'] ?? undefined);
  }
  const targetRepository = (name: Effect) =>
    stages.target.cluster.database.collection('repository').findOne({ projectId: PROJECT, name });
  const upload = (repoName: Effect, fullPath: string) =>
    source.upload(PROJECT, repoName, fullPath, ours(fullPath));
  const arrived = (repoName: Effect, fullPath: string) =>
    soon(async () => expect(await targetHas(repoName, fullPath)).toBe(sha256(ours(fullPath))));
  const soon = (holds: () => Promise<void>) => vi.waitFor(holds, { timeout: PATIENCE_MS, interval: 500 });

  const setPolicies = (policies: readonly (readonly [Effect, object])[]) =>
    jobs.call('batch-sync-policy', {
      jobs: policies.map(([effect, fields]) => ({ job_id: key(effect), ...fields })),
    });
  const detail = async (effect: Effect) =>
    detailSchema.parse((await jobs.call('batch-detail', { jobs: [key(effect)] }))[0]);
  const conflicts = async (effect: Effect) =>
    conflictsSchema.parse(await stages.source.call('GET', `/replication/task/conflict/list/${key(effect)}`))
      .records;
  const resolve = (effect: Effect, ids?: readonly string[]) =>
    stages.source.call('POST', `/replication/task/conflict/resolve/${key(effect)}`, { ids });
  const latestLog = async (effect: Effect) =>
    logEntrySchema.parse(await stages.source.call('GET', `/replication/task/log/latest/${key(effect)}`));
  const settled = (effect: Effect) =>
    stages.source.settled({ taskKey: key(effect), read: 1, patienceMs: PATIENCE_MS });

  beforeAll(async () => {
    stages = await connectStages();
    jobs = await JobsClient.signIn(stages.source);
    source = simulated(stages.source);
    await source.createProject(PROJECT);
    await plantAtTarget();
    // An older version of the source's, of which only the tombstone will tell.
    for (const repoName of ['ignored', 'overwritten'] as const) {
      await source.plant(PROJECT, repoName, {
        files: [{ fullPath: '/version', content: Buffer.from('older') }],
      });
    }
    for (const { name, createdWith } of EFFECTS) {
      const task = await stages.source.call('POST', '/replication/task/create', {
        type: 'INCREMENTAL',
        localProjectId: PROJECT,
        localRepoName: name,
        setting: {
          remoteClusterInfo: stages.target.asRemote,
          conflictStrategy: createdWith,
          executionPlan: { executeImmediately: true },
        },
      });
      keys.set(name, z.object({ key: z.string() }).parse(task).key);
    }
    await setPolicies(EFFECTS.map(({ name, policies }) => [name, policies]));
    await changeSource();
    await Promise.all([
      arrived('ignored', '/end'),
      arrived('overwritten', '/end'),
      arrived('indexed', '/end'),
      arrived('slotted', '/0'),
      soon(async () => expect((await detail('stopped')).status).toBe('INCRE_TRANSFER_FAILED')),
      // The repository and a file, made and taken away.
      soon(async () => expect((await stages.source.account(key('dropped'))).applied).toBe(4)),
      soon(async () => expect((await stages.source.account(key('bare'))).failed).toBe(1)),
    ]);
    switching = changeSlot();
    // It is awaited by its test.
    switching.catch(() => undefined);
  }, 2 * PATIENCE_MS);

  afterAll(async () => {
    for (const taskKey of keys.values()) {
      await stages.source.call('DELETE', `/replication/task/delete/${taskKey}`);
    }
    await stages.close();
  });

  /** What others have at the target, and what is equal there, by whomever. */
  async function plantAtTarget(): Promise<void> {
    const { target } = stages;
    const operator = 'their-admin';
    const project = { name: PROJECT, displayName: PROJECT, description: '', operator };
    await target.call('POST', '/replication/replica/project/create', project);
    const planted = {
      ignored: ['/others', '/folder/theirs', '/later'],
      overwritten: ['/others', '/folder/theirs'],
      stopped: ['/others', '/later'],
      indexed: [INDEX],
    } as const;
    for (const [name, theirPaths] of Object.entries(planted)) {
      await createTargetRepository(name, name === 'indexed' ? 'MAVEN' : 'GENERIC');
      const files = theirPaths.map((fullPath) => ({ fullPath, content: Buffer.from(theirs(fullPath)) }));
      const equal = { fullPath: '/equal', content: Buffer.from(ours('/equal')) };
      const older = { fullPath: '/version', content: Buffer.from('older') };
      await simulated(target).plant(PROJECT, name, { files: [...files, equal, older] });
    }
  }

  function createTargetRepository(name: string, type: string): Promise<unknown> {
    return stages.target.call('POST', '/replication/replica/repo/create', {
      projectId: PROJECT,
      name,
      type,
      category: 'LOCAL',
      public: true,
      description: 'made at the target',
      operator: 'their-admin',
    });
  }

  /**
   * The changes that show every effect; a lane's last one tells that all before it are done. Each repository is made now, so
   * that its task gets this event, too.
   */
  async function changeSource(): Promise<void> {
    for (const { name } of EFFECTS) {
      const type = name === 'indexed' ? 'MAVEN' : 'GENERIC';
      await source.createRepository(PROJECT, name, { type, description: 'made at the source' });
    }
    for (const repoName of ['ignored', 'overwritten'] as const) {
      for (const fullPath of ['/others', '/folder', '/equal', '/version', '/version', '/end']) {
        await upload(repoName, fullPath);
      }
    }
    for (const fullPath of ['/before', '/equal', '/others', '/after']) {
      await upload('stopped', fullPath);
    }
    await upload('bare', '/early');
    for (const fullPath of [INDEX, ARTIFACT, '/end']) {
      await upload('indexed', fullPath);
    }
    await writeForSlot();
    for (const repoName of ['kept', 'dropped'] as const) {
      await upload(repoName, '/file');
      // Some versions log that all nodes go along.
      await source.logged(nodeDeleted(PROJECT, repoName, '/'));
      await source.deleteRepository(PROJECT, repoName);
    }
  }

  async function writeForSlot(): Promise<void> {
    const fullPath = `/${slotFiles}`;
    slotFiles += 1;
    await upload('slotted', fullPath);
  }

  /** Ask for another slot, and go on writing until the task reads from it, and some more. */
  async function changeSlot(): Promise<void> {
    await setPolicies([['slotted', { slot_name: SLOT }]]);
    const deadline = Date.now() + PATIENCE_MS;
    while ((await detail('slotted')).slot_name !== SLOT) {
      if (Date.now() > deadline) {
        throw new Error('The task does not come to its slot');
      }
      await writeForSlot();
      await wait(CHANGE_PAUSE_MS);
    }
    for (let more = 0; more < 3; more += 1) {
      await writeForSlot();
    }
  }

  it('ignore: what others have stays and is listed; what is equal or the source’s own is no conflict', async () => {
    expect(await targetHas('ignored', '/others')).toBe(sha256(theirs('/others')));
    expect(await targetHas('ignored', '/folder')).toBe(FOLDER);
    expect(await targetHas('ignored', '/folder/theirs')).toBe(sha256(theirs('/folder/theirs')));
    expect(await targetHas('ignored', '/version')).toBe(sha256(ours('/version')));
    expect(await conflicts('ignored')).toEqual([
      {
        id: expect.any(String),
        fullPath: '/folder',
        source: { folder: false, sha256: sha256(ours('/folder')) },
        remote: { folder: true, sha256: null },
        conflictStrategy: 'SKIP',
        policyVersion: 2,
      },
      {
        id: expect.any(String),
        fullPath: '/others',
        source: { folder: false, sha256: sha256(ours('/others')) },
        remote: { folder: false, sha256: sha256(theirs('/others')) },
        conflictStrategy: 'SKIP',
        policyVersion: 2,
      },
    ]);
    expect(await settled('ignored')).toMatchObject({ applied: 5, conflicted: 2, failed: 0 });
  });

  it('overwrite: what others have is replaced, by a file where there was a folder, too', async () => {
    expect(await targetHas('overwritten', '/others')).toBe(sha256(ours('/others')));
    expect(await targetHas('overwritten', '/folder')).toBe(sha256(ours('/folder')));
    expect(await targetHas('overwritten', '/folder/theirs')).toBeUndefined();
    const replaced = { conflictStrategy: 'OVERWRITE', policyVersion: 2 };
    expect(await conflicts('overwritten')).toMatchObject([
      { ...replaced, fullPath: '/folder', remote: { folder: true } },
      { ...replaced, fullPath: '/others', remote: { sha256: sha256(theirs('/others')) } },
    ]);
    expect(await settled('overwritten')).toMatchObject({ applied: 7, conflicted: 0, failed: 0 });
  });

  it('counts from the next event on; what was ignored before can be resolved', async () => {
    await setPolicies([['ignored', { conflict_policy: 'overwrite' }]]);
    expect(await detail('ignored')).toMatchObject({ conflict_policy: 'overwrite', policy_version: 3 });
    await upload('ignored', '/later');
    await arrived('ignored', '/later');
    const listed = await conflicts('ignored');
    expect(
      listed.map(({ fullPath, conflictStrategy, policyVersion }) => [
        fullPath,
        conflictStrategy,
        policyVersion,
      ]),
    ).toEqual([
      ['/later', 'OVERWRITE', 3],
      ['/folder', 'SKIP', 2],
      ['/others', 'SKIP', 2],
    ]);
    expect(await targetHas('ignored', '/others')).toBe(sha256(theirs('/others')));

    await resolve(
      'ignored',
      listed.filter(({ fullPath }) => fullPath === '/others').map(({ id }) => id),
    );
    await soon(async () => expect(await conflicts('ignored')).toHaveLength(2));
    expect(await targetHas('ignored', '/others')).toBe(sha256(ours('/others')));
    expect(await targetHas('ignored', '/folder')).toBe(FOLDER);
    await resolve('ignored');
    await soon(async () => expect(await conflicts('ignored')).toEqual([]));
    expect(await targetHas('ignored', '/folder')).toBe(sha256(ours('/folder')));
  });

  it('drop_database: a repository that is gone at the source stays at the target, with its nodes', async () => {
    expect(await targetRepository('kept')).not.toBeNull();
    expect(await targetHas('kept', '/file')).toBe(sha256(ours('/file')));
    expect(await settled('kept')).toMatchObject({ applied: 2, failed: 0 });
    expect(await targetRepository('dropped')).toBeNull();
    expect(await targetHas('dropped', '/file')).toBeUndefined();
  });

  it('ddl_trans off: no repository is made; its nodes fail until the target has it', async () => {
    expect(await targetRepository('bare')).toBeNull();
    const failures = async () =>
      failuresSchema.parse(await stages.source.call('GET', `/replication/task/failure/list/${key('bare')}`))
        .records;
    expect(await failures()).toEqual([{ fullPath: '/early', code: 'REPOSITORY_MISSING' }]);

    await createTargetRepository('bare', 'GENERIC');
    await upload('bare', '/late');
    await stages.source.call('POST', `/replication/task/failure/retry/${key('bare')}`);
    await arrived('bare', '/late');
    await arrived('bare', '/early');
    await soon(async () => expect(await failures()).toEqual([]));
    expect(await targetRepository('bare')).toMatchObject({ public: true, description: 'made at the target' });
  });

  it('index_trans off: the target’s own index stays, packages arrive', async () => {
    expect(await targetHas('indexed', INDEX)).toBe(sha256(theirs(INDEX)));
    expect(await targetHas('indexed', ARTIFACT)).toBe(sha256(ours(ARTIFACT)));
    expect(await conflicts('indexed')).toEqual([]);
    expect(await settled('indexed')).toMatchObject({ applied: 3, conflicted: 0, failed: 0 });
  });

  it('stop: nothing behind a conflict is applied; started again once it is resolved, the task goes on', async () => {
    const conflict = {
      id: expect.any(String),
      fullPath: '/others',
      source: { folder: false, sha256: sha256(ours('/others')) },
      remote: { folder: false, sha256: sha256(theirs('/others')) },
      conflictStrategy: 'FAST_FAIL',
      policyVersion: 2,
    };
    const hasStopped = async () => {
      expect(await targetHas('stopped', '/before')).toBe(sha256(ours('/before')));
      expect(await targetHas('stopped', '/others')).toBe(sha256(theirs('/others')));
      expect(await targetHas('stopped', '/after')).toBeUndefined();
      expect(await targetHas('stopped', '/later')).toBe(sha256(theirs('/later')));
      expect(await conflicts('stopped')).toEqual([conflict]);
    };
    await hasStopped();
    const entry = await latestLog('stopped');
    expect(entry).toMatchObject({ status: 'FAILED', trigger: 'CONFLICT' });
    for (const part of [`${PROJECT}/stopped/others`, sha256(theirs('/others')), sha256(ours('/others'))]) {
      expect(entry.errorReason).toContain(part);
    }
    expect((await detail('stopped')).failed_reason).toBe(entry.errorReason);
    expect(await stages.source.account(key('stopped'))).toMatchObject({
      applied: 3,
      conflicted: 0,
      failed: 0,
    });

    // The event was read under the policy that was in force then, and keeps it; the next one is read under the new one.
    await setPolicies([['stopped', { conflict_policy: 'overwrite' }]]);
    await upload('stopped', '/later');
    await jobs.call('batch-retry-task', { jobs: [{ job_id: key('stopped') }] });
    await soon(async () => {
      const again = await latestLog('stopped');
      expect(again.id).not.toBe(entry.id);
      expect(again.errorReason).toBe(entry.errorReason);
    });
    await hasStopped();

    await resolve('stopped');
    await soon(async () => expect(await conflicts('stopped')).toEqual([]));
    await stages.source.call('POST', `/replication/task/execute/${key('stopped')}`);
    await arrived('stopped', '/later');
    for (const fullPath of ['/equal', '/others', '/after']) {
      expect(await targetHas('stopped', fullPath)).toBe(sha256(ours(fullPath)));
    }
    expect(await conflicts('stopped')).toMatchObject([
      { fullPath: '/later', conflictStrategy: 'OVERWRITE', policyVersion: 3 },
    ]);
    expect(await settled('stopped')).toMatchObject({ applied: 6, conflicted: 0, failed: 0 });
  });

  it('slot_name: a task changes its slot while the source changes, and gets every event once', async () => {
    await switching;
    await arrived('slotted', `/${slotFiles - 1}`);
    expect(await settled('slotted')).toMatchObject({ applied: slotFiles + 1, conflicted: 0, failed: 0 });
    const expected = Array.from({ length: slotFiles }, (_, index) => `/${PROJECT}/slotted/${index}`);
    // The target logs what it receives, each time that it does.
    const { operateLogCollection } = stages.target.endpoints;
    const received = await stages.target.cluster.database
      .collection(operateLogCollection)
      .find({ resourceKey: { $in: expected } })
      .toArray();
    expect(received.map((logged) => logged['resourceKey']).sort()).toEqual(expected.sort());

    const details = await detail('slotted');
    expect(details.slot_name).toBe(SLOT);
    expect(details).not.toHaveProperty('requested_slot_name');
    const slots = z
      .array(z.object({ name: z.string(), nextOrdinal: z.number() }))
      .parse(await stages.source.call('GET', '/replication/slot/list'));
    expect(slots.map(({ name }) => name)).toEqual(expect.arrayContaining(['default', SLOT]));
  });
});
