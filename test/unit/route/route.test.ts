import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../../functions/shared/operate-log/event.ts';
import { type Route, routeEvent, routeOf } from '../../../functions/shared/route/route.ts';
import { CONFLICT_STRATEGIES, type SyncPolicy } from '../../../functions/shared/task/sync-policy.ts';
import { storedTask } from '../../support/tasks.ts';

const document = { id: 'e1', loggedAt: '2026-11-22T00:00:00.000Z', text: '{}' };
const everything: Route = { taskKey: 'k', policyVersion: 1 };

const shares = (route: Route, change: Change, origin: readonly string[] = []) =>
  routeEvent(route, { ordinal: 7, log: { document, change, origin } });

const transferred = (repoName: string) => ({
  projectId: 'ops',
  repoName: 'from',
  fullPath: '/a/n',
  destination: { projectId: 'ops', repoName },
  destFullPath: '/d',
  overwrite: true,
  operator: 'jo',
});
const transfer = (kind: 'NODE_MOVE' | 'NODE_COPY', repoName = 'to'): Change => ({
  kind,
  ...transferred(repoName),
});

const arrival = { kind: 'NODE_CONVERGE', fullPath: '/d', name: 'n', operator: 'jo' };
const removal = { kind: 'NODE_DELETE', fullPath: '/a/n', operator: 'jo' };

describe('a move or copy', () => {
  it('within a repository is one operation, by the names at the remote', () => {
    const route = { ...everything, localProjectId: 'ops', localRepoName: 'from', remoteRepoName: 'there' };
    expect(shares(route, transfer('NODE_MOVE', 'from'))).toEqual([
      {
        source: { projectId: 'ops', repoName: 'from' },
        remote: { projectId: 'ops', repoName: 'there' },
        entry: {
          ordinal: 7,
          eventId: 'e1',
          loggedAt: document.loggedAt,
          operation: {
            kind: 'NODE_MOVE',
            fullPath: '/a/n',
            destFullPath: '/d',
            overwrite: true,
            operator: 'jo',
          },
        },
      },
    ]);
  });

  it('between repositories is what each side needs, and counted once', () => {
    expect(
      shares(everything, transfer('NODE_MOVE')).map(({ source, entry }) => [
        source.repoName,
        entry.operation,
        entry.secondary,
      ]),
    ).toEqual([
      ['from', removal, undefined],
      ['to', arrival, true],
    ]);
    expect(shares(everything, transfer('NODE_COPY')).map(({ entry }) => entry.operation)).toEqual([arrival]);
  });

  it('is, for a task of one side, that side’s', () => {
    const of = (localRepoName: string) => ({ ...everything, localProjectId: 'ops', localRepoName });
    expect(shares(of('from'), transfer('NODE_MOVE'))).toMatchObject([{ entry: { operation: removal } }]);
    expect(shares(of('to'), transfer('NODE_MOVE'))).toMatchObject([{ entry: { operation: arrival } }]);
    expect(shares(of('to'), transfer('NODE_MOVE'))[0]?.entry.secondary).toBeUndefined();
    expect(shares(of('from'), transfer('NODE_COPY'))).toEqual([]);
  });
});

it('numbers operations as the task’s lanes do', () => {
  const routed = shares({ ...everything, ordinalOffset: 100 }, transfer('NODE_MOVE'));
  expect(routed.map(({ entry }) => entry.ordinal)).toEqual([107, 107]);
  expect(routeOf(storedTask({ ordinalOffset: -3 })).ordinalOffset).toBe(-3);
});

it('hands on where a change comes from', () => {
  const change: Change = {
    kind: 'NODE_DELETE',
    projectId: 'p',
    repoName: 'r',
    fullPath: '/a',
    operator: 'jo',
  };
  expect(shares(everything, change, ['a'])[0]?.entry.origin).toEqual(['a']);
  expect(shares(everything, change)[0]?.entry).not.toHaveProperty('origin');
});

const inRepository = { projectId: 'ops', repoName: 'from', operator: 'jo' };
const definition = { public: true, description: undefined, configuration: undefined, operator: 'jo' };

