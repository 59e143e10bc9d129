import { beforeEach, describe, expect, it } from 'vitest';
import { conflictPageAnswer } from '../../../functions/shared/conflict/answer.ts';
import type { Conflict } from '../../../functions/shared/conflict/conflict.ts';
import { conflictResolution, resolveConflicts } from '../../../functions/shared/conflict/resolve.ts';
import { RemoteOutageError, RemoteRefusalError } from '../../../functions/shared/remote/errors.ts';
import { storedTask } from '../../support/tasks.ts';
import { LANE, REMOTE_LANE, sha256Of, World } from '../apply/world.ts';

const task = storedTask();
const AT = '2026-11-21T00:00:00.000Z';

let world: World;
let journal: Map<string, Conflict>;
let noted: string[];

beforeEach(() => {
  world = new World();
  journal = new Map();
  noted = [];
});

function met(fullPath: string, fields: Partial<Conflict> = {}): string {
  journal.set(fullPath, {
    taskKey: task.key,
    source: LANE,
    remote: REMOTE_LANE,
    slotName: 'default',
    ordinal: 1,
    eventId: 'e1',
    kind: 'FILE_CREATE',
    policy: 'SKIP',
    policyVersion: 1,
    fullPath,
    incoming: { folder: false, sha256: sha256Of('ours') },
    present: { folder: false, sha256: sha256Of('theirs') },
    loggedAt: AT,
    at: AT,
    ...fields,
  });
  return fullPath;
}

const resolve = (...ids: string[]) =>
  resolveConflicts({
    message: { version: 1, kind: 'RETRY', of: 'CONFLICTS', taskKey: task.key, failures: ids },
    signal: new AbortController().signal,
    conflicts: {
      get: async (_taskKey, id) => {
        const conflict = journal.get(id);
        return conflict === undefined ? undefined : { id, conflict };
      },
      remove: async (_taskKey, removed) => {
        for (const id of removed) {
          journal.delete(id);
        }
      },
      recordFailure: async (_taskKey, id, reason) => {
        const conflict = journal.get(id);
        if (conflict !== undefined) {
          journal.set(id, { ...conflict, reason });
        }
      },
    },
    dependencies: {
      ...world.dependencies,
      lanes: { noteAhead: async (_lane, paths) => void noted.push(...paths) },
      inventory: { repositories: async () => [] },
      permissions: async () => {},
    },
  });

const foreign = (fullPath: string) =>
  world.target.set(fullPath, { folder: false, sha256: sha256Of('theirs'), expires: 0, metadata: {} });

describe('resolving a conflict', () => {
  it("puts the source's present node there, tells its lane, and forgets the conflict", async () => {
    foreign('/a');
    foreign('/b');
    world.putFile('/a', 'ours by now');
    world.putFile('/b', 'b');
    met('/b');
    await resolve(met('/a'));
    expect(world.target.get('/a')).toMatchObject({ sha256: sha256Of('ours by now') });
    expect(world.target.get('/b')).toMatchObject({ sha256: sha256Of('theirs') });
    expect(noted).toEqual(['/a']);
    expect([...journal.keys()]).toEqual(['/b']);
  });

  it('leaves what is there where the source has nothing any more', async () => {
    foreign('/a');
    await resolve(met('/a'));
    expect(world.target.get('/a')).toMatchObject({ sha256: sha256Of('theirs') });
    expect(journal.size).toBe(0);
  });

  it('puts a folder in place of a file, and a file in place of a folder', async () => {
    world.announcement = { extensions: new Set(['digests']) };
    foreign('/d');
    world.nodes.set('/d', { folder: true, fullPath: '/d', createdBy: 'ada', metadata: {} });
    world.target.set('/f', { folder: true, metadata: {} });
    world.putFile('/f', 'file');
    await resolve(met('/d', { incoming: { folder: true } }), met('/f', { present: { folder: true } }));
    expect(world.target.get('/d')).toEqual({ folder: true, metadata: {} });
    expect(world.target.get('/f')).toMatchObject({ sha256: sha256Of('file') });
    expect(journal.size).toBe(0);
  });

  it('changes nothing where what was in the way has been replaced', async () => {
    world.announcement = { extensions: new Set(['digests']) };
    world.nodes.set('/d', { folder: true, fullPath: '/d', createdBy: 'ada', metadata: {} });
    world.target.set('/d', { folder: true, metadata: {} });
    foreign('/d/x');
    world.putFile('/a', 'ours');
    world.target.set('/a', { folder: false, sha256: sha256Of('ours'), expires: 0, metadata: {} });
    const before = [...world.target.live.keys()];
    await resolve(
      met('/d', { policy: 'OVERWRITE', incoming: { folder: true } }),
      met('/a', { policy: 'OVERWRITE' }),
    );
    expect([...world.target.live.keys()].sort()).toEqual(before.sort());
    expect(world.target.get('/a')).toMatchObject({ sha256: sha256Of('ours') });
    expect(journal.size).toBe(0);
  });

  it('keeps what the remote refuses, with the reason, and goes on', async () => {
    foreign('/a');
    world.putFile('/a', 'a');
    world.putFile('/b', 'b');
    world.beforeCall = (name, path) => {
      if (name === 'upload' && path === '/a') {
        throw new RemoteRefusalError({ status: 413, text: 'too large' });
      }
    };
    await resolve(met('/a'), met('/b'), 'unknown');
    expect([...journal.values()]).toMatchObject([
      { fullPath: '/a', reason: expect.stringContaining('too large') },
    ]);
  });

  it('is interrupted by an outage, and keeps the conflict', async () => {
    world.putFile('/a', 'a');
    world.beforeCall = () => {
      throw new RemoteOutageError('CONNECTION_CUT');
    };
    await expect(resolve(met('/a'))).rejects.toThrow(RemoteOutageError);
    expect(journal.size).toBe(1);
  });

  it('is asked for on the queue of retries', async () => {
    const sent: unknown[] = [];
    await conflictResolution({ retry: async (retry) => void sent.push(retry) }).retry({
      taskKey: task.key,
      failures: ['id'],
    });
    expect(sent).toEqual([{ taskKey: task.key, failures: ['id'], of: 'CONFLICTS' }]);
  });
});

describe('the list of conflicts', () => {
  it('shows both sides, the policy and the event', () => {
    met('/a', { present: {}, reason: 'refused' });
    const conflicts = [...journal.values()].map((conflict) => ({ id: 'id', conflict }));
    expect(
      conflictPageAnswer({ page: { conflicts, total: 21 }, pageNumber: 2, pageSize: 20, timeZone: 'UTC' }),
    ).toEqual({
      pageNumber: 2,
      pageSize: 20,
      totalRecords: 21,
      totalPages: 2,
      records: [
        {
          id: 'id',
          projectId: LANE.projectId,
          repoName: LANE.repoName,
          remoteProjectId: REMOTE_LANE.projectId,
          remoteRepoName: REMOTE_LANE.repoName,
          fullPath: '/a',
          kind: 'FILE_CREATE',
          source: { folder: false, sha256: sha256Of('ours') },
          remote: { folder: null, sha256: null },
          conflictStrategy: 'SKIP',
          policyVersion: 1,
          slotName: 'default',
          ordinal: 1,
          eventId: 'e1',
          sweepId: null,
          loggedDate: '2026-11-21T00:00:00',
          date: '2026-11-21T00:00:00',
          reason: 'refused',
        },
      ],
    });
  });
});
