import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { v3Endpoint } from '../../shared/http/v3-endpoint.ts';
import { deleteJob } from '../../shared/job/actions.ts';
import { forEachJob, jobResults, jobsRequest } from '../../shared/job/batch.ts';
import { taskRepository } from '../../shared/task/repository.ts';
import { deployedTaskSchedule } from '../../tasks/task-schedule.ts';

const env = environment('TABLE_NAME');
const tasks = taskRepository({ table: dynamoDb(), tableName: env.TABLE_NAME });

/** `DELETE jobs/batch-jobs`: delete many jobs, each on its own. */
export const handler = v3Endpoint({
  requiredRole: 'admin',
  schema: jobsRequest,
  handle: async (items, { projectId, language, logger }) => {
    const schedule = deployedTaskSchedule();
    const outcomes = await forEachJob({
      items,
      logger,
      work: ({ taskKey }) => deleteJob({ taskKey, projectId, tasks, schedule }),
    });
    return jobResults(outcomes, language);
  },
});
