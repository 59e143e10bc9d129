import { createHash } from 'node:crypto';
import { Long, ObjectId } from 'mongodb';
import { nodeCollectionOf } from '../../functions/shared/mongodb/sharding.ts';
import { CODES, Model, type ModelNode, type Operation, type RepositoryName } from '../oracle/model.ts';
import { namesOf, requestOf } from '../oracle/requests.ts';
import type { Faults } from './faults.ts';
import type { MemoryCollection, MemoryMongo } from './memory-mongodb.ts';
import type { MemoryS3 } from './memory-s3.ts';
import type { Simulation } from './simulation.ts';

/** Longest by which the log's asynchronous writer is behind a change, as measured; milliseconds. */
export const MAX_LATENESS = 400;
/** Longest by which a server's clock is off; milliseconds. */
const MAX_SKEW = 500;
const SERVERS = 3;

/** Bucket of the source's contents. */
export const SOURCE_BUCKET = 'source-blobs';

/** A repository's own fields that changes touch. */
export interface RepositoryFields {
  readonly public: boolean;
  readonly description: string;
}

interface Entry {
  readonly resourceType: string;
  readonly resourceKey: string;
  readonly operateType: string;
  readonly description: Record<string, unknown>;
}

/**
 * A bk-repo cluster that is changed: a model says what each change does, its documents are put into the collections as bk-repo
 * keeps them, and its entry gets into the log, later than the change and by the clock of one of several servers.
 */
export class Source {
  readonly model = new Model();
  readonly mongo: MemoryMongo;
  readonly log: MemoryCollection;
  readonly projects = new Set<string>();
  readonly repositories = new Map<RepositoryName, RepositoryFields>();
  /** Ids of the entries that were written, in the log's order, those that the ring has lost included. */
  readonly writtenIds: string[] = [];
  /** Those that the ring has lost at some time. */
  readonly rolledOff = new Set<string>();
  /** What was done, for whoever looks into a seed. */
  readonly transcript: string[] = [];
  /** Entries that are not in the log yet. */
  underWay = 0;
  #ids = 0;
  readonly #simulation: Simulation;
  readonly #faults: Faults;
  readonly #skews: readonly number[];
  /** Nodes as they were put into the collections. */
  readonly #stored = new Map<
    RepositoryName,
    Map<string, { readonly id: ObjectId; readonly node: ModelNode }>
  >();

