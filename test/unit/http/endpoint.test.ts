import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { DomainError } from '../../../functions/shared/errors.ts';
import { MAX_CONTENT_BYTES } from '../../../functions/shared/http/content-limit.ts';
import { bkrepoEndpoint, type EndpointDefinition } from '../../../functions/shared/http/endpoint.ts';
import { ERROR_CATALOGUE } from '../../../functions/shared/http/error-catalogue.ts';
import { domainRule, domainTransform, requiredParameter } from '../../../functions/shared/http/validation.ts';
import { logger } from '../../../functions/shared/logger.ts';
import type { Principal } from '../../../functions/shared/principal/principal.ts';
import { type ApiRequest, apiEvent, envelopeOf, lambdaContext } from '../../support/api.ts';

const principals: Readonly<Record<string, Principal>> = {
  'admin:password': { username: 'admin', role: 'admin' },
  'colons:a:b:c': { username: 'colons', role: 'admin' },
  'jack:password': { username: 'jack', role: 'viewer' },
  'apps:password': { username: 'apps', role: 'admin', projectId: 'apps' },
};

const services = {
  logger,
  authenticator: () => ({
    authenticate: async ({ username, password }: { username: string; password: string }) =>
      principals[`${username}:${password}`],
  }),
};

const bodySchema = z.object({ name: z.string() });

function endpoint<Schema extends z.ZodType>(
  definition: Partial<EndpointDefinition<Schema>> & Pick<EndpointDefinition<Schema>, 'schema'>,
) {
  return bkrepoEndpoint(
    {
      unauthenticated: 'header-missing',
      input: (request) => request.json(),
      handle: async (input) => input,
      ...definition,
    },
    services,
  );
}

const ping = endpoint({ schema: z.object({}), input: () => ({}), handle: async () => undefined });
const echo = endpoint({ schema: bodySchema });

const signedIn = { authorization: basic('admin:password') };
const json = { ...signedIn, 'content-type': 'application/json' };

function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

async function call(handler: typeof ping, request: ApiRequest) {
  const response = await handler(apiEvent(request), lambdaContext);
  return { status: response.statusCode, headers: response.headers, ...envelopeOf(response) };
}

let logged: string;

beforeEach(() => {
  logged = '';
  const record = (chunk: unknown): boolean => {
    logged += String(chunk);
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(record);
  vi.spyOn(process.stderr, 'write').mockImplementation(record);
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe('success', () => {
  test('is 200 with the data, and nulls present', async () => {
    const response = await ping(apiEvent({ headers: signedIn }), lambdaContext);
    expect(response).toEqual({
      statusCode: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"code":0,"message":null,"data":null,"traceId":null}',
    });
  });

  test('of a HEAD is that of a GET, without its body', async () => {
    const refused = { authorization: basic('admin:wrong') };
    const answer = async (method: string, given: Readonly<Record<string, string>>) =>
      ping(apiEvent({ method, headers: given }), lambdaContext);
    expect(await answer('HEAD', signedIn)).toEqual({ ...(await answer('GET', signedIn)), body: '' });
    expect(await answer('HEAD', refused)).toEqual({ ...(await answer('GET', refused)), body: '' });
  });

  test('unknown fields are ignored', async () => {
    const answer = await call(echo, { method: 'POST', headers: json, body: '{"name":"a","zzz":1}' });
    expect(answer).toMatchObject({ status: 200, code: 0, data: { name: 'a' } });
  });

  test.each(['GET', 'POST'])('a %s with a body is read, in base64 too', async (method) => {
    const answer = await call(echo, { method, headers: json, body: Buffer.from('{"name":"文件"}') });
    expect(answer.data).toEqual({ name: '文件' });
  });

  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset=UTF-8',
    'application/merge-patch+json',
  ])('content type %s is JSON', async (contentType) => {
    const answer = await call(echo, {
      headers: { ...signedIn, 'Content-Type': contentType },
      body: '{"name":"a"}',
    });
    expect(answer.status).toBe(200);
  });
});

