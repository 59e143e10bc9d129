import { beforeEach, describe, expect, it } from 'vitest';
import { applyBatch } from '../../../functions/shared/apply/apply-batch.ts';
import { circuit } from '../../../functions/shared/apply/circuit.ts';
import { reconcileLane } from '../../../functions/shared/apply/reconcile-lane.ts';
import type { Operation } from '../../../functions/shared/lane/operation.ts';
import { RemoteOutageError, RemoteRefusalError } from '../../../functions/shared/remote/errors.ts';
import type { PartCounts, SweepPart } from '../../../functions/shared/sweep/parts.ts';
import type { SyncPolicy } from '../../../functions/shared/task/sync-policy.ts';
import { storedTask } from '../../support/tasks.ts';
import { batch, LANE, REMOTE_LANE, sha256Of, World } from './world.ts';

const POLICY: SyncPolicy = { conflictStrategy: 'OVERWRITE', ddlTrans: true, indexTrans: true };
const KEEPING: SyncPolicy = { ...POLICY, conflictStrategy: 'SKIP' };
const OLD = { createdDate: new Date('2026-11-20T00:00:00Z'), lastModifiedDate: new Date('2026-11-20') };

let world: World;

beforeEach(() => {
  world = new World();
  world.announcement = { extensions: new Set(['digests']) };
  world.now = new Date('2026-11-22T00:00:10Z');
});

/** Store a part of a sweep. */
function part(fullPaths: readonly string[], more: Partial<SweepPart> = {}): void {
  const stored = {
    taskKey: storedTask().key,
    sweepId: 's',
    part: 1,
    slotName: 'default',
    policyVersion: 1,
    policy: POLICY,
    source: LANE,
    remote: REMOTE_LANE,
    fullPaths,
    ...more,
  };
  world.parts.set(stored.part, { ...stored, status: 'SENT' });
}

async function reconcile(number = 1, signal = new AbortController().signal): Promise<'applied' | 'dropped'> {
  return reconcileLane({
    message: {
      version: 1,
      kind: 'RECONCILE',
      taskKey: storedTask().key,
      slotName: 'default',
      source: LANE,
      remote: REMOTE_LANE,
      sweepId: 's',
      part: number,
    },
    deliveries: 3,
    circuit: circuit(),
    signal,
    dependencies: world.dependencies,
  });
}

async function apply(previousOrdinal: number, ...operations: Operation[]): Promise<void> {
  await applyBatch({
    message: batch(previousOrdinal, operations),
    deliveries: 3,
    circuit: circuit(),
    signal: new AbortController().signal,
    dependencies: world.dependencies,
  });
}

/** A file at the target. */
function atTarget(fullPath: string, content: string): void {
  world.target.set(fullPath, { folder: false, sha256: sha256Of(content), expires: 0, metadata: {} });
}

function folder(fullPath: string): void {
  world.nodes.set(fullPath, { folder: true, fullPath, createdBy: 'carol', metadata: {}, ...OLD });
}

/** A file that both have, alike. */
function both(fullPath: string, content: string): void {
  world.putFile(fullPath, content, OLD);
  // As the remote keeps its size, which is compared.
  world.model.apply(
    {
      kind: 'create',
      repository: 'ops-copy/generic-remote',
      path: fullPath,
      folder: false,
      overwrite: true,
      expires: 0,
      size: content.length,
      md5: 'md5',
      sha256: sha256Of(content),
      metadata: {},
      operator: 'test',
    },
    world.now,
  );
}

const contents = () =>
  Object.fromEntries([...world.target].map(([path, node]) => [path, node.folder ? 'folder' : node.sha256]));

const counts = (some: Partial<PartCounts>): PartCounts => ({
  checked: 0,
  repaired: 0,
  removed: 0,
  unchanged: 0,
  conflicted: 0,
  failed: 0,
  ...some,
});

const NOT_READING = /^(version|digests|existing|exists|ping)/;
const changes = () =>
  world.calls.filter((call) => !NOT_READING.test(call) && !/^(project|repository) /.test(call));