  constructor(options: {
    readonly simulation: Simulation;
    readonly faults: Faults;
    readonly mongo: MemoryMongo;
    readonly s3: MemoryS3;
  }) {
    this.#simulation = options.simulation;
    this.#faults = options.faults;
    this.mongo = options.mongo;
    this.log = this.mongo.collection('operate_log');
    this.#skews = Array.from({ length: SERVERS }, () =>
      this.#faults.strikes('writer clock off') ? this.#simulation.between(-MAX_SKEW, MAX_SKEW) : 0,
    );
    for (let content = 0; content < CONTENTS; content += 1) {
      const bytes = contentOf(content);
      options.s3.objects.set(`${SOURCE_BUCKET}/${digestsOf(content).sha256}`, bytes);
    }
  }

  createProject(name: string): void {
    const { date } = this.#server();
    this.projects.add(name);
    this.mongo.collection('project').insert({ ...audit(date), name, displayName: name, description: '' });
    this.#logged(date, {
      resourceType: 'PROJECT',
      resourceKey: name,
      operateType: 'CREATE',
      description: { request: { name, displayName: name, description: '', operator: 'admin' } },
    });
  }

  createRepository(repository: RepositoryName, fields: RepositoryFields): void {
    const { date } = this.#server();
    const { projectId, repoName: name } = namesOf(repository);
    this.repositories.set(repository, fields);
    this.model.addRepository(repository, 'LOCAL');
    this.mongo.collection('repository').insert({
      ...audit(date),
      name,
      type: 'GENERIC',
      category: 'LOCAL',
      ...fields,
      configuration: JSON.stringify({ type: 'rpm-local', webHook: { webHookList: [] }, settings: {} }),
      display: true,
      projectId,
    });
    const request = { projectId, name, type: 'GENERIC', category: 'LOCAL', ...fields, operator: 'admin' };
    this.#logged(date, repositoryEntry('CREATE', repository, request));
  }

  updateRepository(repository: RepositoryName, fields: RepositoryFields): void {
    const { date } = this.#server();
    const { projectId, repoName: name } = namesOf(repository);
    this.repositories.set(repository, fields);
    this.mongo
      .collection('repository')
      .update({ projectId, name }, { $set: { ...fields, lastModifiedDate: date } }, 1);
    this.#logged(
      date,
      repositoryEntry('UPDATE', repository, { projectId, name, ...fields, operator: 'admin' }),
    );
  }

  /** With all that is in it. */
  deleteRepository(repository: RepositoryName): void {
    const { date } = this.#server();
    const { projectId, repoName: name } = namesOf(repository);
    this.model.apply({ kind: 'delete', repository, path: '/', operator: 'admin' }, date);
    this.#store(repository, date);
    this.repositories.delete(repository);
    this.mongo.collection('repository').remove({ projectId, name }, 1);
    this.#logged(
      date,
      repositoryEntry('DELETE', repository, { projectId, name, forced: true, operator: 'admin' }),
    );
  }

  /** @returns whether it was done: what bk-repo refuses changes nothing and is not logged. */
  change(operation: Operation): boolean {
    const { date } = this.#server();
    const touched = [
      ...new Set([
        operation.repository,
        'toRepository' in operation ? operation.toRepository : operation.repository,
      ]),
    ];
    if (this.model.apply(operation, date) !== CODES.ok) {
      return false;
    }
    const hasChanged = touched.map((repository) => this.#store(repository, date)).includes(true);
    if (!hasChanged && !['update', 'metadata-save', 'metadata-delete'].includes(operation.kind)) {
      return true;
    }
    if (!this.#isUnlogged(operation)) {
      this.#logged(date, entryOf(operation));
    } else {
      this.#transcribe('without an entry', operation);
    }
    return true;
  }

  /** Remove a node as bk-repo's own jobs do when its time is up: they log nothing. */
  expire(repository: RepositoryName, path: string): void {
    const { date } = this.#server();
    this.#transcribe('expired', { repository, path });
    this.model.apply({ kind: 'delete', repository, path, operator: 'admin' }, date);
    this.#store(repository, date);
  }

  get written(): number {
    return this.writtenIds.length;
  }

  #transcribe(how: string, what: unknown): void {
    this.transcript.push(`${this.#simulation.clock().toISOString()} ${how}: ${JSON.stringify(what)}`);
  }

  /** An id whose time is the simulation's: when a node was made is read from it. */
  #id(): ObjectId {
    this.#ids += 1;
    const seconds = Math.floor(this.#simulation.now / 1_000);
    return new ObjectId(seconds.toString(16).padStart(8, '0') + this.#ids.toString(16).padStart(16, '0'));
  }

  #isUnlogged(operation: Operation): boolean {
    switch (operation.kind) {
      case 'delete':
        return this.#faults.strikes('deleted without an entry');
      case 'metadata-save':
        // MongoDB refuses the key in the embedded document.
        return Object.keys(operation.metadata).some((key) => key.includes('.'));
      default:
        return false;
    }
  }

  #server(): { readonly date: Date } {
    return { date: new Date(this.#simulation.now + this.#simulation.pick(this.#skews)) };
  }

  #logged(date: Date, entry: Entry): void {
    const late = this.#faults.strikes('writer late') ? this.#simulation.below(MAX_LATENESS + 1) : 0;
    this.underWay += 1;
    const { resourceType, operateType, description } = entry;
    const text = JSON.stringify(description).replaceAll(/\\n|\\"|\s/g, '');
    this.transcript.push(
      `${this.#simulation.clock().toISOString()} by ${date.toISOString()}, ${late} ms late: ${resourceType} ${operateType} ${text}`,
    );
    this.#simulation.after(late, () => {
      this.underWay -= 1;
      if (this.#faults.strikes('log rolled over')) {
        for (const id of this.log.roll(3)) {
          this.rolledOff.add(String(id));
        }
      }
      const { insertedId } = this.log.insert({
        createdDate: date,
        ...entry,
        userId: 'admin',
        clientAddress: '127.0.0.1',
      });
      this.writtenIds.push(String(insertedId));
    });
  }

  /** Bring a repository's documents to what the model has; @returns whether anything was different. */
  #store(repository: RepositoryName, date: Date): boolean {
    const { projectId, repoName } = namesOf(repository);
    const collection = this.mongo.collection(nodeCollectionOf(projectId));
    const stored =
      this.#stored.get(repository) ?? new Map<string, { readonly id: ObjectId; readonly node: ModelNode }>();
    this.#stored.set(repository, stored);
    const { live, tombstones } = this.model.tree(repository);
    let hasChanged = false;
    const buried = (path: string) => {
      const there = collection.read(
        { projectId, repoName, fullPath: path, deleted: { $ne: null } },
        {},
      ).length;
      return (tombstones.get(path)?.length ?? 0) > there;
    };
    for (const [path, { id, node }] of [...stored]) {
      const now = live.get(path);
      if (now === node) {
        continue;
      }
      hasChanged = true;
      if (buried(path)) {
        let deleted = date;
        while (collection.read({ projectId, repoName, fullPath: path, deleted }, {}).length > 0) {
          deleted = new Date(deleted.getTime() + 1);
        }
        collection.update({ _id: id }, { $set: { deleted, lastModifiedDate: date } }, 1);
        stored.delete(path);
      } else if (now === undefined) {
        collection.remove({ _id: id }, 1);
        stored.delete(path);
      } else {
        collection.update({ _id: id }, { $set: documentOf(repository, path, now) }, 1);
        stored.set(path, { id, node: now });
      }
    }
    for (const [path, node] of live) {
      if (!stored.has(path)) {
        hasChanged = true;
        const id = this.#id();
        collection.insert({ _id: id, ...documentOf(repository, path, node) });
        stored.set(path, { id, node });
      }
    }
    return hasChanged;
  }
}

