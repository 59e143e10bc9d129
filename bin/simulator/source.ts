import { createHash } from 'node:crypto';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { type Collection, type Db, type Document, Long, ObjectId } from 'mongodb';
import {
  fileCreated,
  folderCreated,
  type LogEntry,
  metadataSaved,
  nodeDeleted,
  projectCreated,
  repositoryCreated,
  repositoryDeleted,
} from './log-entries.ts';

/**
 * Changes a source cluster as bk-repo does: documents in its collections, content in its object store, an entry in
 * `operate_log` behind them. For the demonstration and the tests; it shares no code with the product on purpose, so
 * that one's misreading of bk-repo's shapes does not hide the other's.
 */
export class SimulatedSource {
  readonly #database: Db;
  readonly #log: Collection;
  readonly #s3: S3Client;
  readonly #bucket: string;

  constructor(options: {
    readonly database: Db;
    readonly operateLogCollection: string;
    readonly s3: S3Client;
    readonly blobBucket: string;
  }) {
    this.#database = options.database;
    this.#log = options.database.collection(options.operateLogCollection);
    this.#s3 = options.s3;
    this.#bucket = options.blobBucket;
  }

  async createProject(
    name: string,
    fields: { displayName?: string; description?: string } = {},
  ): Promise<void> {
    const { displayName = name, description = '' } = fields;
    await this.#database
      .collection('project')
      .insertOne({ ...this.#audit(), name, displayName, description });
    await this.logged(projectCreated(name, { displayName, description }));
  }

  /** `configuration` as the request gives it; what is stored carries its type, what is logged has lost it. */
  async createRepository(
    projectId: string,
    name: string,
    fields: {
      type?: string;
      category?: string;
      public?: boolean;
      description?: string;
      configuration?: Document;
    } = {},
  ): Promise<void> {
    const { type = 'GENERIC', category = 'LOCAL', public: open = false, description, configuration } = fields;
    const stored = configuration ?? { type: 'rpm-local', webHook: { webHookList: [] }, settings: {} };
    await this.#database.collection('repository').insertOne({
      ...this.#audit(),
      name,
      type,
      category,
      public: open,
      ...(description === undefined ? {} : { description }),
      configuration: JSON.stringify(stored, null, 2),
      display: true,
      projectId,
    });
    const { type: _, ...logged } = configuration ?? {};
    await this.logged(
      repositoryCreated(projectId, name, {
        type,
        category,
        public: open,
        ...(description === undefined ? {} : { description }),
        ...(configuration === undefined ? {} : { configuration: logged }),
      }),
    );
  }

