import type { Container } from '../lane/message.ts';
import type { RemoteClient } from '../remote/client.ts';
import { RemoteRefusalError } from '../remote/errors.ts';
import { typedConfiguration } from './repository-configuration.ts';
import type { SourceCatalog } from './source-catalog.ts';

/** Codes for a container that another lane created at the same moment. */
const ALREADY_THERE: ReadonlySet<number> = new Set([251002, 251004]);

/** Creates what a lane's nodes need at the remote: its project, then its repository. Repeating it changes nothing. */
export interface Containers {
  project(): Promise<void>;
  /** The project too. In a project's own lane, only that. */
  repository(): Promise<void>;
}

/**
 * Containers of a lane, made from the source's present documents under the remote's names.
 *
 * A source without the document is no bk-repo's, or one whose repository was deleted since (its operations are still
 * to be told apart from failures): the lane then gets plain ones, a project called by its name and a private generic
 * repository.
 */
export function laneContainers(options: {
  readonly source: Container;
  readonly remote: Container;
  readonly catalog: SourceCatalog;
  readonly client: Pick<RemoteClient, 'createProject' | 'createRepository'>;
  /** How a call is made that may be answered ambiguously. */
  readonly perform: (call: () => Promise<void>) => Promise<void>;
}): Containers {
  const { source, remote, catalog, client, perform } = options;

  async function project(): Promise<void> {
    const { displayName, description, createdBy } = (await catalog.project(source.projectId)) ?? {
      displayName: source.projectId,
      description: undefined,
      createdBy: SYSTEM_USER,
    };
    await created(() =>
      perform(() =>
        client.createProject({ name: remote.projectId, displayName, description, operator: createdBy }),
      ),
    );
  }

  async function repository(): Promise<void> {
    await project();
    if (source.repoName === '') {
      return;
    }
    const found = (await catalog.repository(source.projectId, source.repoName)) ?? PLAIN_REPOSITORY;
    await created(() =>
      perform(() =>
        client.createRepository({
          ...remote,
          type: found.type,
          category: found.category,
          public: found.public,
          description: found.description,
          configuration: typedConfiguration(found.configuration, undefined),
          operator: found.createdBy,
        }),
      ),
    );
  }

  return { project, repository };
}

/** Of a task that does not replay container definitions. */
export const NO_CONTAINERS: Containers = { project: async () => {}, repository: async () => {} };

/** bk-repo's own default user. */
const SYSTEM_USER = 'system';

const PLAIN_REPOSITORY = {
  type: 'GENERIC',
  category: 'LOCAL',
  public: false,
  description: undefined,
  configuration: undefined,
  createdBy: SYSTEM_USER,
} as const;

/** Creating what exists is answered with success, save when two do it at once. */
export async function created(create: () => Promise<void>): Promise<void> {
  try {
    await create();
  } catch (error) {
    if (
      !(error instanceof RemoteRefusalError) ||
      error.code === undefined ||
      !ALREADY_THERE.has(error.code)
    ) {
      throw error;
    }
  }
}
