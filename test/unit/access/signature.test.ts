import { createHash, createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isSignedBy, isTimely, parseSignature } from '../../../functions/shared/access/signature.ts';
import { httpRequestOf } from '../../../functions/shared/http/request.ts';
import { type ApiRequest, apiEvent } from '../../support/api.ts';
import { CAPTURED, signedRequests } from './signed-requests.ts';

function verified(request: ApiRequest, secret: string = CAPTURED.secret, host?: string): boolean | undefined {
  const http = httpRequestOf(apiEvent(request));
  const signature = parseSignature(http.header('authorization') ?? '');
  return (
    signature && isSignedBy({ request: http, signature, secret, host: host ?? http.header('host') ?? '' })
  );
}

describe('a request that the service’s own SDK has signed', () => {
  test.each(signedRequests())('$path is verified, and no other', (request) => {
    expect(verified(request)).toBe(true);
    expect(verified(request, 'another secret')).toBe(false);
    expect(verified({ ...request, method: 'PUT' })).toBe(false);
    expect(verified({ ...request, path: `${request.path}-more` })).toBe(false);
    expect(verified({ ...request, query: { a: 'b' } })).toBe(false);
    expect(verified({ ...request, body: `${String(request.body)} ` })).toBe(false);
    expect(verified(request, CAPTURED.secret, '127.0.0.1:19000')).toBe(false);
    for (const name of ['User-Agent', 'X-Project-Id', 'X-Sdk-Date', 'Content-Type']) {
      expect(verified({ ...request, headers: { ...request.headers, [name]: 'other' } }), name).toBe(false);
    }
  });

  test('may come in base64, as the gateway sends what is no text', () => {
    const [request] = signedRequests();
    expect(verified({ ...request, body: Buffer.from(String(request?.body)) })).toBe(true);
  });
});

test('path and query are signed encoded, the query sorted', () => {
  const headers = { host: 'h', 'x-sdk-date': '20261122T004800Z' };
  const canonical = [
    'GET',
    '/v3/a%20b%2A/%E6%96%87~/',
    'a=1&a=2&b=%2A%20%2F&c=',
    'host:h',
    'x-sdk-date:20261122T004800Z',
    '',
    'host;x-sdk-date',
    createHash('sha256').update('').digest('hex'),
  ].join('\n');
  const toSign = `SDK-HMAC-SHA256\n20261122T004800Z\n${createHash('sha256').update(canonical).digest('hex')}`;
  const signature = createHmac('sha256', 'SK').update(toSign).digest('hex');
  const authorization = `SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date, Signature=${signature}`;
  const event = {
    ...apiEvent({ path: '/v3/a b*/文~', headers: { ...headers, authorization } }),
    rawQueryString: 'c=&b=*%20/&a=2&a=1',
  };
  const request = httpRequestOf(event);
  const parsed = parseSignature(authorization);
  expect(parsed && isSignedBy({ request, signature: parsed, secret: 'SK', host: 'h' })).toBe(true);
});

describe('a header', () => {
  const good = `SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date, Signature=${'a'.repeat(64)}`;

  test('is read', () => {
    expect(parseSignature(good)).toEqual({
      accessKey: 'AK',
      signedHeaders: ['host', 'x-sdk-date'],
      signature: 'a'.repeat(64),
    });
  });

  test.each([
    ['of another scheme', good.replace('SDK-HMAC', 'V11-HMAC')],
    ['without its host', good.replace('host;', '')],
    ['without its date', good.replace(';x-sdk-date', '')],
    ['with a short signature', good.slice(0, -1)],
    ['with an odd key', good.replace('AK', 'A K')],
    ['that is endless', good.replace('host', `${'x;'.repeat(4096)}host`)],
    ['that is empty', ''],
  ])('%s is none', (_name, header) => {
    expect(parseSignature(header)).toBeUndefined();
  });
});

test.each([
  ['20261122T004800Z', true],
  ['20261122T003300Z', true],
  ['20261122T010300Z', true],
  ['20261122T003259Z', false],
  ['20261122T010301Z', false],
  ['2026-11-22T00:48:00Z', false],
  ['', false],
])('the date %s counts at 00:48: %s', (date, timely) => {
  const request = httpRequestOf(apiEvent({ headers: { 'X-Sdk-Date': date } }));
  expect(isTimely(request, CAPTURED.at)).toBe(timely);
});
