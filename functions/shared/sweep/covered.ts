import type { SourceCatalog } from '../apply/source-catalog.ts';
import type { Container } from '../lane/message.ts';
import type { Route } from '../route/route.ts';
import type { SourceInventory } from '../sync/source-inventory.ts';

/** Names that are read at once: most repositories have nothing new, and cost a question of their own already. */
const NAMES_AT_ONCE = 100;

/** A place among the repositories of the source; nothing: before the first. */
export interface RepositoryPlace {
  readonly projectId?: string | undefined;
  readonly repoName?: string | undefined;
}

/** The repositories of the source that a task covers, by the names of their projects and their own. */
export interface CoveredRepositories {
  /**
   * The one behind a place; a project alone stands before its repositories, and has an empty one where projects are asked
   * for. Undefined at the end.
   */
  after(place: RepositoryPlace): Promise<Container | undefined>;
}

/** For one who goes through them in order: names are kept for a while. */
export function coveredRepositories(options: {
  readonly route: Pick<Route, 'localProjectId' | 'localRepoName'>;
  readonly inventory: Pick<SourceInventory, 'projects' | 'repositories'>;
  readonly catalog: Pick<SourceCatalog, 'repository'>;
  readonly signal: AbortSignal;
  /** Whether the projects that a task covers are given, too. */
  readonly withProjects?: boolean;
}): CoveredRepositories {
  const { route, inventory, catalog, signal, withProjects = false } = options;
  const { localProjectId, localRepoName } = route;
  const projects = nameList((after, limit) => inventory.projects({ after, limit }));
  let repositories: { readonly projectId: string; readonly names: NameList } | undefined;

  async function projectAfter(after: string | undefined): Promise<string | undefined> {
    if (localProjectId !== undefined) {
      return after === undefined ? localProjectId : undefined;
    }
    return projects(after);
  }

  async function repositoryAfter(projectId: string, after: string | undefined): Promise<string | undefined> {
    if (localRepoName !== undefined) {
      // One that is gone is none: its nodes are not to be taken for deleted ones.
      const isThere =
        after === undefined && (await catalog.repository(projectId, localRepoName)) !== undefined;
      return isThere ? localRepoName : undefined;
    }
    if (repositories?.projectId !== projectId) {
      const names = nameList((last, limit) => inventory.repositories(projectId, { after: last, limit }));
      repositories = { projectId, names };
    }
    return repositories.names(after);
  }

  return {
    async after(place) {
      let projectId = place.projectId ?? (await projectAfter(undefined));
      let last = place.projectId === undefined ? undefined : place.repoName;
      while (projectId !== undefined) {
        // A task of one repository makes sure of its project with that.
        if (withProjects && localRepoName === undefined && last === undefined) {
          return { projectId, repoName: '' };
        }
        const repoName = await repositoryAfter(projectId, last === '' ? undefined : last);
        if (repoName !== undefined) {
          return { projectId, repoName };
        }
        signal.throwIfAborted();
        projectId = await projectAfter(projectId);
        last = undefined;
      }
      return undefined;
    },
  };
}

/** The name behind another one. */
type NameList = (after: string | undefined) => Promise<string | undefined>;

/** Names in order, read some at a time. */
function nameList(read: (after: string | undefined, limit: number) => Promise<readonly string[]>): NameList {
  let ahead: readonly string[] = [];
  /** The name that was given last, if `ahead` follows it. */
  let given: string | undefined;
  return async (after) => {
    if (ahead.length === 0 || after === undefined || after !== given) {
      ahead = await read(after, NAMES_AT_ONCE);
    }
    [given, ...ahead] = ahead;
    return given;
  };
}
