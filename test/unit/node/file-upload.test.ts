import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../functions/shared/errors.ts';
import {
  type FileUpload,
  readFileUpload,
  receiveFile,
  uploadAddress,
} from '../../../functions/shared/node/file-upload.ts';
import type { CreatedNode, NodeCreation } from '../../../functions/shared/node/node-service.ts';
import { normalizeFullPath } from '../../../functions/shared/node/path.ts';
import type { Repository } from '../../../functions/shared/repository/repository-service.ts';
import { type FormPart, multipartBody } from '../../support/multipart.ts';

const CONTENT = Buffer.from('crate\0of\r\n--apples');
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
const MD5 = createHash('md5').update(CONTENT).digest('hex');
const NOW = new Date('2026-11-22T01:02:03Z');

const PARTS: Readonly<Record<string, string>> = {
  size: String(CONTENT.length),
  sha256: SHA256,
  md5: MD5,
  userId: 'ada',
};

function read(options: {
  readonly fields?: Readonly<Record<string, string>>;
  readonly file?: FormPart | null;
  readonly rawPath?: string;
}): Promise<FileUpload> {
  const {
    fields = PARTS,
    file = { name: 'file', fileName: '%2Fother', content: CONTENT },
    rawPath,
  } = options;
  const parts = Object.entries(fields).map(([name, value]) => ({ name, content: Buffer.from(value) }));
  return readFileUpload({
    rawPath: rawPath ?? '/replication/replica/file/harbour/crates//a/b.bin',
    contentType: 'multipart/form-data; boundary=edge',
    body: multipartBody('edge', [...(file === null ? [] : [file]), ...parts]),
  });
}

async function refusalOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => 'taken',
    (reason: unknown) => reason,
  );
  return error instanceof DomainError ? `${error.code} ${error.args.join()}`.trim() : String(error);
}

/** What the gateway makes of an encoded path: decoded once, except that %25 stays. */
function asGatewayGives(path: string): string {
  return path
    .split('%25')
    .map((part) => decodeURIComponent(part))
    .join('%25');
}

describe('the address of an upload', () => {
  it.for(['/replication', '/api/replication'])('is found under %s', (prefix) => {
    expect(uploadAddress(`${prefix}/replica/file/harbour/crates//a//b.txt`)).toEqual({
      projectId: 'harbour',
      repoName: 'crates',
      fullPath: '/a/b.txt',
    });
  });

  it('is the path that a sender encoded segment by segment', () => {
    const segment = fc
      .string({
        unit: fc.constantFrom('a', '%', '2', '5', '+', '?', '#', ';', '&', '=', '中', ' ', '"', '😀', '.'),
      })
      .filter((text) => normalizeFullPath(`/${text}`) === `/${text}` && text !== '');
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
        const encoded = segments.map((text) => encodeURIComponent(text)).join('/');
        const rawPath = asGatewayGives(`/replication/replica/file/harbour/crates//${encoded}`);
        expect(uploadAddress(rawPath).fullPath).toBe(`/${segments.join('/')}`);
      }),
    );
  });

  it('is refused where it is the root or too deep', async () => {
    const base = '/replication/replica/file/harbour/crates';
    expect(await refusalOf(read({ rawPath: `${base}/` }))).toBe('PARAMETER_INVALID fullPath');
    expect(await refusalOf(read({ rawPath: `${base}//../.` }))).toBe('PARAMETER_INVALID fullPath');
    expect(await refusalOf(read({ rawPath: base + '/x'.repeat(65) }))).toBe(
      `NODE_PATH_INVALID ${'/x'.repeat(65)}`,
    );
  });
});

describe('the parts of an upload', () => {
  it('are read with their defaults, and metadata in any key', async () => {
    const { userId: _, ...fields } = PARTS;
    const upload = await read({
      fields: {
        ...fields,
        'metadata[a.b]': '1',
        'metadata[中 文]': '值',
        'metadata[__proto__]': '',
        other: 'x',
      },
    });
    expect(upload).toEqual({
      projectId: 'harbour',
      repoName: 'crates',
      fullPath: '/a/b.bin',
      content: CONTENT,
      size: CONTENT.length,
      sha256: SHA256,
      md5: MD5,
      userId: 'system',
      expires: 0,
      metadata: [
        { key: 'a.b', value: '1' },
        { key: '中 文', value: '值' },
        { key: '__proto__', value: '' },
      ],
    });
  });

  it.for(['size', 'sha256', 'md5'])('must hold %s, and not blank', async (name) => {
    const { [name]: _, ...others } = PARTS;
    expect(await refusalOf(read({ fields: others }))).toBe(`PARAMETER_MISSING ${name}`);
    expect(await refusalOf(read({ fields: { ...PARTS, [name]: '  ' } }))).toBe(`PARAMETER_MISSING ${name}`);
  });

  it('must hold the file, under its name', async () => {
    expect(await refusalOf(read({ file: null }))).toBe('PARAMETER_MISSING file');
    const misnamed = { name: 'files', fileName: 'x', content: CONTENT };
    expect(await refusalOf(read({ file: misnamed }))).toBe('PARAMETER_MISSING file');
  });

  it.for(['x', '1.5', '1e3', '0x1', '9'.repeat(30)])('take no %s for a number', async (text) => {
    expect(await refusalOf(read({ fields: { ...PARTS, size: text } }))).toBe('PARAMETER_INVALID size');
    expect(await refusalOf(read({ fields: { ...PARTS, expires: text } }))).toBe('PARAMETER_INVALID expires');
  });
});

