import type { Collection, Db, IndexDescription } from 'mongodb';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import { isDuplicateKey } from '../mongodb/duplicate-key.ts';
import { indexedCollection } from '../mongodb/indexes.ts';
import type { OperateLogWriter } from '../operate-log/writer.ts';
import { checkName } from './name.ts';

const COLLECTION = 'project';
const PROJECT_INDEXES: readonly IndexDescription[] = [{ name: 'name_idx', key: { name: 1 }, unique: true }];

/** A project as bk-repo keeps it; dates are instants. */
const projectSchema = z.object({
  createdBy: z.string(),
  createdDate: z.date(),
  lastModifiedBy: z.string(),
  lastModifiedDate: z.date(),
  name: z.string(),
  displayName: z.string(),
  description: z.string().nullish(),
});

export type Project = z.output<typeof projectSchema>;

export interface ProjectCreation {
  readonly name: string;
  readonly displayName: string;
  readonly description: string | undefined;
  readonly operator: string;
}

export interface ProjectService {
  find(name: string): Promise<Project | undefined>;
  /**
   * Create a project, or return the one of that name as it is.
   *
   * @throws DomainError PARAMETER_INVALID `name` or `displayName`; PROJECT_EXISTED when the store takes it for another
   * project's, by a unique index of its owner's own.
   */
  create(creation: ProjectCreation): Promise<Project>;
}

/** The projects of bk-repo's database. */
export function projectService(options: {
  readonly database: Db;
  readonly clock: Clock;
  readonly log: OperateLogWriter;
}): ProjectService {
  const { database, clock, log } = options;

  const projects = (): Promise<Collection<Project>> =>
    indexedCollection<Project>({ database, name: COLLECTION, indexes: PROJECT_INDEXES });

  async function find(name: string): Promise<Project | undefined> {
    const document = await (await projects()).findOne({ name });
    return document === null ? undefined : projectSchema.parse(document);
  }

  return {
    find,

    async create(creation) {
      const { name, displayName, description, operator } = creation;
      const existing = await find(name);
      if (existing !== undefined) {
        return existing;
      }
      checkName(name, 'name');
      checkName(displayName, 'displayName');
      const now = clock();
      const project: Project = {
        createdBy: operator,
        createdDate: now,
        lastModifiedBy: operator,
        lastModifiedDate: now,
        name,
        displayName,
        description: description ?? '',
      };
      try {
        await (await projects()).insertOne({ ...project });
      } catch (error) {
        if (!isDuplicateKey(error)) {
          throw error;
        }
        const winner = await find(name);
        if (winner === undefined) {
          // Projects are never deleted: an index of the cluster's owner keeps something else of it unique.
          throw new DomainError('PROJECT_EXISTED', [name], { cause: error });
        }
        return winner;
      }
      await log.record({ kind: 'PROJECT_CREATE', request: creation });
      return project;
    },
  };
}
