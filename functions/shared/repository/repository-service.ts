import { type Collection, type Db, type IndexDescription, ObjectId } from 'mongodb';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import { isDuplicateKey } from '../mongodb/duplicate-key.ts';
import { indexedCollection } from '../mongodb/indexes.ts';
import { clearRepository, holdsFile } from '../node/contents.ts';
import type { OperateLogWriter } from '../operate-log/writer.ts';
import { checkName } from '../project/name.ts';
import type { ProjectService } from '../project/project-service.ts';
import {
  type CompositeConfiguration,
  defaultConfiguration,
  type ProxyChannel,
  REPOSITORY_CATEGORIES,
  type RepositoryCategory,
  type RepositoryConfiguration,
  type RepositoryType,
  repositoryConfiguration,
} from './configuration.ts';
import { prettyJson } from './pretty-json.ts';

const COLLECTION = 'repository';
const REPOSITORY_INDEXES: readonly IndexDescription[] = [
  { name: 'projectId_name_idx', key: { projectId: 1, name: 1 }, unique: true },
];

/** bk-repo's public channels, which a composite repository names by their id. */
const PROXY_CHANNELS = 'proxy_channel';

/** Longest description that bk-repo takes at creation, in UTF-16 code units; an update takes one less. */
const MAX_DESCRIPTION_LENGTH = 200;

/** A repository as bk-repo keeps it; `configuration` is its pretty-printed JSON text. */
const documentSchema = z.object({
  createdBy: z.string(),
  createdDate: z.date(),
  lastModifiedBy: z.string(),
  lastModifiedDate: z.date(),
  name: z.string(),
  type: z.string(),
  category: z.enum(REPOSITORY_CATEGORIES),
  public: z.boolean(),
  description: z.string().nullish(),
  configuration: z.string(),
  /** Storage that holds the repository's blobs; without one, the default storage. */
  credentialsKey: z.string().nullish(),
  /** False for the private channels of a composite repository, which lists do not show. */
  display: z.boolean().nullish(),
  projectId: z.string(),
});

type RepositoryDocument = z.output<typeof documentSchema>;

/** A repository with its configuration read. */
export type Repository = Omit<RepositoryDocument, 'configuration'> & {
  readonly configuration: RepositoryConfiguration;
};

export interface RepositoryCreation {
  readonly projectId: string;
  readonly name: string;
  readonly type: RepositoryType;
  readonly category: RepositoryCategory;
  readonly public: boolean;
  readonly description: string | undefined;
  readonly configuration: RepositoryConfiguration | undefined;
  readonly storageCredentialsKey: string | undefined;
  readonly operator: string;
}

export interface RepositoryUpdate {
  readonly projectId: string;
  readonly name: string;
  /** Each stays as it is when nothing is said. */
  readonly public: boolean | undefined;
  readonly description: string | undefined;
  readonly configuration: RepositoryConfiguration | undefined;
  readonly operator: string;
}

export interface RepositoryDeletion {
  readonly projectId: string;
  readonly name: string;
  /** Files are deleted with the repository. */
  readonly forced: boolean;
  readonly operator: string;
}

export interface RepositoryService {
  find(repository: {
    readonly projectId: string;
    readonly repoName: string;
  }): Promise<Repository | undefined>;
  /**
   * Create a repository, or return the one of that name as it is.
   *
   * @throws DomainError PARAMETER_INVALID `name`, `description`, `channelId` or `channelList`; PARAMETER_MISSING
   * `name` or `url` of a private channel; PROJECT_NOT_FOUND naming the repository, as bk-repo does;
   * RESOURCE_NOT_FOUND for a storage that is not the default one: only that one is known here; REPOSITORY_EXISTED
   * when the store takes it for another repository's, by a unique index of its owner's own.
   */
  create(creation: RepositoryCreation): Promise<Repository>;
  /**
   * Change what is given of a repository. A composite one's private channels come and go with their hidden
   * repositories.
   *
   * @throws DomainError PARAMETER_INVALID `description`, `configuration type` for a configuration of another type,
   * `channelId` or `channelList`; PARAMETER_MISSING `name` or `url` of a private channel; REPOSITORY_NOT_FOUND.
   */
  update(update: RepositoryUpdate): Promise<void>;
  /**
   * Delete a repository, its hidden ones, and tombstone what is in them.
   *
   * @throws DomainError REPOSITORY_NOT_FOUND; REPOSITORY_CONTAINS_FILE unless `forced`.
   */
  delete(deletion: RepositoryDeletion): Promise<void>;
}

