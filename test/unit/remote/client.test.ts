import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RemoteClient, RemoteFile } from '../../../functions/shared/remote/client.ts';
import { createRemoteClient } from '../../../functions/shared/remote/client.ts';
import {
  ContentMismatchError,
  ContentReadError,
  RemoteOutageError,
  RemoteRefusalError,
  UnsendablePathError,
} from '../../../functions/shared/remote/errors.ts';
import { RemoteServer, respond, succeed } from './remote-server.ts';

const node = { projectId: 'p1', repoName: 'g1', fullPath: '/a/b.txt' };

function fileOf(content: Buffer | string, more: Partial<RemoteFile> = {}): RemoteFile {
  const bytes = Buffer.from(content);
  return {
    ...node,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    md5: createHash('md5').update(bytes).digest('hex'),
    expires: 0,
    operator: 'admin',
    metadata: {},
    ...more,
  };
}

const opening = (content: Buffer | string) => async () => ({
  size: Buffer.byteLength(content),
  stream: Readable.from([Buffer.from(content)]),
});

describe('the client of a remote', () => {
  let server: RemoteServer;
  let client: RemoteClient;

  beforeEach(async () => {
    server = await new RemoteServer().start();
    client = server.client();
  });
  afterEach(async () => {
    await server.stop();
    await client.close();
  });

  describe('requests', () => {
    it('signs in with Basic in UTF-8 and keeps to the base path', async () => {
      await client.ping();
      const [request] = server.received;
      expect(request).toMatchObject({ method: 'GET', url: '/replication/replica/ping' });
      expect(request?.headers.authorization).toBe(
        `Basic ${Buffer.from('admin:pässword:x').toString('base64')}`,
      );
    });

    it('names nodes, destinations and repositories as the contract does', async () => {
      const { fullPath, ...repository } = node;
      const transfer = { ...node, destFullPath: '/c', overwrite: true, operator: 'jo' };
      await client.renameNode({ ...node, newFullPath: '/c', operator: 'jo' });
      await client.moveNode(transfer);
      await client.copyNode(transfer);
      await client.updateNode({ ...node, expires: 3, operator: 'jo' });
      await client.deleteMetadata({ ...node, keys: ['k'], operator: 'jo' });
      await client.updateRepository({ ...repository, description: 'd', operator: 'jo' });
      await client.deleteRepository({ ...repository, forced: true, operator: 'jo' });
      const transferred = {
        srcProjectId: 'p1',
        srcRepoName: 'g1',
        srcFullPath: fullPath,
        destProjectId: 'p1',
        destRepoName: 'g1',
        destFullPath: '/c',
        overwrite: true,
        operator: 'jo',
      };
      expect(server.received.map(({ url, body }) => [url.slice(20), JSON.parse(body)])).toEqual([
        ['/node/rename', { ...node, newFullPath: '/c', operator: 'jo' }],
        ['/node/move', transferred],
        ['/node/copy', transferred],
        ['/node/update', { ...node, expires: 3, operator: 'jo' }],
        ['/metadata/delete', { ...node, keyList: ['k'], operator: 'jo' }],
        ['/repo/update', { projectId: 'p1', name: 'g1', description: 'd', operator: 'jo' }],
        ['/repo/delete', { projectId: 'p1', name: 'g1', forced: true, operator: 'jo' }],
      ]);
    });

    it('does not copy again on its own when the connection is cut', async () => {
      let copies = 0;
      server.intercept = (request) => {
        copies += 1;
        request.socket.destroy();
        return true;
      };
      await expect(
        client.copyNode({ ...node, destFullPath: '/c', overwrite: false, operator: 'jo' }),
      ).rejects.toMatchObject({ reason: 'CONNECTION_CUT' });
      expect(copies).toBe(1);
    });

    it('says of a change which clusters it came by, its own last', async () => {
      const [there, here] = ['a'.repeat(32), 'b'.repeat(32)];
      const marked = createRemoteClient({
        url: server.url(),
        username: 'u',
        password: 'p',
        allowPrivate: true,
        clusterId: here,
      });
      await marked.deleteNode({ ...node, operator: 'jo' });
      await marked.onBehalfOf([there]).deleteNode({ ...node, operator: 'jo' });
      await marked.onBehalfOf([there]).uploadFile(fileOf('x'), opening('x'));
      await client.deleteNode({ ...node, operator: 'jo' });
      await marked.close();
      expect(server.received.map(({ headers }) => headers['x-logferry-origin'])).toEqual([
        here,
        `${there},${here}`,
        `${there},${here}`,
        undefined,
      ]);
    });

    it('asks what a remote announces once in ten minutes, and again when it was not answered', async () => {
      const id = 'c'.repeat(32);
      let now = 0;
      let version = '1.0.0';
      const asking = createRemoteClient({
        url: server.url(),
        username: 'u',
        password: 'p',
        allowPrivate: true,
        clock: () => new Date(now),
      });
      server.answer = (_request, response) => respond(response, 503, {});
      await expect(asking.identity()).rejects.toMatchObject({ reason: 'SERVER_ERROR' });
      server.answer = (_request, response) => succeed(response, version);
      expect(await asking.identity()).toEqual({ extensions: new Set() });
      version = `1.0.0+logferry.${id}.blob`;
      now = 599_999;
      expect((await asking.onBehalfOf([id]).identity()).clusterId).toBeUndefined();
      now = 600_000;
      expect(await asking.identity()).toEqual({ clusterId: id, extensions: new Set(['blob']) });
      expect(server.received).toHaveLength(3);
      await asking.close();
    });

    it('believes what the remote says of the name that it stored a file under', async () => {
      server.answer = (_request, response) => succeed(response, { fullPath: '/a/b.txt' });
      await client.uploadFile(fileOf('x'), opening('x'));
      await expect(
        client.uploadFile(fileOf('x', { fullPath: '/a/b.txt;v=1' }), opening('x')),
      ).rejects.toMatchObject({ name: 'MisnamedNodeError', storedAs: '/a/b.txt' });
    });

    it('keeps connections between calls', async () => {
      const sockets = new Set<number | undefined>();
      server.intercept = (request) => {
        sockets.add(request.socket.remotePort);
        return false;
      };
      for (let calls = 0; calls < 10; calls += 1) {
        await client.ping();
      }
      // A second one may be opened while the first one is being handed back.
      expect(sockets.size).toBeLessThanOrEqual(2);
    });

    it('reads the version', async () => {
      server.answer = (_request, response) => succeed(response, '1.0.0');
      expect(await client.version()).toBe('1.0.0');
    });

    it('asks for nodes', async () => {
      server.answer = (_request, response) => succeed(response, true);
      expect(await client.nodeExists({ ...node, fullPath: '/目 录/a?b#c;d%20&+.txt' })).toBe(true);
      expect(server.received[0]?.url).toBe(
        '/replication/replica/node/exist?projectId=p1&repoName=g1&fullPath=%2F%E7%9B%AE%20%E5%BD%95%2Fa%3Fb%23c%3Bd%2520%26%2B.txt',
      );
      server.answer = (_request, response) => succeed(response, ['/a']);
      expect(await client.existing({ projectId: 'p1', repoName: 'g1', fullPaths: ['/a', '/b'] })).toEqual(
        new Set(['/a']),
      );
      expect(JSON.parse(server.received[1]?.body ?? '')).toEqual({
        projectId: 'p1',
        repoName: 'g1',
        fullPathList: ['/a', '/b'],
      });
    });

    it('writes each body in the shape of the contract', async () => {
      await client.createProject({
        name: 'p1',
        displayName: 'P one',
        description: '源项目',
        operator: 'admin',
      });
      await client.createRepository({
        projectId: 'p1',
        repoName: 'g1',
        type: 'GENERIC',
        category: 'LOCAL',
        public: false,
        configuration: { type: 'rpm-local', settings: {} },
        operator: 'admin',
      });
      await client.createFolder({ ...node, operator: 'admin', metadata: { a: 1, gone: null } });
      await client.deleteNode({ ...node, operator: 'admin' });
      await client.saveMetadata({ ...node, operator: 'admin', metadata: { 'a"b': [true], gone: null } });
      expect(server.received.map(({ url, body }) => [url, JSON.parse(body)])).toEqual([
        [
          '/replication/replica/project/create',
          { name: 'p1', displayName: 'P one', description: '源项目', operator: 'admin' },
        ],
        [
          '/replication/replica/repo/create',
          {
            projectId: 'p1',
            name: 'g1',
            type: 'GENERIC',
            category: 'LOCAL',
            public: false,
            configuration: { type: 'rpm-local', settings: {} },
            operator: 'admin',
          },
        ],
        [
          '/replication/replica/node/create',
          { ...node, folder: true, expires: 0, overwrite: false, operator: 'admin', metadata: { a: 1 } },
        ],
        ['/replication/replica/node/delete', { ...node, operator: 'admin' }],
        ['/replication/replica/metadata/save', { ...node, operator: 'admin', metadata: { 'a"b': [true] } }],
      ]);
      expect(server.received.every(({ headers }) => headers['content-type'] === 'application/json')).toBe(
        true,
      );
    });

    it('sends no path that would arrive as another one', async () => {
      const fullPath = '/a\ud800b';
      await expect(client.nodeExists({ ...node, fullPath })).rejects.toThrow(UnsendablePathError);
      await expect(client.deleteNode({ ...node, fullPath, operator: 'a' })).rejects.toThrow(
        UnsendablePathError,
      );
      await expect(client.uploadFile(fileOf('x', { fullPath }), opening('x'))).rejects.toThrow(
        UnsendablePathError,
      );
      expect(server.received).toEqual([]);
    });
  });

  describe('uploads', () => {
    it("sends the form of bk-repo's own sender, byte for byte", async () => {
      // The first file that the captured sender sent: 1,004 bytes with its boundary of 36 characters.
      const file = fileOf('one', {
        projectId: 'fsrc',
        repoName: 'gen',
        fullPath: '/f1.txt',
        metadata: { build: '42', name: '中文 值' },
      });
      await client.uploadFile(file, opening('one'));
      const [request] = server.received;
      expect(request).toMatchObject({ method: 'POST', url: '/replication/replica/file/fsrc/gen/f1.txt' });
      const [type, boundary = ''] = request?.headers['content-type']?.split('; boundary=') ?? [];
      expect(type).toBe('multipart/form-data');
      expect(request?.headers['content-length']).toBe('1004');
      expect(request?.headers['transfer-encoding']).toBeUndefined();
      expect(request?.body).toBe(
        [
          `--${boundary}`,
          'Content-Disposition: form-data; name="file"; filename="%2Ff1.txt"',
          'Content-Type: application/octet-stream',
          'Content-Length: 3',
          '',
          'one',
          `--${boundary}`,
          'Content-Disposition: form-data; name="size"',
          'Content-Length: 1',
          '',
          '3',
          `--${boundary}`,
          'Content-Disposition: form-data; name="sha256"',
          'Content-Length: 64',
          '',
          '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed',
          `--${boundary}`,
          'Content-Disposition: form-data; name="md5"',
          'Content-Length: 32',
          '',
          'f97c5d29941bfb1b2fdab0874906ab82',
          `--${boundary}`,
          'Content-Disposition: form-data; name="userId"',
          'Content-Length: 5',
          '',
          'admin',
          `--${boundary}`,
          'Content-Disposition: form-data; name="metadata[build]"',
          'Content-Length: 2',
          '',
          '42',
          `--${boundary}`,
          'Content-Disposition: form-data; name="metadata[name]"',
          'Content-Length: 10',
          '',
          '中文 值',
          `--${boundary}--`,
          '',
        ].join('\r\n'),
      );
    });

    it('names the expiry only where there is one', async () => {
      await client.uploadFile(fileOf('x', { expires: 7 }), opening('x'));
      await client.uploadFile(fileOf('x'), opening('x'));
      expect(
        server.received.map(({ body }) => body.includes('name="expires"\r\nContent-Length: 1\r\n\r\n7\r\n')),
      ).toEqual([true, false]);
    });

    it('sends an empty file', async () => {
      await client.uploadFile(fileOf(''), async () => ({ size: 0, stream: Readable.from([]) }));
      expect(server.received[0]).toMatchObject({ complete: true });
    });

    it.each([
      [
        '/目录/中文 文件.txt',
        '/%E7%9B%AE%E5%BD%95/%E4%B8%AD%E6%96%87%20%E6%96%87%E4%BB%B6.txt',
        '%2F%E7%9B%AE%E5%BD%95%2F%E4%B8%AD%E6%96%87+%E6%96%87%E4%BB%B6.txt',
      ],
      ['/n/100%.txt', '/n/100%25.txt', '%2Fn%2F100%25.txt'],
      ['/n/p%20q.txt', '/n/p%2520q.txt', '%2Fn%2Fp%2520q.txt'],
      ['/n/q?x=1#y;z.txt', '/n/q%3Fx%3D1%23y%3Bz.txt', '%2Fn%2Fq%3Fx%3D1%23y%3Bz.txt'],
      ['/n/a+b.txt', '/n/a%2Bb.txt', '%2Fn%2Fa%2Bb.txt'],
      [`/n/quote'"$&.txt`, `/n/quote'%22%24%26.txt`, '%2Fn%2Fquote%27%22%24%26.txt'],
    ])('encodes every segment of %s', async (fullPath, address, filename) => {
      await client.uploadFile(fileOf('x', { fullPath }), opening('x'));
      expect(server.received[0]?.url).toBe(`/replication/replica/file/p1/g1${address}`);
      expect(server.received[0]?.body).toContain(`filename="${filename}"`);
    });

    it('lets metadata that the form would not carry follow by metadata/save', async () => {
      await client.uploadFile(
        fileOf('x', { metadata: { plain: 'v', 'a"b': 'q', n: 1, gone: null } }),
        opening('x'),
      );
      expect(server.received[0]?.body).toContain('name="metadata[plain]"');
      expect(server.received[0]?.body).not.toContain('a"b');
      expect(server.received[1]?.url).toBe('/replication/replica/metadata/save');
      expect(JSON.parse(server.received[1]?.body ?? '')).toEqual({
        ...node,
        operator: 'admin',
        metadata: { 'a"b': 'q', n: 1 },
      });
    });

    it.each([
      ['another digest', fileOf('true content'), 'fake content'],
      ['more bytes than announced', fileOf('short'), 'longer than that'],
      ['fewer bytes than announced', fileOf('long enough'), 'short'],
    ])('gives up before the end on %s', async (_case, file, content) => {
      let stream = Readable.from([]);
      const upload = client.uploadFile(file, async () => {
        stream = Readable.from([Buffer.from(content)]);
        return { size: file.size, stream };
      });
      await expect(upload).rejects.toThrow(ContentMismatchError);
      expect(stream.destroyed).toBe(true);
      await expect.poll(() => server.received.length).toBe(1);
      expect(server.received[0]?.complete).toBe(false);
      expect(server.received[0]?.body).not.toContain('name="size"');
      expect(server.received[0]?.body).not.toMatch(/--\r\n$/);
    });

    it('sends nothing when the store has another size', async () => {
      const upload = client.uploadFile(fileOf('content'), opening('more content'));
      await expect(upload).rejects.toThrow(ContentMismatchError);
      expect(server.received).toEqual([]);
    });

    it("tells a fault of the source's store from one of the remote", async () => {
      const failing = async function* () {
        yield Buffer.from('ab');
        throw Object.assign(new Error('reset by S3'), { code: 'ECONNRESET' });
      };
      const upload = client.uploadFile(fileOf('abcd'), async () => ({
        size: 4,
        stream: Readable.from(failing()),
      }));
      await expect(upload).rejects.toThrow(ContentReadError);
    });

    it('hands errors of opening back as they are', async () => {
      const missing = new Error('no such blob');
      await expect(client.uploadFile(fileOf('x'), () => Promise.reject(missing))).rejects.toBe(missing);
    });

    it('hears a refusal that comes before the content is sent', async () => {
      const size = 64 * 1024 * 1024;
      server.intercept = (_request, response) => {
        response.writeHead(413, { connection: 'close' }).end();
        return true;
      };
      const chunks = function* () {
        for (let sent = 0; sent < size; sent += 65_536) {
          yield Buffer.alloc(65_536);
        }
      };
      let stream = Readable.from([]);
      const upload = client.uploadFile(fileOf('', { size }), async () => {
        stream = Readable.from(chunks());
        return { size, stream };
      });
      await expect(upload).rejects.toThrow(RemoteRefusalError);
      await expect(upload).rejects.toMatchObject({ status: 413 });
      expect(stream.destroyed).toBe(true);
    });

    it('reads no faster than the remote does', async () => {
      const size = 128 * 1024 * 1024;
      const hash = createHash('sha256');
      const chunk = Buffer.alloc(65_536, 'x');
      for (let bytes = 0; bytes < size; bytes += chunk.length) {
        hash.update(chunk);
      }
      let read = 0;
      const chunks = function* () {
        for (; read < size; read += chunk.length) {
          yield chunk;
        }
      };
      let received = 0;
      let resume = () => {};
      server.intercept = (request, response) => {
        request.pause();
        resume = () => {
          request
            .on('data', (data: Buffer) => {
              received += data.length;
            })
            .on('end', () => succeed(response, {}))
            .resume();
        };
        return true;
      };
      const upload = client.uploadFile(fileOf('', { size, sha256: hash.digest('hex') }), async () => ({
        size,
        stream: Readable.from(chunks()),
      }));
      // The sender stands still once the buffers between the two are full.
      let before = -1;
      const standsStill = () => {
        const still = read > 0 && read === before;
        before = read;
        return still;
      };
      await expect.poll(standsStill, { interval: 100, timeout: 10_000 }).toBe(true);
      expect(read).toBeLessThan(32 * 1024 * 1024);
      resume();
      await upload;
      expect(read).toBe(size);
      expect(received).toBeGreaterThan(size);
    });

    it('ends when the caller has no more time', async () => {
      server.intercept = () => true;
      const controller = new AbortController();
      const upload = client.uploadFile(fileOf('x'), opening('x'), { signal: controller.signal });
      const reason = new Error('time is up');
      controller.abort(reason);
      await expect(upload).rejects.toBe(reason);
    });
  });

  describe('faults', () => {
    const outage = (reason: string) => expect.objectContaining({ name: 'RemoteOutageError', reason });

    it('tries once more when a connection was cut', async () => {
      let cuts = 1;
      server.intercept = (request) => {
        if (cuts > 0) {
          cuts -= 1;
          request.socket.destroy();
          return true;
        }
        return false;
      };
      await client.saveMetadata({ ...node, operator: 'admin', metadata: { a: 'b' } });
      cuts = 1;
      await client.uploadFile(fileOf('content'), opening('content'));
      expect(server.received.map(({ url }) => url)).toEqual([
        '/replication/replica/metadata/save',
        '/replication/replica/file/p1/g1/a/b.txt',
      ]);
      expect(server.received[1]?.body).toContain('\r\n\r\ncontent\r\n');
    });

    it('is out when connections are cut again and again', async () => {
      let asked = 0;
      server.intercept = (request) => {
        asked += 1;
        request.socket.destroy();
        return true;
      };
      await expect(client.ping()).rejects.toEqual(outage('CONNECTION_CUT'));
      expect(asked).toBe(2);
    });

    it('is out when an answer breaks off', async () => {
      server.intercept = (request, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('{"code":0');
        setImmediate(() => request.socket.destroy());
        return true;
      };
      await expect(client.ping()).rejects.toEqual(outage('CONNECTION_CUT'));
    });

    it('does not wait for ever: no answer, half an answer, an answer in drops', async () => {
      const impatient = server.client({ idleTimeout: 50, callTimeout: 400 });
      server.intercept = () => true;
      await expect(impatient.ping()).rejects.toEqual(outage('TIMED_OUT'));
      server.intercept = (_request, response) => {
        response.writeHead(200).write('{');
        return true;
      };
      await expect(impatient.ping()).rejects.toEqual(outage('TIMED_OUT'));
      server.intercept = (_request, response) => {
        const drops = setInterval(() => response.write(' '), 10);
        response.on('close', () => clearInterval(drops));
        return true;
      };
      await expect(impatient.ping()).rejects.toEqual(outage('TIMED_OUT'));
      await server.stop();
      await impatient.close();
    });

    it('reads no answer without end', async () => {
      const small = server.client({ maxAnswerBytes: 1_000 });
      server.answer = (_request, response) => succeed(response, 'x'.repeat(2_000));
      await expect(small.version()).rejects.toEqual(outage('NOT_BKREPO'));
      await small.close();
    });

    it('follows no redirection', async () => {
      server.answer = (request, response) => {
        if (request.url.endsWith('/ping')) {
          response.writeHead(302, { location: '/replication/replica/version' }).end();
        } else {
          succeed(response, null);
        }
      };
      await expect(client.ping()).rejects.toEqual(outage('REDIRECTED'));
      expect(server.received).toHaveLength(1);
    });

    it('takes an ambiguous ping for an outage', async () => {
      server.answer = (_request, response) =>
        respond(response, 500, { code: 250101, message: 'busy', data: null });
      await expect(client.ping()).rejects.toEqual(outage('BUSY'));
    });

    it('takes data of another shape for no bk-repo', async () => {
      server.answer = (_request, response) => succeed(response, 'yes');
      await expect(client.nodeExists(node)).rejects.toEqual(outage('NOT_BKREPO'));
    });

    it('knows a closed port and an unknown host', async () => {
      await server.stop();
      await expect(client.ping()).rejects.toEqual(outage('CONNECTION_REFUSED'));
      const nowhere = createRemoteClient({
        url: 'http://no-such-host.invalid/replication',
        username: 'a',
        password: 'b',
        allowPrivate: true,
      });
      await expect(nowhere.ping()).rejects.toEqual(outage('UNKNOWN_HOST'));
      await nowhere.close();
    });

    it.each(['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]'])(
      'does not connect to %s where private ranges are closed',
      async (host) => {
        const guarded = createRemoteClient({
          url: server.url(host),
          username: 'a',
          password: 'b',
          allowPrivate: false,
        });
        await expect(guarded.ping()).rejects.toEqual(outage('ADDRESS_FORBIDDEN'));
        expect(server.received).toEqual([]);
        await guarded.close();
      },
    );

    it.each(['ftp://host/replication', 'host', '', 'file:///etc/passwd'])(
      'takes no address like %j',
      (url) => {
        expect(() => createRemoteClient({ url, username: 'a', password: 'b', allowPrivate: true })).toThrow(
          RemoteOutageError,
        );
      },
    );
  });
});

