import { beforeEach, describe, expect, it } from 'vitest';
import { applyBatch, TaskStoppedError } from '../../../functions/shared/apply/apply-batch.ts';
import { circuit } from '../../../functions/shared/apply/circuit.ts';
import type { BatchMessage } from '../../../functions/shared/lane/message.ts';
import type { Operation } from '../../../functions/shared/lane/operation.ts';
import { laneId } from '../../../functions/shared/lane/repository.ts';
import { RemoteOutageError } from '../../../functions/shared/remote/errors.ts';
import type { SyncPolicy } from '../../../functions/shared/task/sync-policy.ts';
import { storedTask } from '../../support/tasks.ts';
import { batch, fileCreate, freshLane, LANE, REMOTE_LANE, sha256Of, World } from '../apply/world.ts';

let world: World;
const KEY = storedTask().key;
const LOGGED_AT = '2026-11-22T00:00:00.000Z';
const LONG_AGO = new Date('2026-11-01T00:00:00Z');

const policy = (
  conflictStrategy: SyncPolicy['conflictStrategy'],
  more: Partial<SyncPolicy> = {},
): SyncPolicy => ({
  conflictStrategy,
  ddlTrans: true,
  indexTrans: true,
  ...more,
});

beforeEach(() => {
  world = new World();
  world.announcement = { extensions: new Set(['digests']) };
  world.tasks.set(KEY, { ...storedTask(), type: 'INCREMENTAL', status: 'REPLICATING' });
});

function apply(message: BatchMessage) {
  return applyBatch({
    message,
    deliveries: 1,
    circuit: circuit(),
    signal: new AbortController().signal,
    dependencies: world.dependencies,
  });
}

const under = (strategy: SyncPolicy['conflictStrategy'], ...operations: Operation[]) =>
  batch(0, operations, { policy: policy(strategy), policyVersion: 7 });

const foreign = (fullPath: string, content = 'theirs') =>
  world.target.set(fullPath, { folder: false, sha256: sha256Of(content), expires: 0, metadata: {} });
const contentAt = (fullPath: string) => {
  const node = world.target.get(fullPath);
  return node?.folder === false ? node.sha256 : node;
};
const laneNow = () => {
  const id = laneId({ taskKey: KEY, source: LANE });
  return {
    id,
    state: world.states.get(id) ?? freshLane({ source: LANE, remote: REMOTE_LANE, slotName: 'default' }),
  };
};
const journal = () => [...world.conflicts.values()];
const asked = (name: string) => world.calls.filter((call) => call.startsWith(name));

