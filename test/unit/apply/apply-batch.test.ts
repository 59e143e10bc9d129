import { beforeEach, describe, expect, it } from 'vitest';
import {
  applyBatch,
  BatchOverlapError,
  LaneContendedError,
  PredecessorMissingError,
  TaskPausedError,
} from '../../../functions/shared/apply/apply-batch.ts';
import { RemoteUndecidedError } from '../../../functions/shared/apply/ask.ts';
import { circuit } from '../../../functions/shared/apply/circuit.ts';
import type { BatchMessage } from '../../../functions/shared/lane/message.ts';
import type { Operation } from '../../../functions/shared/lane/operation.ts';
import { MAX_FAILURES_AT_ONCE } from '../../../functions/shared/lane/repository.ts';
import {
  RemoteAmbiguousError,
  RemoteOutageError,
  RemoteRefusalError,
} from '../../../functions/shared/remote/errors.ts';
import { storedTask } from '../../support/tasks.ts';
import { batch, fileCreate, LANE, REMOTE_LANE, sha256Of, World } from './world.ts';

let world: World;

beforeEach(() => {
  world = new World();
});

function apply(
  message: BatchMessage,
  more: {
    readonly deliveries?: number;
    readonly signal?: AbortSignal;
    readonly circuit?: ReturnType<typeof circuit>;
  } = {},
) {
  return applyBatch({
    message,
    deliveries: 1,
    circuit: circuit(),
    signal: new AbortController().signal,
    dependencies: world.dependencies,
    ...more,
  });
}

/** Long after what the log holds. */
const LATER = new Date('2026-11-22T01:00:00Z');

const only = () => [...world.failures.values()];
const ambiguous = () =>
  new RemoteAmbiguousError({
    asOutage: new RemoteOutageError('BUSY'),
    asRefusal: new RemoteRefusalError({ status: 500, code: 250101, text: 'busy' }),
  });

