import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { SimulatedSource } from '../../../bin/simulator/source.ts';
import type { Stage } from '../../../bin/simulator/stage.ts';
import { nodeCollectionOf } from '../../../functions/shared/mongodb/sharding.ts';
import { connectStages } from '../../support/stages.ts';

const REPOSITORY = 'generic';
const PATIENCE = 60_000;

const sha256Of = (text: string) => createHash('sha256').update(text).digest('hex');
const file = (fullPath: string, text: string, metadata: Readonly<Record<string, unknown>> = {}) => ({
  fullPath,
  content: Buffer.from(text),
  metadata,
});

let stages: Awaited<ReturnType<typeof connectStages>>;
const created: string[] = [];

beforeAll(async () => {
  stages = await connectStages();
});
afterAll(async () => {
  for (const key of created) {
    await stages.source.call('DELETE', `/replication/task/delete/${key}`);
  }
  await stages.close();
});

function cluster({ cluster: own, endpoints }: Stage): SimulatedSource {
  return new SimulatedSource({ ...own, operateLogCollection: endpoints.operateLogCollection });
}

/** A project's one repository at a stage, and its nodes. */
async function plant(
  stage: Stage,
  projectId: string,
  nodes: Parameters<SimulatedSource['plant']>[2],
): Promise<void> {
  const simulated = cluster(stage);
  await simulated.createProject(projectId);
  await simulated.createRepository(projectId, REPOSITORY);
  await simulated.plant(projectId, REPOSITORY, nodes);
}

const storedSchema = z.object({
  fullPath: z.string(),
  folder: z.boolean(),
  sha256: z.string().nullish(),
  metadata: z.array(z.object({ key: z.string(), value: z.unknown() })).nullish(),
});

/** Live nodes at the target: what a file holds, or that it is a folder, and the metadata. */
async function atTarget(projectId: string): Promise<Record<string, readonly [string, unknown]>> {
  const documents = await stages.target.cluster.database
    .collection(nodeCollectionOf(projectId))
    .find({ projectId, deleted: null })
    .toArray();
  return Object.fromEntries(
    documents.map((document) => {
      const { fullPath, folder, sha256, metadata } = storedSchema.parse(document);
      const values = Object.fromEntries((metadata ?? []).map(({ key, value }) => [key, value]));
      return [fullPath, [folder ? 'folder' : (sha256 ?? ''), values]];
    }),
  );
}

async function createTask(projectId: string, more: Readonly<Record<string, unknown>>): Promise<string> {
  const { setting, ...fields } = more;
  const task = await stages.source.call('POST', '/replication/task/create', {
    type: 'FULL',
    localProjectId: projectId,
    ...fields,
    setting: {
      remoteClusterInfo: stages.target.asRemote,
      executionPlan: { executeImmediately: true },
      ...z.looseObject({}).parse(setting ?? {}),
    },
  });
  const { key } = z.object({ key: z.string() }).parse(task);
  created.push(key);
  return key;
}

const ended = (taskKey: string) => stages.source.runEnded({ taskKey, patienceMs: PATIENCE });
const newProject = () => `sync_${randomBytes(4).toString('hex')}`;