describe('a file that meets other content at the target', () => {
  it('that did not come from the source: under SKIP it stays, is counted and put down with both digests', async () => {
    foreign('/a.txt');
    world.putFile('/a.txt', 'ours');
    world.putFile('/b.txt', 'b');
    await apply(under('SKIP', fileCreate('/a.txt', 'ours'), fileCreate('/b.txt', 'b')));
    expect(contentAt('/a.txt')).toBe(sha256Of('theirs'));
    expect(contentAt('/b.txt')).toBe(sha256Of('b'));
    expect(world.state()).toMatchObject({ appliedOrdinal: 2, applied: 1, conflicted: 1, failed: 0 });
    expect(journal()).toEqual([
      {
        taskKey: KEY,
        source: LANE,
        remote: REMOTE_LANE,
        slotName: 'default',
        ordinal: 1,
        eventId: 'e1',
        kind: 'FILE_CREATE',
        policy: 'SKIP',
        policyVersion: 7,
        fullPath: '/a.txt',
        incoming: { folder: false, sha256: sha256Of('ours') },
        present: { folder: false, sha256: sha256Of('theirs') },
        loggedAt: LOGGED_AT,
        at: LOGGED_AT,
      },
    ]);
  });

  it('that the source has had there is replaced under SKIP', async () => {
    foreign('/a.txt', 'version 1');
    world.tombstones.set('/a.txt', [sha256Of('version 1')]);
    world.putFile('/a.txt', 'version 2');
    await apply(under('SKIP', fileCreate('/a.txt', 'version 2')));
    expect(contentAt('/a.txt')).toBe(sha256Of('version 2'));
    expect(world.state()).toMatchObject({ applied: 1, conflicted: 0 });
  });

  it('that the source has had elsewhere is still not its own', async () => {
    foreign('/a.txt', 'elsewhere');
    world.tombstones.set('/b.txt', [sha256Of('elsewhere')]);
    world.putFile('/a.txt', 'ours');
    await apply(under('SKIP', fileCreate('/a.txt', 'ours')));
    expect(world.state()).toMatchObject({ conflicted: 1 });
  });

  it('that is equal is no conflict', async () => {
    foreign('/a.txt', 'same');
    await apply(under('FAST_FAIL', fileCreate('/a.txt', 'same')));
    expect(world.stops).toEqual([]);
    expect(world.state()).toMatchObject({ conflicted: 0 });
  });

  it('that the event itself had brought is no conflict, though it has moved on at the source without a trace', async () => {
    foreign('/a.txt', 'version 1');
    world.putFile('/a.txt', 'something else');
    await apply(under('SKIP', fileCreate('/a.txt', 'version 1')));
    expect(contentAt('/a.txt')).toBe(sha256Of('something else'));
    expect(world.state()).toMatchObject({ applied: 1, conflicted: 0 });
  });

  it('that this lane has put there is no conflict, however often the message comes', async () => {
    world.putFile('/a.txt', 'last', { createdDate: new Date('2026-11-22T00:01:00Z') });
    world.contents.set(sha256Of('first'), 'first');
    const message = under('SKIP', fileCreate('/a.txt', 'first'), fileCreate('/a.txt', 'last'));
    world.aroundRecord = () => {
      throw new Error('killed');
    };
    await expect(apply(message)).rejects.toThrow('killed');
    expect(contentAt('/a.txt')).toBe(sha256Of('last'));
    world.aroundRecord = () => {};
    await apply(message);
    expect(contentAt('/a.txt')).toBe(sha256Of('last'));
    expect(world.state()).toMatchObject({ applied: 2, conflicted: 0 });
  });
});

