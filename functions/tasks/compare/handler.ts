import { deployedRemotes } from '../../shared/apply/deployed-remotes.ts';
import { mongoSourceCatalog } from '../../shared/apply/mongo-source-catalog.ts';
import { dynamoDb, secretsManager } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { bkrepoEndpoint } from '../../shared/http/endpoint.ts';
import { bkRepoDatabase } from '../../shared/mongodb/database.ts';
import { comparison } from '../../shared/sweep/compare.ts';
import { compareRequestSchema, compareTask } from '../../shared/sweep/dry-run.ts';
import { mongoSourceNodes } from '../../shared/sweep/source-nodes.ts';
import { mongoSourceInventory } from '../../shared/sync/source-inventory.ts';
import { taskRepository } from '../../shared/task/repository.ts';

const env = environment('TABLE_NAME', 'MONGODB_SECRET_ID', 'MONGODB_DATABASE');
const database = () =>
  bkRepoDatabase({
    secrets: secretsManager(),
    secretId: env.MONGODB_SECRET_ID,
    database: env.MONGODB_DATABASE,
  });
const nodes = mongoSourceNodes(database);
const dependencies = {
  tasks: taskRepository({ table: dynamoDb(), tableName: env.TABLE_NAME }),
  inventory: mongoSourceInventory(database),
  catalog: mongoSourceCatalog(database),
  remotes: deployedRemotes().remotes,
  comparison: (options: Omit<Parameters<typeof comparison>[0], 'nodes'>) => comparison({ ...options, nodes }),
  clock: systemClock,
};

/** `GET task/compare/{taskKey}`: what differs between a task's source and its remote, without changing anything. */
export const handler = bkrepoEndpoint({
  unauthenticated: 'challenge',
  schema: compareRequestSchema,
  input: (request) => ({ ...request.query, ...request.pathParameters }),
  handle: (request) => compareTask({ request, ...dependencies }),
});
