import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { receiveBlob } from '../../../functions/shared/blob/blob-push.ts';
import { DomainError } from '../../../functions/shared/errors.ts';
import { multipartBody } from '../../support/multipart.ts';

const CONTENT = Buffer.from('a crate of apples');
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
const FILE = { name: 'file', fileName: 'x', type: 'application/octet-stream', content: CONTENT };

const stored = new Map<string, Buffer>();
const blobs = {
  put: async ({ sha256, content }: { readonly sha256: string; readonly content: Buffer }) => {
    stored.set(sha256, content);
  },
};

beforeEach(() => stored.clear());

async function push(
  fields: Readonly<Record<string, string>>,
  options: { readonly query?: Readonly<Record<string, string>>; readonly file?: typeof FILE | null } = {},
): Promise<unknown> {
  const { query = {}, file = FILE } = options;
  const parts = Object.entries(fields).map(([name, value]) => ({ name, content: Buffer.from(value) }));
  const body = multipartBody('edge', file === null ? parts : [file, ...parts]);
  try {
    await receiveBlob({ request: { contentType: 'multipart/form-data; boundary=edge', body, query }, blobs });
    return 'stored';
  } catch (error) {
    return error instanceof DomainError ? [error.code, ...error.args] : error;
  }
}

describe('a pushed blob', () => {
  it('is stored under its digest, which the form names or the query', async () => {
    expect(await push({ sha256: SHA256.toUpperCase(), size: String(CONTENT.length) })).toBe('stored');
    expect([...stored]).toEqual([[SHA256, CONTENT]]);
    stored.clear();
    expect(await push({}, { query: { sha256: SHA256, storageKey: '' } })).toBe('stored');
    expect([...stored.keys()]).toEqual([SHA256]);
  });

  it.each([
    [{ sha256: 'ab'.repeat(32) }, ['PARAMETER_INVALID', 'sha256']],
    [{ sha256: '../../etc' }, ['PARAMETER_INVALID', 'sha256']],
    [{ sha256: SHA256, size: '16' }, ['PARAMETER_INVALID', 'size']],
    [{ sha256: SHA256, storageKey: 'cold' }, ['RESOURCE_NOT_FOUND', 'cold']],
    [{ sha256: ' ' }, ['PARAMETER_MISSING', 'sha256']],
  ])('is refused and not stored with %j', async (fields, refusal) => {
    expect(await push(fields)).toEqual(refusal);
    expect(stored.size).toBe(0);
  });

  it('needs the part with the content', async () => {
    expect(await push({ sha256: SHA256 }, { file: null })).toEqual(['PARAMETER_MISSING', 'file']);
    expect(await push({ sha256: SHA256 }, { file: { ...FILE, name: 'blob' } })).toEqual([
      'PARAMETER_MISSING',
      'file',
    ]);
  });
});
