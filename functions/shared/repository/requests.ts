import { z } from 'zod';
import { jacksonBoolean, jacksonString, optional, withDefault } from '../http/jackson.ts';
import { formatLocalDateTime } from '../http/local-date-time.ts';
import { SYSTEM_OPERATOR } from '../operator.ts';
import { REPOSITORY_CATEGORIES, REPOSITORY_TYPES, repositoryConfiguration } from './configuration.ts';
import type { Repository } from './repository-service.ts';

/** `repo/create` of the contract. Type and category are matched as written, and required, as bk-repo has it. */
export const repositoryCreateRequest = z.object({
  projectId: jacksonString(),
  name: jacksonString(),
  type: z.enum(REPOSITORY_TYPES),
  category: z.enum(REPOSITORY_CATEGORIES),
  public: withDefault(jacksonBoolean(), false),
  description: optional(jacksonString()),
  configuration: optional(repositoryConfiguration),
  storageCredentialsKey: optional(jacksonString()),
  operator: withDefault(jacksonString(), SYSTEM_OPERATOR),
});

export const repositoryUpdateRequest = z.object({
  projectId: jacksonString(),
  name: jacksonString(),
  public: optional(jacksonBoolean()),
  description: optional(jacksonString()),
  configuration: optional(repositoryConfiguration),
  operator: jacksonString(),
});

export const repositoryDeleteRequest = z.object({
  projectId: jacksonString(),
  name: jacksonString(),
  forced: withDefault(jacksonBoolean(), false),
  operator: jacksonString(),
});

/**
 * A repository as the contract answers it; dates in the zone of that IANA name. `storageCredentials` is always
 * null: bk-repo shows a storage's keys there, and secrets do not leave.
 */
export function repositoryDetail(repository: Repository, timeZone: string) {
  return {
    projectId: repository.projectId,
    name: repository.name,
    type: repository.type,
    category: repository.category,
    public: repository.public,
    description: repository.description ?? null,
    configuration: repository.configuration,
    storageCredentials: null,
    createdBy: repository.createdBy,
    createdDate: formatLocalDateTime(repository.createdDate, timeZone),
    lastModifiedBy: repository.lastModifiedBy,
    lastModifiedDate: formatLocalDateTime(repository.lastModifiedDate, timeZone),
  };
}
