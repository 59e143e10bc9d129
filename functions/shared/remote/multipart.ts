import { createHash, randomUUID } from 'node:crypto';
import { ContentMismatchError, ContentReadError } from './errors.ts';

/** A file as the multipart form of `/replica/file` names it. */
export interface UploadFields {
  readonly fullPath: string;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  readonly md5: string;
  readonly userId: string;
  readonly metadata: readonly (readonly [key: string, value: string])[];
  /** Days; 0: never. */
  readonly expires: number;
}

/** A multipart body whose length is known before its content is read. */
export interface UploadBody {
  readonly contentType: string;
  readonly contentLength: number;
  /**
   * The body with this content in its place, chunk by chunk as it is read.
   *
   * The content is hashed on its way. When it is not of the claimed digest and size the generator throws before the
   * parts that follow the file: the remote never has a whole body.
   *
   * @throws ContentMismatchError, ContentReadError
   */
  stream(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined>;
}

const LINE = '\r\n';

/**
 * The form of bk-repo's own sender, part for part: `file`, `size`, `sha256`, `md5`, `userId`, `metadata[key]`, and
 * `expires` where there is one. Its file name is the form-encoded full path, which no receiver reads.
 */
export function uploadBody(fields: UploadFields): UploadBody {
  const boundary = randomUUID();
  const head = Buffer.from(
    part(
      boundary,
      [
        `Content-Disposition: form-data; name="file"; filename="${formEncode(fields.fullPath)}"`,
        'Content-Type: application/octet-stream',
      ],
      fields.size,
    ),
  );
  const values: (readonly [string, string])[] = [
    ['size', String(fields.size)],
    ['sha256', fields.sha256],
    ['md5', fields.md5],
    ['userId', fields.userId],
    ...fields.metadata.map(([key, value]) => [`metadata[${key}]`, value] as const),
    ...(fields.expires > 0 ? [['expires', String(fields.expires)] as const] : []),
  ];
  const tail = Buffer.from(
    [
      '',
      ...values.map(
        ([name, value]) =>
          part(boundary, [`Content-Disposition: form-data; name="${name}"`], Buffer.byteLength(value)) +
          value,
      ),
      `--${boundary}--${LINE}`,
    ].join(LINE),
  );
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    contentLength: head.length + fields.size + tail.length,
    async *stream(content) {
      yield head;
      yield* verified(content, fields);
      yield tail;
    },
  };
}

/**
 * The content, hashed on its way. Its last piece is held back until everything is found to be as claimed: whoever
 * receives other content does not receive the whole of it.
 *
 * @throws ContentMismatchError, ContentReadError
 */
export async function* verified(
  content: AsyncIterable<Uint8Array>,
  claim: Pick<UploadFields, 'size' | 'sha256'>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  let last: Uint8Array | undefined;
  for await (const chunk of readable(content)) {
    bytes += chunk.byteLength;
    if (bytes > claim.size) {
      throw new ContentMismatchError(`more than ${claim.size} bytes`);
    }
    hash.update(chunk);
    if (last !== undefined) {
      yield last;
    }
    last = chunk;
  }
  if (bytes !== claim.size) {
    throw new ContentMismatchError(`${bytes} bytes instead of ${claim.size}`);
  }
  const digest = hash.digest('hex');
  if (digest !== claim.sha256.toLowerCase()) {
    throw new ContentMismatchError(`SHA-256 ${digest} instead of ${claim.sha256}`);
  }
  if (last !== undefined) {
    yield last;
  }
}

/** The content, its read errors told apart from those of the connection that it is sent over. */
async function* readable(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* content;
  } catch (error) {
    throw new ContentReadError(error);
  }
}

function part(boundary: string, headers: readonly string[], length: number): string {
  return [`--${boundary}`, ...headers, `Content-Length: ${length}`, '', ''].join(LINE);
}

/** Java's `URLEncoder`: as encodeURIComponent, with blanks as `+` and `!'()~` encoded. */
function formEncode(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
