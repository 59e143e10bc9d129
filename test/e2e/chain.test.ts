import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareProjects } from '../../bin/simulator/comparison.ts';
import { nodeCollection, SimulatedSource } from '../../bin/simulator/source.ts';
import type { Stage } from '../../bin/simulator/stage.ts';
import { RecordingRemote } from '../support/recording-remote.ts';
import { connectStages } from '../support/stages.ts';

/** Two schedules one after the other, each at most 70 s away; the rest is slack. */
const PATIENCE_MS = 300_000;

/**
 * What a receiver writes is logged at the target with where it came from. So it goes on from there to a third cluster,
 * and does not come back to the first.
 */
describe('changes that were replicated', { timeout: 2 * PATIENCE_MS }, () => {
  let stages: Awaited<ReturnType<typeof connectStages>>;

  beforeAll(async () => {
    stages = await connectStages();
  });

  afterAll(() => stages.close());

  const simulated = (stage: Stage) => {
    const { operateLogCollection } = stage.endpoints;
    return new SimulatedSource({ ...stage.cluster, operateLogCollection });
  };
  const documents = (stage: Stage, projectId: string) =>
    stage.cluster.database
      .collection(nodeCollection(projectId))
      .find({ projectId })
      .sort({ fullPath: 1 })
      .toArray();
  const differences = async (project: string) => {
    const clusters = { source: stages.source.cluster, target: stages.target.cluster };
    const comparisons = await compareProjects({ ...clusters, projects: [project] });
    return comparisons.flatMap((repository) => repository.differences);
  };

  it('go on from the target to a third cluster, with their origins', async () => {
    const { source, target } = stages;
    const third = await RecordingRemote.start();
    const project = `chain_${randomBytes(3).toString('hex')}`;
    const onwards = await target.follow(
      { url: third.url, username: 'admin', password: 'third' },
      { localProjectId: project },
    );
    const first = await source.follow(target.asRemote, { localProjectId: project });
    try {
      await simulated(source).createProject(project);
      await simulated(source).createRepository(project, 'generic');
      await simulated(source).upload(project, 'generic', '/a/b.txt', 'from the first to the third', {
        k: 'v',
      });
      await simulated(source).deleteNode(project, 'generic', '/a');
      await source.settled({ taskKey: first, read: 4, patienceMs: PATIENCE_MS });
      expect((await target.settled({ taskKey: onwards, read: 4, patienceMs: PATIENCE_MS })).failed).toBe(0);

      const changes = third.requests.filter(
        ({ method, path }) => method === 'POST' && !path.includes('/exist'),
      );
      const called = changes.map(({ path }) => path.replace(/^.*\/replica/, ''));
      expect(called).toContain('/project/create');
      expect(called).toContain('/repo/create');
      expect(called.some((path) => path.startsWith(`/file/${project}/generic/`))).toBe(true);
      expect(called.at(-1)).toBe('/node/delete');
      const chain = [source, target].map((stage) => stage.endpoints.resources['ClusterId']).join(',');
      expect(new Set(changes.map(({ headers }) => headers['x-logferry-origin']))).toEqual(new Set([chain]));
    } finally {
      await source.call('DELETE', `/replication/task/delete/${first}`);
      await target.call('DELETE', `/replication/task/delete/${onwards}`);
      await third.stop();
    }
  });

  it('do not come back where two clusters replicate to each other', async () => {
    const { source, target } = stages;
    const project = `loop_${randomBytes(3).toString('hex')}`;
    const there = await source.follow(target.asRemote, { localProjectId: project });
    const back = await target.follow(source.asRemote, { localProjectId: project });
    try {
      await simulated(source).createProject(project);
      await simulated(source).createRepository(project, 'generic');
      await simulated(source).upload(project, 'generic', '/from-source.txt', 'made at the source');
      await source.settled({ taskKey: there, read: 3, patienceMs: PATIENCE_MS });
      await target.settled({ taskKey: back, read: 3, patienceMs: PATIENCE_MS });
      const before = await documents(source, project);

      await simulated(target).upload(project, 'generic', '/from-target.txt', 'made at the target');
      const account = await target.settled({ taskKey: back, read: 4, patienceMs: PATIENCE_MS });
      expect(account).toMatchObject({ applied: 1, failed: 0 });
      // The copy is logged at the source with its origin, read there, and not sent back.
      await source.settled({ taskKey: there, read: 4, patienceMs: PATIENCE_MS });

      expect(await differences(project)).toEqual([]);
      const after = await documents(source, project);
      expect(after.filter((node) => node['fullPath'] !== '/from-target.txt')).toEqual(before);
      expect(after).toHaveLength(before.length + 1);
      expect(
        (await documents(target, project)).map((node) => [node['fullPath'], node['deleted'] ?? null]),
      ).toEqual([
        ['/from-source.txt', null],
        ['/from-target.txt', null],
      ]);
    } finally {
      await source.call('DELETE', `/replication/task/delete/${there}`);
      await target.call('DELETE', `/replication/task/delete/${back}`);
    }
  });
});
