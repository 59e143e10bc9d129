import {
  type Collection,
  type Db,
  type Document,
  type IndexDescription,
  type MongoClient,
  MongoServerError,
} from 'mongodb';

/** An index of the same name or keys exists in another form: the cluster's owner made it so, and it stays. */
const INDEX_OPTIONS_CONFLICT = 85;
const INDEX_KEY_SPECS_CONFLICT = 86;
/** The collection does not exist yet: it has no indexes. */
const NAMESPACE_NOT_FOUND = 26;

const ensured = new WeakMap<MongoClient, Map<string, Promise<void>>>();

/**
 * A collection with its indexes, as bk-repo makes them when it first uses one. They are asked for once per
 * collection and connection, that is once per execution environment, and then cost nothing.
 */
export async function indexedCollection<Shape extends Document>(options: {
  readonly database: Db;
  readonly name: string;
  readonly indexes: readonly IndexDescription[];
}): Promise<Collection<Shape>> {
  const { database, name, indexes } = options;
  let ofClient = ensured.get(database.client);
  if (ofClient === undefined) {
    ofClient = new Map();
    ensured.set(database.client, ofClient);
  }
  const namespace = `${database.databaseName}.${name}`;
  let pending = ofClient.get(namespace);
  if (pending === undefined) {
    pending = createIndexes(database, name, indexes);
    ofClient.set(namespace, pending);
  }
  try {
    await pending;
  } catch (error) {
    // A failure must not be remembered: the next call tries again.
    ofClient.delete(namespace);
    throw error;
  }
  return database.collection<Shape>(name);
}

/**
 * Create what is missing, with one command for each index: one that the owner made otherwise must not keep the others
 * from being made. Asking first makes the usual case a read. It also spares FerretDB (v1.24.2), whose check of names
 * mixes collections up where their indexes have the same names: asked for an index that exists, it makes another, or
 * drops the connection when it is asked for several.
 */
async function createIndexes(
  database: Db,
  name: string,
  indexes: readonly IndexDescription[],
): Promise<void> {
  const collection = database.collection(name);
  for (const index of await missingIndexes(collection, indexes)) {
    try {
      await collection.createIndexes([index]);
    } catch (error) {
      const isConflict =
        error instanceof MongoServerError &&
        (error.code === INDEX_OPTIONS_CONFLICT || error.code === INDEX_KEY_SPECS_CONFLICT);
      if (!isConflict) {
        throw error;
      }
    }
  }
}

async function missingIndexes(
  collection: Collection,
  indexes: readonly IndexDescription[],
): Promise<IndexDescription[]> {
  const names = new Set<unknown>();
  try {
    for await (const { name } of collection.listIndexes()) {
      names.add(name);
    }
  } catch (error) {
    if (!(error instanceof MongoServerError) || error.code !== NAMESPACE_NOT_FOUND) {
      throw error;
    }
  }
  return indexes.filter(({ name }) => !names.has(name));
}
