import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import { parseMultipart } from '../../../functions/shared/http/multipart.ts';
import { type FormPart, multipartBody } from '../../support/multipart.ts';

const BOUNDARY = 'edge-7f3a';
const CONTENT_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

function parse(body: Buffer, contentType: string | undefined = CONTENT_TYPE) {
  return parseMultipart({ contentType, body });
}

async function refusalOf(result: Promise<unknown>): Promise<string> {
  const error: unknown = await result.then(
    () => 'taken',
    (reason: unknown) => reason,
  );
  return error instanceof DomainError ? `${error.code} ${error.args.join()}`.trim() : String(error);
}

const file: FormPart = {
  name: 'file',
  fileName: '%2Fa%2Fb.bin',
  type: 'application/octet-stream',
  content: Buffer.from([0, 13, 10, 45, 45, 255]),
};

describe('parseMultipart', () => {
  it('reads any content and any fields, in raw UTF-8', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 2_000 }),
        fc.dictionary(
          fc.string({ unit: fc.constantFrom('a', 'é', '中', '.', ' ', '$', ']', '😀'), minLength: 1 }),
          fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\n]/.test(text)),
          { maxKeys: 5 },
        ),
        async (bytes, fields) => {
          const content = Buffer.from(bytes);
          const parts = Object.entries(fields).map(([name, value]) => ({
            name: `metadata[${name}]`,
            content: Buffer.from(value),
          }));
          const form = await parse(multipartBody(BOUNDARY, [{ ...file, content }, ...parts]));
          expect(form.file?.content.equals(content)).toBe(true);
          expect(
            new Map(Object.entries(fields).map(([name, value]) => [`metadata[${name}]`, value])),
          ).toEqual(form.fields);
        },
      ),
    );
  });

  it('reads a form without a file, and one whose file is named by its type only', async () => {
    const size = { name: 'size', content: Buffer.from('1') };
    expect((await parse(multipartBody(BOUNDARY, [size]))).file).toBeUndefined();
    const { fileName: _, ...unnamed } = file;
    expect((await parse(multipartBody(BOUNDARY, [unnamed]))).file?.name).toBe('file');
  });

  it('refuses what is not a form', async () => {
    const body = multipartBody(BOUNDARY, [file]);
    expect(await refusalOf(parseMultipart({ contentType: undefined, body }))).toBe('MEDIA_TYPE_UNSUPPORTED');
    expect(await refusalOf(parse(body, 'application/octet-stream'))).toBe('MEDIA_TYPE_UNSUPPORTED');
    expect(await refusalOf(parse(body, 'application/json'))).toBe('MEDIA_TYPE_UNSUPPORTED');
    expect(await refusalOf(parse(body, 'multipart/form-data'))).toBe('REQUEST_CONTENT_INVALID');
    expect(await refusalOf(parse(Buffer.from('no form at all')))).toBe('REQUEST_CONTENT_INVALID');
    expect(await refusalOf(parse(Buffer.alloc(0)))).toBe('REQUEST_CONTENT_INVALID');
  });

  it('refuses a form that is cut off anywhere', async () => {
    const body = multipartBody(BOUNDARY, [{ name: 'size', content: Buffer.from('6') }, file]);
    const closing = Buffer.byteLength(`--${BOUNDARY}--\r\n`);
    for (let length = 0; length < body.length - closing; length += 1) {
      expect([length, await refusalOf(parse(body.subarray(0, length)))]).toEqual([
        length,
        'REQUEST_CONTENT_INVALID',
      ]);
    }
  });

  it('refuses a field given twice, two files, and more or longer fields than the bounds', async () => {
    const size = { name: 'size', content: Buffer.from('1') };
    expect(await refusalOf(parse(multipartBody(BOUNDARY, [size, size])))).toBe('PARAMETER_INVALID size');
    expect(await refusalOf(parse(multipartBody(BOUNDARY, [file, file])))).toBe('REQUEST_CONTENT_INVALID');
    const long = { name: 'size', content: Buffer.alloc(1024 * 1024 + 1, 'x') };
    expect(await refusalOf(parse(multipartBody(BOUNDARY, [long])))).toBe('REQUEST_CONTENT_INVALID');
    const many = Array.from({ length: 1_001 }, (_, index) => ({
      name: `metadata[${index}]`,
      content: Buffer.from('v'),
    }));
    expect(await refusalOf(parse(multipartBody(BOUNDARY, many)))).toBe('REQUEST_CONTENT_INVALID');
  });
});
