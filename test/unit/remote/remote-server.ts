import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  createRemoteClient,
  type RemoteClient,
  type RemoteLimits,
} from '../../../functions/shared/remote/client.ts';

export interface ReceivedRequest {
  readonly method: string;
  /** As it came, still encoded. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** False when the connection ended before the body did. */
  readonly complete: boolean;
}

export type Answerer = (request: ReceivedRequest, response: ServerResponse) => void;

/** A remote over real sockets on loopback, that remembers what it was sent. */
export class RemoteServer {
  readonly received: ReceivedRequest[] = [];
  answer: Answerer = (_request, response) => succeed(response, null);
  /** Called at the head of a request, before its body is read; true when it has taken the request over. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  readonly #server;
  readonly #scheme: 'http' | 'https';

  constructor(tls?: { readonly key: Buffer; readonly cert: Buffer }) {
    this.#scheme = tls === undefined ? 'http' : 'https';
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      if (!this.intercept(request, response)) {
        void this.#receive(request, response);
      }
    };
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    await new Promise<void>((resolve) =>
      request
        .on('close', resolve)
        .on('end', resolve)
        .on('error', () => resolve()),
    );
    const received = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString('utf8'),
      complete: request.complete,
    };
    this.received.push(received);
    if (received.complete) {
      this.answer(received, response);
    }
  }

  async start(host = '127.0.0.1'): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, host, resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(host = '127.0.0.1'): string {
    return `${this.#scheme}://${host}:${this.port}/replication`;
  }

  client(
    options: Partial<RemoteLimits> & { readonly certificate?: string; readonly allowPrivate?: boolean } = {},
  ): RemoteClient {
    return createRemoteClient({
      url: this.url(),
      username: 'admin',
      password: 'pässword:x',
      allowPrivate: true,
      ...options,
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

export function succeed(response: ServerResponse, data: unknown): void {
  respond(response, 200, { code: 0, message: null, data, traceId: '' });
}

export function respond(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
