import { createHash } from 'node:crypto';
import { type Collection, type Db, type Filter, type Long, ObjectId } from 'mongodb';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { DomainError } from '../errors.ts';
import { isDuplicateKey } from '../mongodb/duplicate-key.ts';
import { indexedCollection } from '../mongodb/indexes.ts';
import { nodeCollectionOf } from '../mongodb/sharding.ts';
import { LIVE, NODE_INDEXES, type NodeDocument } from './document.ts';
import { childPrefixOf } from './path.ts';

/** How node documents are found and written; the rules of the operations are in the modules beside this one. */

/** A node by its names. The path may be as a sender writes it; the services normalise it. */
export interface NodeAddress {
  readonly projectId: string;
  readonly repoName: string;
  readonly fullPath: string;
}

/** Where a repository's nodes are. */
export type RepositoryAddress = Omit<NodeAddress, 'fullPath'>;

/** A node as it is written: bk-repo's sizes are Java longs, where the driver would store a small number as an int. */
export type StoredNode = Omit<NodeDocument, 'size'> & { readonly size: Long };
export type Nodes = Collection<StoredNode>;

/** Who changes nodes, and when. */
export interface Change {
  readonly operator: string;
  readonly clock: Clock;
}

/** How often a change that met another one is made anew before the caller is asked to come back later. */
export const MAX_ATTEMPTS = 8;

/**
 * Nodes that one operation may touch. They are held in memory at some 500 bytes each, and what is changed one by one
 * must get on within a request's 29 s: beyond it, a repeat goes on where the one before ended.
 */
const MAX_NODES = 200_000;

/** Documents of one command: well below MongoDB's 100,000 operations and 48 MB. */
const CHUNK = 500;

export function nodesOf(database: Db, projectId: string): Promise<Nodes> {
  return indexedCollection<StoredNode>({
    database,
    name: nodeCollectionOf(projectId),
    indexes: NODE_INDEXES,
  });
}

const existingSchema = z.object({ folder: z.boolean() });

/** A live node's kind; `undefined` where nothing is. The root is found only when it has a document. */
export async function findLive(
  nodes: Nodes,
  { projectId, repoName, fullPath }: NodeAddress,
): Promise<{ readonly folder: boolean } | undefined> {
  const document = await nodes.findOne(
    { projectId, repoName, fullPath, ...LIVE },
    { projection: { _id: 0, folder: 1 } },
  );
  return document === null ? undefined : existingSchema.parse(document);
}

/**
 * Selects a normalised path's live node and every one under it, by the literal path.
 *
 * "Under" is a range of the full-path index and not a pattern, so nothing in a name can be taken for syntax: `/`
 * is followed by `0` in code point order, hence `/a/` up to `/a0` is exactly what begins with `/a/`.
 */
export function liveTree({ projectId, repoName, fullPath }: NodeAddress): Filter<StoredNode> {
  return { projectId, repoName, ...LIVE, $or: [{ fullPath }, { fullPath: under(fullPath) }] };
}

function under(fullPath: string): { readonly $gte: string; readonly $lt: string } {
  const first = childPrefixOf(fullPath);
  return { $gte: first, $lt: `${first.slice(0, -1)}0` };
}

/**
 * A live tree's nodes with the fields that the schema names, in the order of their paths: what is above comes first.
 *
 * @throws DomainError NODE_LIST_TOO_LARGE for a tree beyond what one operation can change.
 */
export async function readTree<Schema extends z.ZodObject>(
  nodes: Nodes,
  address: NodeAddress,
  schema: Schema,
): Promise<z.output<Schema>[]> {
  const projection = Object.fromEntries(Object.keys(schema.shape).map((field) => [field, 1]));
  const found = await nodes
    .find(liveTree(address), { projection })
    .limit(MAX_NODES + 1)
    .toArray();
  if (found.length > MAX_NODES) {
    throw new DomainError('NODE_LIST_TOO_LARGE');
  }
  return found
    .map((document) => ({ path: document.fullPath, node: schema.parse(document) }))
    .sort((one, other) => compare(one.path, other.path))
    .map(({ node }) => node);
}

