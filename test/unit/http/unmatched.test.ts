import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { unmatched } from '../../../functions/shared/http/unmatched.ts';

const NOW = new Date(1_795_309_919_221);
const ROUTES = [
  'GET /replication/replica/ping',
  'GET /replication/task/detail/{taskKey}',
  'POST /replication/replica/file/{projectId}/{repoName}/{fullPath+}',
];

function answerTo(path: string): unknown {
  try {
    return unmatched({ routes: ROUTES, path, now: NOW });
  } catch (error) {
    return error instanceof DomainError ? error.code : error;
  }
}

describe('unmatched', () => {
  it('answers an unknown address as the captured bk-repo does', () => {
    expect(answerTo('/replication/replica/nosuch')).toEqual({
      timestamp: 1_795_309_919_221,
      status: 404,
      error: 'Not Found',
      message: '',
      path: '/replication/replica/nosuch',
    });
  });

  it.each([
    '/replication/replica/ping',
    '/replication/task/detail/0123456789abcdef0123456789abcdef',
    '/replication/replica/file/p/r/a',
    '/replication/replica/file/p/r/a/b c/d',
    '/replication/replica/file/p/r//a/b',
  ])('refuses the method at %s', (path) => {
    expect(answerTo(path)).toBe('METHOD_NOT_ALLOWED');
  });

  it.each([
    '/',
    '/replication/replica',
    '/replication/replica/ping/',
    '/replication/replica/ping/more',
    '/api/replication/replica/ping',
    '/replication/task/detail/',
    '/replication/task/detail/a/b',
    '/replication/replica/file/p/r',
    '/replication/replica/file/p/r/',
    '/replication/replica/file/p/r//',
  ])('does not know %s', (path) => {
    expect(answerTo(path)).toMatchObject({ status: 404, path });
  });

  it('knows a file by any path below its repository', () => {
    const segment = fc.string({ minLength: 1 }).map((text) => text.replaceAll('/', '_'));
    fc.assert(
      fc.property(segment, segment, fc.array(segment, { minLength: 1 }), (project, repo, path) => {
        expect(answerTo(`/replication/replica/file/${project}/${repo}/${path.join('/')}`)).toBe(
          'METHOD_NOT_ALLOWED',
        );
      }),
    );
  });
});