describe('a batch', () => {
  it('makes sure of the containers once, applies in order and is accounted for', async () => {
    world.putFile('/a/one.txt', 'one', {
      metadata: { build: '42', n: 1 },
      expireDate: new Date('2026-11-29T00:00:00Z'),
    });
    world.putFile('/two.txt', 'two');
    const message = batch(0, [
      { kind: 'FOLDER_CREATE', fullPath: '/empty', operator: 'admin', metadata: { f: 'x' } },
      fileCreate('/a/one.txt', 'one', { metadata: { build: '42' }, expires: 7 }),
      fileCreate('/two.txt', 'two'),
      { kind: 'METADATA_SAVE', fullPath: '/a/one.txt', operator: 'admin', metadata: { n: 1 } },
      { kind: 'NODE_DELETE', fullPath: '/gone', operator: 'admin' },
    ]);
    expect(await apply(message)).toBe('applied');
    expect(world.calls).toEqual([
      'project ops-copy',
      'repository generic-remote',
      'folder /empty',
      'upload /a/one.txt',
      'upload /two.txt',
      'metadata /a/one.txt',
      'delete /gone',
    ]);
    expect(world.targetProjects.get('ops-copy')).toEqual({ displayName: 'Operations', operator: 'admin' });
    expect(world.target.get('/a/one.txt')).toEqual({
      folder: false,
      sha256: sha256Of('one'),
      expires: 7,
      metadata: { build: '42', n: 1 },
    });
    expect(world.state()).toMatchObject({
      source: LANE,
      remote: REMOTE_LANE,
      appliedOrdinal: 5,
      applied: 5,
      superseded: 0,
      failed: 0,
      containersEnsured: true,
      lastAppliedAt: '2026-11-22T00:00:00.000Z',
    });

    await apply(batch(5, [{ kind: 'NODE_DELETE', fullPath: '/gone', operator: 'admin' }]));
    expect(world.calls.slice(7)).toEqual(['delete /gone']);
  });

  it('makes sure of the containers again under another remote name', async () => {
    const operation: Operation = { kind: 'NODE_DELETE', fullPath: '/x', operator: 'admin' };
    await apply(batch(0, [operation]));
    await apply(batch(1, [operation], { remote: { projectId: 'elsewhere', repoName: 'r' } }));
    expect([...world.targetRepositories.keys()]).toEqual(['ops-copy/generic-remote', 'elsewhere/r']);
  });

  it('counts an operation of an event that another lane counts only as done', async () => {
    const message = batch(0, [
      { kind: 'NODE_DELETE', fullPath: '/x', operator: 'admin' },
      { kind: 'NODE_DELETE', fullPath: '/y', operator: 'admin' },
    ]);
    const [first, second] = message.entries;
    await apply({ ...message, entries: [{ ...first, secondary: true }, second] as BatchMessage['entries'] });
    expect(world.calls).toContain('delete /x');
    expect(world.state()).toMatchObject({ appliedOrdinal: 2, applied: 1 });
  });

  it('fetches an operation that was too large for its message', async () => {
    world.operations.set('operations/1', { kind: 'NODE_DELETE', fullPath: '/large', operator: 'admin' });
    await apply(batch(0, [{ kind: 'ARCHIVED', objectKey: 'operations/1' }]));
    expect(world.calls).toContain('delete /large');
  });

  it('of a deleted task is dropped', async () => {
    world.tasks.clear();
    expect(await apply(batch(0, [fileCreate('/a', 'a')]))).toBe('dropped');
    expect(world.calls).toEqual([]);
    expect(world.logged).toEqual([{ level: 'warn', text: 'Dropped a batch of a deleted task' }]);
  });

  it('that was applied is dropped without a call', async () => {
    const message = batch(0, [{ kind: 'NODE_DELETE', fullPath: '/x', operator: 'admin' }]);
    await apply(message);
    const calls = world.calls.length;
    expect(await apply(message)).toBe('dropped');
    expect(world.calls).toHaveLength(calls);
    expect(world.state()).toMatchObject({ applied: 1 });
  });

  it('of a paused task waits, unless it is done', async () => {
    const message = batch(0, [{ kind: 'NODE_DELETE', fullPath: '/x', operator: 'admin' }]);
    await apply(message);
    const { calls } = world;
    const before = calls.length;
    world.tasks.set(storedTask().key, storedTask({ status: 'PAUSED' }));
    expect(await apply(message)).toBe('dropped');
    await expect(
      apply(batch(1, [{ kind: 'NODE_DELETE', fullPath: '/y', operator: 'admin' }])),
    ).rejects.toThrow(TaskPausedError);
    expect(calls).toHaveLength(before);
    expect(world.state()).not.toHaveProperty('outage');
  });

  it('waits for its predecessor', async () => {
    const later = batch(3, [{ kind: 'NODE_DELETE', fullPath: '/x', operator: 'admin' }]);
    await expect(apply(later)).rejects.toThrow(PredecessorMissingError);
    expect(world.calls).toEqual([]);
    expect(world.state()).toBeUndefined();
  });

  it('that contradicts the lane is not guessed at', async () => {
    const operation: Operation = { kind: 'NODE_DELETE', fullPath: '/x', operator: 'admin' };
    const message = batch(0, [operation, operation]);
    const [first, second] = message.entries;
    const descending = { ...message, entries: [second, first] as BatchMessage['entries'] };
    await expect(apply(descending)).rejects.toThrow(BatchOverlapError);
    await apply(batch(0, [operation, operation, operation]));
    const sparse = batch(2, [operation, operation]);
    const holed = {
      ...sparse,
      entries: sparse.entries.map((entry) => ({ ...entry, ordinal: entry.ordinal + 1 })),
    };
    await expect(apply({ ...holed, previousOrdinal: 2 })).rejects.toThrow(BatchOverlapError);
    expect(world.state()).toMatchObject({ appliedOrdinal: 3 });
  });

  it('leaves the lane to another delivery that got ahead', async () => {
    const message = batch(0, [{ kind: 'NODE_DELETE', fullPath: '/x', operator: 'admin' }]);
    let raced = false;
    world.aroundRecord = (moment) => {
      if (moment === 'before' && !raced) {
        raced = true;
        const state = { appliedOrdinal: 1, applied: 1 };
        void world.lanes.recordOutage(message, { since: '2026-11-22T00:00:00Z', reason: '' });
        const [[id, stored] = ['', undefined]] = world.states;
        if (stored !== undefined) {
          world.states.set(id, { ...stored, ...state });
        }
      }
    };
    await expect(apply(message)).rejects.toThrow(LaneContendedError);
    expect(world.state()).toMatchObject({ applied: 1 });
    expect(await apply(message)).toBe('dropped');
  });

  it('stops between operations when time is up, and goes on from there', async () => {
    const controller = new AbortController();
    world.beforeCall = (name, path) => {
      if (name === 'delete' && path === '/2') {
        controller.abort(new Error('time is up'));
      }
    };
    const message = batch(
      0,
      ['/1', '/2', '/3'].map((fullPath) => ({ kind: 'NODE_DELETE', fullPath, operator: 'a' })),
    );
    await expect(apply(message, { signal: controller.signal })).rejects.toThrow('time is up');
    expect(world.state()).toMatchObject({ appliedOrdinal: 2, applied: 2, containersEnsured: true });
    await apply(message);
    expect(world.calls.filter((call) => call.startsWith('delete'))).toEqual([
      'delete /1',
      'delete /2',
      'delete /3',
    ]);
    expect(world.state()).toMatchObject({ appliedOrdinal: 3, applied: 3 });
  });
});

