import { describe, expect, it } from 'vitest';
import { RemoteOutageError, RemoteRefusalError } from '../../../functions/shared/remote/errors.ts';
import { MAX_FRUITLESS_DELIVERIES } from '../../../functions/shared/sync/give-up.ts';
import type { Task } from '../../../functions/shared/task/task.ts';
import { storedTask } from '../../support/tasks.ts';
import { SyncWorld } from './world.ts';

const DUE = '2026-11-22T00:00:00.000Z';

function smallWorld(task: Partial<Task> = {}): SyncWorld {
  const world = new SyncWorld(task);
  for (const name of ['one', 'two']) {
    world.addRepository('alpha', name);
    world.file(`alpha/${name}`, `/${name}`, name);
  }
  world.addRepository('beta', 'three');
  world.file('beta/three', '/three', 'three');
  return world;
}

const statusesOf = (world: SyncWorld) => [...world.runs.runs.values()].map(({ status }) => status);

describe('the start of a run', () => {
  it.each(['CREATED', 'EXECUTE'])('that comes twice begins one: %s', async (trigger) => {
    const world = smallWorld();
    world.start({ trigger });
    world.start({ trigger });
    await world.drain();
    expect(statusesOf(world)).toEqual(['SUCCESS']);
    expect([...world.sent.values()]).toEqual([1, 1, 1]);
  });

  it('for a creation begins no second run, however late it comes again', async () => {
    const world = smallWorld();
    for (let time = 1; time <= 2; time += 1) {
      world.start({ trigger: 'CREATED' });
      await world.drain();
    }
    expect(statusesOf(world)).toEqual(['SUCCESS']);
  });

  it('for the same time begins one, for another time the next', async () => {
    const world = smallWorld();
    for (const due of [DUE, DUE, '2026-11-22T00:01:00.000Z']) {
      world.start({ trigger: 'SCHEDULE', due });
      await world.drain();
    }
    expect([...world.runs.runs.values()].map((run) => [run.due, run.status])).toEqual([
      [DUE, 'SUCCESS'],
      ['2026-11-22T00:01:00.000Z', 'SUCCESS'],
    ]);
  });

  it('for a time at which a run is going is skipped and logged', async () => {
    const world = smallWorld();
    world.start();
    await world.deliver();
    world.start({ trigger: 'SCHEDULE', due: DUE });
    await world.drain(undefined, (count) => count - 1);
    expect([...world.runs.runs.values()].map(({ status, skipped }) => [status, skipped])).toEqual([
      ['SUCCESS', undefined],
      ['INTERRUPTED', true],
    ]);
  });

  it('of a task that is gone does nothing', async () => {
    const world = smallWorld();
    world.start();
    world.runs.tasks.clear();
    await world.drain();
    expect(world.runs.runs.size).toBe(0);
  });

  it('may be an upkeep, which is no run', async () => {
    const world = smallWorld();
    world.askForUpkeep();
    await world.drain();
    expect(world.upkeeps).toBe(1);
    expect(world.runs.runs.size).toBe(0);
  });

  it('of an interrupted run that the task was changed since begins a new one', async () => {
    const world = smallWorld();
    world.start();
    await world.deliver();
    const { taskKey, runId } = world.run;
    await world.runs.repository.end({ taskKey, runId, status: 'INTERRUPTED', at: world.world.now });
    world.runs.tasks.set(world.task.key, { ...world.task, policyVersion: 2 });
    await world.drain();
    world.start();
    await world.drain();
    expect(statusesOf(world)).toEqual(['INTERRUPTED', 'SUCCESS']);
  });
});

describe('an incremental task that waits', () => {
  it('follows the log from its time on', async () => {
    const world = smallWorld({ type: 'INCREMENTAL' });
    world.start({ trigger: 'SCHEDULE', due: DUE });
    await world.drain();
    expect(world.task).toMatchObject({ status: 'REPLICATING', lastDue: DUE });
    expect(world.task).not.toHaveProperty('catchUp');
    expect(world.runs.runs.size).toBe(0);
  });

  it('is synchronized first where it asked for it, and keeps the position from before', async () => {
    const world = smallWorld({ type: 'INCREMENTAL', initialSync: {} });
    world.start({ trigger: 'EXECUTE' });
    await world.drain();
    expect(world.run).toMatchObject({ trigger: 'INITIAL', status: 'SUCCESS' });
    expect(world.task).toMatchObject({
      status: 'REPLICATING',
      catchUp: { nextOrdinal: 7 },
      initialSync: { endedAt: expect.any(String) },
    });
    world.start({ trigger: 'INITIAL' });
    await world.drain();
    expect(world.runs.runs.size).toBe(1);
  });
});

