import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareProjects } from '../../bin/simulator/comparison.ts';
import { SimulatedSource } from '../../bin/simulator/source.ts';
import { generatedContent } from '../support/content-stream.ts';
import { connectStages } from '../support/stages.ts';
import { logRead } from '../support/tail-schedule.ts';

/** The sizes that count take a quarter of an hour and are asked for by LOGFERRY_FULL_SYNC=full; else it is a tenth. */
const isFull = process.env['LOGFERRY_FULL_SYNC'] === 'full';
const FILES = isFull ? 20_000 : 2_000;
const EMPTY_FOLDERS = isFull ? 300 : 30;
/** Changes at the source while the run goes on, as long as it does. */
const MAX_CHANGES = isFull ? 2_000 : 200;
const CHANGE_PAUSE_MS = 200;
const PATIENCE_MS = isFull ? 3_600_000 : 600_000;

const suffix = randomBytes(3).toString('hex');
const PROJECTS = ['apps', 'games', 'libs', 'tools'].map((name) => `${name}_${suffix}`);
const REPOSITORIES = ['generic', 'release', 'Snapshot-1'];
const PLACES = PROJECTS.flatMap((projectId) => REPOSITORIES.map((repoName) => ({ projectId, repoName })));

/** Bytes of the file of that number: most are small, some are none, few would fit into no request. */
function sizeOf(number: number): number {
  if (number % 1_000 === 7) {
    return 6 * 1024 * 1024;
  }
  if (number % 50 === 3) {
    return 300_000;
  }
  return (number * 7_919) % 16_384;
}

function fileOf(number: number) {
  // Every twentieth has the content of the one before it.
  const origin = number % 20 === 19 ? number - 1 : number;
  const content = Buffer.concat([...generatedContent(`${suffix}/${origin}`, sizeOf(origin))]);
  const folder = number % 3 === 0 ? '' : `/d${number % 7}/ünder & ${number % 11}`;
  return {
    fullPath: `${folder}/file ${number}.bin`,
    content,
    ...(number % 4 === 0
      ? { metadata: { build: String(number), count: number, 'dot.ted': [true, { deep: 1.5 }] } }
      : {}),
  };
}

describe(`what exists, then the log: ${FILES} files, ${EMPTY_FOLDERS} empty folders`, () => {
  let stages: Awaited<ReturnType<typeof connectStages>>;
  let source: SimulatedSource;
  let taskKey: string;

  beforeAll(async () => {
    stages = await connectStages();
    const { operateLogCollection } = stages.source.endpoints;
    source = new SimulatedSource({ ...stages.source.cluster, operateLogCollection });
    for (const projectId of PROJECTS) {
      await source.createProject(projectId);
    }
    for (const [index, { projectId, repoName }] of PLACES.entries()) {
      await source.createRepository(projectId, repoName, { public: index % 2 === 0 });
      const mine = (_: unknown, number: number) => number % PLACES.length === index;
      const files = Array.from({ length: FILES }, (_, number) => number).filter(mine);
      const folders = Array.from({ length: EMPTY_FOLDERS }, (_, number) => `/empty/${number % 5}/f${number}`);
      await source.plant(projectId, repoName, { files: files.map(fileOf), folders: folders.filter(mine) });
    }
    // The task's account is to have what is changed from now on, and nothing else.
    await logRead(stages.source);
  }, PATIENCE_MS);

  afterAll(async () => {
    if (taskKey !== undefined) {
      await stages.source.call('DELETE', `/replication/task/delete/${taskKey}`);
    }
    await stages.close();
  });

  /** Change one thing after the other until `done`: every change is one entry of the log. */
  async function changeUntil(done: () => boolean): Promise<number> {
    let changes = 0;
    while (!done() && changes < MAX_CHANGES) {
      const number = (changes * 131) % FILES;
      const place = PLACES[number % PLACES.length];
      if (place === undefined) {
        throw new Error('There is no repository');
      }
      const { projectId, repoName } = place;
      const { fullPath } = fileOf(number);
      switch (changes % 5) {
        case 0:
          await source.upload(projectId, repoName, `/during/${changes}.txt`, `new ${suffix} ${changes}`);
          break;
        case 1:
          await source.upload(projectId, repoName, fullPath, `changed ${suffix} ${changes}`, { round: '2' });
          break;
        case 2:
          await source.deleteNode(projectId, repoName, fullPath);
          break;
        case 3:
          await source.createFolder(projectId, repoName, `/during/empty ${changes}`);
          break;
        default:
          await source.saveMetadata(projectId, repoName, fullPath, { saved: changes });
      }
      changes += 1;
      await wait(CHANGE_PAUSE_MS);
    }
    return changes;
  }

  it('leaves nothing out and does nothing twice, whatever changes meanwhile', {
    timeout: 3 * PATIENCE_MS,
  }, async () => {
    taskKey = await stages.source.follow(stages.target.asRemote, {
      includeAllProject: true,
      initialSync: true,
    });
    let hasEnded = false;
    const ended = stages.source.runEnded({ taskKey, patienceMs: PATIENCE_MS }).finally(() => {
      hasEnded = true;
    });
    const changes = await changeUntil(() => hasEnded);
    const run = await ended;
    expect(run.status, run.errorReason ?? '').toBe('SUCCESS');
    const { totalNode, successNode, conflictedNode, failedNode, totalBytes, doneBytes } =
      run.replicationProgress;
    expect({ failedNode, doneBytes }).toEqual({ failedNode: 0, doneBytes: totalBytes });
    expect(successNode + conflictedNode).toBe(totalNode);
    expect(totalNode).toBeGreaterThan(FILES - changes);

    const account = await stages.source.settled({ taskKey, read: changes, patienceMs: PATIENCE_MS });
    const { read, applied, superseded, filtered, conflicted, failed } = account;
    expect(changes).toBeGreaterThan(0);
    expect(applied + superseded + filtered + conflicted).toBe(read);
    expect({ read, failed }).toEqual({ read: changes, failed: 0 });

    const comparisons = await compareProjects({
      source: stages.source.cluster,
      target: stages.target.cluster,
      projects: PROJECTS,
    });
    expect(
      comparisons.flatMap(({ projectId, repoName, differences }) =>
        differences.map((difference) => `${projectId}/${repoName}: ${difference}`),
      ),
    ).toEqual([]);
    expect(comparisons).toHaveLength(PLACES.length);
    process.stderr.write(`full sync: ${successNode} nodes, ${changes} changes meanwhile\n`);
  });
});