/** The repositories of bk-repo's database. */
export function repositoryService(options: {
  readonly database: Db;
  readonly clock: Clock;
  readonly projects: Pick<ProjectService, 'find'>;
  readonly log: OperateLogWriter;
}): RepositoryService {
  const { database, clock, projects, log } = options;

  const repositories = (): Promise<Collection<RepositoryDocument>> =>
    indexedCollection<RepositoryDocument>({ database, name: COLLECTION, indexes: REPOSITORY_INDEXES });

  const find: RepositoryService['find'] = async ({ projectId, repoName }) => {
    const document = await (await repositories()).findOne({ projectId, name: repoName });
    return document === null ? undefined : fromDocument(documentSchema.parse(document));
  };

  /** The nodes first, the document last: until it is gone, a repeat finds the repository and goes on. */
  const remove = async (projectId: string, repoName: string, operator: string): Promise<void> => {
    await clearRepository(database, { projectId, repoName }, { operator, clock });
    await (await repositories()).deleteOne({ projectId, name: repoName });
  };

  return {
    find,

    async create(creation) {
      const { projectId, name, type, category, description, storageCredentialsKey, operator } = creation;
      const address = { projectId, repoName: name };
      const existing = await find(address);
      if (existing !== undefined) {
        return existing;
      }
      checkName(name, 'name');
      if ((description ?? '').length > MAX_DESCRIPTION_LENGTH) {
        throw new DomainError('PARAMETER_INVALID', ['description']);
      }
      if ((await projects.find(projectId)) === undefined) {
        throw new DomainError('PROJECT_NOT_FOUND', [name]);
      }
      if (storageCredentialsKey !== undefined && storageCredentialsKey.trim() !== '') {
        throw new DomainError('RESOURCE_NOT_FOUND', [storageCredentialsKey]);
      }
      const configuration = creation.configuration ?? defaultConfiguration(category);
      const now = clock();
      const document: RepositoryDocument = {
        createdBy: operator,
        createdDate: now,
        lastModifiedBy: operator,
        lastModifiedDate: now,
        name,
        type,
        category,
        public: creation.public,
        ...(description === undefined ? {} : { description }),
        configuration: prettyJson(configuration),
        display: true,
        projectId,
      };
      const channels =
        configuration.type === 'composite' ? await privateChannels(database, configuration, type) : [];
      const collection = await repositories();
      for (const channel of channels) {
        await insertUnlessThere(collection, hiddenRepository(document, channel));
      }
      // Once more, when the repository in the way has been deleted before it was looked at.
      for (let attempt = 0; attempt < 2; attempt += 1) {
        if (await insertUnlessThere(collection, document)) {
          await log.record({ kind: 'REPOSITORY_CREATE', request: creation });
          return fromDocument(document);
        }
        const winner = await find(address);
        if (winner !== undefined) {
          return winner;
        }
      }
      throw new DomainError('REPOSITORY_EXISTED', [name]);
    },

    async update(update) {
      const { projectId, name, description, configuration, operator } = update;
      if ((description ?? '').length >= MAX_DESCRIPTION_LENGTH) {
        throw new DomainError('PARAMETER_INVALID', ['description']);
      }
      const collection = await repositories();
      const document = await collection.findOne({ projectId, name });
      if (document === null) {
        throw new DomainError('REPOSITORY_NOT_FOUND', [name]);
      }
      const current = documentSchema.parse(document);
      const before = fromDocument(current).configuration;
      if (configuration !== undefined && configuration.type !== before.type) {
        throw new DomainError('PARAMETER_INVALID', ['configuration type']);
      }
      const change = { lastModifiedBy: operator, lastModifiedDate: clock() };
      if (configuration?.type === 'composite') {
        const after = await privateChannels(database, configuration, current.type);
        const existing = privateChannelNames(before);
        for (const channel of after.filter((added) => !existing.includes(added))) {
          const { lastModifiedBy: createdBy, lastModifiedDate: createdDate } = change;
          const template = { ...current, createdBy, createdDate, ...change };
          await insertUnlessThere(collection, hiddenRepository(template, channel));
        }
        for (const channel of existing.filter((gone) => !after.includes(gone))) {
          await remove(projectId, hiddenName(name, channel), operator);
        }
      }
      // Last: until it is written, a repeat sees the same channels to make and to remove.
      await collection.updateOne(
        { projectId, name },
        {
          $set: {
            public: update.public ?? current.public,
            ...(description === undefined ? {} : { description }),
            ...(configuration === undefined ? {} : { configuration: prettyJson(configuration) }),
            ...change,
          },
        },
      );
      await log.record({ kind: 'REPOSITORY_UPDATE', request: update });
    },

    async delete(deletion) {
      const { projectId, name, forced, operator } = deletion;
      const repository = await find({ projectId, repoName: name });
      if (repository === undefined) {
        throw new DomainError('REPOSITORY_NOT_FOUND', [name]);
      }
      if (!forced && (await holdsFile(database, { projectId, repoName: name }))) {
        throw new DomainError('REPOSITORY_CONTAINS_FILE');
      }
      for (const channel of privateChannelNames(repository.configuration)) {
        await remove(projectId, hiddenName(name, channel), operator);
      }
      await remove(projectId, name, operator);
      await log.record({ kind: 'REPOSITORY_DELETE', request: deletion });
    },
  };
}

