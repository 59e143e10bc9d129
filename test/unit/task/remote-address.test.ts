import { describe, expect, test } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { normalizeRemoteUrl } from '../../../functions/shared/task/remote-address.ts';

describe('what users paste', () => {
  test.each([
    ['http://host/replication', 'http://host/replication'],
    ['http://host/replication/', 'http://host/replication'],
    ['http://host/replication///', 'http://host/replication'],
    [' http://127.0.0.1:26002/replication \n', 'http://127.0.0.1:26002/replication'],
    ['127.0.0.1:26002/replication', 'http://127.0.0.1:26002/replication'],
    ['host:8080', 'http://host:8080'],
    ['localhost/replication', 'http://localhost/replication'],
    ['HTTPS://Host.Example:443/Replication', 'https://host.example/Replication'],
    ['http://[::1]:8080/replication', 'http://[::1]:8080/replication'],
    ['http://host/api/replication', 'http://host/api/replication'],
  ])('%s', (text, url) => {
    expect(normalizeRemoteUrl(text)).toBe(url);
    expect(normalizeRemoteUrl(url)).toBe(url);
  });
});

test.each([
  'ftp://host/replication',
  'file:///etc/passwd',
  'http://user:secret@host/replication',
  'user@host/replication',
  'http://host/replication?x=1',
  'http://host/replication#x',
])('%s is an invalid parameter', (text) => {
  expect(() => normalizeRemoteUrl(text)).toThrow(new DomainError('PARAMETER_INVALID', ['url']));
});

test.each(['', '  ', 'not a url', 'http://', 'http://host:99999/', `http://host/${'a'.repeat(2048)}`])(
  '%s cannot be connected to',
  (text) => {
    expect(() => normalizeRemoteUrl(text)).toThrow(
      new DomainError('REMOTE_CONNECT_FAILED', ['the url is not a valid address']),
    );
  },
);
