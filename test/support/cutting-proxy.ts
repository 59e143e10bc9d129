import { createServer, request as forward, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request on its way through, as a rule sees it. */
export interface PassingRequest {
  readonly method: string;
  readonly path: string;
}

/**
 * A way to a server that cuts uploads: of a request that it is told to cut it passes half the body on, then ends both
 * connections.
 */
export class CuttingProxy {
  /** Requests that are still to be cut. */
  cuts = 0;
  /** Requests that the rule holds for, by whether they were cut. */
  readonly passed: ('cut' | 'whole')[] = [];
  readonly #server: Server;

  private constructor(options: {
    readonly target: string;
    readonly rule: (request: PassingRequest) => boolean;
    readonly rewrite: (text: string) => string;
  }) {
    const { target, rule, rewrite } = options;
    const { hostname, port, host } = new URL(target);
    this.#server = createServer((incoming, outgoing) => {
      const { method = '', url: path = '', headers } = incoming;
      const onward = forward({ hostname, port, method, path, headers: { ...headers, host } }, (answer) => {
        void textOf(answer).then((text) => {
          const { 'content-length': _length, 'transfer-encoding': _encoding, ...rest } = answer.headers;
          outgoing.writeHead(answer.statusCode ?? 502, rest);
          outgoing.end(rewrite(text));
        });
      });
      onward.on('error', () => outgoing.destroy());
      if (!rule({ method, path })) {
        incoming.pipe(onward);
        return;
      }
      const isCut = this.cuts > 0;
      this.cuts -= isCut ? 1 : 0;
      this.passed.push(isCut ? 'cut' : 'whole');
      if (!isCut) {
        incoming.pipe(onward);
        return;
      }
      const half = Number(headers['content-length']) / 2;
      let bytes = 0;
      incoming.on('data', (chunk: Buffer) => {
        onward.write(chunk);
        bytes += chunk.length;
        if (bytes >= half) {
          onward.destroy();
          incoming.socket.destroy();
        }
      });
    });
  }

  static async start(options: {
    /** Origin of the server. */
    readonly target: string;
    /** Which requests may be cut. */
    readonly rule: (request: PassingRequest) => boolean;
    /** What becomes of an answer's text. */
    readonly rewrite?: (text: string) => string;
  }): Promise<CuttingProxy> {
    const proxy = new CuttingProxy({ rewrite: (text) => text, ...options });
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get origin(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) {
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks).toString('utf8');
}
