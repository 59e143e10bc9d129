import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodePathSet, encodePathSet } from '../../../functions/shared/run/path-set.ts';
import {
  containerCountersOf,
  newRunId,
  type RunContainer,
  taskStatusAfter,
} from '../../../functions/shared/run/run.ts';
import { storedTask } from '../../support/tasks.ts';

test('ids of runs sort by time', () => {
  const ids = [0, 1_000, 3_600_000].map((later) => newRunId(new Date(1_800_000_000_000 + later)));
  expect(ids).toEqual([...ids].sort());
  expect(ids[0]).toMatch(/^[0-9a-f]{24}$/);
});

test('a set of paths holds what was put in, in eight bytes each', () => {
  const paths = fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 40 }), { maxLength: 20 });
  fc.assert(
    fc.property(paths, paths, (inside, others) => {
      const bytes = encodePathSet(inside);
      expect(bytes).toHaveLength(8 * inside.length);
      const set = decodePathSet(bytes);
      for (const path of [...inside, ...others]) {
        expect(set.has(path)).toBe(inside.includes(path));
      }
    }),
  );
});

describe('counts of projects and repositories', () => {
  const names = { projectId: 'p', repoName: '' };
  const project: RunContainer = {
    kind: 'PROJECT',
    source: names,
    remote: names,
    pagesPlanned: 0,
    pagesDone: 0,
    failedNodes: 0,
    planned: true,
  };
  const done: RunContainer = {
    ...project,
    kind: 'REPOSITORY',
    source: { projectId: 'p', repoName: 'r' },
    pagesPlanned: 2,
    pagesDone: 2,
  };

  test.each<[string, readonly RunContainer[], boolean, readonly number[]]>([
    ['nothing yet', [], false, [0, 0, 0, 0, 0, 0, 0, 0]],
    ['all is well', [project, done], true, [1, 1, 1, 0, 1, 1, 1, 0]],
    ['a node failed', [project, { ...done, failedNodes: 1 }], true, [1, 1, 0, 1, 1, 1, 0, 1]],
    ['a page is to come', [project, { ...done, pagesDone: 1 }], true, [1, 0, 0, 0, 1, 0, 0, 0]],
    ['pages are being planned', [project, { ...done, planned: false }], false, [1, 0, 0, 0, 1, 0, 0, 0]],
    [
      'a failed one counts when it is done',
      [project, { ...done, pagesDone: 1, failedNodes: 1 }],
      true,
      [1, 0, 0, 0, 1, 0, 0, 0],
    ],
    [
      'a repository was refused',
      [project, { ...done, pagesPlanned: 0, pagesDone: 0, planned: false, error: 'no' }],
      true,
      [1, 1, 0, 1, 1, 1, 0, 1],
    ],
    ['a project was refused', [{ ...project, error: 'no' }], false, [1, 1, 0, 1, 0, 0, 0, 0]],
    [
      'a project’s repositories are being found',
      [{ ...project, planned: false }],
      false,
      [1, 0, 0, 0, 0, 0, 0, 0],
    ],
    ['an empty project', [{ ...project, planned: false }], true, [1, 1, 1, 0, 0, 0, 0, 0]],
  ])('%s', (_case, containers, isPlanned, expected) => {
    const counters = containerCountersOf(containers, isPlanned);
    expect([
      counters.totalProject,
      counters.replicatedProject,
      counters.successProject,
      counters.failedProject,
      counters.totalRepo,
      counters.replicatedRepo,
      counters.successRepo,
      counters.failedRepo,
    ]).toEqual(expected);
  });
});

test('a task’s status after its run', () => {
  const full = storedTask({ type: 'FULL' });
  const { executionPlan } = full.setting;
  const cron = storedTask({
    type: 'FULL',
    setting: { ...full.setting, executionPlan: { ...executionPlan, cronExpression: '0 0 3 * * ?' } },
  });
  const complete = { planned: true, pages: { planned: 3, sent: 3, done: 3 } };
  const begun = { planned: false, pages: { planned: 3, sent: 3, done: 3 } };
  const left = { planned: true, pages: { planned: 3, sent: 3, done: 2 } };
  expect(taskStatusAfter(full, complete, 'SUCCESS')).toBe('SUCCESS');
  expect(taskStatusAfter(full, complete, 'FAILED')).toBe('FAILED');
  expect(taskStatusAfter(cron, begun, 'INTERRUPTED')).toBe('WAITING');
  const following = storedTask();
  expect(taskStatusAfter(following, complete, 'FAILED')).toBe('REPLICATING');
  expect(taskStatusAfter(following, begun, 'FAILED')).toBe('FAILED');
  expect(taskStatusAfter(following, left, 'FAILED')).toBe('FAILED');
  expect(taskStatusAfter(following, complete, 'INTERRUPTED')).toBe('INTERRUPTED');
});
