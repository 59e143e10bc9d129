import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { Caller } from '../../../functions/shared/access/caller.ts';
import { DomainError, ERROR_CODES } from '../../../functions/shared/errors.ts';
import { MAX_CONTENT_BYTES } from '../../../functions/shared/http/content-limit.ts';
import { v3Endpoint } from '../../../functions/shared/http/v3-endpoint.ts';
import { v3EntryOf } from '../../../functions/shared/http/v3-error-catalogue.ts';
import { jobIdsRequest, jobsRequest } from '../../../functions/shared/job/batch.ts';
import { logger } from '../../../functions/shared/logger.ts';
import type { Role } from '../../../functions/shared/principal/principal.ts';
import { type ApiRequest, apiEvent, lambdaContext } from '../../support/api.ts';

const OWN = '054ba152d480d55b2f5dc0069e7ddef0';

const callers: Readonly<Record<string, Caller>> = {
  admin: { principal: { username: 'admin', role: 'admin' } },
  operator: { principal: { username: 'op', role: 'operator' } },
  viewer: { principal: { username: 'eye', role: 'viewer' } },
  'apps-operator': { principal: { username: 'apps', role: 'operator', projectId: 'apps' } },
  'for-apps': { principal: { username: 'admin', role: 'admin' }, project: 'apps' },
  'for-own': { principal: { username: 'admin', role: 'admin' }, project: OWN },
};

function endpoint<Schema extends z.ZodType>(
  schema: Schema,
  handle: (input: z.output<Schema>) => Promise<unknown> = async (input) => input,
  requiredRole: Role = 'operator',
) {
  return v3Endpoint(
    {
      requiredRole,
      schema,
      handle: async (input, { projectId }) => ({ answer: await handle(input), project: projectId ?? null }),
    },
    {
      logger,
      deploymentProject: () => OWN,
      authenticator: () => ({
        callerOf: async (request) => {
          const caller = callers[request.header('x-auth-token') ?? ''];
          if (caller === undefined) {
            throw new DomainError('TOKEN_INVALID');
          }
          return caller;
        },
      }),
    },
  );
}

const anything = z.record(z.string(), z.unknown());
const open = endpoint(anything);

async function call(
  handler: typeof open,
  { token = 'operator', project = OWN, ...request }: ApiRequest & { token?: string; project?: string },
) {
  const headers = { 'x-auth-token': token, ...request.headers };
  const event = apiEvent({
    method: 'POST',
    body: '{}',
    ...request,
    headers,
    pathParameters: { project_id: project },
  });
  const response = await handler(event, lambdaContext);
  expect(response.headers).toEqual({ 'content-type': 'application/json' });
  return { status: response.statusCode, ...JSON.parse(response.body ?? '') };
}