/** The rows `ping.*` and `task.list.*` of the captured exchanges; malformed headers without their echo. */
describe('authentication', () => {
  const challenge = { 'www-authenticate': 'Basic realm="Authentication Required"' };
  const challenged = endpoint({ schema: z.object({}), input: () => ({}), unauthenticated: 'challenge' });

  test.each([
    ['no header, for /replica', ping, undefined, 400, 250113, 'Header Authorization missing'],
    ['no header, for /task', challenged, undefined, 401, 401, 'Authentication Required'],
    ['empty', ping, '', 401, 401, 'Authentication Required'],
    ['lower-case scheme', ping, 'basic YWRtaW46cGFzc3dvcmQ=', 401, 401, 'Authentication Required'],
    ['unknown scheme', ping, 'Digest x', 401, 401, 'Authentication Required'],
    ['bearer', ping, 'Bearer x', 401, 401, 'Invalid token'],
    ['no base64', ping, 'Basic !!!', 401, 401, 'Authorization value is not a valid scheme.'],
    ['no colon', ping, 'Basic YWRtaW4=', 401, 401, 'Authorization value is not a valid scheme.'],
    ['nothing after the scheme', ping, 'Basic ', 401, 401, 'Authorization value is not a valid scheme.'],
    ['wrong password', ping, basic('admin:nope'), 401, 401, 'Authorization value check failed'],
    ['unknown user', ping, basic('ghost:nope'), 401, 401, 'Authorization value check failed'],
    ['empty user', ping, basic(':password'), 401, 401, 'Authorization value check failed'],
    ['administrator of one project', ping, basic('apps:password'), 403, 403, 'Access Denied'],
    ['no administrator', ping, basic('jack:password'), 403, 403, 'Access Denied'],
  ])('%s', async (_case, handler, authorization, status, code, message) => {
    const headers = authorization === undefined ? {} : { authorization };
    const answer = await call(handler, { headers });
    expect(answer).toMatchObject({ status, code, message, data: null, traceId: 'request-1' });
    expect(answer.headers).toEqual({
      'content-type': 'application/json',
      ...(status === 401 ? challenge : {}),
    });
    const inChinese = await call(handler, { headers: { ...headers, 'accept-language': 'zh-CN' } });
    expect(inChinese.message).toBe(code === 250113 ? '请求头Authorization不能为空' : message);
    if (authorization !== undefined && authorization.length > 'Bearer x'.length) {
      expect(JSON.stringify(answer) + logged).not.toContain(authorization.split(' ')[1] || 'unseen');
    }
  });

  test('the first colon parts user and password', async () => {
    expect(await call(ping, { headers: { authorization: basic('colons:a:b:c') } })).toMatchObject({
      status: 200,
    });
  });

  test('a header of any case is found', async () => {
    expect(await call(ping, { headers: { Authorization: basic('admin:password') } })).toMatchObject({
      status: 200,
    });
  });

  test('comes before the body: who may not call learns nothing of it', async () => {
    const headers = { authorization: basic('jack:password'), 'content-type': 'application/json' };
    expect(await call(echo, { headers, body: '{x' })).toMatchObject({ status: 403 });
    expect(await call(echo, { headers: { 'content-type': 'application/json' }, body: '{x' })).toMatchObject({
      code: 250113,
    });
  });

  test('an endpoint may ask for a lesser role', async () => {
    const open = endpoint({ schema: z.object({}), input: () => ({}), requiredRole: 'viewer' });
    expect(await call(open, { headers: { authorization: basic('jack:password') } })).toMatchObject({
      status: 200,
    });
    expect(await call(open, { headers: signedIn })).toMatchObject({ status: 200 });
  });

  test('the principal reaches the endpoint and the log', async () => {
    const whoAmI = endpoint({
      schema: z.object({}),
      input: () => ({}),
      handle: async (_input, { principal, requestId, logger: requestLogger }) => {
        requestLogger.info('here');
        return { principal, requestId };
      },
    });
    const answer = await call(whoAmI, { headers: signedIn });
    expect(answer.data).toEqual({ principal: { username: 'admin', role: 'admin' }, requestId: 'request-1' });
    expect(JSON.parse(logged)).toMatchObject({ message: 'here', requestId: 'request-1', principal: 'admin' });
  });
});