describe('a run that meets something else at the remote', () => {
  const NEW = { is: 'new' };
  const OLD = { was: 'old' };

  async function ran(conflictStrategy: string) {
    const projectId = newProject();
    await plant(stages.source, projectId, {
      files: [
        file('/different', 'new'),
        file('/equal', 'same', NEW),
        file('/file, not folder', 'new'),
        file('/missing', 'missing'),
        file('/said otherwise', 'same', NEW),
      ],
    });
    await plant(stages.target, projectId, {
      files: [
        file('/different', 'old', OLD),
        file('/equal', 'same', NEW),
        file('/file, not folder/within', 'old'),
        file('/said otherwise', 'same', OLD),
      ],
    });
    const run = await ended(await createTask(projectId, { setting: { conflictStrategy } }));
    const { totalNode, successNode, conflictedNode, failedNode } = run.replicationProgress;
    return {
      tree: await atTarget(projectId),
      status: run.status,
      errorReason: run.errorReason,
      counts: { totalNode, successNode, conflictedNode, failedNode },
    };
  }

  const before = {
    '/different': [sha256Of('old'), OLD],
    '/equal': [sha256Of('same'), NEW],
    '/file, not folder': ['folder', {}],
    '/file, not folder/within': [sha256Of('old'), {}],
    '/said otherwise': [sha256Of('same'), OLD],
  };

  it('leaves that alone under SKIP, and counts it', async () => {
    expect(await ran('SKIP')).toEqual({
      tree: { ...before, '/missing': [sha256Of('missing'), {}] },
      status: 'SUCCESS',
      errorReason: null,
      counts: { totalNode: 5, successNode: 2, conflictedNode: 3, failedNode: 0 },
    });
  });

  it('puts its own in the place of that under OVERWRITE', async () => {
    expect(await ran('OVERWRITE')).toEqual({
      tree: {
        '/different': [sha256Of('new'), {}],
        '/equal': [sha256Of('same'), NEW],
        '/file, not folder': [sha256Of('new'), {}],
        '/missing': [sha256Of('missing'), {}],
        '/said otherwise': [sha256Of('same'), NEW],
      },
      status: 'SUCCESS',
      errorReason: null,
      counts: { totalNode: 5, successNode: 5, conflictedNode: 0, failedNode: 0 },
    });
  });

  it('ends under FAST_FAIL, says where, and has changed nothing', async () => {
    const { tree, status, errorReason, counts } = await ran('FAST_FAIL');
    expect(tree).toEqual(before);
    expect(status).toBe('FAILED');
    expect(errorReason).toMatch(/^Conflict: sync_[0-9a-f]{8}\/generic\/different exists at the remote$/);
    expect(counts).toMatchObject({ totalNode: 5, conflictedNode: 0, failedNode: 0 });
  });
});

it('a node that failed is put right by a retry, and its record is gone', async () => {
  const projectId = newProject();
  const lost = sha256Of(`lost ${projectId}`);
  await plant(stages.source, projectId, {
    files: [file('/kept', 'kept'), file('/lost', `lost ${projectId}`)],
  });
  const { s3, blobBucket } = stages.source.cluster;
  await s3.send(new DeleteObjectCommand({ Bucket: blobBucket, Key: lost }));
  const taskKey = await createTask(projectId, {});
  const run = await ended(taskKey);
  expect(run).toMatchObject({
    status: 'FAILED',
    errorReason: 'Could not replicate 1 nodes',
    replicationProgress: { totalNode: 2, successNode: 1, failedNode: 1 },
  });
  const failures = async () =>
    z
      .object({ records: z.array(z.object({ fullPath: z.string(), code: z.string(), runId: z.string() })) })
      .parse(await stages.source.call('GET', `/replication/task/failure/list/${taskKey}`)).records;
  expect(await failures()).toEqual([{ fullPath: '/lost', code: 'BLOB_MISSING', runId: run.id }]);

  await s3.send(new PutObjectCommand({ Bucket: blobBucket, Key: lost, Body: `lost ${projectId}` }));
  await stages.source.call('POST', `/replication/task/failure/retry/${taskKey}`);
  await until(async () => (await failures()).length === 0);
  expect(Object.keys(await atTarget(projectId)).sort()).toEqual(['/kept', '/lost']);
});

it('a run that is interrupted stays so, and goes on from where it was', async () => {
  const projectId = newProject();
  const files = Array.from({ length: 250 }, (_, number) => file(`/f${number}`, `${projectId} ${number}`));
  await plant(stages.source, projectId, { files });
  const taskKey = await createTask(projectId, {});
  const latest = () => stages.source.latestRun(taskKey);
  await until(async () => ((await latest())?.replicationProgress.successNode ?? 0) > 0);
  await stages.source.call('POST', `/replication/task/interrupt/${taskKey}`);
  const stopped = await latest();
  expect(stopped?.status).toBe('INTERRUPTED');
  // Workers look at the status every two seconds, and count what they had under way.
  await wait(3_000);
  const after = await latest();
  expect(after).toMatchObject({ id: stopped?.id, status: 'INTERRUPTED' });
  expect(after?.replicationProgress.successNode).toBeLessThan(files.length);

  await stages.source.call('POST', `/replication/task/execute/${taskKey}`);
  await until(async () => (await latest())?.status !== 'INTERRUPTED');
  expect(await ended(taskKey)).toMatchObject({
    id: stopped?.id,
    status: 'SUCCESS',
    replicationProgress: { totalNode: files.length, successNode: files.length, failedNode: 0 },
  });
  expect(Object.keys(await atTarget(projectId))).toHaveLength(files.length);
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (!(await isSo())) {
    if (Date.now() > deadline) {
      throw new Error(`It did not happen within ${PATIENCE / 1_000} s`);
    }
    await wait(100);
  }
}
