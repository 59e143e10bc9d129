import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { toDomainError } from '../../../functions/shared/http/validation.ts';
import { nodeDetail } from '../../../functions/shared/node/detail.ts';
import {
  metadataSaveRequest,
  nodeCreateRequest,
  nodeDeleteRequest,
  nodeExistListRequest,
  nodeExistRequest,
} from '../../../functions/shared/node/requests.ts';

const ADDRESS = { projectId: 'harbour', repoName: 'crates', fullPath: '/a' };

function read(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  return result.success ? result.data : toDomainError(result.error).message;
}

describe('node/create', () => {
  const schema = nodeCreateRequest('Asia/Shanghai');

  it('fills in what is left out or null, as bk-repo’s own sender leaves it', () => {
    const nulls = {
      size: null,
      sha256: null,
      md5: null,
      metadata: null,
      createdBy: null,
      createdDate: null,
      lastModifiedBy: null,
      lastModifiedDate: null,
    };
    const filled = {
      ...ADDRESS,
      folder: false,
      expires: 0,
      overwrite: false,
      size: undefined,
      sha256: undefined,
      md5: undefined,
      metadata: undefined,
      operator: 'system',
      createdBy: undefined,
      createdDate: undefined,
      lastModifiedBy: undefined,
      lastModifiedDate: undefined,
    };
    expect(read(schema, ADDRESS)).toEqual(filled);
    expect(read(schema, { ...ADDRESS, ...nulls, unknown: 1 })).toEqual(filled);
  });

  it('takes text for numbers and booleans', () => {
    expect(read(schema, { ...ADDRESS, folder: 'true', size: '4', expires: '3', overwrite: 1 })).toMatchObject(
      {
        folder: true,
        size: 4,
        expires: 3,
        overwrite: true,
      },
    );
  });

  it('reads dates as local time and drops an offset, as bk-repo does', () => {
    const dated = (createdDate: unknown) => read(schema, { ...ADDRESS, createdDate });
    const instant = { createdDate: new Date('2021-01-01T19:04:05.678Z') };
    expect(dated('2021-01-02T03:04:05.678')).toMatchObject(instant);
    expect(dated('2021-01-02T03:04:05.678901234Z')).toMatchObject(instant);
    expect(dated('2021-01-02T03:04:05.678+05:00')).toMatchObject(instant);
    expect(dated('2021-01-02 03:04:05')).toBe('REQUEST_CONTENT_INVALID');
    expect(dated(1_609_556_645_000)).toBe('REQUEST_CONTENT_INVALID');
  });

  it.for(['projectId', 'repoName', 'fullPath'])('needs %s', (name) => {
    expect(read(schema, { ...ADDRESS, [name]: null })).toBe('REQUEST_CONTENT_INVALID');
  });
});

describe('the other requests', () => {
  it('node/delete needs an operator', () => {
    expect(read(nodeDeleteRequest, ADDRESS)).toBe('REQUEST_CONTENT_INVALID');
    expect(read(nodeDeleteRequest, { ...ADDRESS, operator: 'ada' })).toEqual({ ...ADDRESS, operator: 'ada' });
  });

  it('metadata/save needs none, and may bring nothing', () => {
    expect(read(metadataSaveRequest, ADDRESS)).toEqual({ ...ADDRESS, metadata: [], operator: 'system' });
    expect(read(metadataSaveRequest, { ...ADDRESS, metadata: 'x' })).toBe('REQUEST_CONTENT_INVALID');
  });

  it('node/exist names the first parameter that is missing', () => {
    expect(read(nodeExistRequest, { projectId: 'harbour' })).toBe('PARAMETER_MISSING: repoName');
    expect(read(nodeExistRequest, { ...ADDRESS, fullPath: '' })).toEqual({ ...ADDRESS, fullPath: '' });
  });

  it('node/exist/list takes thousands of paths, and not any number', () => {
    const paths = (count: number) => ({
      ...ADDRESS,
      fullPathList: Array.from({ length: count }, () => '/a'),
    });
    expect(read(nodeExistListRequest, paths(5_000))).toMatchObject({ projectId: 'harbour' });
    expect(read(nodeExistListRequest, paths(5_001))).toBe('NODE_LIST_TOO_LARGE');
    expect(read(nodeExistListRequest, ADDRESS)).toBe('REQUEST_CONTENT_INVALID');
  });
});

describe('a node in an answer', () => {
  it('shows its fields twice, digests of a folder as null, and local time', () => {
    const detail = nodeDetail(
      {
        ...ADDRESS,
        createdBy: 'ada',
        createdDate: new Date('2026-11-22T01:02:03.400Z'),
        lastModifiedBy: 'bob',
        lastModifiedDate: new Date('2026-11-22T01:02:03Z'),
        folder: true,
        path: '/',
        name: 'a',
        size: 0,
        metadata: [{ key: 'k', value: [1] }],
        deleted: null,
      },
      'Asia/Shanghai',
    );
    const fields = {
      createdBy: 'ada',
      createdDate: '2026-11-22T09:02:03.4',
      lastModifiedBy: 'bob',
      lastModifiedDate: '2026-11-22T09:02:03',
      folder: true,
      path: '/',
      name: 'a',
      fullPath: '/a',
      size: 0,
      sha256: null,
      md5: null,
      metadata: { k: [1] },
      projectId: 'harbour',
      repoName: 'crates',
    };
    expect(detail).toStrictEqual({ nodeInfo: fields, ...fields });
  });
});
