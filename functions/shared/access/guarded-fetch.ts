import { Agent } from 'undici';
import { guardedConnector } from '../remote/address.ts';
import { readAnswer } from '../remote/answer.ts';
import type { JsonFetch } from './oidc.ts';

/** Milliseconds and bytes. */
const CONNECT_TIMEOUT = 5_000;
const TIMEOUT = 10_000;
const MAX_BYTES = 512 * 1024;

/** Fetches JSON under the rules of address that hold for remotes; a redirect is not followed. */
export function guardedFetch(options: { readonly allowPrivate: boolean }): JsonFetch {
  const agent = new Agent({
    connect: guardedConnector({ ...options, connectTimeout: CONNECT_TIMEOUT }),
    connections: 2,
    headersTimeout: TIMEOUT,
    bodyTimeout: TIMEOUT,
  });
  return async (address, signal) => {
    const { origin, pathname, search } = new URL(address);
    const response = await agent.request({
      origin,
      path: pathname + search,
      method: 'GET',
      headers: { accept: 'application/json' },
      signal: signal ?? AbortSignal.timeout(TIMEOUT),
    });
    const { status, text } = await readAnswer(response, MAX_BYTES);
    if (status !== 200) {
      throw new Error(`The OIDC issuer answered ${status}`);
    }
    return JSON.parse(text);
  };
}