/** A change of every kind. */
const changes: { readonly [Kind in Change['kind']]: Extract<Change, { kind: Kind }> } = {
  PROJECT_CREATE: {
    kind: 'PROJECT_CREATE',
    name: 'ops',
    displayName: 'Ops',
    description: undefined,
    operator: 'jo',
  },
  REPOSITORY_CREATE: {
    kind: 'REPOSITORY_CREATE',
    projectId: 'ops',
    name: 'from',
    type: 'MAVEN',
    category: 'LOCAL',
    ...definition,
  },
  REPOSITORY_UPDATE: { kind: 'REPOSITORY_UPDATE', projectId: 'ops', name: 'from', ...definition },
  REPOSITORY_DELETE: {
    kind: 'REPOSITORY_DELETE',
    projectId: 'ops',
    name: 'from',
    forced: true,
    operator: 'jo',
  },
  NODE_CREATE: {
    kind: 'NODE_CREATE',
    ...inRepository,
    fullPath: '/a',
    folder: true,
    expires: 0,
    overwrite: false,
    size: 0,
    sha256: undefined,
    md5: undefined,
    metadata: {},
  },
  NODE_RENAME: { kind: 'NODE_RENAME', ...inRepository, fullPath: '/a', newFullPath: '/b' },
  NODE_UPDATE: { kind: 'NODE_UPDATE', ...inRepository, fullPath: '/a', expires: 1 },
  NODE_DELETE: { kind: 'NODE_DELETE', ...inRepository, fullPath: '/a' },
  NODE_MOVE: { kind: 'NODE_MOVE', ...transferred('to') },
  NODE_COPY: { kind: 'NODE_COPY', ...transferred('to') },
  METADATA_SAVE: { kind: 'METADATA_SAVE', ...inRepository, fullPath: '/a', metadata: {} },
  METADATA_DELETE: { kind: 'METADATA_DELETE', ...inRepository, fullPath: '/a', keyList: [] },
};

describe('policies', () => {
  const open: SyncPolicy = { conflictStrategy: 'SKIP', ddlTrans: true, indexTrans: true };
  const leftOut = (policy: SyncPolicy): string[] =>
    Object.values(changes).flatMap((change) =>
      shares({ ...everything, policy }, change).length === 0 ? [change.kind] : [],
    );

  it('are those of the task, with their version', () => {
    const task = storedTask({ policyVersion: 4, policy: { ddlTrans: false, filterDdl: 'drop_database' } });
    expect(routeOf(task)).toEqual({
      taskKey: task.key,
      policyVersion: 4,
      policy: { conflictStrategy: 'SKIP', filterDdl: 'drop_database', ddlTrans: false, indexTrans: true },
    });
  });

  it('leave containers’ definitions out without ddl_trans, and what is deleted whole with drop_database', () => {
    expect(leftOut(open)).toEqual([]);
    expect(leftOut({ ...open, filterDdl: 'drop_database' })).toEqual(['REPOSITORY_DELETE']);
    const definitions = ['PROJECT_CREATE', 'REPOSITORY_CREATE', 'REPOSITORY_UPDATE', 'REPOSITORY_DELETE'];
    expect(leftOut({ ...open, ddlTrans: false })).toEqual(definitions);
    expect(leftOut({ ...open, ddlTrans: false, filterDdl: 'drop_database' })).toEqual(definitions);
  });

  it('take a deletion of the root for a repository’s only with drop_database', () => {
    const emptied: Change = { ...changes.NODE_DELETE, fullPath: '/' };
    for (const ddlTrans of [true, false]) {
      expect(shares({ ...everything, policy: { ...open, ddlTrans } }, emptied)).toHaveLength(1);
      const policy: SyncPolicy = { ...open, ddlTrans, filterDdl: 'drop_database' };
      expect(shares({ ...everything, policy }, emptied)).toEqual([]);
    }
  });

  it('change nothing else of what an event makes', () => {
    const policies = fc.record(
      {
        conflictStrategy: fc.constantFrom(...CONFLICT_STRATEGIES),
        filterDdl: fc.constant('drop_database' as const),
        ddlTrans: fc.boolean(),
        indexTrans: fc.boolean(),
      },
      { requiredKeys: ['conflictStrategy', 'ddlTrans', 'indexTrans'] },
    );
    fc.assert(
      fc.property(policies, fc.constantFrom(...Object.values(changes)), (policy, change) => {
        const routed = shares({ ...everything, policy }, change);
        expect([shares(everything, change), []]).toContainEqual(routed);
      }),
    );
  });
});