describe('a retry', () => {
  it('comes back while the remote is away, and not for ever', async () => {
    const world = smallWorld();
    for (const [failing, expected] of [
      [3, 4],
      [100, MAX_FRUITLESS_DELIVERIES],
    ] as const) {
      let tries = 0;
      world.retry = () => {
        tries += 1;
        if (tries <= failing) {
          throw new RemoteOutageError('TIMED_OUT');
        }
      };
      world.start({ kind: 'RETRY', failures: ['one'] });
      await world.drain();
      expect(tries).toBe(expected);
    }
  });
});

describe('planning', () => {
  it('covers one project under the name that it has at the remote', async () => {
    const world = smallWorld({ includeAllProject: false, localProjectId: 'alpha', remoteProjectId: 'copy' });
    world.world.model.addRepository('copy/one', 'LOCAL');
    world.world.model.addRepository('copy/two', 'LOCAL');
    world.start();
    await world.drain();
    expect(world.remoteTree('copy/one')).toEqual(world.sourceTree('alpha/one'));
    expect(world.remoteTree('copy/two')).toEqual(world.sourceTree('alpha/two'));
    expect([...world.world.targetProjects.keys()]).toEqual(['copy']);
    expect(world.run).toMatchObject({ status: 'SUCCESS', counters: { totalNode: 2 } });
  });

  it('covers one repository under another name', async () => {
    const scope = { localProjectId: 'alpha', localRepoName: 'two', remoteRepoName: 'renamed' };
    const world = smallWorld({ includeAllProject: false, ...scope });
    world.world.model.addRepository('alpha/renamed', 'LOCAL');
    world.start();
    await world.drain();
    expect(world.remoteTree('alpha/renamed')).toEqual(world.sourceTree('alpha/two'));
    expect(world.remoteTree('alpha/one')).toEqual({});
    expect(world.run).toMatchObject({ status: 'SUCCESS', containers: { totalProject: 1, totalRepo: 1 } });
  });

  it.each([
    [{ localProjectId: 'none' }, '1 projects', 'PROJECT'],
    [{ localProjectId: 'alpha', localRepoName: 'none' }, '1 repositories', 'REPOSITORY'],
  ])('says what the source does not have: %o', async (scope, what, kind) => {
    const world = smallWorld({ includeAllProject: false, ...scope });
    world.start();
    await world.drain();
    expect(world.run).toMatchObject({ status: 'FAILED', errorReason: `Could not replicate ${what}` });
    expect([...world.runs.failures.values()]).toMatchObject([{ kind, code: 'SOURCE_MISSING' }]);
  });

  it('goes on without a repository that the remote refuses', async () => {
    const world = smallWorld();
    world.world.beforeCall = (call, path) => {
      if (call === 'repository' && path === 'one') {
        throw new RemoteRefusalError({ status: 400, code: 250103, text: 'no' });
      }
    };
    world.start();
    await world.drain();
    expect(world.remoteTree('alpha/two')).toEqual(world.sourceTree('alpha/two'));
    expect(world.remoteTree('beta/three')).toEqual(world.sourceTree('beta/three'));
    expect(world.run).toMatchObject({
      status: 'FAILED',
      errorReason: 'Could not replicate 1 repositories',
      counters: { totalNode: 2, successNode: 2 },
      containers: { totalRepo: 3, successRepo: 2, failedRepo: 1, totalProject: 2, failedProject: 1 },
    });
  });

  it('ends with it where the task says so', async () => {
    const world = smallWorld({ errorStrategy: 'FAST_FAIL' });
    world.world.beforeCall = (call) => {
      if (call === 'project') {
        throw new RemoteRefusalError({ status: 400, code: 250103, text: 'no' });
      }
    };
    world.start();
    await world.drain();
    expect(world.run).toMatchObject({
      status: 'FAILED',
      errorReason: 'HTTP 400, code 250103: no',
      planned: false,
    });
    expect(world.sent.size).toBe(0);
  });

  it('waits for a remote that is down, and gives the run up in the end', async () => {
    const world = smallWorld();
    let calls = 0;
    world.world.beforeCall = () => {
      calls += 1;
      if (calls < 10) {
        throw new RemoteOutageError('TIMED_OUT');
      }
    };
    world.start();
    await world.drain();
    expect(world.run.status).toBe('SUCCESS');

    world.world.beforeCall = () => {
      throw new RemoteOutageError('TIMED_OUT');
    };
    world.start();
    await world.drain();
    expect(world.run.status).toBe('FAILED');
    expect(world.run.errorReason).toMatch(/^Given up after several attempts at planning: .*time/i);
  });

  it('replicates permissions where the task says so, once for each project', async () => {
    const permitting = { ...storedTask().setting, includePermission: true };
    for (const [setting, projects] of [
      [permitting, ['alpha', 'beta']],
      [storedTask().setting, []],
    ] as const) {
      const world = smallWorld({ setting });
      world.start();
      await world.drain();
      expect(world.permissions).toEqual(projects);
    }
  });
});
