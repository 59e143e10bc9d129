import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { jacksonBoolean, jacksonInteger, jacksonString, optional, withDefault } from '../http/jackson.ts';
import { parseLocalDateTime } from '../http/local-date-time.ts';
import { domainRule, domainTransform, requiredParameter } from '../http/validation.ts';
import { SYSTEM_OPERATOR } from '../operator.ts';
import { metadataRequest } from './metadata.ts';

/** The requests about nodes that `/replica` takes (wire contract, section 5). */

/** Paths that one question may hold. Senders ask for 500; the bound keeps the query far below BSON's 16 MiB. */
const MAX_PATHS = 5_000;

/**
 * A date-time without a zone. An offset is dropped and not applied, as in bk-repo: whoever writes one means the
 * local time in front of it.
 */
const LOCAL_WITH_OFFSET = /(?:Z|[+-]\d{2}:\d{2})$/;

function localDateTime(timeZone: string) {
  return optional(
    z
      .string()
      .transform(
        domainTransform((text) => parseLocalDateTime(text.replace(LOCAL_WITH_OFFSET, ''), timeZone)),
      ),
  );
}

const address = {
  projectId: jacksonString(),
  repoName: jacksonString(),
  fullPath: jacksonString(),
};

/** `node/exist`, from the query. */
export const nodeExistRequest = z.object({
  projectId: requiredParameter('projectId'),
  repoName: requiredParameter('repoName'),
  fullPath: requiredParameter('fullPath'),
});

export const nodeExistListRequest = z.object({
  projectId: address.projectId,
  repoName: address.repoName,
  fullPathList: z
    .array(jacksonString())
    .check(
      domainRule((paths) => (paths.length > MAX_PATHS ? new DomainError('NODE_LIST_TOO_LARGE') : undefined)),
    ),
});

/** @param timeZone IANA name of the zone that date-times in requests are in. */
export function nodeCreateRequest(timeZone: string) {
  return z.object({
    ...address,
    folder: withDefault(jacksonBoolean(), false),
    expires: withDefault(jacksonInteger(), 0),
    overwrite: withDefault(jacksonBoolean(), false),
    size: optional(jacksonInteger()),
    sha256: optional(jacksonString()),
    md5: optional(jacksonString()),
    metadata: optional(metadataRequest),
    operator: withDefault(jacksonString(), SYSTEM_OPERATOR),
    createdBy: optional(jacksonString()),
    createdDate: localDateTime(timeZone),
    lastModifiedBy: optional(jacksonString()),
    lastModifiedDate: localDateTime(timeZone),
  });
}

export const nodeRenameRequest = z.object({
  ...address,
  newFullPath: jacksonString(),
  operator: jacksonString(),
});

export const nodeUpdateRequest = z.object({
  ...address,
  expires: withDefault(jacksonInteger(), 0),
  operator: jacksonString(),
});

/** `node/move` and `node/copy`. */
export const nodeTransferRequest = z.object({
  srcProjectId: jacksonString(),
  srcRepoName: jacksonString(),
  srcFullPath: jacksonString(),
  destProjectId: optional(jacksonString()),
  destRepoName: optional(jacksonString()),
  destFullPath: jacksonString(),
  overwrite: withDefault(jacksonBoolean(), false),
  operator: jacksonString(),
});

export const nodeDeleteRequest = z.object({ ...address, operator: jacksonString() });

export const metadataSaveRequest = z.object({
  ...address,
  metadata: metadataRequest,
  operator: withDefault(jacksonString(), SYSTEM_OPERATOR),
});

export const metadataDeleteRequest = z.object({
  ...address,
  keyList: z.array(jacksonString()),
  operator: withDefault(jacksonString(), SYSTEM_OPERATOR),
});