function fromDocument(document: RepositoryDocument): Repository {
  return {
    ...document,
    configuration: repositoryConfiguration.parse(JSON.parse(document.configuration)),
  };
}

/**
 * The names of a composite repository's private channels, checked as bk-repo checks them: each has a name of its
 * own and an address. A public channel must be known to this cluster, for the repository's type.
 */
async function privateChannels(
  database: Db,
  { proxy }: CompositeConfiguration,
  repoType: string,
): Promise<string[]> {
  const names: string[] = [];
  for (const channel of proxy.channelList) {
    if (channel.public) {
      await checkPublicChannel(database, channel, repoType);
      continue;
    }
    names.push(present(channel.name, 'name'));
    present(channel.url, 'url');
  }
  if (new Set(names).size < names.length) {
    throw new DomainError('PARAMETER_INVALID', ['channelList']);
  }
  return names;
}

async function checkPublicChannel(
  database: Db,
  { channelId }: ProxyChannel,
  repoType: string,
): Promise<void> {
  const isKnown =
    channelId !== null &&
    ObjectId.isValid(channelId) &&
    (await database.collection(PROXY_CHANNELS).findOne({ _id: new ObjectId(channelId), repoType })) !== null;
  if (!isKnown) {
    throw new DomainError('PARAMETER_INVALID', ['channelId']);
  }
}

function present(text: string | null, parameter: string): string {
  if (text === null || text.trim() === '') {
    throw new DomainError('PARAMETER_MISSING', [parameter]);
  }
  return text;
}

/** Names of the private channels that a repository has; none unless it is a composite one. */
function privateChannelNames(configuration: RepositoryConfiguration): string[] {
  return configuration.type === 'composite'
    ? configuration.proxy.channelList.flatMap(({ public: isPublic, name }) =>
        isPublic || name === null ? [] : [name],
      )
    : [];
}

function hiddenName(composite: string, channel: string): string {
  return `${composite}-${channel}`;
}

/** The repository that stands for a private channel beside its composite one, as bk-repo names and fills it. */
function hiddenRepository(composite: RepositoryDocument, channel: string): RepositoryDocument {
  const { createdBy, createdDate, lastModifiedBy, lastModifiedDate, name, type, projectId } = composite;
  return {
    createdBy,
    createdDate,
    lastModifiedBy,
    lastModifiedDate,
    name: hiddenName(name, channel),
    type,
    category: 'REMOTE',
    public: false,
    configuration: prettyJson(defaultConfiguration('REMOTE')),
    display: false,
    projectId,
  };
}

/** @returns false when a repository of that name is there already. */
async function insertUnlessThere(
  collection: Collection<RepositoryDocument>,
  document: RepositoryDocument,
): Promise<boolean> {
  try {
    await collection.insertOne({ ...document });
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) {
      return false;
    }
    throw error;
  }
}