describe('an outage', () => {
  const message = batch(
    0,
    ['/1', '/2', '/3'].map((fullPath) => ({ kind: 'NODE_DELETE', fullPath, operator: 'a' })),
  );

  it('keeps what was done, is shown on the lane, and ends with the next success', async () => {
    world.beforeCall = (_name, path) => {
      if (path === '/2') {
        throw new RemoteOutageError('CONNECTION_REFUSED');
      }
    };
    await expect(apply(message)).rejects.toThrow(RemoteOutageError);
    const outage = { since: '2026-11-22T00:00:00.000Z', reason: 'connection refused' };
    expect(world.state()).toMatchObject({ appliedOrdinal: 1, applied: 1, failed: 0, outage });
    expect(world.writes).toBe(1);

    world.now = new Date('2026-11-22T01:00:00Z');
    await expect(apply(message)).rejects.toThrow(RemoteOutageError);
    expect(world.state()?.outage).toEqual(outage);
    expect(world.writes).toBe(1);

    world.beforeCall = () => {
      throw new RemoteOutageError('UNAUTHORIZED');
    };
    await expect(apply(message)).rejects.toThrow(RemoteOutageError);
    expect(world.state()?.outage).toEqual({ ...outage, reason: '401: wrong user name or password' });

    world.beforeCall = () => {};
    await apply(message);
    expect(world.state()).toMatchObject({ appliedOrdinal: 3, applied: 3, failed: 0 });
    expect(world.state()?.outage).toBeUndefined();
    expect(only()).toEqual([]);
  });

  it('opens the circuit of its remote, and a lane behind an open circuit makes no call', async () => {
    const shared = circuit();
    world.beforeCall = () => {
      throw new RemoteOutageError('TIMED_OUT');
    };
    await expect(apply(message, { circuit: shared })).rejects.toThrow(RemoteOutageError);
    let calls = 0;
    world.beforeCall = () => {
      calls += 1;
    };
    const neighbour = { ...message, source: { ...LANE, repoName: 'other' } };
    await expect(apply(neighbour, { circuit: shared })).rejects.toThrow(RemoteOutageError);
    expect(calls).toBe(0);
    expect(world.states.size).toBe(2);
    expect([...world.states.values()].map(({ outage }) => outage?.reason)).toEqual([
      'timed out',
      'timed out',
    ]);
  });

  it('of settings that no client can be made from is one like any other', async () => {
    const unusable = { clientFor: () => Promise.reject(new RemoteOutageError('TLS_FAILED')) };
    const dependencies = { ...world.dependencies, remotes: unusable };
    const signal = new AbortController().signal;
    await expect(
      applyBatch({ message, deliveries: 1, circuit: circuit(), signal, dependencies }),
    ).rejects.toThrow(RemoteOutageError);
    expect(world.state()?.outage?.reason).toBe('TLS failed');
  });

  it("is not what a fault of the source's stores is called", async () => {
    const dependencies = {
      ...world.dependencies,
      catalog: { ...world.catalog, node: () => Promise.reject(new Error('MongoDB is away')) },
    };
    const shared = circuit();
    const signal = new AbortController().signal;
    await expect(
      applyBatch({ message, deliveries: 1, circuit: shared, signal, dependencies }),
    ).rejects.toThrow('MongoDB is away');
    expect(() => shared.pass(storedTask().setting.remoteClusterInfo.url)).not.toThrow();
    expect(world.state()?.outage).toBeUndefined();
  });
});

