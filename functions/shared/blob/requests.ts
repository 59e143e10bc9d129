import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { jacksonInteger, jacksonString, optional } from '../http/jackson.ts';
import { domainTransform, requiredParameter } from '../http/validation.ts';

/** The requests about content without nodes: those of later bk-repo versions, and two of our own beside them. */

/** Digests that one question may hold. */
export const MAX_DIGESTS = 500;

/** What S3 takes in one PUT. */
export const MAX_PUT_BYTES = 5 * 1024 ** 3;
const MAX_PUT_TEXT = '5 GiB';

const SHA256 = /^[0-9a-f]{64}$/i;

/** @returns the digest in lower case, by which blobs are named. @throws DomainError PARAMETER_INVALID */
export function digestParameter(text: string, name: string): string {
  if (!SHA256.test(text)) {
    throw new DomainError('PARAMETER_INVALID', [name]);
  }
  return text.toLowerCase();
}

const namedDigest = domainTransform((text: string) => digestParameter(text, 'sha256'));

/** The repository whose node the content is for: it decides whether content can be taken at all. */
const repository = { projectId: optional(jacksonString()), repoName: optional(jacksonString()) };

/** The one storage that is served has no key. @throws DomainError RESOURCE_NOT_FOUND */
export function checkStorageKey(storageKey: string | undefined): void {
  if (storageKey !== undefined && storageKey.trim() !== '') {
    throw new DomainError('RESOURCE_NOT_FOUND', [storageKey]);
  }
}

const storageKey = z
  .string()
  .optional()
  .transform(
    domainTransform((key) => {
      checkStorageKey(key);
      return undefined;
    }),
  );

/** `GET blob/check`, from the query. */
export const blobCheckRequest = z.object({
  sha256: requiredParameter('sha256').transform(namedDigest),
  storageKey,
});

export const blobCheckListRequest = z.object({
  ...repository,
  sha256List: z.array(jacksonString()).transform(
    domainTransform((digests) => {
      if (digests.length > MAX_DIGESTS) {
        throw new DomainError('PARAMETER_INVALID', ['sha256List']);
      }
      return [...new Set(digests.map((digest) => digestParameter(digest, 'sha256List')))];
    }),
  ),
});

export const blobPresignRequest = z.object({
  ...repository,
  sha256: jacksonString().transform(namedDigest),
  /** Bytes. */
  size: jacksonInteger().transform(
    domainTransform((size) => {
      if (size < 0) {
        throw new DomainError('PARAMETER_INVALID', ['size']);
      }
      if (size > MAX_PUT_BYTES) {
        throw new DomainError('CONTENT_TOO_LARGE', [MAX_PUT_TEXT]);
      }
      return size;
    }),
  ),
});

/** The repository that a request names, if it does. */
export function repositoryOf(request: {
  readonly projectId: string | undefined;
  readonly repoName: string | undefined;
}): { readonly projectId: string; readonly repoName: string } | undefined {
  const { projectId, repoName } = request;
  return projectId === undefined || repoName === undefined ? undefined : { projectId, repoName };
}
