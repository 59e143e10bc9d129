import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FrontDoor, openFrontDoor } from '../../../bin/local/front-door.ts';

interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

let cloud: Server;
let door: FrontDoor;
let received: Received | undefined;

beforeAll(async () => {
  cloud = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) {
      chunks.push(chunk);
    }
    const { method, url, headers } = incoming;
    received = { method, url, headers, body: Buffer.concat(chunks) };
    outgoing.writeHead(418, { 'x-answer': 'as it is' });
    outgoing.end(received.body);
  });
  cloud.listen(0, '127.0.0.1');
  await once(cloud, 'listening');
  const address = cloud.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  door = await openFrontDoor({ endpoint: `http://127.0.0.1:${port}`, apiId: 'abcd1234' });
});

afterAll(async () => {
  await door.close();
  cloud.closeAllConnections();
  cloud.close();
});

async function send(options: {
  readonly method: string;
  readonly path: string;
  readonly body?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}): Promise<{ readonly status: number | undefined; readonly headers: object; readonly body: Buffer }> {
  return await new Promise((resolve, reject) => {
    const { method, path, body } = options;
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    const headers = { ...length, ...options.headers };
    const outgoing = request(
      { host: '127.0.0.1', port: door.port, method, path, headers },
      async (answer) => {
        const chunks: Buffer[] = [];
        for await (const chunk of answer) {
          chunks.push(chunk);
        }
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) });
      },
    );
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

const prefix = '/_aws/execute-api/abcd1234/$default';
const piece = fc.constantFrom(
  '/',
  '//',
  '.',
  '..',
  '%2F',
  '%2f',
  '%25',
  '%E4%B8%AD',
  '+',
  '~',
  '$default',
  'a',
  ';',
  '@',
  "'",
);

describe('the front door', () => {
  it('passes path, query, method and body byte for byte, a GET with a body too', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
          path: fc.array(piece, { minLength: 1, maxLength: 12 }).map((pieces) => `/${pieces.join('')}`),
          query: fc.option(
            fc
              .array(fc.constantFrom('a=b', '&', '%26', '=', '?', '+', 'a=%20'))
              .map((parts) => parts.join('')),
          ),
          body: fc.uint8Array({ maxLength: 4_096 }).map((bytes) => Buffer.from(bytes)),
        }),
        async ({ method, path, query, body }) => {
          const target = query === null ? path : `${path}?${query}`;
          const answer = await send({ method, path: target, body });
          expect(received?.method).toBe(method);
          // The API's root has no path of its own behind the prefix.
          expect(received?.url).toBe(target === '/' ? prefix : `${prefix}${target}`);
          expect(received?.body.equals(body)).toBe(true);
          expect(answer).toMatchObject({ status: 418, headers: { 'x-answer': 'as it is' } });
          expect(answer.body.equals(body)).toBe(true);
        },
      ),
    );
  });

  it('passes headers, and says in X-Forwarded-Host which host was called', async () => {
    await send({
      method: 'GET',
      path: '/x',
      headers: { authorization: 'Basic YTpi', 'accept-language': 'zh-CN', 'x-forwarded-host': 'forged' },
    });
    const { headers } = received ?? {};
    expect(headers).toMatchObject({ authorization: 'Basic YTpi', 'accept-language': 'zh-CN' });
    expect(headers?.['x-forwarded-host']).toBe(`127.0.0.1:${door.port}`);
  });

  it('passes megabytes', async () => {
    const body = Buffer.alloc(5 * 1_024 * 1_024, 'logferry');
    const answer = await send({ method: 'POST', path: '/large', body });
    expect(answer.body.equals(body)).toBe(true);
  });

  it('answers 503 when there is nothing behind it', async () => {
    const lonely = await openFrontDoor({ endpoint: 'http://127.0.0.1:1', apiId: 'abcd1234' });
    try {
      const response = await fetch(`http://127.0.0.1:${lonely.port}/x`, { method: 'POST', body: 'x' });
      expect(response.status).toBe(503);
      expect(await response.json()).toEqual({ message: 'Service Unavailable' });
    } finally {
      await lonely.close();
    }
  });
});
