import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RecordedRequest {
  readonly method: string;
  /** As it came: encoded, with its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** What a bk-repo without anything in it answers, as far as it is read. */
export function answerTo(path: string): unknown {
  if (path.endsWith('/replica/version')) {
    return '1.0.0';
  }
  return path.includes('/node/exist?') ? false : null;
}

/**
 * A remote that takes every call of the base contract and keeps what it was asked: it stands in for a bk-repo where a
 * test asks only what is sent, not what becomes of it.
 */
export class RecordingRemote {
  readonly requests: RecordedRequest[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url: path = '', headers } = request;
        this.requests.push({ method, path, headers, body: Buffer.concat(chunks) });
        const data = answerTo(path);
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ code: 0, message: null, data, traceId: null }));
      });
    });
  }

  static async start(): Promise<RecordingRemote> {
    const remote = new RecordingRemote();
    await new Promise<void>((resolve) => {
      remote.#server.listen(0, '127.0.0.1', resolve);
    });
    return remote;
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