describe('a refusal for good', () => {
  it('becomes a failure record and the lane goes on', async () => {
    world.putFile('/big.bin', 'big');
    world.putFile('/small.bin', 'small');
    world.beforeCall = (name, path) => {
      if (name === 'upload' && path === '/big.bin') {
        throw new RemoteRefusalError({ status: 413, text: 'too large' });
      }
    };
    await apply(batch(0, [fileCreate('/big.bin', 'big'), fileCreate('/small.bin', 'small')]));
    expect(world.state()).toMatchObject({ appliedOrdinal: 2, applied: 1, failed: 1 });
    expect(only()).toEqual([
      {
        taskKey: storedTask().key,
        source: LANE,
        remote: REMOTE_LANE,
        slotName: 'default',
        ordinal: 1,
        eventId: 'e1',
        kind: 'FILE_CREATE',
        fullPath: '/big.bin',
        code: 'REMOTE_REFUSED',
        reason: 'HTTP 413: too large',
        at: '2026-11-22T00:00:00.000Z',
      },
    ]);
    expect(world.target.has('/small.bin')).toBe(true);
  });

  it('of a container fails the operations that need it, asking once in a batch', async () => {
    world.beforeCall = (name) => {
      if (name === 'project') {
        throw new RemoteRefusalError({ status: 400, code: 250103, text: 'Invalid parameter name' });
      }
    };
    let asked = 0;
    const counted = world.beforeCall;
    world.beforeCall = (name, path) => {
      asked += name === 'project' ? 1 : 0;
      counted(name, path);
    };
    await apply(
      batch(
        0,
        ['/1', '/2', '/3'].map((fullPath) => ({ kind: 'NODE_DELETE', fullPath, operator: 'a' })),
      ),
    );
    expect(asked).toBe(1);
    expect(world.state()).toMatchObject({ appliedOrdinal: 3, failed: 3, containersEnsured: false });
  });

  it('is written with the progress in portions that a transaction holds', async () => {
    world.beforeCall = (name) => {
      if (name === 'delete') {
        throw new RemoteRefusalError({ status: 400, code: 250103, text: 'no' });
      }
    };
    const count = MAX_FAILURES_AT_ONCE + 10;
    const operations = Array.from(
      { length: count },
      (_, index): Operation => ({
        kind: 'NODE_DELETE',
        fullPath: `/${index}`,
        operator: 'a',
      }),
    );
    await apply(batch(0, operations));
    expect(world.writes).toBe(2);
    expect(world.failures.size).toBe(count);
    expect(world.state()).toMatchObject({ appliedOrdinal: count, failed: count });
  });
});

