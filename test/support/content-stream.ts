import { createCipheriv, createHash } from 'node:crypto';

const CHUNK = 1024 * 1024;

/**
 * Content of any size that is made as it is read, the same every time for a seed: nobody holds it.
 *
 * @param size bytes.
 */
export function* generatedContent(seed: string, size: number): Generator<Buffer, void, undefined> {
  const key = createHash('sha256').update(seed).digest();
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(CHUNK);
  for (let left = size; left > 0; left -= CHUNK) {
    yield cipher.update(left < CHUNK ? zeros.subarray(0, left) : zeros);
  }
}

export interface Digests {
  /** Hex. */
  readonly sha256: string;
  readonly md5: string;
  /** Bytes. */
  readonly size: number;
}

export async function digestsOf(content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Digests> {
  const sha256 = createHash('sha256');
  const md5 = createHash('md5');
  let size = 0;
  for await (const chunk of content) {
    sha256.update(chunk);
    md5.update(chunk);
    size += chunk.byteLength;
  }
  return { sha256: sha256.digest('hex'), md5: md5.digest('hex'), size };
}