describe('a part of a sweep', () => {
  it('makes its paths what the source has, and asks once for all of them', async () => {
    world.putFile('/missing', 'a');
    world.putFile('/different', 'b');
    both('/alike', 'c');
    atTarget('/different', 'old');
    atTarget('/gone', 'd');
    part(['/missing', '/different', '/alike', '/gone', '/nowhere']);
    expect(await reconcile()).toBe('applied');
    expect(contents()).toEqual({
      '/missing': sha256Of('a'),
      '/different': sha256Of('b'),
      '/alike': sha256Of('c'),
    });
    expect(world.calls.filter((call) => call === 'digests')).toHaveLength(1);
    expect(changes()).toEqual(['upload /different', 'delete /gone', 'upload /missing']);
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 5, repaired: 2, removed: 1, unchanged: 2 }));
    expect(world.state()).toMatchObject({ repaired: 3, appliedOrdinal: 0, applied: 0 });
  });

  it('changes nothing where all is alike, and is done', async () => {
    both('/a', 'a');
    part(['/a']);
    await reconcile();
    expect(changes()).toEqual([]);
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 1, unchanged: 1 }));
    expect(world.state()).toMatchObject({ ahead: [], containersEnsured: true });
    expect(await reconcile()).toBe('dropped');
    expect(world.writes).toBe(1);
  });

  it('asks a remote of the base contract for existence, and takes what is there for alike', async () => {
    world.announcement = { extensions: new Set() };
    world.putFile('/missing', 'a');
    world.putFile('/there', 'b');
    atTarget('/there', 'who knows');
    atTarget('/gone', 'd');
    part(['/missing', '/there', '/gone']);
    await reconcile();
    expect(world.calls.filter((call) => call === 'existing')).toHaveLength(1);
    expect(changes()).toEqual(['delete /gone', 'upload /missing']);
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 3, repaired: 1, removed: 1, unchanged: 1 }));
  });

  it('puts what is said of a node right, and folders in the place of files', async () => {
    both('/a', 'a');
    world.putFile('/a', 'a', { ...OLD, metadata: { k: 'v' } });
    world.nodes.set('/f', { folder: true, fullPath: '/f', createdBy: 'carol', metadata: { k: 'v' }, ...OLD });
    world.putFile('/f/x', 'x');
    atTarget('/f', 'a file');
    part(['/f/x', '/f', '/a']);
    await reconcile();
    expect(contents()).toEqual({ '/a': sha256Of('a'), '/f': 'folder', '/f/x': sha256Of('x') });
    expect(world.target.get('/a')?.metadata).toEqual({ k: 'v' });
    expect(world.target.get('/f')?.metadata).toEqual({ k: 'v' });
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 3, repaired: 3 }));
  });

  it('removes a tree with one call', async () => {
    atTarget('/d/x/1', 'a');
    atTarget('/d/y', 'b');
    atTarget('/d-x', 'c');
    part(['/d', '/d-x', '/d/x', '/d/x/1', '/d/y']);
    await reconcile();
    expect(contents()).toEqual({});
    expect(changes()).toEqual(['delete /d', 'delete /d-x']);
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 5, removed: 5 }));
  });

  it('never touches the repository itself', async () => {
    both('/a', 'a');
    atTarget('/others', 'x');
    part(['/']);
    await reconcile();
    expect(changes()).toEqual([]);
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 1, unchanged: 1 }));
  });

  it('records what is refused for good by its path, once, and does the rest', async () => {
    for (const name of ['/a', '/b', '/c']) {
      world.putFile(name, name);
    }
    const { uploadFile } = world.client;
    world.dependencies.remotes.clientFor = async () => ({
      ...world.client,
      uploadFile: async (file, open) => {
        if (file.fullPath === '/b') {
          throw new RemoteRefusalError({ status: 413, text: 'too large' });
        }
        return uploadFile(file, open);
      },
    });
    part(['/a', '/b', '/c']);
    await reconcile();
    expect(Object.keys(contents())).toEqual(['/a', '/c']);
    expect([...world.sweepFailures.values()]).toEqual([
      expect.objectContaining({ sweepId: 's', part: 1, fullPath: '/b', code: 'REMOTE_REFUSED' }),
    ]);
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 3, repaired: 2, failed: 1 }));
    expect(world.logged).toEqual([{ level: 'error', text: 'Did a part of a sweep' }]);
  });

  it('fails every path where its repository cannot be made', async () => {
    world.putFile('/a', 'a');
    world.dependencies.remotes.clientFor = async () => ({
      ...world.client,
      createProject: async () => {
        throw new RemoteRefusalError({ status: 403, text: 'forbidden' });
      },
    });
    part(['/a', '/b']);
    await reconcile();
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 2, failed: 2 }));
    expect(changes()).toEqual([]);
  });

  it('goes back in an outage, which its lane shows, and counts what it had done as repaired', async () => {
    for (const name of ['/a', '/b', '/c']) {
      world.putFile(name, name);
    }
    part(['/a', '/b', '/c']);
    world.beforeCall = (name, path) => {
      if (name === 'upload' && path === '/b') {
        throw new RemoteOutageError('CONNECTION_CUT');
      }
    };
    await expect(reconcile()).rejects.toThrow(RemoteOutageError);
    expect(world.state()?.outage).toBeDefined();
    expect(world.parts.get(1)?.status).toBe('SENT');
    world.beforeCall = () => {};
    world.calls.length = 0;
    await reconcile();
    expect(changes()).toEqual(['upload /b', 'upload /c']);
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 3, repaired: 3 }));
    expect(world.state()).toMatchObject({ repaired: 3 });
    expect(world.state()?.outage).toBeUndefined();
  });

  it('waits while its task is paused or has stopped, and is dropped with it', async () => {
    part(['/a']);
    world.tasks.set(storedTask().key, storedTask({ status: 'PAUSED' }));
    await expect(reconcile()).rejects.toThrow('paused');
    world.tasks.set(storedTask().key, storedTask({ status: 'FAILED' }));
    await expect(reconcile()).rejects.toThrow('stopped');
    world.tasks.clear();
    expect(await reconcile()).toBe('dropped');
    expect(world.calls).toEqual([]);
  });

  it('is dropped when it is not kept any more', async () => {
    expect(await reconcile(7)).toBe('dropped');
  });

  it('stops between two paths when time is up', async () => {
    world.putFile('/a', 'a');
    world.putFile('/b', 'b');
    part(['/a', '/b']);
    const aborted = new AbortController();
    world.beforeCall = (name) => {
      if (name === 'upload') {
        aborted.abort(new Error('time is up'));
      }
    };
    await expect(reconcile(1, aborted.signal)).rejects.toThrow('time is up');
    expect(changes()).toEqual(['upload /a']);
  });

  it('gives way to a delivery that has moved its lane meanwhile', async () => {
    world.putFile('/a', 'a');
    part(['/a']);
    const { load } = world.lanes;
    world.dependencies.lanes.load = async (lane) => {
      const state = await load(lane);
      world.dependencies.lanes.load = load;
      await apply(0, { kind: 'NODE_DELETE', fullPath: '/x', operator: 'a' });
      return state;
    };
    await expect(reconcile()).rejects.toThrow('moved by another delivery');
    expect(changes()).toEqual(['delete /x']);
  });

  it('counts once where two deliveries are at it', async () => {
    world.putFile('/a', 'a');
    part(['/a', '/b']);
    const { load } = world.partLedger;
    world.dependencies.parts.load = async (sweepId, number) => {
      const stored = await load(sweepId, number);
      world.dependencies.parts.load = load;
      await reconcile();
      return stored;
    };
    await expect(reconcile()).rejects.toThrow('moved by another delivery');
    expect(await reconcile()).toBe('dropped');
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 2, repaired: 1, unchanged: 1 }));
    expect(world.state()?.repaired).toBe(1);
  });

  it('makes a batch that was loaded before it look again', async () => {
    world.putFile('/a', 'a');
    part(['/a']);
    const { load } = world.lanes;
    world.dependencies.lanes.load = async (lane) => {
      const state = await load(lane);
      world.dependencies.lanes.load = load;
      await reconcile();
      return state;
    };
    await expect(apply(0, { kind: 'NODE_DELETE', fullPath: '/x', operator: 'a' })).rejects.toThrow(
      'moved by another delivery',
    );
    expect(world.state()?.ahead).toContainEqual(expect.objectContaining({ fullPath: '/a' }));
  });
});

