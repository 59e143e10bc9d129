import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A way to a remote that can be cut: while it is down its port refuses connections. What goes over it is noted by
 * method and path in the order of the answers.
 */
export class BreakableProxy {
  readonly answered: string[] = [];
  readonly #target: URL;
  #server: Server | undefined;
  #port = 0;

  constructor(target: string) {
    this.#target = new URL(target);
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async up(): Promise<void> {
    const server = createServer((incoming, outgoing) => {
      const { method, url: path, headers } = incoming;
      const { hostname, port, host } = this.#target;
      const onward = forward({ hostname, port, method, path, headers: { ...headers, host } }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
        answer.on('end', () => this.answered.push(`${method} ${path}`));
      });
      onward.on('error', () => outgoing.destroy());
      outgoing.on('close', () => onward.destroy());
      incoming.pipe(onward);
    });
    await new Promise<void>((resolve) => {
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    await new Promise((resolve) => {
      server === undefined ? resolve(undefined) : server.close(resolve);
    });
  }
}