describe('content', () => {
  test.each([
    ['malformed', '{not json'],
    ['empty', ''],
    ['missing', undefined],
    ['null', 'null'],
    ['an array', '[1]'],
    ['a string', '"a"'],
    ['a number', '1'],
    ['a missing field', '{}'],
    ['a field of another type', '{"name":{}}'],
  ])('%s is 250104', async (_case, body) => {
    const request = { method: 'POST', headers: json, ...(body === undefined ? {} : { body }) };
    expect(await call(echo, request)).toMatchObject({
      status: 400,
      code: 250104,
      message: 'Invalid request content',
      traceId: 'request-1',
    });
    expect(
      await call(echo, { ...request, headers: { ...json, 'accept-language': 'zh-CN,zh;q=0.9,en;q=0.8' } }),
    ).toMatchObject({ message: '请求内容无效' });
  });

  test.each([
    ['another type', { 'content-type': 'text/plain' }, 'a=b'],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, '{"name":"a"}'],
    ['a type that only begins so', { 'content-type': 'application/jsonx' }, '{"name":"a"}'],
    ['no type', {}, '{"name":"a"}'],
  ])('%s is 415', async (_case, headers, body) => {
    const request = { method: 'POST', headers: { ...signedIn, ...headers }, body };
    expect(await call(echo, request)).toMatchObject({
      status: 415,
      code: 250114,
      message: 'Media Type Unsupported',
    });
  });

  test('neither type nor content is 250104', async () => {
    expect(await call(echo, { method: 'POST', headers: signedIn })).toMatchObject({
      status: 400,
      code: 250104,
    });
  });

  test('the limit is exact and its text names it', async () => {
    const length = endpoint({ schema: z.number(), input: (request) => request.bytes().length });
    const octets = { ...signedIn, 'content-type': 'application/octet-stream' };
    const atLimit = await call(length, { headers: octets, body: Buffer.alloc(MAX_CONTENT_BYTES) });
    expect(atLimit.data).toBe(MAX_CONTENT_BYTES);
    const request = { headers: octets, body: Buffer.alloc(MAX_CONTENT_BYTES + 1) };
    expect(await call(length, request)).toMatchObject({
      status: 413,
      code: 413,
      message: 'Content too large: one request may hold at most 4.4 MiB',
    });
    // A Lambda event of 6 MiB holds it with room for the rest of the event.
    expect(Math.ceil(MAX_CONTENT_BYTES / 3) * 4).toBeLessThan(6 * 1024 * 1024 - 64 * 1024);
  });

  test('what it held is not logged', async () => {
    await call(echo, { method: 'POST', headers: json, body: '{"password":"hunter2",' });
    await call(echo, { method: 'POST', headers: json, body: '{"name":{"password":"hunter2"}}' });
    expect(logged).toContain('name: invalid_type');
    expect(logged).not.toContain('hunter2');
  });
});

