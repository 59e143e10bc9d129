import { Dispatcher } from 'undici';
import type { Cloud } from './cloud.ts';
import type { Faults } from './faults.ts';
import type { ReceivedRequest, ReceiverAnswer } from './receiver.ts';
import type { Process, Simulation } from './simulation.ts';

/** Milliseconds of one way, and of a slow one: below the client's own patience, which is in real time. */
const LATENCY = { least: 2, most: 30 };
const SLOW = { least: 1_000, most: 20_000 };

/** As long as a client waits for a connection (`remote/client.ts`); milliseconds. */
const CONNECT_MS = 5_000;

/** An error as Node's sockets and undici report it. */
class TransportError extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

interface Answered extends ReceiverAnswer {
  readonly headers?: Readonly<Record<string, string>>;
  /** Only so many bytes arrive before the connection is cut. */
  readonly bytes?: number;
}

/**
 * The way to a remote, in place of sockets: takes a request's head and bytes, gives its answer's, and loses either. A request
 * is received by a process of its own, which goes on when its caller dies, and may die itself.
 */
export class SimulatedTransport extends Dispatcher {
  /** Requests that change something, by the process that made them. */
  readonly changes = new Map<Process, string[]>();
  /** Whether nothing gets through: connections are refused, or nobody says anything to them. */
  isDown: boolean | 'SILENT' = false;
  readonly #cloud: Cloud;
  readonly #simulation: Simulation;
  readonly #faults: Faults;
  readonly #serve: (request: ReceivedRequest) => Promise<ReceiverAnswer>;

  constructor(options: {
    readonly cloud: Cloud;
    readonly serve: (request: ReceivedRequest) => Promise<ReceiverAnswer>;
  }) {
    super();
    this.#cloud = options.cloud;
    this.#simulation = options.cloud.simulation;
    this.#faults = options.cloud.faults;
    this.#serve = options.serve;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    let reason: Error | null = null;
    const controller: Dispatcher.DispatchController = {
      get aborted() {
        return reason !== null;
      },
      paused: false,
      get reason() {
        return reason;
      },
      abort: (error) => {
        reason = error;
      },
      pause: () => undefined,
      resume: () => undefined,
    };
    handler.onRequestStart?.(controller, {});
    this.#exchange(options).then(
      ({ status, body, headers = {}, bytes }) => {
        const content = Buffer.from(body);
        handler.onResponseStart?.(controller, status, { 'content-type': 'application/json', ...headers }, '');
        handler.onResponseData?.(controller, content.subarray(0, bytes ?? content.length));
        if (bytes === undefined) {
          handler.onResponseEnd?.(controller, {});
        } else {
          handler.onResponseError?.(controller, new TransportError('UND_ERR_SOCKET'));
        }
      },
      (error: Error) => handler.onResponseError?.(controller, error),
    );
    return true;
  }

  async #exchange(options: Dispatcher.DispatchOptions): Promise<Answered> {
    const { least, most } = this.#faults.strikes('remote slow') ? SLOW : LATENCY;
    const point = `remote ${options.method} ${kindOf(options.path)}`;
    await this.#simulation.sleep(this.#simulation.between(least, most));
    await this.#cloud.dieMaybe(`before ${point}`);
    if (this.isDown === 'SILENT') {
      await this.#simulation.sleep(CONNECT_MS);
      throw new TransportError('UND_ERR_CONNECT_TIMEOUT');
    }
    if (this.isDown || this.#faults.strikes('remote refuses connections')) {
      throw new TransportError('ECONNREFUSED');
    }
    const body = await bytesOf(options.body, this.#faults.strikes('remote reads half'));
    const refused = this.#refusal();
    if (refused !== undefined) {
      return refused;
    }
    const answer = await this.#simulation.answer(
      this.#received({
        method: options.method,
        target: options.path,
        headers: headersOf(options.headers),
        body,
      }),
    );
    await this.#simulation.sleep(this.#simulation.between(LATENCY.least, LATENCY.most));
    await this.#cloud.dieMaybe(`after ${point}`);
    if (answer === undefined || this.#faults.strikes('remote answer lost')) {
      throw new TransportError('ECONNRESET');
    }
    return this.#faults.strikes('remote answer cut short')
      ? { ...answer, bytes: Math.floor(answer.body.length / 2) }
      : answer;
  }

  /** An answer of something in front of the remote, or of a remote that did nothing. */
  #refusal(): Answered | undefined {
    if (this.#faults.strikes('remote 429')) {
      return { status: 429, body: '', headers: { 'retry-after': '3' } };
    }
    if (this.#faults.strikes('remote 500')) {
      return { status: 500, body: '<html>Internal Server Error</html>' };
    }
    if (this.#faults.strikes('remote 500 with 250101')) {
      return {
        status: 500,
        body: JSON.stringify({ code: 250_101, message: 'busy', data: null, traceId: '' }),
      };
    }
    return this.#faults.strikes('remote answers no bk-repo')
      ? { status: 200, body: '<html>Welcome</html>' }
      : undefined;
  }

  /** @returns nothing when the receiver has died over it. */
  #received(request: ReceivedRequest): Promise<ReceiverAnswer | undefined> {
    const caller = this.#simulation.current();
    const kind = kindOf(request.target);
    this.#simulation.note(kind);
    if (caller !== undefined && request.method === 'POST' && !/(list|range)$/.test(kind)) {
      this.changes.set(caller, [...(this.changes.get(caller) ?? []), kind]);
    }
    let answer: ReceiverAnswer | undefined;
    return this.#simulation
      .spawn('receiver', async () => {
        answer = await this.#serve(request);
      })
      .then((end) => {
        if (end.end === 'failed') {
          throw end.error;
        }
        return end.end === 'done' ? answer : undefined;
      });
  }

  override close(): Promise<void>;
  override close(callback: () => void): void;
  override close(callback?: () => void): Promise<void> | void {
    callback?.();
    return Promise.resolve();
  }
}

/** The endpoint of a request's target. */
function kindOf(target: string): string {
  const path = target.replace(/^.*\/replica\//, '').replace(/\?.*$/, '');
  return path.startsWith('file/') ? 'file' : path;
}

/** Read a request's content; of one that is cut, half of it, and then the connection is gone. */
async function bytesOf(body: Dispatcher.DispatchOptions['body'], half: boolean): Promise<Buffer> {
  const chunks: Buffer[] = [];
  if (typeof body === 'string' || body instanceof Uint8Array) {
    chunks.push(Buffer.from(body));
  } else if (body !== null && body !== undefined && Symbol.asyncIterator in body) {
    for await (const chunk of body) {
      chunks.push(Buffer.from(chunk));
      if (half && chunks.length > 1) {
        break;
      }
    }
  }
  if (half) {
    throw new TransportError('ECONNRESET');
  }
  return Buffer.concat(chunks);
}

function headersOf(headers: Dispatcher.DispatchOptions['headers']): Readonly<Record<string, string>> {
  return headers !== null &&
    typeof headers === 'object' &&
    !Array.isArray(headers) &&
    !(Symbol.iterator in headers)
    ? Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]))
    : {};
}
