import { beforeEach, describe, expect, test } from 'vitest';
import type { Failure, RunFailure, SweepFailure } from '../../../functions/shared/failure/failure.ts';
import type { StoredFailure } from '../../../functions/shared/failure/repository.ts';
import { redoFailures } from '../../../functions/shared/failure/retry.ts';
import { RemoteOutageError, RemoteRefusalError } from '../../../functions/shared/remote/errors.ts';
import { storedTask } from '../../support/tasks.ts';
import { LANE, REMOTE_LANE, sha256Of, World } from '../apply/world.ts';

const task = storedTask({
  includeAllProject: false,
  localProjectId: LANE.projectId,
  localRepoName: LANE.repoName,
  remoteProjectId: REMOTE_LANE.projectId,
  remoteRepoName: REMOTE_LANE.repoName,
});
const AT = '2026-11-21T00:00:00.000Z';
const PROJECT = { projectId: LANE.projectId, repoName: '' };
const REMOTE_PROJECT = { projectId: REMOTE_LANE.projectId, repoName: '' };

let world: World;
let stored: Map<string, StoredFailure>;
let noted: string[];
let permissions: () => RunFailure[];
let aborted: AbortController;

beforeEach(() => {
  world = new World();
  world.tasks.set(task.key, task);
  stored = new Map();
  noted = [];
  permissions = () => [];
  aborted = new AbortController();
});

function ofLane(kind: string, fields: Partial<Failure> = {}): string {
  const id = `lane-${stored.size}`;
  const failure: Failure = {
    taskKey: task.key,
    source: LANE,
    remote: REMOTE_LANE,
    slotName: 'default',
    ordinal: 1,
    eventId: 'e',
    kind,
    code: 'REMOTE_REFUSED',
    reason: 'at first',
    at: AT,
    ...fields,
  };
  stored.set(id, { id, of: 'LANE', failure });
  return id;
}

function ofRun(kind: RunFailure['kind'], fields: Partial<RunFailure> = {}): string {
  const id = `run-${stored.size}`;
  const failure: RunFailure = {
    taskKey: task.key,
    runId: 'r',
    source: LANE,
    remote: REMOTE_LANE,
    kind,
    code: 'REMOTE_REFUSED',
    reason: 'at first',
    at: AT,
    ...fields,
  };
  stored.set(id, { id, of: 'RUN', failure });
  return id;
}

function ofSweep(fullPath: string): string {
  const id = `sweep-${stored.size}`;
  const failure: SweepFailure = {
    taskKey: task.key,
    sweepId: 's',
    part: 1,
    source: LANE,
    remote: REMOTE_LANE,
    kind: 'NODE',
    fullPath,
    code: 'REMOTE_REFUSED',
    reason: 'at first',
    at: AT,
  };
  stored.set(id, { id, of: 'SWEEP', failure });
  return id;
}

async function retry(...failures: string[]): Promise<void> {
  await redoFailures({
    message: { version: 1, kind: 'RETRY', taskKey: task.key, failures },
    signal: aborted.signal,
    dependencies: {
      ...world.dependencies,
      failures: {
        get: async (_taskKey, id) => stored.get(id),
        remove: async (_taskKey, ids) => {
          for (const id of ids) {
            stored.delete(id);
          }
        },
        recordRetry: async (_taskKey, { id, ...outcome }) => {
          const known = stored.get(id);
          if (known?.of === 'LANE') {
            stored.set(id, { ...known, failure: { ...known.failure, ...outcome } });
          } else if (known?.of === 'RUN') {
            stored.set(id, { ...known, failure: { ...known.failure, ...outcome } });
          }
        },
      },
      lanes: {
        noteAhead: async ({ source }, fullPaths, until) => {
          expect(until.getTime()).toBeGreaterThan(world.now.getTime());
          noted.push(...fullPaths.map((fullPath) => `${source.repoName} ${fullPath} ${world.calls.length}`));
        },
      },
      inventory: { repositories: async () => [LANE.repoName] },
      permissions: async ({ runs, run, source }) => {
        expect(source).toEqual(PROJECT);
        await runs.recordPermissionFailures({
          taskKey: task.key,
          runId: run.runId,
          failures: permissions(),
        });
      },
    },
  });
}

const contents = () =>
  Object.fromEntries([...world.target].map(([path, node]) => [path, node.folder ? 'folder' : node.sha256]));

function atTarget(fullPath: string, content: string): void {
  world.target.set(fullPath, { folder: false, sha256: sha256Of(content), expires: 0, metadata: {} });
}