describe('rules with errors of their own', () => {
  const ruled = endpoint({
    schema: z.object({
      name: z
        .string()
        .check(
          domainRule((name) => (name === 'bad' ? new DomainError('PARAMETER_INVALID', ['name']) : undefined)),
        ),
      path: z.string().transform(
        domainTransform((path) => {
          if (!path.startsWith('/')) {
            throw new DomainError('NODE_PATH_INVALID', [path]);
          }
          return path.slice(1);
        }),
      ),
    }),
  });
  const post = (body: unknown) => call(ruled, { method: 'POST', headers: json, body: JSON.stringify(body) });

  test('pass and transform', async () => {
    expect((await post({ name: 'good', path: '/a' })).data).toEqual({ name: 'good', path: 'a' });
  });

  test('answer with their error, the first of several', async () => {
    expect(await post({ name: 'bad', path: '/a' })).toMatchObject({
      code: 250103,
      message: 'Invalid parameter name',
    });
    expect(await post({ name: 'good', path: 'a' })).toMatchObject({
      code: 251007,
      message: 'Invalid node path a',
    });
    expect(await post({ name: 'bad', path: 'a' })).toMatchObject({ code: 250103 });
  });

  test('count only when the body fits otherwise', async () => {
    expect(await post({ name: 'bad' })).toMatchObject({ code: 250104 });
  });

  test('a missing parameter is named', async () => {
    const query = endpoint({
      schema: z.object({ projectId: requiredParameter('projectId') }),
      input: (request) => request.query,
    });
    expect(await call(query, { headers: signedIn })).toMatchObject({
      status: 400,
      code: 250102,
      message: 'Parameter projectId is missing',
    });
    expect((await call(query, { headers: signedIn, query: { projectId: '' } })).data).toEqual({
      projectId: '',
    });
  });

  test('a defect in a rule is no refusal', async () => {
    const broken = endpoint({
      schema: z.object({
        name: z.string().transform(
          domainTransform(() => {
            throw new TypeError('a defect');
          }),
        ),
      }),
    });
    expect(await call(broken, { headers: json, body: '{"name":"a"}' })).toMatchObject({
      status: 500,
      code: 250101,
    });
  });
});

describe('failure', () => {
  const failing = (error: unknown) =>
    endpoint({
      schema: z.object({}),
      input: () => ({}),
      handle: async () => {
        throw error;
      },
    });

  test('that is unexpected is 500 without its cause, and logged with the request id', async () => {
    const request = { headers: { ...signedIn, 'accept-language': 'zh' } };
    const answer = await call(failing(new Error('connect to 10.0.0.7 failed')), request);
    expect(answer).toMatchObject({
      status: 500,
      code: 250101,
      message: '系统繁忙，请稍后再试',
      data: null,
      traceId: 'request-1',
    });
    expect(JSON.stringify(answer)).not.toContain('10.0.0.7');
    expect(JSON.parse(logged)).toMatchObject({
      level: 'ERROR',
      requestId: 'request-1',
      error: { message: 'connect to 10.0.0.7 failed' },
    });
  });

  test('thrown as something else than an error is 500 too', async () => {
    expect(await call(failing('text'), { headers: signedIn })).toMatchObject({ status: 500, code: 250101 });
  });

  test('of authentication itself is 500, not a refusal', async () => {
    const handler = bkrepoEndpoint(
      { unauthenticated: 'challenge', schema: z.object({}), input: () => ({}), handle: async () => 1 },
      {
        logger,
        authenticator: () => {
          throw new Error('no table');
        },
      },
    );
    expect(await call(handler, { headers: signedIn })).toMatchObject({ status: 500, code: 250101 });
  });

  test.each(Object.entries(ERROR_CATALOGUE))(
    '%s leaves with its code, status and texts',
    async (name, entry) => {
      const error = new DomainError(name as keyof typeof ERROR_CATALOGUE, ['{0}x']);
      for (const [language, text] of [
        ['en', entry.english],
        ['zh-CN', entry.chinese],
      ] as const) {
        const answer = await call(failing(error), { headers: { ...signedIn, 'accept-language': language } });
        expect(answer).toMatchObject({
          status: entry.status,
          code: entry.code,
          message: text.replace('{0}', '{0}x'),
          data: null,
          traceId: 'request-1',
        });
      }
    },
  );
});
