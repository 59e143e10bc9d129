import { describe, expect, it } from 'vitest';
import type { Change } from '../../../functions/shared/operate-log/event.ts';
import { type Route, routeEvent } from '../../../functions/shared/route/route.ts';

const document = { id: 'e1', loggedAt: '2026-11-22T00:00:00.000Z', text: '{}' };
const everything: Route = { taskKey: 'k', policyVersion: 1 };

const shares = (route: Route, change: Change, origin: readonly string[] = []) =>
  routeEvent(route, { ordinal: 7, log: { document, change, origin } });

const transfer = (kind: 'NODE_MOVE' | 'NODE_COPY', repoName = 'to'): Change => ({
  kind,
  projectId: 'ops',
  repoName: 'from',
  fullPath: '/a/n',
  destination: { projectId: 'ops', repoName },
  destFullPath: '/d',
  overwrite: true,
  operator: 'jo',
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
