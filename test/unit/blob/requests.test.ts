import { describe, expect, it } from 'vitest';
import {
  blobCheckListRequest,
  blobCheckRequest,
  blobPresignRequest,
  MAX_DIGESTS,
  MAX_PUT_BYTES,
} from '../../../functions/shared/blob/requests.ts';
import { toDomainError } from '../../../functions/shared/http/validation.ts';

const SHA256 = 'ab'.repeat(32);

function refusal(
  schema: { safeParse(value: unknown): { error?: Parameters<typeof toDomainError>[0] | undefined } },
  value: unknown,
): unknown {
  const { error } = schema.safeParse(value);
  if (error === undefined) {
    return undefined;
  }
  const { code, args } = toDomainError(error);
  return [code, ...args];
}

describe('a question for a blob', () => {
  it('takes the digest in either case', () => {
    expect(blobCheckRequest.parse({ sha256: SHA256.toUpperCase(), storageKey: ' ' })).toEqual({
      sha256: SHA256,
    });
  });

  it('needs a digest, and no storage but the one that is served', () => {
    expect(refusal(blobCheckRequest, {})).toEqual(['PARAMETER_MISSING', 'sha256']);
    expect(refusal(blobCheckRequest, { sha256: '../secrets' })).toEqual(['PARAMETER_INVALID', 'sha256']);
    expect(refusal(blobCheckRequest, { sha256: SHA256, storageKey: 'cold' })).toEqual([
      'RESOURCE_NOT_FOUND',
      'cold',
    ]);
  });
});

describe('a question for many blobs', () => {
  it('asks for each once', () => {
    expect(
      blobCheckListRequest.parse({
        sha256List: [SHA256, SHA256.toUpperCase()],
        projectId: 'p',
        repoName: 'r',
      }),
    ).toEqual({ sha256List: [SHA256], projectId: 'p', repoName: 'r' });
  });

  it('holds a bounded number of digests, and nothing else', () => {
    const many = (count: number) => ({ sha256List: Array(count).fill(SHA256) });
    expect(refusal(blobCheckListRequest, many(MAX_DIGESTS))).toBeUndefined();
    expect(refusal(blobCheckListRequest, many(MAX_DIGESTS + 1))).toEqual(['PARAMETER_INVALID', 'sha256List']);
    expect(refusal(blobCheckListRequest, { sha256List: ['x'] })).toEqual(['PARAMETER_INVALID', 'sha256List']);
    expect(refusal(blobCheckListRequest, {})).toEqual(['REQUEST_CONTENT_INVALID']);
  });
});

describe('a wish to put a blob', () => {
  it('is for a size that one PUT can have', () => {
    expect(refusal(blobPresignRequest, { sha256: SHA256, size: 0 })).toBeUndefined();
    expect(refusal(blobPresignRequest, { sha256: SHA256, size: MAX_PUT_BYTES })).toBeUndefined();
    expect(refusal(blobPresignRequest, { sha256: SHA256, size: MAX_PUT_BYTES + 1 })).toEqual([
      'CONTENT_TOO_LARGE',
      '5 GiB',
    ]);
    expect(refusal(blobPresignRequest, { sha256: SHA256, size: -1 })).toEqual(['PARAMETER_INVALID', 'size']);
    expect(refusal(blobPresignRequest, { sha256: SHA256 })).toEqual(['REQUEST_CONTENT_INVALID']);
    expect(refusal(blobPresignRequest, { sha256: 'x', size: 1 })).toEqual(['PARAMETER_INVALID', 'sha256']);
  });
});
