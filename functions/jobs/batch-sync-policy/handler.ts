import { dynamoDb } from '../../shared/aws/clients.ts';
import { systemClock } from '../../shared/clock.ts';
import { environment } from '../../shared/environment.ts';
import { v3Endpoint } from '../../shared/http/v3-endpoint.ts';
import { forEachJob, jobResults, jobsRequest } from '../../shared/job/batch.ts';
import { setSyncPolicy } from '../../shared/job/sync-policy.ts';
import { taskRepository } from '../../shared/task/repository.ts';

const env = environment('TABLE_NAME');
const tasks = taskRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `POST jobs/batch-sync-policy`: set the synchronization policies of many jobs, each on its own. */
export const handler = v3Endpoint({
  requiredRole: 'operator',
  schema: jobsRequest,
  handle: async (items, { principal, projectId, language, logger }) => {
    const by = principal.username;
    const work = (item: (typeof items)[number]) =>
      setSyncPolicy({ item, projectId, by, tasks, clock: systemClock });
    return jobResults(await forEachJob({ items, logger, work }), language);
  },
});