describe('under OVERWRITE', () => {
  const operator = 'ada';

  it('what others have is put down with both digests before it is replaced, and counts as applied', async () => {
    foreign('/a.txt');
    world.putFile('/a.txt', 'ours');
    world.putFile('/b.txt', 'b');
    world.beforeCall = (name) => {
      expect(name === 'upload' && journal().length === 0).toBe(false);
    };
    await apply(under('OVERWRITE', fileCreate('/a.txt', 'ours'), fileCreate('/b.txt', 'b')));
    expect(contentAt('/a.txt')).toBe(sha256Of('ours'));
    expect(world.state()).toMatchObject({ applied: 2, conflicted: 0 });
    expect(asked('digests')).toHaveLength(1);
    expect(journal()).toMatchObject([
      {
        ordinal: 1,
        fullPath: '/a.txt',
        policy: 'OVERWRITE',
        policyVersion: 7,
        incoming: { folder: false, sha256: sha256Of('ours') },
        present: { folder: false, sha256: sha256Of('theirs') },
      },
    ]);
  });

  it('it is put down though the worker dies when it was replaced', async () => {
    foreign('/a.txt');
    world.putFile('/a.txt', 'ours');
    const message = under('OVERWRITE', fileCreate('/a.txt', 'ours'));
    world.aroundRecord = () => {
      if (contentAt('/a.txt') === sha256Of('ours')) {
        throw new Error('killed');
      }
    };
    await expect(apply(message)).rejects.toThrow('killed');
    world.aroundRecord = () => {};
    await apply(message);
    expect(world.state()).toMatchObject({ appliedOrdinal: 1, applied: 1 });
    expect(journal()).toMatchObject([{ present: { sha256: sha256Of('theirs') } }]);
  });

  it('what the source has had there is replaced without a word', async () => {
    foreign('/a.txt', 'version 1');
    world.tombstones.set('/a.txt', [sha256Of('version 1')]);
    world.putFile('/a.txt', 'version 2');
    await apply(under('OVERWRITE', fileCreate('/a.txt', 'version 2')));
    expect(contentAt('/a.txt')).toBe(sha256Of('version 2'));
    expect(journal()).toEqual([]);
  });

  it('content that is there is not sent again, and what is said of it is', async () => {
    world.putFile('/a.txt', 'same');
    await apply(under('OVERWRITE', fileCreate('/a.txt', 'same')));
    world.putFile('/a.txt', 'same', { metadata: { k: 'v' } });
    const again = { ...fileCreate('/a.txt', 'same'), metadata: { k: 'v' } };
    await apply(batch(1, [again], { policy: policy('OVERWRITE') }));
    expect(asked('upload')).toHaveLength(1);
    expect(world.target.get('/a.txt')).toMatchObject({ sha256: sha256Of('same'), metadata: { k: 'v' } });
    expect(journal()).toEqual([]);
  });

  it.each(['OVERWRITE', 'SKIP'] as const)('a file makes way for a folder under %s', async (strategy) => {
    foreign('/d', 'old');
    foreign('/d/x');
    world.tombstones.set('/d', strategy === 'SKIP' ? [sha256Of('old')] : []);
    await apply(under(strategy, { kind: 'FOLDER_CREATE', fullPath: '/d', operator, metadata: {} }));
    expect(world.target.get('/d')).toMatchObject({ folder: true });
    expect(contentAt('/d/x')).toBe(sha256Of('theirs'));
    expect(world.state()).toMatchObject({ applied: 1, conflicted: 0 });
    expect(journal()).toMatchObject(
      strategy === 'SKIP' ? [] : [{ fullPath: '/d', incoming: { folder: true }, present: { folder: false } }],
    );
  });

  it('a move ends at its destination, though others have a folder there', async () => {
    foreign('/a', 'ours');
    world.target.set('/to', { folder: true, metadata: {} });
    world.putFile('/to', 'ours');
    await apply(
      under('OVERWRITE', {
        kind: 'NODE_MOVE',
        fullPath: '/a',
        destFullPath: '/to',
        overwrite: true,
        operator,
      }),
    );
    expect(contentAt('/to')).toBe(sha256Of('ours'));
    expect([...world.target.live.keys()]).toEqual(['/to']);
    expect(journal()).toMatchObject([{ fullPath: '/to', present: { folder: true } }]);
  });

  it('what is at the path of a node that the source has no more is removed as ever', async () => {
    foreign('/a');
    await apply(under('OVERWRITE', { kind: 'NODE_CONVERGE', fullPath: '/a', name: 'a', operator }));
    expect(world.target.has('/a')).toBe(false);
    expect(journal()).toEqual([]);
  });

  it('a remote of the base contract is asked for its version alone', async () => {
    const calls = async (message: BatchMessage) => {
      world = new World();
      foreign('/a.txt');
      world.putFile('/a.txt', 'ours');
      await apply(message);
      expect(contentAt('/a.txt')).toBe(sha256Of('ours'));
      return world.calls.filter((call) => call !== 'version');
    };
    const asWithout = await calls(batch(0, [fileCreate('/a.txt', 'ours')]));
    expect(await calls(under('OVERWRITE', fileCreate('/a.txt', 'ours')))).toEqual(asWithout);
    expect(journal()).toEqual([]);
  });
});

