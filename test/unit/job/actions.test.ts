import { beforeEach, describe, expect, test } from 'vitest';
import { deleteJob, pauseJob, retryJob } from '../../../functions/shared/job/actions.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { MemoryRuns } from '../../support/memory-runs.ts';
import { MemoryTasks } from '../../support/memory-tasks.ts';
import { storedTask } from '../../support/tasks.ts';

const NOW = new Date('2026-11-22T01:13:36.189Z');
const { key: taskKey } = storedTask();

let runs: MemoryRuns;
let tasks: MemoryTasks;

beforeEach(() => {
  runs = new MemoryRuns();
  tasks = new MemoryTasks(runs.tasks);
});

function action(projectId?: string) {
  return {
    taskKey,
    projectId,
    by: 'ops',
    tasks: tasks.repository,
    runs: runs.repository,
    starter: tasks.starter,
    clock: () => NOW,
    timeZone: 'UTC',
  };
}

const statusOf = (): Task['status'] => tasks.task(taskKey).status;
const invalid = { code: 'TASK_STATUS_INVALID' };

describe('a pause', () => {
  test('interrupts a run, which a retry goes on with', async () => {
    const task = tasks.add(storedTask({ type: 'FULL', status: 'WAITING' }));
    await runs.repository.begin({ task, trigger: 'EXECUTE', at: NOW });
    await pauseJob(action());
    expect(statusOf()).toBe('INTERRUPTED');
    await expect(pauseJob(action())).rejects.toMatchObject(invalid);
    await retryJob(action());
    expect(tasks.steps).toEqual(['start EXECUTE']);
  });

  test('pauses what follows the log, which a retry lets follow it again', async () => {
    tasks.add(storedTask());
    await pauseJob(action());
    expect(statusOf()).toBe('PAUSED');
    await expect(pauseJob(action())).rejects.toMatchObject(invalid);
    await retryJob(action());
    expect(statusOf()).toBe('REPLICATING');
    await expect(retryJob(action())).rejects.toMatchObject(invalid);
  });

  test('pauses what waits for its time', async () => {
    tasks.add(storedTask({ type: 'FULL', status: 'WAITING' }));
    await expect(retryJob(action())).rejects.toMatchObject(invalid);
    await pauseJob(action());
    expect(tasks.task(taskKey)).toMatchObject({ status: 'PAUSED', pausedFrom: 'WAITING' });
  });

  test('is not undone by another at the same time', async () => {
    tasks.add(storedTask({ type: 'FULL', status: 'WAITING' }));
    let first = true;
    tasks.interfere = (task) => {
      if (first) {
        first = false;
        tasks.add({ ...task, status: 'PAUSED', pausedFrom: 'WAITING', revision: task.revision + 1 });
      }
    };
    await expect(pauseJob(action())).rejects.toMatchObject(invalid);
    expect(statusOf()).toBe('PAUSED');
  });

  test('that others are in the way of each time says so', async () => {
    tasks.add(storedTask());
    tasks.interfere = (task) => tasks.add({ ...task, revision: task.revision + 1 });
    await expect(pauseJob(action())).rejects.toMatchObject({ code: 'TASK_CONTENDED' });
  });

  test.each(['SUCCESS', 'FAILED'] as const)('is refused after %s', async (status) => {
    tasks.add(storedTask({ type: 'FULL', status }));
    await expect(pauseJob(action())).rejects.toMatchObject(invalid);
  });
});

test('a retry starts what has failed, and not what is complete', async () => {
  tasks.add(storedTask({ type: 'FULL', status: 'FAILED' }));
  await retryJob(action());
  expect(tasks.steps).toEqual(['start EXECUTE']);
  tasks.add(storedTask({ type: 'FULL', status: 'SUCCESS' }));
  await expect(retryJob(action())).rejects.toMatchObject(invalid);
});

test('a deletion takes the armed time with it', async () => {
  tasks.add(storedTask({ type: 'FULL', status: 'WAITING', nextExecution: NOW.toISOString() }));
  const { schedule } = tasks.starter;
  await deleteJob({ ...action(), schedule });
  expect(tasks.steps).toEqual([`disarm ${NOW.toISOString()}`, 'delete']);
});

test.each([
  ['pause', () => pauseJob(action('dev'))],
  ['retry', () => retryJob(action('dev'))],
  ['deletion', () => deleteJob({ ...action('dev'), schedule: tasks.starter.schedule })],
])('a %s of another project’s job finds none', async (_name, act) => {
  tasks.add(storedTask({ includeAllProject: false, localProjectId: 'ops' }));
  await expect(act()).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
  expect(tasks.steps).toEqual([]);
});