describe('containers', () => {
  it("are the source's own, under the remote's names", async () => {
    world.repositories.set('ops/generic-local', {
      type: 'MAVEN',
      category: 'COMPOSITE',
      public: true,
      description: 'd',
      configuration: { type: 'composite', proxy: { channelList: [] }, settings: {} },
      createdBy: 'carol',
    });
    await apply(batch(0, [{ kind: 'NODE_DELETE', fullPath: '/x', operator: 'admin' }]));
    expect(world.targetRepositories.get('ops-copy/generic-remote')).toEqual({
      type: 'MAVEN',
      category: 'COMPOSITE',
      public: true,
      description: 'd',
      configuration: { type: 'composite', proxy: { channelList: [] }, settings: {} },
      operator: 'carol',
    });
  });

  it('are plain ones where the source has no document', async () => {
    world.projects.clear();
    world.repositories.clear();
    await apply(batch(0, [{ kind: 'NODE_DELETE', fullPath: '/x', operator: 'admin' }]));
    expect(world.targetProjects.get('ops-copy')).toEqual({ displayName: 'ops', operator: 'system' });
    expect(world.targetRepositories.get('ops-copy/generic-remote')).toMatchObject({
      type: 'GENERIC',
      category: 'LOCAL',
      public: false,
    });
  });

  it('are created by their own events', async () => {
    world.projects.clear();
    const project = {
      source: { projectId: 'ops', repoName: '' },
      remote: { projectId: 'ops-copy', repoName: '' },
    };
    await apply(
      batch(
        0,
        [{ kind: 'PROJECT_CREATE', displayName: 'From the log', description: 'd', operator: 'bob' }],
        project,
      ),
    );
    expect(world.targetProjects.get('ops-copy')).toEqual({ displayName: 'From the log', operator: 'bob' });
    world.repositories.clear();
    await apply(
      batch(0, [
        {
          kind: 'REPOSITORY_CREATE',
          type: 'NPM',
          category: 'REMOTE',
          public: false,
          configuration: { url: 'http://npm.example', settings: {} },
          operator: 'bob',
        },
        { kind: 'NODE_DELETE', fullPath: '/x', operator: 'admin' },
      ]),
    );
    expect(world.targetRepositories.get('ops-copy/generic-remote')).toMatchObject({
      type: 'NPM',
      category: 'REMOTE',
      configuration: { type: 'remote', url: 'http://npm.example', settings: {} },
      operator: 'bob',
    });
    expect(world.state()).toMatchObject({ appliedOrdinal: 2, applied: 2, containersEnsured: true });
  });

  it('may be created by another lane at the same moment', async () => {
    world.beforeCall = (name) => {
      if (name === 'project') {
        world.targetProjects.set('ops-copy', { displayName: 'x', operator: 'y' });
        throw new RemoteRefusalError({ status: 400, code: 251002, text: 'Project existed' });
      }
    };
    await apply(batch(0, [{ kind: 'NODE_DELETE', fullPath: '/x', operator: 'admin' }]));
    expect(world.state()).toMatchObject({ applied: 1, failed: 0 });
  });

  it('that vanished at the remote are made again', async () => {
    world.putFile('/a', 'a');
    await apply(batch(0, [{ kind: 'NODE_DELETE', fullPath: '/x', operator: 'admin' }]));
    world.targetRepositories.clear();
    await apply(batch(1, [fileCreate('/a', 'a')]));
    expect(world.target.get('/a')).toMatchObject({ sha256: sha256Of('a') });
    expect(world.state()).toMatchObject({ applied: 2, failed: 0 });
  });
});

