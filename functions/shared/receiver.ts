import type { Db } from 'mongodb';
import type { Clock } from './clock.ts';
import { type IdentityService, identityService } from './identity/identity-service.ts';
import { type NodeService, nodeService } from './node/node-service.ts';
import { NO_OPERATE_LOG, type OperateLogWriter } from './operate-log/writer.ts';
import { type ProjectService, projectService } from './project/project-service.ts';
import { type RepositoryService, repositoryService } from './repository/repository-service.ts';

/** The receiving side over one bk-repo database, without HTTP. */
export interface Receiver {
  readonly projects: ProjectService;
  readonly repositories: RepositoryService;
  readonly nodes: NodeService;
  readonly identities: IdentityService;
}

/** @param options.log where the changes are told; nowhere when it is left out. */
export function receiverOf(options: {
  readonly database: Db;
  readonly clock: Clock;
  readonly log?: OperateLogWriter;
}): Receiver {
  const { database, clock, log = NO_OPERATE_LOG } = options;
  const projects = projectService({ database, clock, log });
  const nodes = nodeService({
    database,
    clock,
    findRepository: (repository) => repositories.find(repository),
    log,
  });
  const repositories = repositoryService({ database, clock, projects, log });
  return { projects, repositories, nodes, identities: identityService({ database, clock }) };
}
