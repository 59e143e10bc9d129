import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a bk-repo without anything in it answers, as far as it is read. */
export function answerTo(path: string): unknown {
  if (path.endsWith('/replica/version')) {
    return '1.0.0';
  }
  if (path.endsWith('/node/exist/list')) {
    return [];
  }
  return path.includes('/node/exist?') ? false : null;
}

/** A remote on a free port of this machine, which answers every request with success. */
export abstract class LoopbackRemote {
  readonly #server: Server = createServer((request, response) => {
    this.take(request, request.url ?? '').then(
      (data) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ code: 0, message: null, data, traceId: null }));
      },
      () => response.destroy(),
    );
  });

  /**
   * Read a request to its end.
   *
   * @param path as it came: encoded, with its query.
   * @returns the answer's data; the connection is cut when it throws.
   */
  protected abstract take(request: IncomingMessage, path: string): Promise<unknown>;

  protected async listen(): Promise<this> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return this;
  }

  /** Address as a task names it. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/replication`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}
