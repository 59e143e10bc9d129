import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { answerTo, LoopbackRemote } from './loopback-remote.ts';

export interface RecordedRequest {
  readonly method: string;
  /** As it came: encoded, with its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/**
 * A remote that takes every call of the base contract and keeps what it was asked: it stands in for a bk-repo where a
 * test asks only what is sent, not what becomes of it.
 */
export class RecordingRemote extends LoopbackRemote {
  readonly requests: RecordedRequest[] = [];

  static start(): Promise<RecordingRemote> {
    return new RecordingRemote().listen();
  }

  protected override async take(request: IncomingMessage, path: string): Promise<unknown> {
    const body = await buffer(request);
    const { method = '', headers } = request;
    this.requests.push({ method, path, headers, body });
    return answerTo(path);
  }
}