  /** Delete a repository with all that it holds: its nodes become tombstones, and only its own deletion is logged. */
  async deleteRepository(projectId: string, name: string): Promise<void> {
    const now = new Date();
    await this.#nodesOf(projectId).updateMany(
      { projectId, repoName: name, deleted: null },
      { $set: { deleted: now, lastModifiedDate: now } },
    );
    await this.#database.collection('repository').deleteOne({ projectId, name });
    await this.logged(repositoryDeleted(projectId, name, true));
  }

  async createFolder(projectId: string, repoName: string, fullPath: string): Promise<void> {
    await this.#makeFolders(projectId, repoName, fullPath);
    await this.logged(folderCreated(projectId, repoName, fullPath));
  }

  /** Upload a file; one that is there is replaced. */
  async upload(
    projectId: string,
    repoName: string,
    fullPath: string,
    content: Buffer | string,
    metadata: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const bytes = Buffer.from(content);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const md5 = createHash('md5').update(bytes).digest('hex');
    await this.#s3.send(new PutObjectCommand({ Bucket: this.#bucket, Key: sha256, Body: bytes }));
    await this.#database
      .collection(`file_reference_${shardOf(sha256)}`)
      .updateOne({ sha256, credentialsKey: null }, { $inc: { count: 1 } }, { upsert: true });
    const { path, name } = split(fullPath);
    await this.#makeFolders(projectId, repoName, path.slice(0, -1));
    const nodes = this.#nodesOf(projectId);
    const replaced = await nodes.updateMany(
      { projectId, repoName, fullPath, deleted: null },
      { $set: { deleted: new Date(), lastModifiedDate: new Date() } },
    );
    await nodes.insertOne({
      ...this.#audit(),
      folder: false,
      path,
      name,
      fullPath,
      size: Long.fromNumber(bytes.length),
      sha256,
      md5,
      metadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      projectId,
      repoName,
    });
    await this.logged(
      fileCreated({
        projectId,
        repoName,
        fullPath,
        size: bytes.length,
        sha256,
        md5,
        metadata,
        overwrite: replaced.modifiedCount > 0,
      }),
    );
  }

  /**
   * Put nodes there that have been there for long, many at once: without entries in the log, and without the counts of
   * references to content, which are nobody's concern but bk-repo's own. Nothing of the same path may be there.
   *
   * @param nodes `folders`: paths; those above a file or folder are made of themselves. `since`: when all of them came to be,
   *   now when it is left out.
   */
  async plant(
    projectId: string,
    repoName: string,
    nodes: {
      readonly folders?: readonly string[];
      readonly files?: readonly {
        readonly fullPath: string;
        readonly content: Buffer;
        readonly metadata?: Readonly<Record<string, unknown>>;
      }[];
      readonly since?: Date;
    },
  ): Promise<void> {
    const { folders = [], files = [], since = new Date() } = nodes;
    const documents = new Map<string, Document>();
    const plantFolders = (fullPath: string) => {
      for (let at = fullPath; at !== '' && !documents.has(at); at = split(at).path.slice(0, -1)) {
        documents.set(at, {
          ...this.#node(projectId, repoName, at, since),
          folder: true,
          size: Long.ZERO,
          metadata: [],
        });
      }
    };
    for (const folder of folders) {
      plantFolders(folder);
    }
    const contents = new Map<string, Buffer>();
    for (const { fullPath, content, metadata = {} } of files) {
      plantFolders(split(fullPath).path.slice(0, -1));
      const sha256 = createHash('sha256').update(content).digest('hex');
      contents.set(sha256, content);
      documents.set(fullPath, {
        ...this.#node(projectId, repoName, fullPath, since),
        folder: false,
        size: Long.fromNumber(content.length),
        sha256,
        md5: createHash('md5').update(content).digest('hex'),
        metadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      });
    }
    const waiting = contents.entries();
    const putAll = async () => {
      // One iterator for all: each content is taken by one of them.
      for (const [sha256, content] of waiting) {
        await this.#s3.send(new PutObjectCommand({ Bucket: this.#bucket, Key: sha256, Body: content }));
      }
    };
    await Promise.all(Array.from({ length: 16 }, putAll));
    const planted = [...documents.values()];
    for (let start = 0; start < planted.length; start += 500) {
      await this.#nodesOf(projectId).insertMany(planted.slice(start, start + 500));
    }
  }

  async saveMetadata(
    projectId: string,
    repoName: string,
    fullPath: string,
    metadata: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    await this.saveUnloggedMetadata(projectId, repoName, fullPath, metadata);
    await this.logged(metadataSaved(projectId, repoName, fullPath, metadata));
  }

  /** As metadata is saved that has a key with a dot: the log refuses the entry, and the node's date of change stays anyway. */
  async saveUnloggedMetadata(
    projectId: string,
    repoName: string,
    fullPath: string,
    metadata: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const nodes = this.#nodesOf(projectId);
    const where = { projectId, repoName, fullPath, deleted: null };
    const node = await nodes.findOne(where);
    const kept: { key: string; value: unknown }[] = node?.['metadata'] ?? [];
    const saved = Object.entries(metadata).map(([key, value]) => ({ key, value }));
    await nodes.updateOne(where, {
      $set: { metadata: [...kept.filter(({ key }) => !Object.hasOwn(metadata, key)), ...saved] },
    });
  }

  /** Delete a node and what lies under it, logged as later versions do (the era's deletes leave no entry). */
  async deleteNode(projectId: string, repoName: string, fullPath: string): Promise<void> {
    const nodes = this.#nodesOf(projectId);
    const now = new Date();
    const live = await nodes.find({ projectId, repoName, deleted: null }).toArray();
    const under = live.filter(
      (node) => node['fullPath'] === fullPath || node['fullPath'].startsWith(`${fullPath}/`),
    );
    for (const { _id } of under) {
      await nodes.updateOne({ _id }, { $set: { deleted: now, lastModifiedDate: now } });
    }
    await this.logged(nodeDeleted(projectId, repoName, fullPath));
  }

  /**
   * Delete nodes as the era's bk-repo does, by paths that have nothing else under them: tombstones, and no entry in the log.
   */
  async deleteUnlogged(projectId: string, repoName: string, fullPaths: readonly string[]): Promise<void> {
    const now = new Date();
    await this.#nodesOf(projectId).updateMany(
      { projectId, repoName, fullPath: { $in: [...fullPaths] }, deleted: null },
      { $set: { deleted: now, lastModifiedDate: now, lastModifiedBy: 'admin' } },
    );
  }

  /** Have files expire: the job that removes them tells nobody, and dates nothing but the tombstone. */
  async expire(projectId: string, repoName: string, fullPaths: readonly string[]): Promise<void> {
    const now = new Date();
    await this.#nodesOf(projectId).updateMany(
      { projectId, repoName, fullPath: { $in: [...fullPaths] }, deleted: null },
      { $set: { deleted: now, expireDate: new Date(now.getTime() - 1_000) } },
    );
  }

  /** Write an entry to the log, with nothing behind it. */
  async logged(entry: LogEntry): Promise<void> {
    await this.#log.insertOne({ createdDate: new Date(), ...entry });
  }

  async #makeFolders(projectId: string, repoName: string, folder: string): Promise<void> {
    const nodes = this.#nodesOf(projectId);
    const segments = folder.split('/').filter((segment) => segment !== '');
    for (const [index, name] of segments.entries()) {
      const path = `/${segments.slice(0, index).join('/')}${index === 0 ? '' : '/'}`;
      const fullPath = path + name;
      const existing = await nodes.findOne({ projectId, repoName, fullPath, deleted: null });
      if (existing === null) {
        await nodes.insertOne({
          ...this.#audit(),
          folder: true,
          path,
          name,
          fullPath,
          size: Long.ZERO,
          metadata: [],
          projectId,
          repoName,
        });
      }
    }
  }

  #node(projectId: string, repoName: string, fullPath: string, since: Date): Document {
    // Ids hold the second in which they were made.
    const _id = new ObjectId(ObjectId.generate(Math.floor(since.getTime() / 1_000)));
    return { _id, ...this.#audit(since), ...split(fullPath), fullPath, projectId, repoName };
  }

  #nodesOf(projectId: string): Collection {
    return this.#database.collection(nodeCollection(projectId));
  }

  #audit(now = new Date()): {
    createdBy: string;
    createdDate: Date;
    lastModifiedBy: string;
    lastModifiedDate: Date;
  } {
    return { createdBy: 'admin', createdDate: now, lastModifiedBy: 'admin', lastModifiedDate: now };
  }
}

/** Collection of a project's nodes: Java's hash of the name, one of 256. */
export function nodeCollection(projectId: string): string {
  return `node_${shardOf(projectId)}`;
}

function shardOf(text: string): number {
  return [...Array(text.length).keys()].reduce((hash, at) => (31 * hash + text.charCodeAt(at)) & 255, 0);
}

function split(fullPath: string): { path: string; name: string } {
  const slash = fullPath.lastIndexOf('/') + 1;
  return { path: fullPath.slice(0, slash), name: fullPath.slice(slash) };
}