describe('TLS to a remote', () => {
  const fixture = (name: string) => readFileSync(new URL(`./fixtures/${name}`, import.meta.url));
  const authority = fixture('authority.crt').toString();
  const leaf = fixture('server.crt').toString();
  const tls = { key: fixture('server.key'), cert: fixture('server.crt') };
  let server: RemoteServer;

  beforeEach(async () => {
    server = await new RemoteServer(tls).start();
  });
  afterEach(() => server.stop());

  it('does not trust an unknown certificate', async () => {
    const client = server.client();
    await expect(client.ping()).rejects.toMatchObject({ name: 'RemoteOutageError', reason: 'TLS_FAILED' });
    expect(server.received).toEqual([]);
    await client.close();
  });

  it.each([
    ['authority', authority],
    ['own certificate', leaf],
    ['authority among others', `some text\n${leaf}\n${authority}`],
  ])("trusts the remote's %s when it is given", async (_case, certificate) => {
    const client = server.client({ certificate });
    await client.ping();
    expect(server.received).toHaveLength(1);
    await client.close();
  });

  it('trusts it for that remote only', async () => {
    const trusting = server.client({ certificate: authority });
    const other = server.client();
    await trusting.ping();
    await expect(other.ping()).rejects.toMatchObject({ reason: 'TLS_FAILED' });
    await Promise.all([trusting.close(), other.close()]);
  });

  it('checks the host name all the same', async () => {
    const elsewhere = await new RemoteServer(tls).start('127.0.0.2');
    const client = createRemoteClient({
      url: elsewhere.url('127.0.0.2'),
      username: 'a',
      password: 'b',
      allowPrivate: true,
      certificate: authority,
    });
    await expect(client.ping()).rejects.toMatchObject({ reason: 'TLS_FAILED' });
    await client.close();
    await elsewhere.stop();
  });

  it('knows a server that speaks no TLS', async () => {
    const plain = await new RemoteServer().start();
    const client = createRemoteClient({
      url: plain.url().replace('http:', 'https:'),
      username: 'a',
      password: 'b',
      allowPrivate: true,
    });
    await expect(client.ping()).rejects.toMatchObject({ reason: 'TLS_FAILED' });
    await client.close();
    await plain.stop();
  });

  it.each([
    'no certificate',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    tls.key.toString(),
  ])('refuses what is no certificate', (certificate) => {
    expect(() => server.client({ certificate })).toThrow(expect.objectContaining({ reason: 'TLS_FAILED' }));
  });
});
