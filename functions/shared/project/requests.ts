import { z } from 'zod';
import { jacksonString, optional, withDefault } from '../http/jackson.ts';
import { formatLocalDateTime } from '../http/local-date-time.ts';
import { SYSTEM_OPERATOR } from '../operator.ts';
import type { Project } from './project-service.ts';

/** `project/create` of the contract. */
export const projectCreateRequest = z.object({
  name: jacksonString(),
  displayName: jacksonString(),
  description: optional(jacksonString()),
  operator: withDefault(jacksonString(), SYSTEM_OPERATOR),
});

/** A project as the contract answers it; dates in the zone of that IANA name. */
export function projectInfo(project: Project, timeZone: string) {
  return {
    name: project.name,
    displayName: project.displayName,
    description: project.description ?? '',
    createdBy: project.createdBy,
    createdDate: formatLocalDateTime(project.createdDate, timeZone),
    lastModifiedBy: project.lastModifiedBy,
    lastModifiedDate: formatLocalDateTime(project.lastModifiedDate, timeZone),
  };
}