function audit(date: Date) {
  return { createdBy: 'admin', createdDate: date, lastModifiedBy: 'admin', lastModifiedDate: date };
}

function documentOf(repository: RepositoryName, fullPath: string, node: ModelNode): Record<string, unknown> {
  const { folder, size, sha256, md5, metadata, expireDate } = node;
  const { createdBy, createdDate, lastModifiedBy, lastModifiedDate } = node;
  const name = fullPath.slice(fullPath.lastIndexOf('/') + 1);
  return {
    createdBy,
    createdDate,
    lastModifiedBy,
    lastModifiedDate,
    folder,
    path: fullPath.slice(0, fullPath.length - name.length),
    name,
    fullPath,
    size: Long.fromNumber(size),
    expireDate,
    ...(folder ? {} : { sha256, md5 }),
    metadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    ...namesOf(repository),
  };
}

// log entries

/** Jackson's pretty printer, in which bk-repo keeps a node's request. */
function prettyPrinted(request: unknown): string {
  return JSON.stringify(request, null, 2).replaceAll(/^(\s*"(?:[^"\\]|\\.)*"):/gm, '$1 :');
}

const OPERATE_TYPES: Readonly<Record<Operation['kind'], string>> = {
  create: 'CREATE',
  rename: 'RENAME',
  update: 'UPDATE',
  move: 'MOVE',
  copy: 'COPY',
  delete: 'DELETE',
  'metadata-save': 'UPDATE',
  'metadata-delete': 'UPDATE',
};

function entryOf(operation: Operation): Entry {
  const { projectId, repoName } = namesOf(operation.repository);
  const { body } = requestOf(operation);
  const isMetadata = operation.kind === 'metadata-save' || operation.kind === 'metadata-delete';
  return {
    resourceType: isMetadata ? 'METADATA' : 'NODE',
    resourceKey: `/${projectId}/${repoName}${operation.path}`,
    operateType: OPERATE_TYPES[operation.kind],
    description: isMetadata ? { request: body } : { projectId, repoName, request: prettyPrinted(body) },
  };
}

function repositoryEntry(
  operateType: string,
  repository: RepositoryName,
  request: Record<string, unknown>,
): Entry {
  return { resourceType: 'REPOSITORY', resourceKey: `/${repository}`, operateType, description: { request } };
}

// contents

/** Contents that there are. */
export const CONTENTS = 12;

/** Content number n, in several pieces of a request. */
export function contentOf(content: number): Buffer {
  return Buffer.from(`content number ${content} `.repeat(content * 3));
}

const digests = Array.from({ length: CONTENTS }, (_, content) => {
  const bytes = contentOf(content);
  const digest = (algorithm: string) => createHash(algorithm).update(bytes).digest('hex');
  return { size: bytes.length, sha256: digest('sha256'), md5: digest('md5') };
});

export function digestsOf(content: number): {
  readonly size: number;
  readonly sha256: string;
  readonly md5: string;
} {
  const found = digests[content];
  if (found === undefined) {
    throw new RangeError(`No content ${content}`);
  }
  return found;
}