describe('what policies keep', () => {
  it.each(['SKIP', 'FAST_FAIL'] as const)(
    'stays under %s, and is put down, while the task goes on',
    async (strategy) => {
      world.putFile('/a', 'ours');
      world.putFile('/b', 'ours too');
      world.tombstones.set('/b', [sha256Of('older')]);
      world.tombstones.set('/deleted', [sha256Of('deleted')]);
      atTarget('/a', 'theirs');
      atTarget('/b', 'older');
      atTarget('/deleted', 'deleted');
      atTarget('/foreign', 'never ours');
      part(['/a', '/b', '/deleted', '/foreign'], { policy: { ...KEEPING, conflictStrategy: strategy } });
      await reconcile();
      expect(contents()).toEqual({
        '/a': sha256Of('theirs'),
        '/b': sha256Of('ours too'),
        '/foreign': sha256Of('never ours'),
      });
      expect(world.partCounts.get(1)).toEqual(
        counts({ checked: 4, repaired: 1, removed: 1, conflicted: 1, unchanged: 1 }),
      );
      expect([...world.sweepConflicts.values()]).toEqual([
        {
          taskKey: storedTask().key,
          source: LANE,
          remote: REMOTE_LANE,
          slotName: 'default',
          sweepId: 's',
          kind: 'RECONCILE',
          policy: 'SKIP',
          policyVersion: 1,
          fullPath: '/a',
          incoming: { folder: false, sha256: sha256Of('ours') },
          present: { folder: false, sha256: sha256Of('theirs') },
          loggedAt: world.now.toISOString(),
          at: world.now.toISOString(),
        },
      ]);
      expect(world.calls.filter((call) => call === 'digests')).toHaveLength(1);
      expect(world.tasks.get(storedTask().key)?.status).toBe('REPLICATING');
      // Nothing was done at the path, so the log is not behind there.
      expect(world.state()?.ahead.map(({ fullPath }) => fullPath)).toEqual(['/b', '/deleted']);
    },
  );

  it('is removed where somebody has asked for it', async () => {
    atTarget('/foreign', 'never ours');
    part(['/foreign'], { policy: KEEPING, deleteExtra: true });
    await reconcile();
    expect(contents()).toEqual({});
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 1, removed: 1 }));
  });

  it('is removed at a remote of the base contract only where the source has had something', async () => {
    world.announcement = { extensions: new Set() };
    world.tombstones.set('/deleted', [sha256Of('x')]);
    atTarget('/deleted', 'x');
    atTarget('/foreign', 'y');
    part(['/deleted', '/foreign'], { policy: KEEPING });
    await reconcile();
    expect(Object.keys(contents())).toEqual(['/foreign']);
  });

  it('is not its own a moment later: what a part has put is no conflict to the log', async () => {
    world.putFile('/a', 'new');
    part(['/a'], { policy: KEEPING });
    await reconcile();
    // Moved on at the source since, which leaves no tombstone; another took its place.
    world.putFile('/a', 'newer', OLD);
    await applyBatch({
      message: batch(0, [{ kind: 'NODE_DELETE', fullPath: '/a', operator: 'a' }], { policy: KEEPING }),
      deliveries: 3,
      circuit: circuit(),
      signal: new AbortController().signal,
      dependencies: world.dependencies,
    });
    expect(contents()).toEqual({ '/a': sha256Of('newer') });
    expect(world.conflicts.size).toBe(0);
  });

  it('is an index of packages that the target makes itself', async () => {
    world.repositories.set('ops/generic-local', {
      type: 'MAVEN',
      category: 'LOCAL',
      public: false,
      createdBy: 'admin',
    });
    world.putFile('/com/x/maven-metadata.xml', 'index');
    part(['/com/x/maven-metadata.xml'], { policy: { ...POLICY, indexTrans: false } });
    await reconcile();
    expect(changes()).toEqual([]);
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 1, unchanged: 1 }));
  });

  it('is a repository whose deletion is not replayed', async () => {
    world.repositories.clear();
    atTarget('/a', 'a');
    part(['/a'], { policy: { ...POLICY, filterDdl: 'drop_database' } });
    await reconcile();
    expect(Object.keys(contents())).toEqual(['/a']);
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 1, unchanged: 1 }));
  });
});