describe('the kinds of nodes', () => {
  it('keeps a folder where a file comes, and a file where a folder comes', async () => {
    world.target.set('/f', { folder: true, metadata: {} });
    foreign('/d');
    world.putFile('/f', 'file');
    await apply(
      under('SKIP', fileCreate('/f', 'file'), {
        kind: 'FOLDER_CREATE',
        fullPath: '/d',
        operator: 'ada',
        metadata: {},
      }),
    );
    expect(world.target.get('/f')).toMatchObject({ folder: true });
    expect(contentAt('/d')).toBe(sha256Of('theirs'));
    expect(journal().map(({ fullPath, present }) => [fullPath, present.folder])).toEqual([
      ['/f', true],
      ['/d', false],
    ]);
  });

  it('takes a folder that exists for the one that comes', async () => {
    world.target.set('/d', { folder: true, metadata: {} });
    await apply(
      under('SKIP', { kind: 'FOLDER_CREATE', fullPath: '/d', operator: 'ada', metadata: { k: 'v' } }),
    );
    expect(world.target.get('/d')).toEqual({ folder: true, metadata: { k: 'v' } });
    expect(world.state()).toMatchObject({ applied: 1, conflicted: 0 });
  });

  it('replaces a folder by a file where the source has had a folder', async () => {
    world.target.set('/f', { folder: true, metadata: {} });
    world.tombstones.set('/f', [null]);
    world.putFile('/f', 'file', { lastModifiedDate: LONG_AGO });
    await apply(under('SKIP', fileCreate('/f', 'file')));
    expect(contentAt('/f')).toBe(sha256Of('file'));
  });
});

describe('what is renamed, moved or copied', () => {
  const operator = 'ada';
  const transfers: readonly Operation[] = [
    { kind: 'NODE_RENAME', fullPath: '/a', newFullPath: '/to', operator },
    { kind: 'NODE_MOVE', fullPath: '/a', destFullPath: '/to', overwrite: true, operator },
    { kind: 'NODE_COPY', fullPath: '/a', destFullPath: '/to', overwrite: true, operator },
    { kind: 'NODE_CONVERGE', fullPath: '/to', name: 'a', operator },
  ];

  it.each(transfers)('leaves what others have at its destination: %j', async (operation) => {
    foreign('/a', 'ours');
    foreign('/to');
    const isCopy = operation.kind === 'NODE_COPY';
    if (isCopy) {
      world.putFile('/a', 'ours', { lastModifiedDate: LONG_AGO });
    }
    world.putFile('/to', 'ours', { lastModifiedDate: LONG_AGO });
    await apply(under('SKIP', operation));
    expect(contentAt('/to')).toBe(sha256Of('theirs'));
    // The source has it there no more, so neither has the target.
    expect(world.target.has('/a')).toBe(isCopy || operation.kind === 'NODE_CONVERGE');
    expect(world.state()).toMatchObject({ applied: 0, conflicted: 1, failed: 0 });
    expect(journal()).toMatchObject([{ fullPath: '/to', kind: operation.kind }]);
  });

  it.each(transfers)('replaces what the source has had at its destination: %j', async (operation) => {
    foreign('/a', 'ours');
    foreign('/to', 'old');
    world.tombstones.set('/to', [sha256Of('old')]);
    world.putFile('/to', 'ours', { lastModifiedDate: LONG_AGO });
    if (operation.kind === 'NODE_COPY') {
      world.putFile('/a', 'ours', { lastModifiedDate: LONG_AGO });
    }
    await apply(under('SKIP', operation));
    expect(contentAt('/to')).toBe(sha256Of('ours'));
    expect(world.state()).toMatchObject({ applied: 1, conflicted: 0 });
  });

  it('is done by the remote where nothing is in its way', async () => {
    foreign('/a', 'ours');
    world.putFile('/to', 'ours');
    await apply(under('SKIP', { kind: 'NODE_RENAME', fullPath: '/a', newFullPath: '/to', operator }));
    expect(asked('rename')).toEqual(['rename /a']);
    expect(asked('upload')).toEqual([]);
    expect(contentAt('/to')).toBe(sha256Of('ours'));
  });

  it('keeps each node of others under the destination of a folder, and brings the rest', async () => {
    world.target.set('/d', { folder: true, metadata: {} });
    foreign('/d/1', 'one');
    foreign('/d/2', 'two');
    foreign('/to/1');
    world.nodes.set('/to', {
      folder: true,
      fullPath: '/to',
      createdBy: 'ada',
      metadata: {},
      lastModifiedDate: new Date(LOGGED_AT),
    });
    world.putFile('/to/1', 'one');
    world.putFile('/to/2', 'two');
    await apply(under('SKIP', { kind: 'NODE_RENAME', fullPath: '/d', newFullPath: '/to', operator }));
    expect(contentAt('/to/1')).toBe(sha256Of('theirs'));
    expect(contentAt('/to/2')).toBe(sha256Of('two'));
    expect(world.target.has('/d')).toBe(false);
    expect(world.state()).toMatchObject({ conflicted: 1 });
    expect(journal().map(({ fullPath }) => fullPath)).toEqual(['/to/1']);
  });

  it('is no conflict when it comes again after it was done and not recorded', async () => {
    foreign('/a', 'ours');
    // The source has moved it on since, which leaves no tombstone.
    world.putFile('/further', 'ours');
    const message = under('SKIP', { kind: 'NODE_RENAME', fullPath: '/a', newFullPath: '/to', operator });
    let records = 0;
    world.aroundRecord = (moment) => {
      records += moment === 'before' ? 1 : 0;
      // The first one notes what is about to be done.
      if (records > 1) {
        throw new Error('killed');
      }
    };
    await expect(apply(message)).rejects.toThrow('killed');
    expect(contentAt('/to')).toBe(sha256Of('ours'));
    world.aroundRecord = () => {};
    await apply(message);
    expect(world.state()).toMatchObject({ applied: 1, conflicted: 0 });
    expect(world.target.has('/to')).toBe(false);
  });
});

