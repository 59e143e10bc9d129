import { describe, expect, it } from 'vitest';
import { type Answer, dataOf, failureOf } from '../../../functions/shared/remote/answer.ts';
import {
  ContentReadError,
  RemoteAmbiguousError,
  RemoteOutageError,
  RemoteRefusalError,
} from '../../../functions/shared/remote/errors.ts';

function answer(status: number, body: unknown, headers: Answer['headers'] = {}): Answer {
  return { status, headers, text: typeof body === 'string' ? body : JSON.stringify(body) };
}

function thrownBy(given: Answer): unknown {
  try {
    dataOf(given);
  } catch (error) {
    return error;
  }
  throw new Error('The answer was taken for a success');
}

const envelope = (code: number, message: string | null = null) => ({
  code,
  message,
  data: null,
  traceId: '',
});

describe('answers of a remote', () => {
  it('gives the data of a success', () => {
    expect(dataOf(answer(200, { code: 0, message: null, data: [1], traceId: '' }))).toEqual([1]);
  });

  it.each([
    [400, 251006, 'Node /a not found'],
    [400, 250103, 'Invalid parameter size'],
    [404, 404, 'Repository[p/r] not found'],
    [405, 250108, 'Operation unsupported'],
    [415, 250114, 'Media Type Unsupported'],
    [200, 251009, 'Node /a conflict'],
  ])('takes HTTP %i with code %i for a refusal', (status, code, message) => {
    const error = thrownBy(answer(status, envelope(code, message)));
    expect(error).toBeInstanceOf(RemoteRefusalError);
    expect(error).toMatchObject({ status, code, message: `HTTP ${status}, code ${code}: ${message}` });
  });

  it.each([400, 413, 414, 422, 431])('takes a bare HTTP %i for a refusal', (status) => {
    expect(thrownBy(answer(status, ''))).toMatchObject({
      name: 'RemoteRefusalError',
      status,
      code: undefined,
    });
  });

  it('takes HTTP 500 with 250101 for either', () => {
    const error = thrownBy(answer(500, envelope(250101, 'System service is busy')));
    expect(error).toBeInstanceOf(RemoteAmbiguousError);
    expect(error).toMatchObject({ asOutage: { reason: 'BUSY' }, asRefusal: { status: 500, code: 250101 } });
  });

  it.each([
    [403, envelope(403, 'Access Denied'), 'FORBIDDEN'],
    [404, '<html>', 'NOT_BKREPO'],
    [404, { status: 404, error: 'Not Found', path: '/x' }, 'NOT_BKREPO'],
    [405, '', 'NOT_BKREPO'],
  ])('takes HTTP %i for either where one path or all may be meant', (status, body, reason) => {
    expect(thrownBy(answer(status, body))).toMatchObject({
      name: 'RemoteAmbiguousError',
      asOutage: { reason },
    });
  });

  it.each([
    [200, '<html>welcome</html>', 'NOT_BKREPO'],
    [200, { message: 'ok' }, 'NOT_BKREPO'],
    [301, '', 'REDIRECTED'],
    [307, '', 'REDIRECTED'],
    [401, envelope(401, 'Authorization value check failed'), 'UNAUTHORIZED'],
    [400, envelope(250113, 'Header Authorization missing'), 'UNAUTHORIZED'],
    [408, '', 'TIMED_OUT'],
    [429, '', 'THROTTLED'],
    [500, 'Internal Server Error', 'SERVER_ERROR'],
    [500, { message: 'Internal Server Error' }, 'SERVER_ERROR'],
    [502, '', 'SERVER_ERROR'],
    [503, { message: 'Service Unavailable' }, 'SERVER_ERROR'],
    [503, envelope(250101), 'BUSY'],
    [504, '', 'SERVER_ERROR'],
  ])('takes HTTP %i %j for the outage %s', (status, body, reason) => {
    const error = thrownBy(answer(status, body));
    expect(error).toBeInstanceOf(RemoteOutageError);
    expect(error).toMatchObject({ reason });
  });

  it('hears Retry-After, within reason', () => {
    expect(thrownBy(answer(429, '', { 'retry-after': '17' }))).toMatchObject({ retryAfter: 17 });
    expect(thrownBy(answer(503, '', { 'retry-after': '99999999' }))).toMatchObject({ retryAfter: 3600 });
    expect(thrownBy(answer(429, '', { 'retry-after': 'Wed, 21 Oct' }))).toMatchObject({
      retryAfter: undefined,
    });
  });

  it('repeats neither credentials nor the query of a redirection', () => {
    const unauthorized = thrownBy(answer(401, envelope(401, 'Basic c2VjcmV0 is malformed')));
    expect(String(unauthorized)).not.toContain('c2VjcmV0');
    const redirected = thrownBy(answer(302, '', { location: 'https://login.example/sso?token=c2VjcmV0' }));
    expect(redirected).toMatchObject({ message: expect.stringContaining('302 to https://login.example)') });
  });

  it('keeps a text of the remote to one bounded line', () => {
    const error = thrownBy(answer(400, envelope(1, `a\r\n\u0000b${'x'.repeat(5_000)}`)));
    expect(String(error)).toMatch(/: a bx+$/);
    expect(String(error).length).toBeLessThan(400);
  });
});

describe('exchanges without an answer', () => {
  const coded = (code: string) => Object.assign(new Error(code), { code });

  it.each([
    ['ECONNREFUSED', 'CONNECTION_REFUSED'],
    ['ENOTFOUND', 'UNKNOWN_HOST'],
    ['EAI_AGAIN', 'UNKNOWN_HOST'],
    ['UND_ERR_CONNECT_TIMEOUT', 'TIMED_OUT'],
    ['UND_ERR_HEADERS_TIMEOUT', 'TIMED_OUT'],
    ['UND_ERR_SOCKET', 'CONNECTION_CUT'],
    ['CERT_HAS_EXPIRED', 'TLS_FAILED'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'TLS_FAILED'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'TLS_FAILED'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'TLS_FAILED'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS_FAILED'],
    ['HPE_INVALID_CONSTANT', 'NOT_BKREPO'],
  ])('takes %s for %s', (code, reason) => {
    expect(failureOf(coded(code))).toMatchObject({ name: 'RemoteOutageError', reason });
    expect(failureOf(new Error('outer', { cause: coded(code) }))).toMatchObject({ reason });
    expect(failureOf(new AggregateError([coded(code), coded('EHOSTUNREACH')]))).toMatchObject({ reason });
  });

  it('hands back what is not the doing of the remote', () => {
    const own = [new ContentReadError(new Error('S3')), new TypeError('defect')];
    expect(own.map(failureOf)).toEqual(own);
  });
});