describe('the log behind a part', () => {
  it('does not carry what was put right to where the source had an earlier state', async () => {
    folder('/d');
    world.putFile('/a', 'late', OLD);
    world.putFile('/b', 'early', OLD);
    part(['/a']);
    await reconcile();
    await apply(0, {
      kind: 'NODE_COPY',
      fullPath: '/a',
      destFullPath: '/b',
      overwrite: false,
      operator: 'a',
    });
    expect(contents()).toEqual({ '/a': sha256Of('late'), '/b': sha256Of('early') });
  });

  it('does so even where the worker died as soon as something was put right', async () => {
    world.putFile('/a', 'late', OLD);
    world.putFile('/b', 'early', OLD);
    part(['/a']);
    let isDead = false;
    world.aroundRecord = () => {
      if (isDead) {
        throw new Error('killed');
      }
    };
    world.beforeCall = (name) => {
      isDead ||= name === 'upload';
    };
    await expect(reconcile()).rejects.toThrow('killed');
    isDead = false;
    world.beforeCall = () => {};
    await apply(0, {
      kind: 'NODE_COPY',
      fullPath: '/a',
      destFullPath: '/b',
      overwrite: false,
      operator: 'a',
    });
    expect(contents()).toEqual({ '/a': sha256Of('late'), '/b': sha256Of('early') });
  });

  it('is trusted again as soon as it was written later', async () => {
    world.putFile('/a', 'a');
    part(['/a']);
    await reconcile();
    world.now = new Date('2026-11-22T01:00:00Z');
    const [whole] = [
      batch(0, [{ kind: 'NODE_COPY', fullPath: '/a', destFullPath: '/b', overwrite: false, operator: 'a' }]),
    ];
    world.putFile('/b', 'a', OLD);
    world.calls.length = 0;
    await applyBatch({
      message: {
        ...whole,
        entries: whole.entries.map((entry) => ({ ...entry, loggedAt: '2026-11-22T00:59:00.000Z' })),
      },
      deliveries: 3,
      circuit: circuit(),
      signal: new AbortController().signal,
      dependencies: world.dependencies,
    });
    expect(changes()).toEqual(['copy /a']);
    expect(world.state()?.ahead.filter(({ wentTo }) => wentTo === undefined)).toEqual([]);
  });
});