describe.each([
  ['a remote that names its refusals', false],
  ['an era remote that calls every refusal busy', true],
])('at %s, what does not fit', (_name, era) => {
  beforeEach(() => {
    world.era = era;
  });

  it('is no error where the folder exists: its metadata is merged', async () => {
    world.target.set('/f', { folder: true, metadata: { old: 1 } });
    await apply(batch(0, [{ kind: 'FOLDER_CREATE', fullPath: '/f', operator: 'a', metadata: { new: 2 } }]));
    expect(world.target.get('/f')).toEqual({ folder: true, metadata: { old: 1, new: 2 } });
    expect(world.state()).toMatchObject({ applied: 1, failed: 0 });
  });

  it('metadata of a node that is missing there: the file is sent as the source has it now', async () => {
    world.putFile('/late.txt', 'now', {
      metadata: { k: 'present' },
      expireDate: new Date('2026-11-24T12:00:00Z'),
    });
    await apply(
      batch(0, [{ kind: 'METADATA_SAVE', fullPath: '/late.txt', operator: 'a', metadata: { k: 'logged' } }]),
    );
    expect(world.target.get('/late.txt')).toEqual({
      folder: false,
      sha256: sha256Of('now'),
      expires: 3,
      metadata: { k: 'present' },
    });
    expect(world.state()).toMatchObject({ applied: 1, failed: 0 });
  });

  it('metadata of a folder that is missing there', async () => {
    world.nodes.set('/f', { folder: true, fullPath: '/f', createdBy: 'a', metadata: { k: 'v' } });
    await apply(batch(0, [{ kind: 'METADATA_SAVE', fullPath: '/f', operator: 'a', metadata: { k: 'v' } }]));
    expect(world.target.get('/f')).toEqual({ folder: true, metadata: { k: 'v' } });
  });

  it('metadata of a node that the source has not either', async () => {
    await apply(
      batch(0, [{ kind: 'METADATA_SAVE', fullPath: '/gone', operator: 'a', metadata: { k: 'v' } }]),
    );
    expect(world.calls.at(-1)).toBe('delete /gone');
    expect(world.state()).toMatchObject({ applied: 1, failed: 0 });
  });

  it('a file where the target has a folder: it gives way where the remote says that it is in the way', async () => {
    world.putFile('/n', 'n');
    world.target.set('/n/below', { folder: true, metadata: {} });
    await apply(batch(0, [fileCreate('/n', 'n')]), { deliveries: 3 });
    if (era) {
      expect(only()).toMatchObject([{ code: 'REMOTE_REFUSED', fullPath: '/n' }]);
      expect(world.target.get('/n')).toEqual({ folder: true, metadata: {} });
    } else {
      expect(world.target.get('/n')).toMatchObject({ folder: false, sha256: sha256Of('n') });
      expect(world.target.has('/n/below')).toBe(false);
    }
    expect(world.state()).toMatchObject({ appliedOrdinal: 1, failed: era ? 1 : 0 });
  });
});

describe('an ambiguous answer', () => {
  const message = batch(
    0,
    ['/1', '/2'].map((fullPath) => ({ kind: 'NODE_DELETE', fullPath, operator: 'a' })),
  );
  let faults: (name: string, path: string) => boolean;

  beforeEach(() => {
    world.beforeCall = (name, path) => {
      if (faults(name, path)) {
        throw ambiguous();
      }
    };
  });

  it('is asked about and may have been a passing fault', async () => {
    let left = 1;
    faults = (name) => name === 'delete' && left-- > 0;
    await apply(message);
    expect(world.calls.slice(2)).toEqual(['ping', 'exists /1', 'delete /1', 'delete /2']);
    expect(world.state()).toMatchObject({ applied: 2, failed: 0 });
  });

  it('is an outage when the ping does not answer either', async () => {
    faults = (name) => name === 'delete';
    const counted = world.beforeCall;
    world.beforeCall = (name, path) => {
      if (name === 'ping') {
        throw new RemoteOutageError('SERVER_ERROR');
      }
      counted(name, path);
    };
    await expect(apply(message)).rejects.toMatchObject({ reason: 'SERVER_ERROR' });
    expect(only()).toEqual([]);
  });

  it('is an outage when no node can be asked for', async () => {
    faults = (name) => name === 'delete' || name === 'exists';
    await expect(apply(message, { deliveries: 100 })).rejects.toMatchObject({ reason: 'BUSY' });
    expect(world.state()).toMatchObject({
      appliedOrdinal: 0,
      failed: 0,
      outage: { reason: 'the service is busy' },
    });
  });

  it('comes back a few times, then is believed to be a refusal and lets the lane go on', async () => {
    faults = (name, path) => name === 'delete' && path === '/1';
    await expect(apply(message, { deliveries: 1 })).rejects.toThrow(RemoteUndecidedError);
    await expect(apply(message, { deliveries: 2 })).rejects.toThrow(RemoteUndecidedError);
    expect(world.state()?.outage).toBeUndefined();
    await apply(message, { deliveries: 3 });
    expect(world.state()).toMatchObject({ appliedOrdinal: 2, applied: 1, failed: 1 });
    expect(only()).toMatchObject([{ ordinal: 1, reason: 'HTTP 500, code 250101: busy' }]);
  });
});

