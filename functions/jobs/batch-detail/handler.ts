import { dynamoDb } from '../../shared/aws/clients.ts';
import { environment } from '../../shared/environment.ts';
import { v3Endpoint } from '../../shared/http/v3-endpoint.ts';
import { detailAnswer, faultAnswer, jobList } from '../../shared/job/answers.ts';
import { forEachJob, jobIdsRequest } from '../../shared/job/batch.ts';
import { detailOfJob } from '../../shared/job/detail.ts';
import { runRepository } from '../../shared/run/table-runs.ts';
import { taskRepository } from '../../shared/task/repository.ts';

const env = environment('TABLE_NAME');
const table = { table: dynamoDb(), tableName: env.TABLE_NAME };
const sources = { tasks: taskRepository(table), runs: runRepository(table) };

/** `POST jobs/batch-detail`: each job, with its policies, and why it has failed. */
export const handler = v3Endpoint({
  requiredRole: 'viewer',
  schema: jobIdsRequest,
  handle: async (items, { projectId, language, logger }) => {
    const outcomes = await forEachJob({
      items,
      logger,
      work: ({ taskKey }) => detailOfJob({ ...sources, taskKey, projectId }),
    });
    return jobList(outcomes, detailAnswer, faultAnswer(language));
  },
});
