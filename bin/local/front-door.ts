import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createProxyServer } from 'httpxy';

export interface FrontDoor {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Calls that one API works on at once; others wait for their turn. MiniStack starts a process for every call beyond those
 * that it has, and keeps them: a sender of many files would fill the machine with them.
 */
const MAX_CALLS = 10;

/**
 * Open a loopback port of its own in front of one API of MiniStack, so that the API's URL is a plain origin for any
 * client.
 *
 * The path-prefixed address is used, not the host name: with the host name MiniStack takes the first path segment
 * for a stage, drops a second leading slash, and answers its own `/_ministack/...` paths (a reset among them).
 * Paths, queries and bodies pass byte for byte; nothing is decoded or normalized here.
 */
export async function openFrontDoor(options: {
  readonly endpoint: string;
  readonly apiId: string;
}): Promise<FrontDoor> {
  // MiniStack closes an idle connection after 75 s: let go of it earlier, or a request could meet the closing.
  const agent = new Agent({ keepAlive: true, timeout: 30_000, maxSockets: MAX_CALLS });
  const proxy = createProxyServer({
    target: `${options.endpoint}/_aws/execute-api/${options.apiId}/$default`,
    agent,
    changeOrigin: true,
    xfwd: true,
    proxyTimeout: 60_000,
  });
  const server = createServer((request, response) => {
    // What the caller sent in it is not to be believed: the caller's host is the one it called.
    request.headers['x-forwarded-host'] = request.headers.host ?? '';
    proxy.web(request, response).catch(() => refuse(request, response));
  });
  // A caller may keep its connection as long as it likes; it ends with the local cloud.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) {
    throw new Error('The system gave no port');
  }
  return {
    port: address.port,
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      agent.destroy();
    },
  };
}

/** What API Gateway answers when there is nothing behind it. */
function refuse(request: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  request.resume();
  response.writeHead(503, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ message: 'Service Unavailable' }));
}