describe('content', () => {
  it('that is gone while the node names it is a failure', async () => {
    world.putFile('/a', 'a');
    world.contents.clear();
    await apply(batch(0, [fileCreate('/a', 'a')]));
    expect(only()).toMatchObject([{ code: 'BLOB_MISSING' }]);
  });

  it.each([
    ['the node is gone', () => {}],
    ['the node names other content', () => world.putFile('/a', 'newer', { lastModifiedDate: LATER })],
    [
      'a folder is there',
      () =>
        world.nodes.set('/a', {
          folder: true,
          fullPath: '/a',
          createdBy: 'a',
          lastModifiedDate: LATER,
          metadata: {},
        }),
    ],
  ])('that is gone is superseded where %s', async (_case, change) => {
    change();
    await apply(batch(0, [fileCreate('/a', 'a')]));
    expect(world.state()).toMatchObject({ appliedOrdinal: 1, superseded: 1, failed: 0 });
    expect(world.target.has('/a')).toBe(false);
  });

  it('of another digest is never sent', async () => {
    world.putFile('/a', 'a');
    world.contents.set(sha256Of('a'), 'rotten');
    await apply(batch(0, [fileCreate('/a', 'a')]));
    expect(only()).toMatchObject([{ code: 'BLOB_CORRUPT' }]);
    expect(world.calls).not.toContain('upload /a');
  });
});

describe("the task's settings and the log's order", () => {
  it('leave metadata out where the task says so', async () => {
    const task = storedTask();
    world.tasks.set(task.key, { ...task, setting: { ...task.setting, includeMetadata: false } });
    world.putFile('/a', 'a');
    await apply(
      batch(0, [
        fileCreate('/a', 'a', { metadata: { k: 'v' } }),
        { kind: 'FOLDER_CREATE', fullPath: '/f', operator: 'a', metadata: { k: 'v' } },
        { kind: 'METADATA_SAVE', fullPath: '/a', operator: 'a', metadata: { k: 'v' } },
      ]),
    );
    expect(world.target.get('/a')).toMatchObject({ metadata: {} });
    expect(world.target.get('/f')).toMatchObject({ metadata: {} });
    expect(world.state()).toMatchObject({ applied: 2, superseded: 1 });
  });

  it('keep a file whose deletion was logged after it was created anew', async () => {
    world.putFile('/a', 'new');
    await apply(batch(0, [fileCreate('/a', 'new'), { kind: 'NODE_DELETE', fullPath: '/a', operator: 'a' }]));
    expect(world.target.get('/a')).toMatchObject({ sha256: sha256Of('new') });
    expect(world.state()).toMatchObject({ applied: 1, superseded: 1 });
  });

  it('take the root for granted', async () => {
    await apply(batch(0, [{ kind: 'FOLDER_CREATE', fullPath: '/', operator: 'a', metadata: {} }]));
    expect(world.state()).toMatchObject({ applied: 1 });
  });
});
