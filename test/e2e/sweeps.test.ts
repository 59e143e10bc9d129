import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { nodeCollection, SimulatedSource } from '../../bin/simulator/source.ts';
import type { Stage } from '../../bin/simulator/stage.ts';
import { deployedStores, expectAccountCloses } from '../support/account.ts';
import { BreakableProxy } from '../support/breakable-proxy.ts';
import { connectStages } from '../support/stages.ts';

/** A task goes on behind its initial sync within 70 s, a sweep is looked after at least every 30 s; the rest is slack. */
const PATIENCE_MS = 240_000;

const PROJECT = `sweeps_${randomBytes(3).toString('hex')}`;
/** When the source's nodes came to be: long before what a sweep of what was changed looks at. */
const LONG_AGO = new Date(Date.now() - 30 * 86_400_000);

const REPOSITORIES = ['drifted', 'guarded'] as const;
type Repository = (typeof REPOSITORIES)[number];

const filesIn = (folder: string, count: number) =>
  Array.from({ length: count }, (_, number) => `${folder}/file ${String(number).padStart(3, '0')}.bin`);

/** 420 nodes with their two folders. The one that is deleted with all its files is first, and makes one part: one call deletes it. */
const OLD = filesIn('/abc', 99);
const DOCS = filesIn('/döcs', 319);
const DELETED = ['/abc', ...OLD, ...DOCS.slice(0, 100)];
const EXPIRED = DOCS.slice(200, 205);
const RESAVED = DOCS.slice(300, 303);
/** What somebody else has put at the target. */
const OTHERS = ['/döcs/theirs', '/theirs', '/theirs/file'];

/** Of the other repository all but ten are deleted. */
const FILES = { drifted: [...OLD, ...DOCS], guarded: filesIn('', 130) };
const GUARDED_DELETED = FILES.guarded.slice(10);

const count = z.number();
const NONE = { missing: 0, different: 0, extra: 0, deleted: 0 };
const compareSchema = z.object({
  compared: count,
  missing: count,
  different: count,
  extra: count,
  deleted: count,
  paths: z.array(
    z.object({ projectId: z.string(), repoName: z.string(), fullPath: z.string(), kind: z.string() }),
  ),
  next: z.null(),
});
const sweepSchema = z.looseObject({ id: z.string(), status: z.string(), repaired: count, removed: count });
const sweepsSchema = z.object({ records: z.array(sweepSchema) });