describe('a definition', () => {
  const NAME = 'ops-copy/generic-remote';
  const SOURCE = {
    type: 'GENERIC',
    category: 'LOCAL',
    public: true,
    description: 'ours',
    createdBy: 'carol',
  };
  const CONFIGURATION = { type: 'rpm-local', settings: { keep: 3 } };

  /** What the source has now, after the lane was last made sure of. */
  function redefined(): void {
    world.repositories.set('ops/generic-local', { ...SOURCE, configuration: CONFIGURATION });
  }

  const defining = () => world.calls.filter((call) => /^(project|repository|update-repository) /.test(call));

  it('is made at the remote where it is missing, with no node', async () => {
    redefined();
    part([], { definition: true });
    await reconcile();
    expect(world.targetProjects.get('ops-copy')).toMatchObject({ displayName: 'Operations' });
    expect(world.targetRepositories.get(NAME)).toMatchObject({ public: true, configuration: CONFIGURATION });
    expect(defining()).toEqual(['project ops-copy', 'repository generic-remote']);
    expect(changes()).toEqual([]);
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 1, unchanged: 1 }));
    expect(world.state()).toMatchObject({ containersEnsured: true });
  });

  it('is changed where it differs, before the paths, though the lane knows that it is there', async () => {
    await apply(0, { kind: 'NODE_DELETE', fullPath: '/x', operator: 'a' });
    redefined();
    world.putFile('/a', 'a');
    part(['/a'], { definition: true });
    world.calls.length = 0;
    await reconcile();
    expect(world.targetRepositories.get(NAME)).toMatchObject({
      public: true,
      description: 'ours',
      configuration: CONFIGURATION,
    });
    expect(changes()).toEqual(['update-repository generic-remote', 'upload /a']);
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 2, repaired: 2 }));
    expect(world.state()).toMatchObject({ repaired: 2 });
    part([], { definition: true, part: 2 });
    world.calls.length = 0;
    await reconcile(2);
    expect(changes()).toEqual([]);
  });

  it('is left alone by a part that does not name it, and where containers are not replayed', async () => {
    await apply(0, { kind: 'NODE_DELETE', fullPath: '/x', operator: 'a' });
    redefined();
    world.calls.length = 0;
    part(['/nowhere']);
    await reconcile();
    part([], { definition: true, part: 2, policy: { ...POLICY, ddlTrans: false } });
    await reconcile(2);
    expect(defining()).toEqual([]);
  });

  it('is not made up for a repository that is gone', async () => {
    world.repositories.clear();
    part([], { definition: true });
    await reconcile();
    expect(defining()).toEqual([]);
    expect(world.state()).toMatchObject({ containersEnsured: false });
  });

  it('that is refused for good is a failure, and keeps no node back', async () => {
    redefined();
    world.putFile('/a', 'a');
    world.beforeCall = (name) => {
      if (name === 'update-repository') {
        throw new RemoteRefusalError({ status: 400, code: 250103, text: 'no' });
      }
    };
    world.targetProjects.set('ops-copy', { displayName: '', operator: 'a' });
    world.targetRepositories.set(NAME, { ...SOURCE, public: false, operator: 'a' });
    part(['/a'], { definition: true });
    await reconcile();
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 2, repaired: 1, failed: 1 }));
    expect([...world.sweepFailures.values()]).toMatchObject([{ kind: 'REPOSITORY', code: 'REMOTE_REFUSED' }]);
    expect(contents()).toEqual({ '/a': sha256Of('a') });
  });

  it('of a project alone is made in its own lane', async () => {
    const source = { ...LANE, repoName: '' };
    const remote = { ...REMOTE_LANE, repoName: '' };
    part([], { definition: true, source, remote });
    await reconcile();
    expect(defining()).toEqual(['project ops-copy']);
    expect(world.partCounts.get(1)).toEqual(counts({ checked: 1, unchanged: 1 }));
  });
});
