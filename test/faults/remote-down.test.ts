import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { compareProjects } from '../../bin/simulator/comparison.ts';
import { SimulatedSource } from '../../bin/simulator/source.ts';
import { deployedStores, expectAccountCloses } from '../support/account.ts';
import { BreakableProxy } from '../support/breakable-proxy.ts';
import { connectStages } from '../support/stages.ts';

/** As long as the outage is that must do no harm. */
const OUTAGE_MS = 120_000;
const PATIENCE_MS = 300_000;

describe('a remote that stops in the middle', { timeout: OUTAGE_MS + 2 * PATIENCE_MS }, () => {
  let stages: Awaited<ReturnType<typeof connectStages>>;
  let proxy: BreakableProxy;

  beforeAll(async () => {
    stages = await connectStages();
    proxy = new BreakableProxy(stages.target.endpoints.apiUrl);
    await proxy.up();
  });

  afterAll(async () => {
    await proxy.down();
    await stages.close();
  });

  it('delays everything, loses nothing, keeps the order, and fails no task', async () => {
    const { source, target } = stages;
    const project = `down_${randomBytes(3).toString('hex')}`;
    const remote = { ...target.asRemote, url: `${proxy.origin}/replication` };
    const taskKey = await source.follow(remote, { localProjectId: project });
    const { operateLogCollection } = source.endpoints;
    const simulated = new SimulatedSource({ ...source.cluster, operateLogCollection });
    const upload = (number: number) =>
      simulated.upload(project, 'generic', `/file-${number}`, `content ${number}`);

    await simulated.createProject(project);
    await simulated.createRepository(project, 'generic');
    for (let number = 0; number < 10; number += 1) {
      await upload(number);
    }
    await source.settled({ taskKey, read: 12, patienceMs: PATIENCE_MS });

    await proxy.down();
    const downSince = Date.now();
    for (let number = 10; number < 30; number += 1) {
      await upload(number);
    }
    while (Date.now() - downSince < OUTAGE_MS) {
      await wait(5_000);
      const task = await source.call('GET', `/replication/task/detail/${taskKey}`);
      expect(z.object({ status: z.string() }).parse(task).status).toBe('REPLICATING');
    }
    const stores = deployedStores(source.endpoints);
    expect(await expectAccountCloses({ stores, taskKey, isIdle: false })).toMatchObject({ applied: 12 });
    await proxy.up();

    const account = await source.settled({ taskKey, read: 32, patienceMs: PATIENCE_MS });
    expect(account).toMatchObject({ applied: 32, failed: 0 });
    const uploaded = proxy.answered
      .filter((call) => call.includes('/replica/file/'))
      .map((call) => Number(call.split('-').at(-1)));
    expect([...new Set(uploaded)]).toEqual(Array.from({ length: 30 }, (_, number) => number));
    const clusters = { source: source.cluster, target: target.cluster };
    const comparisons = await compareProjects({ ...clusters, projects: [project] });
    expect(comparisons.flatMap(({ differences }) => differences)).toEqual([]);
    const stored = await expectAccountCloses({ stores, taskKey, isIdle: true });
    expect(await source.account(taskKey)).toEqual({ ...stored, repaired: 0 });
    stores.close();
    await source.call('DELETE', `/replication/task/delete/${taskKey}`);
  });
});
