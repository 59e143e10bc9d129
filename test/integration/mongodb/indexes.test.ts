import { type Db, MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { indexedCollection } from '../../../functions/shared/mongodb/indexes.ts';
import { NODE_INDEXES } from '../../../functions/shared/node/document.ts';
import { openTestDatabase } from '../../support/test-database.ts';

describe('indexes of sharded collections, which have the same names in each', () => {
  let test: Awaited<ReturnType<typeof openTestDatabase>>;

  beforeAll(async () => {
    test = await openTestDatabase();
  });

  afterAll(() => test.close());

  /** Ask for them as a fresh execution environment does. */
  const freshly = async (work: (database: Db) => Promise<unknown>) => {
    const client = await MongoClient.connect(test.uri);
    try {
      await work(client.db(test.database.databaseName));
    } finally {
      await client.close();
    }
  };

  it('are made once and stay, however many environments ask', async () => {
    const names = ['node_1', 'node_2', 'node_3'];
    for (let environment = 0; environment < 3; environment += 1) {
      await freshly(async (database) => {
        for (const name of names) {
          const collection = await indexedCollection({ database, name, indexes: NODE_INDEXES });
          await collection.insertOne({ fullPath: `/${environment}`, deleted: null });
        }
      });
    }
    for (const name of names) {
      const indexes = (await test.database.collection(name).indexes()).map((index) => index.name);
      expect(indexes.sort()).toEqual(['_id_', ...NODE_INDEXES.map((index) => index.name)].sort());
    }
  });
});
