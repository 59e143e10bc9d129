import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { DomainError } from '../errors.ts';

/** Bounds of a form: what lies beyond is refused, never cut off. */
const MAX_FIELDS = 1_000;
const MAX_FIELD_BYTES = 1024 * 1024;
/** A part's file name is the whole path, form-encoded. */
const MAX_PART_HEADER_BYTES = 80 * 1024;
const MAX_FILES = 1;

/** A `multipart/form-data` body: text fields by name, and the content of the one file part, if there is one. */
export interface MultipartForm {
  readonly fields: ReadonlyMap<string, string>;
  readonly file: { readonly name: string; readonly content: Buffer } | undefined;
}

/**
 * Read a whole form from memory. A part is a file when it has a file name or is `application/octet-stream`; names
 * and values are raw UTF-8.
 *
 * @throws DomainError MEDIA_TYPE_UNSUPPORTED for another content type; REQUEST_CONTENT_INVALID for a body that is
 * not a complete form or is beyond the bounds; PARAMETER_INVALID for a field that is given twice.
 */
export function parseMultipart(options: {
  readonly contentType: string | undefined;
  readonly body: Buffer;
}): Promise<MultipartForm> {
  const { contentType, body } = options;
  if (contentType === undefined || !/^multipart\/form-data\s*(;|$)/i.test(contentType)) {
    return Promise.reject(new DomainError('MEDIA_TYPE_UNSUPPORTED'));
  }
  return new Promise((resolve, reject) => {
    const parser = newParser(contentType);
    const fields = new Map<string, string>();
    const chunks: Buffer[] = [];
    let fileName: string | undefined;

    const refuse = (cause?: unknown) => {
      reject(new DomainError('REQUEST_CONTENT_INVALID', [], { cause }));
    };
    parser.on('field', (name, value, nameTruncated, valueTruncated) => {
      if (nameTruncated || valueTruncated || name === undefined) {
        refuse();
      } else if (fields.has(name)) {
        reject(new DomainError('PARAMETER_INVALID', [name]));
      } else {
        fields.set(name, value);
      }
    });
    parser.on('file', (name, stream) => {
      fileName = name;
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', refuse);
    });
    parser.on('filesLimit', () => refuse());
    parser.on('fieldsLimit', () => refuse());
    parser.on('error', refuse);
    parser.on('finish', () => {
      resolve({
        fields,
        file: fileName === undefined ? undefined : { name: fileName, content: Buffer.concat(chunks) },
      });
    });
    parser.end(body);
  });
}

function newParser(contentType: string): BusboyInstance {
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      limits: {
        fields: MAX_FIELDS,
        fieldSize: MAX_FIELD_BYTES,
        files: MAX_FILES,
        headerSize: MAX_PART_HEADER_BYTES,
      },
    });
  } catch (error) {
    // No boundary in the header.
    throw new DomainError('REQUEST_CONTENT_INVALID', [], { cause: error });
  }
}
