import { randomBytes } from 'node:crypto';
import { type Db, MongoClient } from 'mongodb';
import { readEndpoints } from '../../bin/local/endpoints.ts';

/**
 * A database of its own for one test file, on the server of the local cloud's target (or on the one that
 * `MONGODB_URI` names, as for the local cloud itself). `close` drops it.
 */
export async function openTestDatabase(): Promise<{
  readonly uri: string;
  readonly database: Db;
  readonly close: () => Promise<void>;
}> {
  const uri = process.env['MONGODB_URI'] ?? (await readEndpoints()).stages.target.mongoUri;
  const client = await MongoClient.connect(uri);
  const database = client.db(`test_${randomBytes(6).toString('hex')}`);
  return {
    uri,
    database,
    close: async () => {
      await database.dropDatabase();
      await client.close();
    },
  };
}
