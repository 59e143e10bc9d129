import { afterEach, beforeEach, expect, it } from 'vitest';
import { remoteProbe } from '../../../functions/shared/remote/probe.ts';
import { RemoteServer, respond } from './remote-server.ts';

let server: RemoteServer;
const user = { username: 'admin', password: 's3cret-word' };
const probe = remoteProbe({ allowPrivate: true });

beforeEach(async () => {
  server = await new RemoteServer().start();
});
afterEach(() => server.stop());

const connectFailed = (reason: RegExp) =>
  expect.objectContaining({ code: 'REMOTE_CONNECT_FAILED', args: [expect.stringMatching(reason)] });

it('is content with a remote that answers its ping', async () => {
  await probe({ url: server.url(), ...user });
  expect(server.received.map(({ url }) => url)).toEqual(['/replication/replica/ping']);
});

it.each([
  [401, { code: 401, message: 'Authorization value check failed', data: null }, /^401/],
  [403, { code: 403, message: 'Access Denied', data: null }, /^403/],
  [404, { status: 404, error: 'Not Found' }, /not a bk-repo/],
  [301, {}, /redirects/],
  [503, {}, /server error/],
  [500, { code: 250101, message: 'busy', data: null }, /busy/],
  [400, { code: 250103, message: 'Invalid parameter x', data: null }, /250103/],
])('names the cause of HTTP %i', async (status, body, reason) => {
  server.answer = (_request, response) => respond(response, status, body);
  await expect(probe({ url: server.url(), ...user })).rejects.toEqual(connectFailed(reason));
});

it('names a refused connection, an unknown host and a closed range', async () => {
  const url = server.url();
  await expect(remoteProbe({ allowPrivate: false })({ url, ...user })).rejects.toEqual(
    connectFailed(/range/),
  );
  await server.stop();
  await expect(probe({ url, ...user })).rejects.toEqual(connectFailed(/^connection refused$/));
  await expect(probe({ url: 'http://no-such-host.invalid', ...user })).rejects.toEqual(
    connectFailed(/^unknown host$/),
  );
});

it('names a remote that does not answer in time', async () => {
  server.intercept = () => true;
  const impatient = remoteProbe({ allowPrivate: true, idleTimeout: 50 });
  await expect(impatient({ url: server.url(), ...user })).rejects.toEqual(connectFailed(/^timed out$/));
});

it('tells everything that is wrong with TLS', async () => {
  const code = expect.objectContaining({ code: 'REMOTE_TLS_FAILED' });
  await expect(probe({ url: server.url(), certificate: 'no PEM', ...user })).rejects.toEqual(code);
  await expect(probe({ url: server.url().replace('http:', 'https:'), ...user })).rejects.toEqual(code);
});

it('keeps the password out of every error', async () => {
  server.answer = (request, response) =>
    respond(response, 401, { code: 401, message: request.headers.authorization, data: null });
  const error = await probe({ url: server.url(), ...user }).catch((thrown: unknown) => thrown);
  const text = JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error);
  expect(text).not.toContain(user.password);
  expect(text).not.toContain(Buffer.from(`${user.username}:${user.password}`).toString('base64'));
});