describe('the remote of the base contract', () => {
  beforeEach(() => {
    world.announcement = { extensions: new Set() };
  });

  it('is asked once for all that a message brings', async () => {
    const files = Array.from({ length: 30 }, (_, index) => fileCreate(`/${index}`, `${index}`));
    for (const file of files) {
      world.putFile(file.fullPath, file.fullPath.slice(1));
    }
    await apply(under('SKIP', ...files));
    expect(asked('existing')).toHaveLength(1);
    expect(world.state()).toMatchObject({ applied: 30 });
  });

  it('keeps what exists where the source has a node for the first time', async () => {
    foreign('/new');
    world.putFile('/new', 'ours', { lastModifiedDate: new Date(LOGGED_AT) });
    await apply(under('SKIP', fileCreate('/new', 'ours')));
    expect(contentAt('/new')).toBe(sha256Of('theirs'));
    expect(journal()).toMatchObject([{ fullPath: '/new', present: {} }]);
  });

  it.each(['tombstone', 'older node'])('replaces what exists where the source has a %s', async (kind) => {
    foreign('/old');
    world.putFile('/old', 'ours', {
      lastModifiedDate: kind === 'tombstone' ? new Date(LOGGED_AT) : LONG_AGO,
    });
    world.tombstones.set('/old', kind === 'tombstone' ? [sha256Of('before')] : []);
    await apply(under('SKIP', fileCreate('/old', 'ours')));
    expect(contentAt('/old')).toBe(sha256Of('ours'));
  });

  it('passes what was resolved since', async () => {
    foreign('/new', 'ours');
    world.putFile('/new', 'ours', { lastModifiedDate: new Date(LOGGED_AT) });
    await expect(apply(under('FAST_FAIL', fileCreate('/new', 'ours')))).rejects.toThrow(TaskStoppedError);
    const { id, state } = laneNow();
    world.states.set(id, { ...state, noted: [{ fullPath: '/new', until: '2026-11-22T00:10:00.000Z' }] });
    world.tasks.set(KEY, { ...storedTask(), type: 'INCREMENTAL', status: 'REPLICATING' });
    await apply(under('FAST_FAIL', fileCreate('/new', 'ours')));
    expect(world.state()).toMatchObject({ applied: 1 });
  });

  it.each([1, 2, 3, 4])('does not take its own work for others, killed at call %i', async (killedAt) => {
    world.putFile('/a', 'a', { lastModifiedDate: new Date(LOGGED_AT) });
    world.putFile('/b', 'b', { lastModifiedDate: new Date(LOGGED_AT) });
    const message = under('SKIP', fileCreate('/a', 'a'), fileCreate('/b', 'b'));
    let uploads = 0;
    world.aroundRecord = () => {
      if (uploads >= killedAt) {
        throw new Error('killed');
      }
    };
    world.beforeCall = (name) => {
      uploads += name === 'upload' || name === 'existing' ? 1 : 0;
      if (uploads > killedAt) {
        throw new Error('killed');
      }
    };
    await apply(message).catch(() => undefined);
    world.aroundRecord = () => {};
    world.beforeCall = () => {};
    await apply(message);
    expect(world.state()).toMatchObject({ appliedOrdinal: 2, applied: 2, conflicted: 0 });
  });
});

