import type { Db } from 'mongodb';
import type { Clock } from './clock.ts';
import { type IdentityService, identityService } from './identity/identity-service.ts';
import { type NodeService, nodeService } from './node/node-service.ts';
import { type ProjectService, projectService } from './project/project-service.ts';
import { type RepositoryService, repositoryService } from './repository/repository-service.ts';

/** The receiving side over one bk-repo database, without HTTP. */
export interface Receiver {
  readonly projects: ProjectService;
  readonly repositories: RepositoryService;
  readonly nodes: NodeService;
  readonly identities: IdentityService;
}

export function receiverOf(options: { readonly database: Db; readonly clock: Clock }): Receiver {
  const { database, clock } = options;
  const projects = projectService({ database, clock });
  const nodes = nodeService({
    database,
    clock,
    findRepository: (repository) => repositories.find(repository),
  });
  const repositories = repositoryService({ database, clock, projects, nodes });
  return { projects, repositories, nodes, identities: identityService({ database, clock }) };
}
