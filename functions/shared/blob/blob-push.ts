import { createHash } from 'node:crypto';
import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { parseMultipart } from '../http/multipart.ts';
import type { BlobStore } from './blob-store.ts';
import { checkStorageKey, digestParameter } from './requests.ts';

/** The raw parts of a push. */
export const blobPushRequest = z.object({
  contentType: z.string().optional(),
  body: z.instanceof(Buffer),
  query: z.record(z.string(), z.string().optional()),
});

/**
 * Take in a blob alone, as a form with the part `file`; `sha256`, `size` and `storageKey` are fields of the form or of
 * the query. The content is hashed: bk-repo believes the digest.
 *
 * @throws DomainError PARAMETER_MISSING `file` or `sha256`; PARAMETER_INVALID `size` or `sha256` when the content is
 * not what is claimed; RESOURCE_NOT_FOUND for another storage than the one that is served; and what `parseMultipart`
 * throws.
 */
export async function receiveBlob(options: {
  readonly request: z.output<typeof blobPushRequest>;
  readonly blobs: Pick<BlobStore, 'put'>;
}): Promise<void> {
  const { request, blobs } = options;
  const { fields, file } = await parseMultipart({
    contentType: request.contentType,
    body: request.body,
  });
  const parameter = (name: string): string | undefined => {
    const text = (request.query[name] ?? fields.get(name))?.trim();
    return text === '' ? undefined : text;
  };
  checkStorageKey(parameter('storageKey'));
  if (file === undefined || file.name !== 'file') {
    throw new DomainError('PARAMETER_MISSING', ['file']);
  }
  const claimed = parameter('sha256');
  if (claimed === undefined) {
    throw new DomainError('PARAMETER_MISSING', ['sha256']);
  }
  const size = parameter('size');
  if (size !== undefined && size !== String(file.content.length)) {
    throw new DomainError('PARAMETER_INVALID', ['size']);
  }
  const sha256 = createHash('sha256').update(file.content).digest('hex');
  if (sha256 !== digestParameter(claimed, 'sha256')) {
    throw new DomainError('PARAMETER_INVALID', ['sha256']);
  }
  await blobs.put({ sha256, content: file.content });
}