/** The ports of receiving a file, which write down in which order they are used. */
function playedPorts(repository: Pick<Repository, 'credentialsKey'> | undefined) {
  const calls: unknown[] = [];
  const found =
    repository === undefined
      ? undefined
      : {
          createdBy: 'ada',
          createdDate: NOW,
          lastModifiedBy: 'ada',
          lastModifiedDate: NOW,
          name: 'crates',
          type: 'GENERIC',
          category: 'LOCAL' as const,
          public: false,
          configuration: { type: 'rpm-local' as const, webHook: { webHookList: [] }, settings: {} },
          projectId: 'harbour',
          ...repository,
        };
  return {
    calls,
    repositories: { find: async () => found },
    blobs: {
      put: async (blob: { readonly sha256: string; readonly content: Buffer }) => {
        calls.push(['put', blob.sha256, blob.content]);
      },
    },
    nodes: {
      create: async (creation: NodeCreation): Promise<CreatedNode> => {
        calls.push(['create', creation]);
        return {
          createdBy: 'ada',
          createdDate: NOW,
          lastModifiedBy: 'ada',
          lastModifiedDate: NOW,
          folder: false,
          path: '/a/',
          name: 'b.bin',
          fullPath: creation.fullPath,
          size: creation.size ?? 0,
          projectId: creation.projectId,
          repoName: creation.repoName,
        };
      },
    },
  };
}

describe('receiving a file', () => {
  it('stores the content under its digest before the node is made', async () => {
    const ports = playedPorts({});
    const upload = await read({ fields: { ...PARTS, expires: '3', 'metadata[k]': 'v' } });
    await receiveFile({ upload, ...ports });
    expect(ports.calls).toEqual([
      ['put', SHA256, CONTENT],
      [
        'create',
        {
          projectId: 'harbour',
          repoName: 'crates',
          fullPath: '/a/b.bin',
          folder: false,
          overwrite: true,
          expires: 3,
          size: CONTENT.length,
          sha256: SHA256,
          md5: MD5,
          metadata: [{ key: 'k', value: 'v' }],
          operator: 'ada',
          createdBy: undefined,
          createdDate: undefined,
          lastModifiedDate: undefined,
        },
      ],
    ]);
  });

  it('takes digests in upper case, and stores them as blobs are named', async () => {
    const ports = playedPorts({});
    const upload = await read({ fields: { ...PARTS, sha256: SHA256.toUpperCase(), md5: MD5.toUpperCase() } });
    await receiveFile({ upload, ...ports });
    expect(ports.calls).toMatchObject([
      ['put', SHA256, CONTENT],
      ['create', { sha256: SHA256, md5: MD5 }],
    ]);
  });

  it.for([
    ['size', String(CONTENT.length + 1)],
    ['sha256', '0'.repeat(64)],
    ['md5', '0'.repeat(32)],
    ['sha256', MD5],
  ])('refuses content that is not of the claimed %s, and stores nothing', async ([name = '', claim = '']) => {
    const ports = playedPorts({});
    const upload = await read({ fields: { ...PARTS, [name]: claim } });
    expect(await refusalOf(receiveFile({ upload, ...ports }))).toBe(`PARAMETER_INVALID ${name}`);
    expect(ports.calls).toEqual([]);
  });

  it('refuses a missing repository, and one whose blobs are in another storage', async () => {
    const upload = await read({});
    const missing = playedPorts(undefined);
    expect(await refusalOf(receiveFile({ upload, ...missing }))).toBe(
      'UPLOAD_REPOSITORY_NOT_FOUND harbour/crates',
    );
    const elsewhere = playedPorts({ credentialsKey: 'cold' });
    expect(await refusalOf(receiveFile({ upload, ...elsewhere }))).toBe('OPERATION_UNSUPPORTED');
    expect([...missing.calls, ...elsewhere.calls]).toEqual([]);
  });
});
