import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Busboy } from '@fastify/busboy';
import { answerTo, LoopbackRemote } from './loopback-remote.ts';

/** A file as a sink has taken it. */
export interface TakenFile {
  /** Path of the request, still encoded. */
  readonly path: string;
  /** Hex, of the content that came. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly fields: Readonly<Record<string, string>>;
}

/** A plain HTTP remote of the base contract alone, that hashes the files it is sent and throws them away. */
export class SinkRemote extends LoopbackRemote {
  readonly files: TakenFile[] = [];

  static start(): Promise<SinkRemote> {
    return new SinkRemote().listen();
  }

  protected override async take(request: IncomingMessage, path: string): Promise<unknown> {
    if (path.startsWith('/replication/replica/file/')) {
      this.files.push({ path, ...(await readForm(request)) });
      return null;
    }
    for await (const _chunk of request) {
      // What else is asked for is of no interest here.
    }
    return answerTo(path);
  }
}

function readForm(request: IncomingMessage): Promise<Omit<TakenFile, 'path'>> {
  return new Promise((resolve, reject) => {
    const contentType = request.headers['content-type'] ?? '';
    const parser = new Busboy({ headers: { 'content-type': contentType } });
    const hash = createHash('sha256');
    const fields: Record<string, string> = {};
    let size = 0;
    parser.on('file', (_name, stream) => {
      stream.on('data', (chunk: Buffer) => {
        hash.update(chunk);
        size += chunk.length;
      });
      stream.on('error', reject);
    });
    parser.on('field', (name, value) => {
      fields[name] = value;
    });
    parser.on('finish', () => resolve({ sha256: hash.digest('hex'), size, fields }));
    parser.on('error', reject);
    request.on('error', reject);
    request.pipe(parser);
  });
}