describe('a log out of order', () => {
  /** Messages of entries this many milliseconds after each other. */
  const apart = (milliseconds: number, message: BatchMessage): BatchMessage => ({
    ...message,
    entries: message.entries.map((entry, index) => ({
      ...entry,
      loggedAt: new Date(Date.parse(LOGGED_AT) + index * milliseconds).toISOString(),
    })),
  });
  const older = fileCreate('/a', 'old');
  const newer = fileCreate('/a', 'new');
  const rename: Operation = { kind: 'NODE_RENAME', fullPath: '/a', newFullPath: '/b', operator: 'ada' };

  /** What the source has come to at an instant: the older file was renamed, and the newer one came to its place. */
  const come = (at: string) => {
    const date = new Date(at);
    world.now = new Date(date.getTime() + 60_000);
    world.putFile('/a', 'new', { createdDate: date, lastModifiedDate: date });
    world.putFile('/b', 'old', { createdDate: LONG_AGO, lastModifiedDate: date });
  };

  const ended = () => {
    expect([contentAt('/a'), contentAt('/b')]).toEqual([sha256Of('new'), sha256Of('old')]);
    expect(world.state()).toMatchObject({ conflicted: 0, failed: 0 });
  };

  it('has what a rename takes away replaced by what comes before it in the message', async () => {
    come(LOGGED_AT);
    foreign('/a', 'old');
    await apply(under('SKIP', newer, rename));
    ended();
  });

  it('does not so for a rename that is too late to have been before', async () => {
    come(LOGGED_AT);
    foreign('/a', 'old');
    await apply(apart(2_001, under('SKIP', newer, rename)));
    expect(journal()).toMatchObject([{ fullPath: '/a', ordinal: 1 }]);
  });

  it('has what the lane has put there replaced, however long ago that was', async () => {
    world.putFile('/a', 'old', { createdDate: LONG_AGO });
    await apply(under('SKIP', older));
    const at = '2026-11-22T09:00:00.000Z';
    come(at);
    for (const [previous, operation] of [newer, rename].entries()) {
      const message = batch(previous + 1, [operation], { policy: policy('SKIP') });
      await apply({ ...message, entries: message.entries.map((entry) => ({ ...entry, loggedAt: at })) });
    }
    ended();
  });

  it('makes no conflict of what a message had put when it was cut off, and cut off again', async () => {
    world.announcement = { extensions: new Set() };
    const paths = ['/1', '/2', '/3'];
    for (const path of paths) {
      world.putFile(path, path, { lastModifiedDate: new Date(LOGGED_AT) });
    }
    const files = paths.map((path) => fileCreate(path, path));
    const message = apart(3_000, under('SKIP', ...files));
    // Killed when everything was sent, then cut off behind the first event, whose time the record has.
    world.aroundRecord = () => {
      if (world.target.has('/3')) {
        throw new Error('killed');
      }
    };
    await expect(apply(message)).rejects.toThrow('killed');
    world.aroundRecord = () => {};
    world.beforeCall = (name, path) => {
      if (name === 'upload' && path === '/2') {
        throw new RemoteOutageError('CONNECTION_CUT');
      }
    };
    await expect(apply(message)).rejects.toThrow(RemoteOutageError);
    expect(world.state()).toMatchObject({ appliedOrdinal: 1 });
    world.beforeCall = () => {};
    await apply(message);
    expect(world.state()).toMatchObject({ appliedOrdinal: 3, applied: 3, conflicted: 0 });
  });
});

