import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Product } from './product.ts';

/** What a bk-repo says to `GET replica/version`: it announces nothing. */
const BASE_VERSION = JSON.stringify({ code: 0, message: null, data: '1.0.0', traceId: null });

/** A product's handlers behind a loopback port: the remote of one worker, whose connections can be cut. */
export class ProductFront {
  /** Uploads of files that have begun to come in and are not answered. */
  uploadsUnderWay = 0;
  readonly #server: Server;
  readonly #underWay = new Set<Promise<void>>();

  private constructor(options: {
    readonly product: Product;
    readonly contract: 'base' | 'extended';
    readonly uploaded: (path: string) => void;
  }) {
    const { product, contract, uploaded } = options;

    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const { method = '', url: target = '' } = request;
      const body = await buffer(request);
      if (contract === 'base' && target.endsWith('/replica/version')) {
        response.setHeader('content-type', 'application/json').end(BASE_VERSION);
        return;
      }
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      );
      const given = await product.call({
        method,
        target,
        headers,
        ...(body.length === 0 ? {} : { body }),
      });
      response.writeHead(given.status, given.headers).end(given.body);
    };

    this.#server = createServer((request, response) => {
      const { url: target = '' } = request;
      const isUpload = target.includes('/replica/file/');
      if (isUpload) {
        uploaded(decodeURIComponent(target.replace(/^.*\/replica\/file/, '')));
        this.uploadsUnderWay += 1;
      }
      const answered = answer(request, response)
        .catch(() => {
          response.destroy();
        })
        .finally(() => {
          this.uploadsUnderWay -= isUpload ? 1 : 0;
          this.#underWay.delete(answered);
        });
      this.#underWay.add(answered);
    });
  }

  /**
   * @param options `contract`: whether the product's extensions are announced. `uploaded`: called with the path,
   * `/project/repository/...`, of each upload that begins.
   */
  static async open(options: {
    readonly product: Product;
    readonly contract: 'base' | 'extended';
    readonly uploaded: (path: string) => void;
  }): Promise<ProductFront> {
    const front = new ProductFront(options);
    await new Promise<void>((resolve) => {
      front.#server.listen(0, '127.0.0.1', resolve);
    });
    return front;
  }

  /** Address as a task names it. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/replication`;
  }

  /** Cut every connection and take no more; what had come in whole is done by the time that the promise is kept. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#server.close(resolve);
    });
    this.#server.closeAllConnections();
    await Promise.all(this.#underWay);
    await closed;
  }
}
