/** One part of a form; with a file name or a type it is a file. */
export interface FormPart {
  readonly name: string;
  readonly fileName?: string;
  readonly type?: string;
  readonly content: Buffer;
}

/** A `multipart/form-data` body as bk-repo's client writes it: raw UTF-8, a length on each part. */
export function multipartBody(boundary: string, parts: readonly FormPart[]): Buffer {
  const chunks = parts.flatMap(({ name, fileName, type, content }) => [
    Buffer.from(
      [
        `--${boundary}`,
        `Content-Disposition: form-data; name="${name}"${fileName === undefined ? '' : `; filename="${fileName}"`}`,
        ...(type === undefined ? [] : [`Content-Type: ${type}`]),
        `Content-Length: ${content.length}`,
        '',
        '',
      ].join('\r\n'),
    ),
    content,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]);
}