describe('under FAST_FAIL', () => {
  const operations = [fileCreate('/1', 'one'), fileCreate('/2', 'two'), fileCreate('/3', 'three')];
  const message = (previous = 0) => batch(previous, operations, { policy: policy('FAST_FAIL') });

  beforeEach(() => {
    world.putFile('/1', 'one');
    world.putFile('/2', 'two');
    world.putFile('/3', 'three');
    foreign('/2');
  });

  it('the task fails at the event, what was before it counts, and nothing after it is done', async () => {
    await expect(apply(message())).rejects.toThrow(TaskStoppedError);
    expect(world.stops).toMatchObject([{ fullPath: '/2', ordinal: 2, policy: 'FAST_FAIL' }]);
    expect(world.tasks.get(KEY)?.status).toBe('FAILED');
    expect(world.state()).toMatchObject({ appliedOrdinal: 1, applied: 1, conflicted: 0 });
    expect(world.target.has('/3')).toBe(false);
    expect(contentAt('/2')).toBe(sha256Of('theirs'));

    const calls = world.calls.length;
    await expect(apply(message())).rejects.toThrow(TaskStoppedError);
    expect(world.calls).toHaveLength(calls);
    expect(world.stops).toHaveLength(1);
  });

  it('it goes on from that event when it is started again', async () => {
    await expect(apply(message())).rejects.toThrow(TaskStoppedError);
    world.tasks.set(KEY, { ...storedTask(), type: 'INCREMENTAL', status: 'REPLICATING' });
    await expect(apply(message())).rejects.toThrow(TaskStoppedError);
    expect(world.stops.map(({ ordinal }) => ordinal)).toEqual([2, 2]);

    world.tasks.set(KEY, { ...storedTask(), type: 'INCREMENTAL', status: 'REPLICATING' });
    world.target.delete('/2');
    await apply(message());
    expect(world.state()).toMatchObject({ appliedOrdinal: 3, applied: 3, conflicted: 0 });
    expect(asked('upload /1')).toHaveLength(1);
  });

  it('another lane of the task goes no further once it is seen', async () => {
    world.target.delete('/2');
    world.beforeCall = (name, path) => {
      if (name === 'upload' && path === '/1') {
        world.tasks.set(KEY, { ...storedTask(), type: 'INCREMENTAL', status: 'FAILED' });
        world.now = new Date(world.now.getTime() + 1_000);
      }
    };
    await expect(apply(message())).rejects.toThrow(TaskStoppedError);
    expect(world.state()).toMatchObject({ appliedOrdinal: 1 });
    expect(world.target.has('/2')).toBe(false);
  });
});

describe('a message without policies', () => {
  it('replaces whatever is there and asks nothing', async () => {
    foreign('/a');
    world.putFile('/a', 'ours');
    await apply(batch(0, [fileCreate('/a', 'ours')]));
    expect(contentAt('/a')).toBe(sha256Of('ours'));
    expect(asked('digests')).toEqual([]);
    expect(world.state()?.ownWork).toBeUndefined();
  });
});

describe('container definitions', () => {
  const file = fileCreate('/a', 'a');
  const without = (...operations: Operation[]) =>
    batch(0, operations, { policy: policy('OVERWRITE', { ddlTrans: false }) });

  beforeEach(() => {
    world.putFile('/a', 'a');
  });

  it('are not made, and a node without a repository fails for that reason', async () => {
    await apply(without(file));
    expect(asked('repository')).toEqual([]);
    expect(asked('project')).toEqual([]);
    expect([...world.failures.values()]).toMatchObject([{ code: 'REPOSITORY_MISSING', fullPath: '/a' }]);
    expect([...world.failures.values()][0]?.reason).toContain('ops-copy/generic-remote');
    expect(world.state()).toMatchObject({ failed: 1, containersEnsured: false });
  });

  it('that are there take the nodes', async () => {
    world.targetRepositories.set('ops-copy/generic-remote', {
      type: 'GENERIC',
      category: 'LOCAL',
      public: false,
      operator: 'ada',
    });
    await apply(without(file, { kind: 'REPOSITORY_DELETE', forced: true, operator: 'ada' }));
    expect(contentAt('/a')).toBe(sha256Of('a'));
    expect(world.state()).toMatchObject({ applied: 1, filtered: 1 });
    expect(asked('delete-repository')).toEqual([]);
  });

  it('that are deleted at the source stay under drop_database, with what they hold', async () => {
    foreign('/old', 'from the source');
    world.repositories.clear();
    world.nodes.clear();
    const operations: Operation[] = [
      { kind: 'REPOSITORY_DELETE', forced: true, operator: 'ada' },
      { kind: 'NODE_CONVERGE', fullPath: '/old', name: 'old', operator: 'ada' },
    ];
    await apply(batch(0, operations, { policy: policy('OVERWRITE', { filterDdl: 'drop_database' }) }));
    expect(world.target.has('/old')).toBe(true);
    expect(asked('delete')).toEqual([]);
    expect(world.state()).toMatchObject({ filtered: 1, applied: 1 });
  });
});