describe('what no log entry tells', { timeout: 4 * PATIENCE_MS }, () => {
  let stages: Awaited<ReturnType<typeof connectStages>>;
  let source: SimulatedSource;
  /** The way to the remote for one of the tasks: what it is asked can be counted. */
  let proxy: BreakableProxy;
  let stores: ReturnType<typeof deployedStores>;
  const keys: Record<Repository, string> = { drifted: '', guarded: '' };

  const simulated = ({ cluster, endpoints }: Stage) =>
    new SimulatedSource({ ...cluster, operateLogCollection: endpoints.operateLogCollection });

  /** Everything that the target has of a repository, tombstones too. */
  const targetNodes = (repoName: Repository) =>
    stages.target.cluster.database
      .collection(nodeCollection(PROJECT))
      .find({ projectId: PROJECT, repoName })
      .sort({ _id: 1 })
      .toArray();

  async function targetPaths(repoName: Repository): Promise<string[]> {
    const nodes = await targetNodes(repoName);
    return nodes.flatMap(({ fullPath, deleted }) => (deleted instanceof Date ? [] : [fullPath])).sort();
  }

  const compare = async (repoName: Repository) =>
    compareSchema.parse(await stages.source.call('GET', `/replication/task/compare/${keys[repoName]}`));

  /** Sweep by the API, and wait for the end. */
  async function sweep(repoName: Repository, request?: object): Promise<z.output<typeof sweepSchema>> {
    const path = `/replication/task/sweep/${keys[repoName]}`;
    const { id } = sweepSchema.parse(await stages.source.call('POST', path, request));
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const list = await stages.source.call('GET', `/replication/task/sweep/list/${keys[repoName]}`);
      const found = sweepsSchema.parse(list).records.find((each) => each.id === id);
      if (found !== undefined && found.status !== 'RUNNING') {
        return found;
      }
      if (Date.now() > deadline) {
        throw new Error(`The sweep does not end: ${JSON.stringify(found)}`);
      }
      await wait(500);
    }
  }

  beforeAll(async () => {
    stages = await connectStages();
    stores = deployedStores(stages.source.endpoints);
    proxy = new BreakableProxy(stages.target.endpoints.apiUrl);
    await proxy.up();
    source = simulated(stages.source);
    await source.createProject(PROJECT);
    for (const repoName of REPOSITORIES) {
      await source.createRepository(PROJECT, repoName);
      const files = FILES[repoName].map((fullPath) => ({
        fullPath,
        content: Buffer.from(`content of ${fullPath}`),
        metadata: { build: '7' },
      }));
      await source.plant(PROJECT, repoName, { files, since: LONG_AGO });
    }
    // As old as what they hold: a sweep of what was changed does not look at them.
    const { database } = stages.source.cluster;
    const dates = { createdDate: LONG_AGO, lastModifiedDate: LONG_AGO };
    await database.collection('project').updateMany({ name: PROJECT }, { $set: dates });
    await database.collection('repository').updateMany({ projectId: PROJECT }, { $set: dates });
    const remotes = { drifted: `${proxy.origin}/replication`, guarded: stages.target.asRemote.url };
    for (const repoName of REPOSITORIES) {
      keys[repoName] = await stages.source.follow(
        { ...stages.target.asRemote, url: remotes[repoName] },
        { localProjectId: PROJECT, localRepoName: repoName, initialSync: true },
      );
    }
    for (const taskKey of Object.values(keys)) {
      await stages.source.runEnded({ taskKey, patienceMs: PATIENCE_MS });
      const follows = async () => expect(await stores.tasks.get(taskKey)).not.toHaveProperty('catchUp');
      await vi.waitFor(follows, { timeout: PATIENCE_MS, interval: 1_000 });
    }
    const target = simulated(stages.target);
    await target.upload(PROJECT, 'drifted', '/döcs/theirs', 'theirs');
    await target.upload(PROJECT, 'drifted', '/theirs/file', 'theirs');
  }, 4 * PATIENCE_MS);

  afterAll(async () => {
    for (const taskKey of Object.values(keys).filter((key) => key !== '')) {
      await stages.source.call('DELETE', `/replication/task/delete/${taskKey}`);
    }
    stores.close();
    await proxy.down();
    await stages.close();
  });

  it.concurrent('is named by a comparison, and carried over by sweeps; what others have at the target stays', async () => {
    expect(await compare('drifted')).toMatchObject({ ...NONE, compared: 420, extra: OTHERS.length });

    await source.deleteUnlogged(PROJECT, 'drifted', DELETED);
    await source.expire(PROJECT, 'drifted', EXPIRED);
    for (const fullPath of RESAVED) {
      await source.saveUnloggedMetadata(PROJECT, 'drifted', fullPath, { 'release.approved': true });
    }
    const before = await targetNodes('drifted');
    const found = await compare('drifted');
    const gone = [...DELETED, ...EXPIRED];
    const left = 420 - gone.length;
    expect(found).toMatchObject({
      compared: left,
      missing: 0,
      different: RESAVED.length,
      extra: gone.length + OTHERS.length,
      deleted: gone.length,
    });
    const expected = [
      ...RESAVED.map((fullPath) => ({ fullPath, kind: 'DIFFERENT' })),
      ...[...gone, ...OTHERS].map((fullPath) => ({ fullPath, kind: 'EXTRA' })),
    ].map((path) => ({ projectId: PROJECT, repoName: 'drifted', ...path }));
    const byPath = (one: { fullPath: string }, other: { fullPath: string }) =>
      one.fullPath < other.fullPath ? -1 : 1;
    expect([...found.paths].sort(byPath)).toEqual(expected.sort(byPath));
    expect(await targetNodes('drifted')).toEqual(before);

    expect(await sweep('drifted')).toMatchObject({
      kind: 'CHANGED',
      trigger: 'REQUESTED',
      status: 'SUCCESS',
      ...NONE,
      compared: gone.length,
      extra: gone.length,
      deleted: gone.length,
      checked: gone.length,
      removed: gone.length,
      guarded: [],
    });
    const kept = ['/döcs', ...FILES.drifted.filter((fullPath) => !gone.includes(fullPath)), ...OTHERS].sort();
    expect(await targetPaths('drifted')).toEqual(kept);

    const putRight = await sweep('drifted', { kind: 'FULL' });
    expect(putRight).toMatchObject({
      kind: 'FULL',
      status: 'SUCCESS',
      ...NONE,
      compared: left,
      different: RESAVED.length,
      extra: OTHERS.length,
      // The repository's definition, too.
      checked: RESAVED.length + 1,
      removed: 0,
      failed: 0,
    });
    expect(putRight.repaired).toBeGreaterThanOrEqual(RESAVED.length);
    expect(await compare('drifted')).toMatchObject({ ...NONE, extra: OTHERS.length });

    // Nothing is left to do, and hardly anything is asked to know that.
    const asked = proxy.answered.length;
    const nothing = { status: 'SUCCESS', ...NONE };
    expect(await sweep('drifted')).toMatchObject({ ...nothing, compared: gone.length, checked: 0 });
    const full = await sweep('drifted', { kind: 'FULL' });
    expect(full).toMatchObject({
      ...nothing,
      compared: left,
      extra: OTHERS.length,
      checked: 1,
      unchanged: 1,
    });
    // Whether the remote is there is asked once for each message.
    const calls = proxy.answered.slice(asked).filter((call) => !/ping/.test(call));
    expect(calls.filter((call) => !/version|digest|project\/create|repo\/create/.test(call))).toEqual([]);
    expect(calls.length).toBeLessThan(12);
    expect(await targetPaths('drifted')).toEqual(kept);

    const repaired = gone.length + putRight.repaired;
    const account = await expectAccountCloses({ stores, taskKey: keys.drifted, isIdle: true });
    expect(await stages.source.account(keys.drifted)).toEqual({ ...account, repaired });
  });

  it.concurrent('waits for somebody to agree before it takes most of a repository away', async () => {
    await source.deleteUnlogged(PROJECT, 'guarded', GUARDED_DELETED);
    const before = await targetNodes('guarded');
    const deletions = GUARDED_DELETED.length;
    const found = { kind: 'CHANGED', ...NONE, extra: deletions, deleted: deletions };
    const stopped = await sweep('guarded');
    expect(stopped).toMatchObject({
      ...found,
      status: 'GUARDED',
      reason: `${PROJECT}/guarded: ${deletions} nodes (92 %) would be deleted`,
      guarded: [
        { projectId: PROJECT, repoName: 'guarded', deletions, share: deletions / FILES.guarded.length },
      ],
      partsSent: 0,
    });
    expect(await targetNodes('guarded')).toEqual(before);

    // The same one goes on.
    const agreed = await sweep('guarded', { allowDeletions: true });
    expect(agreed).toMatchObject({
      ...found,
      id: stopped.id,
      status: 'SUCCESS',
      allowDeletions: true,
      checked: deletions,
      removed: deletions,
      guarded: [],
    });
    expect(await targetPaths('guarded')).toEqual(FILES.guarded.slice(0, 10));
    const account = await expectAccountCloses({ stores, taskKey: keys.guarded, isIdle: true });
    expect(await stages.source.account(keys.guarded)).toEqual({ ...account, repaired: deletions });
  });
});
