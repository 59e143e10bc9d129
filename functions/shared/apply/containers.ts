import type { Container } from '../lane/message.ts';
import type { RemoteClient, RemoteDefinition } from '../remote/client.ts';
import { RemoteRefusalError } from '../remote/errors.ts';
import type { Perform } from './ask.ts';
import { definitionChange } from './definition.ts';
import { typedConfiguration } from './repository-configuration.ts';
import type { SourceCatalog, SourceRepository } from './source-catalog.ts';

/** Codes for a container that another lane created at the same moment. */
const ALREADY_THERE: ReadonlySet<number> = new Set([251002, 251004]);

/** Creates what a lane's nodes need at the remote: its project, then its repository. Repeating it changes nothing. */
export interface Containers {
  project(): Promise<void>;
  /** The project too. In a project's own lane, only that. */
  repository(): Promise<void>;
  /**
   * Make sure of the repository, and make its definition what the source has; in a project's own lane, only make sure of the
   * project. Nothing is done where the source has none.
   *
   * @returns `ALIKE` also for what was just made, which the remote does not tell apart.
   */
  define(): Promise<'GONE' | 'ALIKE' | 'CHANGED'>;
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
  readonly client: Pick<RemoteClient, 'createProject' | 'createRepository' | 'updateRepository'>;
  /** How a call is made that may be answered ambiguously. */
  readonly perform: Perform;
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
    await make((await catalog.repository(source.projectId, source.repoName)) ?? PLAIN_REPOSITORY);
  }

  async function make(found: SourceRepository): Promise<RemoteDefinition | undefined> {
    return created(() =>
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

  async function define(): Promise<'GONE' | 'ALIKE' | 'CHANGED'> {
    if (source.repoName === '') {
      if ((await catalog.project(source.projectId)) === undefined) {
        return 'GONE';
      }
      await project();
      return 'ALIKE';
    }
    const found = await catalog.repository(source.projectId, source.repoName);
    if (found === undefined) {
      return 'GONE';
    }
    await project();
    const change = definitionChange(found, await make(found));
    if (change === undefined) {
      return 'ALIKE';
    }
    await perform(() => client.updateRepository({ ...remote, ...change, operator: found.createdBy }));
    return 'CHANGED';
  }

  return { project, repository, define };
}

/** Of a task that does not replay container definitions. */
export const NO_CONTAINERS: Containers = {
  project: async () => {},
  repository: async () => {},
  define: async () => 'ALIKE',
};

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

/** Creating what exists is answered with success, save when two do it at once: then the answer tells nothing. */
export async function created<Answer>(create: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await create();
  } catch (error) {
    if (
      !(error instanceof RemoteRefusalError) ||
      error.code === undefined ||
      !ALREADY_THERE.has(error.code)
    ) {
      throw error;
    }
    return undefined;
  }
}