describe('a failure that is put right', () => {
  test('loses its record, and its lane was told before anything was done', async () => {
    world.putFile('/a', 'present');
    world.putFile('/b', 'too');
    await retry(
      ofLane('FILE_CREATE', { fullPath: '/a' }),
      ofRun('NODE', { fullPath: '/a' }),
      ofSweep('/b'),
      'gone',
    );
    expect(contents()).toEqual({ '/a': sha256Of('present'), '/b': sha256Of('too') });
    expect(stored.size).toBe(0);
    expect(noted[0]).toBe('generic-local /a 0');
    expect(noted).toHaveLength(3);
  });

  test('is what the source has now, where there is nothing any more', async () => {
    atTarget('/a', 'old');
    await retry(ofLane('METADATA_SAVE', { fullPath: '/a' }));
    expect(contents()).toEqual({});
    expect(stored.size).toBe(0);
  });

  test.each([
    ['NODE_RENAME', { '/b/f': sha256Of('f'), '/b': 'folder' }],
    ['NODE_MOVE', { '/b/f': sha256Of('f'), '/b': 'folder' }],
    ['NODE_COPY', { '/a': sha256Of('old'), '/b/f': sha256Of('f'), '/b': 'folder' }],
  ])('settles both ends of a %s', async (kind, expected) => {
    world.nodes.set('/b', { folder: true, fullPath: '/b', createdBy: 'admin', metadata: {} });
    world.putFile('/b/f', 'f');
    atTarget('/a', 'old');
    await retry(ofLane(kind, { fullPath: '/a', destFullPath: '/b' }));
    expect(contents()).toEqual(expected);
    expect(noted.map((note) => note.split(' ')[1])).toEqual(['/a', '/b']);
    expect(stored.size).toBe(0);
  });

  test('removes what was deleted, with what lies under it', async () => {
    atTarget('/a/f', 'f');
    await retry(ofLane('NODE_DELETE', { fullPath: '/a' }));
    expect(contents()).toEqual({});
  });

  test('makes a repository that was refused, with all that is in it', async () => {
    world.putFile('/a', 'a');
    await retry(ofRun('REPOSITORY'));
    expect([...world.targetRepositories.keys()]).toEqual(['ops-copy/generic-remote']);
    expect(contents()).toEqual({ '/a': sha256Of('a') });
    expect(stored.size).toBe(0);
  });

  test('makes a project that was refused, with all that the task covers of it', async () => {
    world.putFile('/a', 'a');
    await retry(ofRun('PROJECT', { source: PROJECT, remote: REMOTE_PROJECT }));
    expect([...world.targetProjects.keys()]).toEqual(['ops-copy']);
    expect(contents()).toEqual({ '/a': sha256Of('a') });
    expect(stored.size).toBe(0);
  });

  test('gives a repository the source’s present settings', async () => {
    world.repositories.set('ops/generic-local', {
      type: 'GENERIC',
      category: 'LOCAL',
      public: true,
      createdBy: 'admin',
    });
    await retry(ofLane('REPOSITORY_UPDATE'));
    expect(world.targetRepositories.get('ops-copy/generic-remote')).toMatchObject({ public: true });
    world.repositories.clear();
    await retry(ofLane('REPOSITORY_DELETE'));
    expect(world.targetRepositories.size).toBe(0);
    expect(world.calls).not.toContain('delete-repository-forced generic-remote');
    expect(stored.size).toBe(0);
  });

  test('asks for a project’s permissions once', async () => {
    const ids = ['a', 'b'].map((name) => ofRun('PERMISSION', { source: PROJECT, name }));
    let asked = 0;
    permissions = () => {
      asked += 1;
      return [];
    };
    await retry(...ids);
    expect(asked).toBe(1);
    expect(stored.size).toBe(0);
  });
});

describe('a failure that fails again', () => {
  test('keeps its record with the new reason, and keeps no other back', async () => {
    world.putFile('/a', 'a');
    world.putFile('/b', 'b');
    world.beforeCall = (_name, path) => {
      if (path === '/a') {
        throw new RemoteRefusalError({ status: 400, code: 250107, text: 'too late' });
      }
    };
    const id = ofRun('NODE', { fullPath: '/a' });
    await retry(id, ofRun('NODE', { fullPath: '/b' }));
    expect([...stored.keys()]).toEqual([id]);
    expect(stored.get(id)?.failure).toMatchObject({
      code: 'REMOTE_REFUSED',
      reason: expect.stringContaining('too late'),
      at: world.now.toISOString(),
    });
  });

  test('by a permission that is refused again', async () => {
    const [kept, gone] = ['a', 'b'].map((name) => ofRun('PERMISSION', { source: PROJECT, name }));
    permissions = () =>
      [...stored.values()].flatMap(({ of, failure }) =>
        of === 'RUN' && failure.name === 'a' ? [{ ...failure, reason: 'again' }] : [],
      );
    await retry(kept ?? '', gone ?? '');
    expect([...stored.values()].map(({ failure }) => failure.reason)).toEqual(['again']);
  });
});

describe('what stops a retry', () => {
  test('a remote that is down leaves the rest for another time', async () => {
    world.putFile('/a', 'a');
    world.beforeCall = () => {
      throw new RemoteOutageError('CONNECTION_REFUSED');
    };
    const id = ofRun('NODE', { fullPath: '/a' });
    await expect(retry(id)).rejects.toThrow(RemoteOutageError);
    expect(stored.get(id)?.failure.reason).toBe('at first');
  });

  test('the end of its time', async () => {
    world.putFile('/a', 'a');
    aborted.abort(new Error('time is up'));
    await expect(retry(ofRun('NODE', { fullPath: '/a' }))).rejects.toThrow('time is up');
    expect(world.calls).toEqual([]);
    expect(stored.size).toBe(1);
  });

  test('a task that is deleted', async () => {
    world.tasks.clear();
    await retry(ofRun('NODE', { fullPath: '/a' }));
    expect(world.calls).toEqual([]);
  });
});
