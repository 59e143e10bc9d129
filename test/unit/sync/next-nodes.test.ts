import { describe, expect, it } from 'vitest';
import type { SourceNode } from '../../../functions/shared/apply/source-catalog.ts';
import { nextNodes } from '../../../functions/shared/sync/replicate-page.ts';

const folder = (fullPath: string): SourceNode => ({
  folder: true,
  fullPath,
  createdBy: 'admin',
  metadata: {},
});
const container = { projectId: 'ops', repoName: 'generic' };
const page = {
  ...{ runId: 'run', page: 1, source: container, remote: container },
  ...{ through: '/c', nodes: 3, bytes: 0, nodesDone: 0, bytesDone: 0, done: false },
};

describe('the next nodes of a page', () => {
  const ask = (told: readonly string[], limit = 10) =>
    nextNodes({ page, limit, catalog: { nodesUnder: async () => told.map(folder) } });

  it.each([
    [['/a', '/b', '/c'], 10, ['/a', '/b', '/c'], true],
    [['/a', '/b', '/c', '/d'], 10, ['/a', '/b', '/c'], true],
    [['/a', '/b'], 2, ['/a', '/b'], false],
  ])('are what the source tells up to its end: %j', async (told, limit, expected, isLast) => {
    const next = await ask(told, limit);
    expect([next.nodes.map(({ fullPath }) => fullPath), next.isLast]).toEqual([expected, isLast]);
  });

  it('are the last ones where the end of the page is gone', async () => {
    expect((await ask(['/a'])).isLast).toBe(true);
    expect(await ask([])).toEqual({ nodes: [], isLast: true });
  });
});