function compare(one: string, other: string): number {
  if (one === other) {
    return 0;
  }
  return one < other ? -1 : 1;
}

/** @returns false when a live node is there already. */
export async function insertUnlessThere(
  nodes: Nodes,
  document: Omit<StoredNode, '_id'>,
  _id = new ObjectId(),
): Promise<boolean> {
  try {
    await nodes.insertOne({ _id, ...document });
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) {
      return false;
    }
    throw error;
  }
}

/**
 * Insert nodes whose ids say what they were made from. One that is there already under its id is the work of an
 * earlier attempt and is left.
 *
 * @throws DomainError NODE_CONFLICT when somebody else has put a node there since the operation was planned.
 */
export async function insertOwn(nodes: Nodes, documents: readonly StoredNode[]): Promise<void> {
  for (const chunk of chunksOf(documents)) {
    try {
      await nodes.insertMany([...chunk], { ordered: false });
    } catch (error) {
      if (!isDuplicateKey(error)) {
        throw error;
      }
      for (const document of chunk) {
        await insertOneOwn(nodes, document);
      }
    }
  }
}

async function insertOneOwn(nodes: Nodes, { _id, ...document }: StoredNode): Promise<void> {
  if (await insertUnlessThere(nodes, document, _id)) {
    return;
  }
  const { projectId, repoName, fullPath } = document;
  const there = await nodes.findOne({ projectId, repoName, fullPath, ...LIVE }, { projection: { _id: 1 } });
  // No live node but a used id: an earlier attempt's node that was removed in between.
  const isDone = there?._id.equals(_id) ?? (await insertUnlessThere(nodes, document));
  if (!isDone) {
    throw new DomainError('NODE_CONFLICT', [fullPath]);
  }
}

/**
 * Tombstone a normalised path and everything under it.
 *
 * @returns how many nodes that were.
 */
export function tombstoneTree(nodes: Nodes, address: NodeAddress, change: Change): Promise<number> {
  return tombstone(nodes, liveTree(address), change);
}

/** Tombstone single nodes, in the order given; what is under them stays. */
export async function tombstoneEach(nodes: Nodes, ids: readonly ObjectId[], change: Change): Promise<void> {
  for (const chunk of chunksOf(ids)) {
    await tombstone(nodes, { _id: { $in: [...chunk] }, ...LIVE }, change);
  }
}

/**
 * Two tombstones of one path may not carry the same instant (the unique index holds it). The second of one
 * millisecond is refused and takes the next one.
 */
async function tombstone(
  nodes: Nodes,
  filter: Filter<StoredNode>,
  { operator, clock }: Change,
): Promise<number> {
  const now = clock().getTime();
  let count = 0;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const deleted = new Date(now + attempt);
    try {
      const { modifiedCount } = await nodes.updateMany(filter, {
        $set: { lastModifiedBy: operator, lastModifiedDate: deleted, deleted },
      });
      return count + modifiedCount;
    } catch (error) {
      if (!isDuplicateKey(error)) {
        throw error;
      }
      // Of those before the refused one the server does not say how many: at least there was one to tombstone.
      count = 1;
    }
  }
  throw new DomainError('SYSTEM_BUSY');
}

/**
 * The id of the node that an operation makes from another one: the same in every attempt, so that an attempt that
 * follows a crash knows what the one before has made.
 */
export function madeFrom(origin: ObjectId, made: NodeAddress): ObjectId {
  const { projectId, repoName, fullPath } = made;
  const hash = createHash('sha256').update(
    JSON.stringify([origin.toHexString(), projectId, repoName, fullPath]),
  );
  return new ObjectId(hash.digest().subarray(0, 12));
}

export function chunksOf<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  const chunks: Item[][] = [];
  for (let start = 0; start < items.length; start += CHUNK) {
    chunks.push(items.slice(start, start + CHUNK));
  }
  return chunks;
}
