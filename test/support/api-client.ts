import { request } from 'node:http';
import { type Envelope, parseEnvelope } from './api.ts';

export interface ApiCall {
  readonly method?: string;
  /** Below the API's origin, the prefix included. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent as it is, anything else as JSON with its content type. */
  readonly body?: unknown;
}

export interface ApiAnswer extends Envelope {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Longer than the API's own limit of 30 s. */
const TIMEOUT_MS = 40_000;

export function basic(username: string, password: string): { readonly authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}

/**
 * One call of a deployed API, answered in bk-repo's envelope. Over node:http, because fetch refuses to send a body with
 * GET, which the contract has.
 */
export async function callApi(apiUrl: string, call: ApiCall): Promise<ApiAnswer> {
  const { method = 'GET', path, headers = {}, body } = call;
  const isText = typeof body === 'string' || body === undefined;
  const answer = await callRaw({
    url: `${apiUrl}${path}`,
    method,
    headers: { ...(isText ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { content: Buffer.from(isText ? body : JSON.stringify(body)) }),
  });
  return { status: answer.status, headers: answer.headers, ...parseEnvelope(answer.text) };
}

/** One HTTP request as it is, and the text of its answer. */
export function callRaw(call: {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly content?: Buffer | undefined;
}): Promise<{
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}> {
  const { url, method, headers, content } = call;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(url),
      {
        method,
        headers: { ...(content === undefined ? {} : { 'content-length': content.length }), ...headers },
        timeout: TIMEOUT_MS,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`No answer from ${url}`)));
    outgoing.on('error', reject);
    outgoing.end(content);
  });
}