describe('package indexes', () => {
  const INDEX = '/com/acme/maven-metadata.xml';
  const operator = 'ada';
  const without = (...operations: Operation[]) =>
    batch(0, operations, { policy: policy('SKIP', { indexTrans: false }) });

  beforeEach(() => {
    world.repositories.set('ops/generic-local', {
      type: 'MAVEN',
      category: 'LOCAL',
      public: false,
      createdBy: 'ada',
    });
    foreign(INDEX, 'its own index');
  });

  it('stay as they are at the target, whatever is done to them at the source', async () => {
    world.putFile(INDEX, 'index');
    world.putFile('/com/acme/a.jar', 'jar');
    await apply(
      without(
        fileCreate(INDEX, 'index'),
        fileCreate('/com/acme/a.jar', 'jar'),
        { kind: 'METADATA_SAVE', fullPath: INDEX, metadata: { k: 'v' }, operator },
        { kind: 'NODE_DELETE', fullPath: INDEX, operator },
      ),
    );
    expect(world.target.get(INDEX)).toMatchObject({ sha256: sha256Of('its own index'), metadata: {} });
    expect(contentAt('/com/acme/a.jar')).toBe(sha256Of('jar'));
    expect(world.state()).toMatchObject({ applied: 1, filtered: 3, conflicted: 0 });
  });

  it('are left out of what arrives and of what is settled', async () => {
    for (const [path, content] of [
      [INDEX, 'index'],
      ['/com/acme/a.jar', 'jar'],
    ] as const) {
      world.putFile(path, content);
    }
    world.nodes.set('/com/acme', { folder: true, fullPath: '/com/acme', createdBy: 'ada', metadata: {} });
    await apply(without({ kind: 'NODE_CONVERGE', fullPath: '/com/acme', name: 'acme', operator }));
    expect(contentAt(INDEX)).toBe(sha256Of('its own index'));
    expect(contentAt('/com/acme/a.jar')).toBe(sha256Of('jar'));
    expect(world.state()).toMatchObject({ applied: 1, conflicted: 0 });
  });

  it.each([
    ['an index renamed to something else', INDEX, '/com/acme/kept.xml', 'kept'],
    ['something else renamed to an index', '/com/acme/kept.xml', INDEX, 'gone'],
  ])('%s is taken for the other path alone', async (_, fullPath, newFullPath, fate) => {
    if (fate === 'gone') {
      foreign(fullPath, 'content');
    }
    world.putFile(newFullPath, 'content');
    await apply(without({ kind: 'NODE_RENAME', fullPath, newFullPath, operator }));
    expect(contentAt(INDEX)).toBe(sha256Of('its own index'));
    expect(contentAt('/com/acme/kept.xml')).toBe(fate === 'kept' ? sha256Of('content') : undefined);
  });

  it('are replicated like any node where nothing is said', async () => {
    world.putFile(INDEX, 'index');
    await apply(under('OVERWRITE', fileCreate(INDEX, 'index')));
    expect(contentAt(INDEX)).toBe(sha256Of('index'));
  });
});