beforeEach(() => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe('a caller', () => {
  const noProject = { status: 403, error_code: 'DRS.M00261', error_msg: 'Invalid project ID.' };
  const noRight = { status: 401, error_code: 'DRS.M00103' };
  const other = '154ba152d480d55b2f5dc0069e7ddef0';

  test.each([
    ['nobody', OWN, { status: 403, error_code: 'DRS.M00100', error_msg: 'Invalid token.' }],
    ['viewer', OWN, noRight],
    ['operator', OWN, { status: 200, project: null }],
    ['admin', OWN, { status: 200, project: null }],
    ['admin', 'apps', { status: 200, project: 'apps' }],
    ['admin', other, noProject],
    ['apps-operator', 'apps', { status: 200, project: 'apps' }],
    ['apps-operator', 'dev', noProject],
    ['apps-operator', OWN, noProject],
    ['for-apps', 'apps', { status: 200, project: 'apps' }],
    ['for-apps', 'dev', noProject],
    ['for-apps', OWN, noProject],
    ['for-own', OWN, { status: 200, project: null }],
    ['for-own', 'apps', { status: 200, project: 'apps' }],
    ['for-own', other, noProject],
  ])('%s of project %s', async (token, project, expected) => {
    expect(await call(open, { token, project })).toMatchObject(expected);
  });

  test('learns nothing of the content before it is let in', async () => {
    expect(await call(open, { token: 'viewer', body: '{x' })).toMatchObject(noRight);
  });

  test('that is a viewer may look', async () => {
    const look = endpoint(anything, async () => 1, 'viewer');
    expect(await call(look, { token: 'viewer' })).toMatchObject({ status: 200 });
  });
});

describe('content', () => {
  const bad = { status: 400, error_code: 'DRS.M00007', error_msg: 'Invalid request parameter.' };

  test.each(['{x', '', 'null', '[]', '"a"', '1'])('%j is none', async (body) => {
    expect(await call(open, { body })).toEqual(bad);
  });

  test.each([{}, { 'content-type': 'text/plain' }, { 'content-type': 'application/json' }])(
    'is JSON whatever it is said to be: %j',
    async (headers) => {
      expect(await call(open, { body: '{"a":1}', headers })).toMatchObject({ status: 200, answer: { a: 1 } });
    },
  );

  test('has its limit', async () => {
    expect(await call(open, { body: ' '.repeat(MAX_CONTENT_BYTES + 1) })).toEqual({
      status: 400,
      error_code: 'DRS.M00300',
      error_msg: 'Invalid request, it is larger than 4.4 MiB.',
    });
  });
});

describe('a batch', () => {
  const batch = endpoint(jobsRequest);
  const ids = endpoint(jobIdsRequest);
  const missing = (name: string) => ({
    status: 400,
    error_code: 'DRS.M00201',
    error_msg: `The parameter ${name} is empty.`,
  });
  const invalid = (name: string) => ({
    status: 400,
    error_code: 'DRS.M00202',
    error_msg: `The value of parameter ${name} is invalid.`,
  });
  const many = Array.from({ length: 101 }, (_, index) => String(index));
  const twice = {
    status: 400,
    error_code: 'DRS.M00301',
    error_msg: 'There are duplicate job_id in request.',
  };
  const tooMany = {
    status: 400,
    error_code: 'DRS.M00300',
    error_msg: 'Invalid request, there are more than 100 jobs.',
  };
  const uuid = '73B0674d-76e3-4d35-aaca-8ebe3d094e44';
  const key = '73b0674d76e34d35aaca8ebe3d094e44';

  test.each([
    [{}, missing('jobs')],
    [{ jobs: null }, missing('jobs')],
    [{ jobs: '' }, missing('jobs')],
    [{ jobs: [] }, missing('jobs')],
    [{ jobs: {} }, invalid('jobs')],
    [{ jobs: ['a'] }, invalid('jobs')],
    [{ jobs: [{ job_id: 'a' }, {}] }, missing('job_id')],
    [{ jobs: [{ job_id: '' }] }, missing('job_id')],
    [{ jobs: [{ job_id: 7 }] }, invalid('job_id')],
    [{ jobs: [{ job_id: 'a' }, { job_id: 'a' }] }, twice],
    [{ jobs: [{ job_id: uuid }, { job_id: key }] }, twice],
    [{ jobs: many.map((id) => ({ job_id: id })) }, tooMany],
  ])('that is malformed as a whole is refused: %#', async (body, expected) => {
    expect(await call(batch, { body: JSON.stringify(body) })).toEqual(expected);
  });

  test.each([
    [{ jobs: [] }, missing('jobs')],
    [{ jobs: [''] }, missing('job_id')],
    [{ jobs: [{}] }, invalid('job_id')],
    [{ jobs: ['a', 'a'] }, twice],
    [{ jobs: many }, tooMany],
    [{ jobs: ['a'], page_req: { per_page: 101 } }, invalid('page_req')],
    [{ jobs: ['a'], page_req: { cur_page: 0 } }, invalid('page_req')],
    [{ jobs: ['a'], page_req: 'x' }, invalid('page_req')],
  ])('of ids that is malformed is refused: %#', async (body, expected) => {
    expect(await call(ids, { body: JSON.stringify(body) })).toEqual(expected);
  });

  test('knows a job by its key and its UUID, and what is unset', () => {
    const fields = { a: '', b: null, c: false, d: 0, job_id: uuid };
    expect(jobsRequest.parse({ jobs: [fields] })).toEqual([
      { id: uuid, taskKey: key, fields: { c: false, d: 0, job_id: uuid } },
    ]);
    expect(jobsRequest.parse({ jobs: [{ job_id: 'no key' }] })).toMatchObject([{ taskKey: 'no key' }]);
  });

  test.each([
    [undefined, ['a', 'b', 'c', 'd', 'e']],
    [null, ['a', 'b', 'c', 'd', 'e']],
    ['', ['a', 'b', 'c', 'd', 'e']],
    [{ cur_page: 1, per_page: 2 }, ['a', 'b']],
    [{ cur_page: '3', per_page: '2' }, ['e']],
    [{ cur_page: 4, per_page: 2 }, []],
    [{ per_page: 2 }, ['a', 'b']],
  ])('is asked about by page %j', (page_req, expected) => {
    const items = jobIdsRequest.parse({ jobs: ['a', 'b', 'c', 'd', 'e'], page_req });
    expect(items.map(({ id }) => id)).toEqual(expected);
  });
});

describe('an error', () => {
  const failing = (error: Error) =>
    endpoint(anything, async () => {
      throw error;
    });

  test.each([
    [{}, 'The value of parameter x is invalid.'],
    [{ 'x-language': 'en-us' }, 'The value of parameter x is invalid.'],
    [{ 'x-language': 'zh-cn' }, '参数x的值无效。'],
    [{ 'X-Language': 'zh-CN' }, '参数x的值无效。'],
    [{ 'accept-language': 'zh-CN' }, 'The value of parameter x is invalid.'],
  ])('is told in the language of %j', async (headers, text) => {
    const answer = await call(failing(new DomainError('PARAMETER_INVALID', ['x'])), { headers });
    expect(answer).toEqual({ status: 400, error_code: 'DRS.M00202', error_msg: text });
  });

  test('that nobody expected tells nothing of its cause', async () => {
    expect(await call(failing(new Error('connect to 10.0.0.7 failed')), {})).toEqual({
      status: 500,
      error_code: 'DRS.M00004',
      error_msg: 'Service is abnormal. Check logs.',
    });
  });

  test.each(ERROR_CODES)('%s has a published code and both texts', (code) => {
    const entry = v3EntryOf(code);
    expect(entry.code).toMatch(/^DRS\.M\d{5}$/);
    expect(entry.english).toMatch(/^[\x20-\x7e]+\.$/);
    expect(entry.chinese).toMatch(/[\u4e00-\u9fff].*。$/);
    expect(entry.chinese.match(/\{\d\}/g)).toEqual(entry.english.match(/\{\d\}/g));
  });
});
